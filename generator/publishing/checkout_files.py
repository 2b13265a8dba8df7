"""The registry files of the working copy, with those that Git has left out of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generator.errors import LocalError, RefusedError
from generator.git.checkout import Checkout
from generator.git.object_reader import UnreadableObjectError
from generator.promotion.history import find_checkout, find_registry_folder
from generator.registry.files import FolderFiles, RegistryFiles, filter_by_pattern


def open_registry_files(path: Path) -> RegistryFiles:
    """Return the files of the registry at `path`: those on disk, and those that Git has left out of the checkout."""
    checkout = find_checkout(path)
    return FolderFiles(path.parent) if checkout is None else CheckoutFiles(checkout, path)


class CheckoutFiles(FolderFiles):
    """The registry files in a checkout. A file that is missing because of Git's settings is read from the index.

    Such are the files outside of a sparse checkout, those marked `skip-worktree` or `assume-unchanged`, and all files
    of a clone without an index (`--no-checkout`). Any other missing file counts as deleted.
    """

    def __init__(self, checkout: Checkout, path: Path) -> None:
        super().__init__(path.parent)
        folder = find_registry_folder(checkout, path)
        self._checkout = checkout
        self._prefix = f"{folder}/" if folder else ""
        self._left_out_by_name: dict[str, dict[str, str]] = {}

    def read_bytes(self, name: str) -> bytes | None:
        """Read a file as `RegistryFiles` does. Raises LocalError if this partial clone does not have its content."""
        found = super().read_bytes(name)
        oid = self.find_index_blob_id(name) if found is None else None
        if oid is None:
            return found
        try:
            return self._checkout.objects.read_blobs([oid])[oid]
        except UnreadableObjectError as error:
            raise LocalError(
                f"{self._prefix}{name} is not checked out, and this partial clone does not have its content: run "
                f"git sparse-checkout add {Path(self._prefix + name).parent}"
            ) from error

    def list_matching(self, pattern: str) -> list[str]:
        on_disk = super().list_matching(pattern)
        return sorted({*on_disk, *filter_by_pattern(pattern, self._find_left_out(_fixed_folder(pattern)))})

    def find_index_blob_id(self, name: str) -> str | None:
        """Return the index's blob id of a file that Git has left out of the checkout; None for any other file."""
        for left_out in self._left_out_by_name.values():
            if name in left_out:
                return left_out[name]
        return self._find_left_out(name).get(name)

    def _find_left_out(self, name: str) -> dict[str, str]:
        """Return the blob ids of the files at or below `name` that Git has left out of the checkout, by name."""
        if name not in self._left_out_by_name:
            self._left_out_by_name[name] = {
                path.removeprefix(self._prefix): oid
                for path, oid in find_files_not_checked_out(self._checkout, f"{self._prefix}{name}".rstrip("/")).items()
            }
        return self._left_out_by_name[name]


def find_files_not_checked_out(checkout: Checkout, repository_path: str) -> dict[str, str]:
    """Return the blob ids, by path, of the files at or below a path that Git has left out of the checkout.

    Git is asked for them only if the checkout can have any: if the last commit has files that are not on disk, or if
    the index can mark files.
    """
    committed = {path: entry.oid for path, entry in checkout.list_committed_entries(repository_path).items()}
    missing = [path for path in committed if not _is_on_disk(checkout, path)]
    if not checkout.has_index():
        return {path: committed[path] for path in missing}
    if not missing and not checkout.has_sparse_index():
        return {}
    return {
        path: oid
        for path, oid in checkout.flagged_files([repository_path or "."]).items()
        if not _is_on_disk(checkout, path)
    }


def refuse_charts_not_checked_out(checkout: Checkout | None, folder: Path) -> None:
    """Raise RefusedError if Git has left files of the charts in `folder` out of the checkout."""
    if checkout is None or (checkout.has_index() and not checkout.has_sparse_index()):
        return
    path = checkout.repository_path(folder)
    found = sorted(find_files_not_checked_out(checkout, path))
    if found:
        raise RefusedError(
            f"{len(found)} generated files are not checked out, {found[0]} for one (a sparse or partial checkout)",
            remedy=f"check them out: git sparse-checkout add {path}; 'workloads publish' does not need them",
        )


def refuse_edits_git_ignores(checkout: Checkout, paths: Iterable[str]) -> None:
    """Raise RefusedError if Git is told to ignore changes of one of these files: `git diff` would not show an edit."""
    found = sorted(checkout.flagged_files(paths))
    if found:
        raise RefusedError(
            f"{found[0]} differs from the commit, but Git is told to ignore its changes",
            remedy=f"git update-index --no-skip-worktree --no-assume-unchanged {found[0]}, then look at git diff",
        )


def refuse_edits_not_checked_out(path: Path, names: Iterable[str]) -> None:
    """Raise RefusedError if one of the files `names`, beside the registry at `path`, is not on disk to be edited."""
    for name in names:
        if not (path.parent / name).exists():
            raise RefusedError(
                f"{path.parent / name} is not checked out, so it cannot be edited here",
                remedy=f"check it out (git sparse-checkout add {Path(name).parent}), or edit the branch with --publish",
            )


def _is_on_disk(checkout: Checkout, path: str) -> bool:
    return (checkout.top / path).exists() or (checkout.top / path).is_symlink()


def _fixed_folder(pattern: str) -> str:
    """The folder of a pattern up to its first part with a wildcard."""
    parts = pattern.split("/")
    fixed = next((index for index, part in enumerate(parts) if set(part) & set("*?{")), len(parts))
    return "/".join(parts[:fixed])
