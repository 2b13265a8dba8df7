"""The registry of a working tree: its files there and at a commit, and the Git checkout that contains it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from generator.argocd.urls import is_same_repository
from generator.cache import open_result_cache
from generator.errors import LocalError, RefusedError, UsageError
from generator.git.checkout import Checkout
from generator.git.config import GitConfig
from generator.git.object_reader import UnreadableObjectError
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import (
    FolderFiles,
    RegistryFiles,
    RegistryLocation,
    filter_by_pattern,
    find_registry,
)
from generator.registry.model import Workloads
from generator.registry.reader import parse_workloads_settings, read_registry_from
from generator.registry.registry import Registry


class WorkingRegistry:
    """The registry with the root file `path`, and the Git checkout that contains it; None if there is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkout = Checkout.discover(path.parent)

    @classmethod
    def find(cls, explicit_path: str | None) -> WorkingRegistry:
        """Find the registry at a path, by default the nearest `apps.toml` here or above. Raises LocalError."""
        return cls(find_registry(explicit_path))

    @cached_property
    def folder(self) -> str:
        """The folder of the registry in its repository; empty for the top, and without a checkout."""
        if self.checkout is None:
            return ""
        folder = self.path.absolute().parent.resolve().relative_to(self.checkout.top.resolve()).as_posix()
        return "" if folder == "." else folder

    @property
    def prefix(self) -> str:
        """The folder as the start of a path in the repository."""
        return f"{self.folder}/" if self.folder else ""

    @property
    def root_path(self) -> str:
        """The path of the root file in its repository."""
        return self.prefix + self.path.name

    @property
    def location(self) -> RegistryLocation:
        """Where the history has the registry; a root file that is a link is followed.

        Raises UsageError if the link leaves the repository.
        """
        real = self.path.absolute().resolve()
        try:
            root_path = real.relative_to(self.checkout.top.resolve()).as_posix() if self.checkout else real.name
        except ValueError:
            raise UsageError(
                "WL2004",
                f"{self.path.name} is a link to {real}, outside of this repository, so its history is not here",
                remedy=f"run the command on the file itself: --registry {real}",
            ) from None
        return RegistryLocation(root_path, self.folder)

    @property
    def git_config(self) -> GitConfig:
        """The Git configuration that applies there. Raises LocalError if it cannot be read."""
        return self.checkout.git_config if self.checkout else GitConfig.read_git_config(self.path.absolute().parent)

    @property
    def origin(self) -> str | None:
        """The URL of the checkout's remote `origin`; None if there is none."""
        return self.checkout.origin_url() if self.checkout else None

    @cached_property
    def files(self) -> RegistryFiles:
        """The registry files: those on disk, and those that Git has left out of the checkout."""
        if self.checkout is None:
            return FolderFiles(self.path.parent)
        return CheckoutFiles(self.checkout, self.path.parent, self.prefix)

    def files_at(self, commit: str) -> CommittedFiles:
        """The registry files at a commit of the checkout, of which there must be one. Raises LocalError."""
        if self.checkout is None:
            raise LocalError("WL5011", f"{self.path} is not in a Git repository")
        return CommittedFiles(self.checkout, self.path.parent, commit)

    def find_index_blob_id(self, name: str) -> str | None:
        """Return the index's blob id of a file that Git has left out of the checkout; None for any other file."""
        return self.files.find_index_blob_id(name) if isinstance(self.files, CheckoutFiles) else None

    def read(self) -> Registry:
        """Read and validate the registry. Raises what `read_registry_from` raises."""
        return read_registry_from(self.files, self.path.name, str(self.path.parent), open_result_cache())

    def read_editable(self) -> EditableRegistry:
        """Read and validate the registry for edits. Raises what `read_registry_from` raises."""
        return read_editable_registry(self.files, self.path.name, str(self.path.parent), cache=open_result_cache())

    def read_workloads(self) -> Workloads:
        """Read the `workloads` table; the whole registry is validated only if that table is invalid."""
        return parse_workloads_settings(self.files.read_bytes(self.path.name) or b"") or self.read().workloads

    def has_charts_beside(self, workloads: Workloads) -> bool:
        """Whether the charts are committed to the repository that contains the registry."""
        return workloads.repository is None or is_same_repository(workloads.repository, self.origin)

    def read_committed_workloads(self, revision: str) -> Workloads | None:
        """Read the `workloads` table at a revision; None if there is none, or if it is not valid."""
        data = self.checkout.read_committed_file(self.path.absolute(), revision) if self.checkout else None
        return None if data is None else parse_workloads_settings(data)


class CheckoutFiles(FolderFiles):
    """The registry files in a checkout. A file that is missing because of Git's settings is read from the index.

    Such are the files outside of a sparse checkout, those marked `skip-worktree` or `assume-unchanged`, and all files
    of a clone without an index (`--no-checkout`). Any other missing file counts as deleted.
    """

    def __init__(self, checkout: Checkout, folder: Path, prefix: str) -> None:
        """`prefix` is the start of the path of the files in `folder`, in their repository."""
        super().__init__(folder)
        self._checkout = checkout
        self._prefix = prefix
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
                "WL6010",
                f"{self._prefix}{name} is not checked out, and this partial clone does not have its content: run "
                f"git sparse-checkout add {Path(self._prefix + name).parent}",
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
            found = find_files_not_checked_out(self._checkout, f"{self._prefix}{name}".rstrip("/"))
            self._left_out_by_name[name] = {path.removeprefix(self._prefix): oid for path, oid in found.items()}
        return self._left_out_by_name[name]


class CommittedFiles:
    """The files below a folder at a commit, as `RegistryFiles`; one Git process lists them, one reads many."""

    def __init__(self, checkout: Checkout, folder: Path, revision: str) -> None:
        self.revision = revision
        self.folder = folder.absolute()
        with _explain_missing_objects(revision):
            self.blob_ids = checkout.committed_blob_ids(self.folder, revision)
        self._objects = checkout.objects
        self._read_contents: dict[str, bytes] = {}

    def read_bytes(self, name: str) -> bytes | None:
        if name not in self._read_contents:
            # The registry files are read one by one, so read all of them in one batch.
            wanted = [path for path in self.blob_ids if path == name or path.endswith(".toml")]
            self._read_contents.update(self.read_files(wanted))
        return self._read_contents.get(name)

    def list_matching(self, pattern: str) -> list[str]:
        return filter_by_pattern(pattern, self.blob_ids)

    def read_files(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Read the files that exist at the commit. Raises LocalError if this clone lacks them."""
        ids = {name: self.blob_ids[name] for name in paths if name in self.blob_ids}
        with _explain_missing_objects(self.revision):
            found = self._objects.read_blobs(ids.values())
        return {name: found[oid] for name, oid in ids.items()}


@contextlib.contextmanager
def _explain_missing_objects(revision: str) -> Iterator[None]:
    try:
        yield
    except UnreadableObjectError:
        raise LocalError(
            "WL5010", f"this clone lacks files of {revision[:12]}", remedy="clone without --filter, or fetch them"
        ) from None


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
            "WL6010",
            f"{len(found)} generated files are not checked out, {found[0]} for one (a sparse or partial checkout)",
            remedy=f"check them out: git sparse-checkout add {path}; 'workloads publish' does not need them",
        )


def _is_on_disk(checkout: Checkout, path: str) -> bool:
    return (checkout.top / path).exists() or (checkout.top / path).is_symlink()


def _fixed_folder(pattern: str) -> str:
    """The folder of a pattern up to its first part with a wildcard."""
    parts = pattern.split("/")
    fixed = next((index for index, part in enumerate(parts) if set(part) & set("*?{")), len(parts))
    return "/".join(parts[:fixed])
