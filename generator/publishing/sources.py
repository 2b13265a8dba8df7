"""Sources of the registry to publish: the workloads branch, or a checkout of another repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol

from generator.errors import ConflictError, RefusedError, RegistryError, UsageError
from generator.git.commit_log import open_branch_log
from generator.git.commit_plan import blob_id
from generator.promotion.history import History, read_history
from generator.promotion.policy import RegistryChange
from generator.promotion.trailers import parse_change_overrides
from generator.publishing.summary import REGISTRY_COMMIT_TRAILER, parse_registry_commit
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import RegistryLocation, filter_by_pattern
from generator.registry.reader import list_registry_files, parse_workloads_settings, read_registry_from
from generator.registry.three_way_merge import merge_texts
from generator.toml.document import TomlError

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.branch_snapshot import BranchSnapshot
    from generator.git.checkout import Checkout
    from generator.git.remote_clone import PublishTarget
    from generator.promotion.app_edits import RegistryEdit
    from generator.registry.registry import Registry
    from generator.working_registry import WorkingRegistry

_LINK_MODE = "120000"


@dataclass(frozen=True)
class RegistryCommit:
    """The commit of a registry that is in another repository than its charts.

    `comes_after` says whether an earlier registry commit is an ancestor of this one. With `is_dirty`, the registry is
    published as it is in the working tree; with `is_cut_off`, a shallow clone may lack the earlier commit.
    """

    id: str
    comes_after: Callable[[str], bool]
    is_dirty: bool = False
    is_cut_off: bool = False

    def __str__(self) -> str:
        return f"{self.id}{'-dirty' if self.is_dirty else ''}"


@dataclass(frozen=True)
class RegistryToPublish:
    """A registry to publish, the folder for its charts, and the registry files to commit with them.

    `charts_before` is the folder of the charts by the registry as it is on the branch, empty if that is not known.
    `change` is what is published of a registry that changed, to be checked against the environments' policies.
    `load_published` reads the registry that was published last, as far as Git knows it. `registry_commit` is that of a
    registry in another repository, if Git knows it.
    """

    registry: Registry
    output_folder: str
    files_to_commit: Mapping[str, bytes | None]
    edit: RegistryEdit | None = None
    change: RegistryChange | None = None
    charts_before: str = ""
    load_published: Callable[[], Registry | None] = lambda: None
    registry_commit: RegistryCommit | None = None


class RegistrySource(Protocol):
    """A source of the registry to publish; with `has_local_edits`, the push commits edits of the checkout."""

    has_local_edits: bool

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        """Return what to publish on a branch that is at `base`; called again after a lost race."""
        ...


class SeparateRepositorySource:
    """A registry on disk whose charts are committed to another repository."""

    has_local_edits = False

    def __init__(self, working: WorkingRegistry, registry: Registry, change: RegistryChange | None) -> None:
        self._working = working
        self._registry = registry
        self._change = change
        self._commit = self._find_commit()

    def _find_commit(self) -> RegistryCommit | None:
        checkout, path = self._working.checkout, self._working.path
        head = checkout.head_commit() if checkout else None
        if checkout is None or head is None:
            return None
        names = list_registry_files(self._working.files, path.name)
        is_dirty = any(checkout.is_dirty((path.parent / name).absolute()) for name in names)
        return RegistryCommit(head, lambda older: checkout.is_ancestor(older, head), is_dirty, checkout.is_shallow())

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        output = _normalize_path(self._registry.workloads.path)
        return RegistryToPublish(
            self._registry,
            output,
            {},
            change=self._change,
            charts_before=self._find_published_charts(base),
            load_published=lambda: self._read_published_registry(base),
            registry_commit=self._commit,
        )

    def _read_published_registry(self, base: BranchSnapshot) -> Registry | None:
        commit = parse_registry_commit(base.find_last_message(REGISTRY_COMMIT_TRAILER))
        checkout, path = self._working.checkout, self._working.path
        if checkout is None or checkout.resolve_commit(commit or "-") is None:
            return None
        try:
            return read_registry_from(self._working.files_at(commit), path.name, str(path.parent))
        except (RegistryError, TomlError):
            return None

    def _find_published_charts(self, base: BranchSnapshot) -> str:
        """Return the folder of the charts by the registry commit that was published last; empty if it is not known."""
        commit = parse_registry_commit(base.message)
        before = self._working.read_committed_workloads(commit) if commit else None
        return _normalize_path(before.path) if before else ""


def _normalize_path(path: str) -> str:
    return str(PurePosixPath(path))


class FileEdit(NamedTuple):
    """A registry file before and after the user's edit; None if it does not exist."""

    before: bytes | None
    after: bytes | None


class WorkloadsRepositorySource:
    """The registry in the workloads repository: the branch's files merged with the user's edits.

    Edits are relative to HEAD, or, if the workloads branch is checked out, to its merge base with the branch
    as it was last fetched.
    """

    def __init__(
        self, working: WorkingRegistry, checkout: Checkout, target: PublishTarget, now: datetime | None = None
    ) -> None:
        self._working = working
        self._target = target
        self._now = now
        self._prefix, self._name = working.prefix, working.path.name
        self._checkout = checkout
        self._head = checkout.head_commit()
        self._edit_base = self._find_edit_base()
        self._names = list_registry_files(working.files, self._name)
        self._edits = {name: edit for name in self._names if (edit := self._find_file_edit(name))}
        self._refuse_edits_git_ignores()
        self.has_local_edits = bool(self._edits)

    def _find_edit_base(self) -> str:
        """Find the commit that the user's edits are relative to; HEAD if there is no merge base (shallow clone)."""
        if self._head is None or self._checkout.current_branch() != self._target.branch:
            return self._head or "HEAD"
        return self._find_merge_base() or self._head

    def _find_merge_base(self) -> str | None:
        """Find the merge base of HEAD and the branch as it was last fetched."""
        fetched = self._checkout.resolve_commit(f"refs/remotes/origin/{self._target.branch}")
        return self._checkout.merge_base(fetched, self._head) if fetched and self._head else None

    def _refuse_edits_git_ignores(self) -> None:
        """Raise RefusedError if Git is set to ignore changes of an edited file: `git diff` would not show them."""
        found = sorted(self._checkout.flagged_files(self._prefix + name for name in self._edits))
        if found:
            raise RefusedError(
                "WL5016",
                f"{found[0]} differs from the commit, but Git is set to ignore its changes",
                remedy=f"git update-index --no-skip-worktree --no-assume-unchanged {found[0]}, then look at git diff",
            )

    def _find_file_edit(self, name: str) -> FileEdit | None:
        committed = self._checkout.committed_blob_id(Path(self._prefix + name), self._edit_base)
        if committed is not None and committed == self._working.find_index_blob_id(name):
            return None
        now = self._working.files.read_bytes(name)
        if now is not None and committed is not None and blob_id(now, len(committed)) == committed:
            return None
        before = self._checkout.read_committed_file(Path(self._prefix + name), self._edit_base)
        return FileEdit(before, now) if _to_unix_line_endings(before) != _to_unix_line_endings(now) else None

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        """Merge the user's edits into the branch's registry. Raises ConflictError if both changed an entry.

        Raises UsageError if the branch does not exist and the checkout has commits, which it would begin without.
        """
        if base.commit is None and self._head is not None:
            raise UsageError(
                "WL5013",
                f"the remote has no branch {self._target.branch} yet, and it would begin without your commits",
                remedy=f"push them first: git push --set-upstream origin HEAD:{self._target.branch}",
            )
        branch = BranchFiles(base, self._prefix, self._name)
        first = branch.read_bytes(self._name) is None
        if first:
            self._refuse_moved_registry(base)
        edits = self._add_all_files() if first else self._edits | self._find_deletions(branch)
        return merge_edits(branch, edits, lambda: self._read_history(base), self._read_messages)

    def _read_messages(self) -> list[str]:
        return self._checkout.read_messages(self._edit_base, self._head) if self._head else []

    def _read_history(self, base: BranchSnapshot) -> History:
        return read_branch_history(base, self._working, self._checkout, self._target, self._now)

    def _refuse_moved_registry(self, base: BranchSnapshot) -> None:
        """Raise ConflictError if the checkout moved the registry, which the branch still has at its old path."""
        start = self._find_merge_base()
        named = [path for path in base.list_entries() if PurePosixPath(path).name == self._name] if start else []
        for path in named:
            known = self._checkout.committed_blob_id(Path(path), start or "")
            if known and not (self._checkout.top / path).exists() and not self._checkout.flagged_files([path]):
                now = self._working.root_path
                raise ConflictError(
                    "WL5015",
                    f"the branch still has the registry at {path}, which this checkout moved to {now}",
                    remedy=f"commit the move and push it to {self._target.branch}, then publish",
                )

    def _add_all_files(self) -> dict[str, FileEdit]:
        """Add every file of the checkout's registry, for a branch that has no registry."""
        return {name: FileEdit(None, self._working.files.read_bytes(name)) for name in self._names}

    def _find_deletions(self, branch: BranchFiles) -> dict[str, FileEdit]:
        gone = [name for name in branch.included if name not in self._names]
        edits = {
            name: FileEdit(self._checkout.read_committed_file(Path(self._prefix + name), self._edit_base), None)
            for name in gone
        }
        return {
            name: edit
            for name, edit in edits.items()
            if edit.before is not None and self._working.files.read_bytes(name) is None
        }


def merge_edits(
    branch: BranchFiles,
    edits: Mapping[str, FileEdit],
    read_history: Callable[[], History],
    read_messages: Callable[[], Iterable[str]],
    editor: str = "you",
) -> RegistryToPublish:
    """Merge edits of registry files into the branch's files. Raises ConflictError if both changed an entry.

    `read_messages` gives the messages of the commits that made the edits.
    """
    merged = {
        name: _merge_file(branch.prefix + name, edit, branch.read_bytes(name), editor) for name, edit in edits.items()
    }
    files = OverlaidFiles(branch, merged)
    after = read_editable_registry(files, branch.name, branch.display_folder)
    written = {branch.prefix + name: data for name, data in merged.items() if branch.read_bytes(name) != data}
    root = branch.read_bytes(branch.name)
    before = _read_if_valid(branch) if root is not None and written else None
    change = RegistryChange(before, after, read_history, parse_change_overrides(read_messages())) if before else None
    published = parse_workloads_settings(root) if root else None
    return RegistryToPublish(
        after.registry,
        _normalize_path(branch.prefix + after.registry.workloads.path),
        written,
        change=change,
        charts_before=_normalize_path(branch.prefix + published.path) if published else "",
    )


def _merge_file(path: str, edit: FileEdit, branch_content: bytes | None, editor: str) -> bytes | None:
    before, now, there = (
        _to_unix_line_endings(edit.before),
        _to_unix_line_endings(edit.after),
        _to_unix_line_endings(branch_content),
    )
    if there in (before, now):
        return branch_content if there == now else _match_line_endings(now, branch_content or edit.before)
    if now is None or there is None:
        raise ConflictError(
            "WL5007",
            f"{path} was {'deleted' if there is None else 'changed'} on the branch since {editor} started to edit it",
            remedy="pull, and run this again",
        )
    return _match_line_endings(_merge_three_ways(path, before or b"", now, there, editor), branch_content)


def _read_if_valid(files: BranchFiles) -> EditableRegistry | None:
    """Read the branch's registry; None if it is invalid, because then an edit can only repair it."""
    try:
        return read_editable_registry(files, files.name, files.display_folder)
    except RegistryError:
        return None


def _merge_three_ways(path: str, before: bytes, mine: bytes, theirs: bytes, editor: str) -> bytes:
    merged = merge_texts(*(data.decode("utf-8", "surrogateescape") for data in (before, mine, theirs)))
    if merged.conflicts:
        raise ConflictError(
            "WL5007",
            f"{path}: the branch changed the same entries that {editor} edited:\n"
            + "\n".join(map(str, merged.conflicts)),
            remedy="commit or stash your edit, run 'git pull', resolve the conflict, then publish again",
        )
    return merged.text.encode("utf-8", "surrogateescape")


def read_branch_history(
    base: BranchSnapshot, working: WorkingRegistry, checkout: Checkout, target: PublishTarget, now: datetime | None
) -> History:
    """Read the registry's history on the branch up to `base`; empty for a new branch. Raises NetworkError."""
    if base.commit is None:
        return History()
    with open_branch_log(checkout, base.commit, target.url, target.branch) as log:
        return read_history(log, RegistryLocation(working.root_path, working.folder), now)


class BranchFiles:
    """The registry files on the branch; included files are read in one batch."""

    def __init__(self, base: BranchSnapshot, prefix: str, name: str) -> None:
        self._base = base
        self.prefix, self.name = prefix, name
        self.display_folder = prefix.rstrip("/") or "."
        # Included files end in .toml; the folder can contain many thousands of generated files.
        self.toml_names = {path.removeprefix(prefix) for path in base.list_entries(prefix) if path.endswith(".toml")}
        self._links = [
            path.removeprefix(prefix) for path, entry in base.list_entries(prefix).items() if entry.mode == _LINK_MODE
        ]
        self._contents: dict[str, bytes | None] = {}
        self.included: list[str] = []
        if self.read_bytes(name) is not None:
            self._prefetch_included(name)

    def _prefetch_included(self, name: str) -> None:
        try:
            self.included = [found for found in list_registry_files(self, name)[1:] if found in self.toml_names]
        except TomlError:
            return  # Reading the registry reports this error with its position.
        found = self._base.read_branch_files([self.prefix + each for each in self.included])
        self._contents |= {path.removeprefix(self.prefix): data for path, data in found.items()}

    def read_bytes(self, name: str) -> bytes | None:
        if name not in self._contents:
            self._contents[name] = self._base.read_branch_file(self.prefix + name)
        return self._contents[name]

    def list_matching(self, pattern: str) -> list[str]:
        """See `RegistryFiles`. Raises RefusedError if the pattern leads through a link: Git has no files below one."""
        parts = pattern.split("/")
        for link in self._links:
            depth = link.count("/") + 1
            if depth < len(parts) and filter_by_pattern("/".join(parts[:depth]), [link]):
                raise RefusedError(
                    "WL2006",
                    f"include: {pattern} leads through the link {self.prefix}{link}, and Git has no files below a link",
                    remedy="include the files at their own path",
                )
        return filter_by_pattern(pattern, self.toml_names)


class OverlaidFiles:
    """The branch's files with some of them replaced, added or deleted. Implements `RegistryFiles`."""

    def __init__(self, branch: BranchFiles, replacements: Mapping[str, bytes | None]) -> None:
        self._branch = branch
        self._replacements = replacements

    def read_bytes(self, name: str) -> bytes | None:
        return self._replacements[name] if name in self._replacements else self._branch.read_bytes(name)

    def list_matching(self, pattern: str) -> list[str]:
        names: Iterable[str] = {*self._branch.toml_names, *self._replacements}
        return filter_by_pattern(pattern, [name for name in names if self._replacements.get(name, b"") is not None])


def _to_unix_line_endings(data: bytes | None) -> bytes | None:
    # A checkout may have converted line endings.
    return None if data is None else data.replace(b"\r\n", b"\n")


def _match_line_endings(data: bytes | None, reference: bytes | None) -> bytes | None:
    """Convert `data` to the line endings of `reference`; unchanged if `reference` is None."""
    windows = reference is not None and b"\r\n" in reference
    return data.replace(b"\n", b"\r\n") if data is not None and windows else data
