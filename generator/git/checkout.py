"""Read-only access to the user's checkout: its commits, files and configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property, lru_cache
from pathlib import Path

from generator.errors import LocalError
from generator.git.commit_plan import TreeEntry
from generator.git.config import GitConfig
from generator.git.object_reader import GitObject, ObjectReader
from generator.git.runner import GitRunner

#: Where forges, and their checkout actions, put the merge of a pull request.
_MERGE_REFS = tuple(
    f"refs/{place}*/merge"
    for place in ("pull/", "merge-requests/", "remotes/pull/", "remotes/merge-requests/", "remotes/*/pull/")
)
# Version 2 of the index has no place for `skip-worktree`.
_PLAIN_INDEX_VERSION = 2
# The flags of an index entry hold the length of a shorter name, and bits that are 0 for a file without marks.
_LONGEST_INDEXED_NAME = 0xFFF
_SUBMODULE_MODE = "160000"


def missing_checkout_remedy() -> str:
    """Return what to do where a command found no checkout."""
    text = "run this in a Git checkout"
    return (
        f"{text}: workloads looks for its .git folder, not at the variable GIT_DIR"
        if os.environ.get("GIT_DIR")
        else text
    )


class Checkout:
    """A working tree of the user's, in whatever state it is: detached, unborn, merging, a linked worktree.

    Nothing is allowed that could fetch, run a hook, a filter or a monitor, or refresh the index.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self._git = GitRunner(top)

    @classmethod
    def discover(cls, folder: Path) -> Checkout | None:
        """Return the checkout that contains `folder`; None if there is none."""
        real = folder.absolute().resolve()
        for place in (real, *real.parents):
            if place.name == ".git":
                return None
            if (
                (place / ".git").is_file()
                or (place / ".git" / "HEAD").exists()
                or (place / ".git" / "HEAD").is_symlink()
            ):
                return cls(place)
        return None

    @cached_property
    def git_config(self) -> GitConfig:
        """The git configuration of this checkout. Raises `LocalError` when it cannot be read."""
        config = GitConfig.read_git_config(self.top)
        if not any(setting.scope == "local" for setting in config.settings):
            self._git.check_output("rev-parse", "--git-dir")  # Git leaves out a configuration that it does not trust.
        return config

    @property
    def objects(self) -> ObjectReader:
        """The reader of this checkout's objects; its process is shared by all who look at the same checkout."""
        return _open_objects(self.top, self.git_dir.stat().st_ino)

    def head_commit(self) -> str | None:
        """Return the commit that is checked out; None if there is no commit yet."""
        return self.resolve_commit("HEAD")

    def current_branch(self) -> str | None:
        """Return the branch that is checked out, even without commits; None if HEAD is detached."""
        head = (self.git_dir / "HEAD").read_text("utf-8", "surrogateescape").strip()
        if head.startswith("ref: refs/heads/") and not head.endswith("/.invalid"):
            return head.removeprefix("ref: refs/heads/")
        # Detached, a symbolic link, or a repository that keeps its refs in another format.
        output = self._git.run_git("symbolic-ref", "--quiet", "--short", "HEAD")
        return output.stdout.decode("utf-8", "surrogateescape").strip() if output.succeeded else None

    def default_branch(self) -> str | None:
        """Return the default branch of origin, as it was when it was cloned; None if it is not known here."""
        output = self._git.run_git("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        return output.stdout.decode("utf-8", "surrogateescape").strip().removeprefix("origin/") or None

    def read_messages(self, base: str, head: str) -> list[str]:
        """Return the messages of the commits after `base` up to `head`, the newest first; at most a thousand."""
        if base == head:
            return []
        out = self._git.check_output(
            *("log", "--max-count=1000", "--encoding=UTF-8", "--no-show-signature", "-z", "--format=%B"),
            f"{base}..{head}",
            "--",
        )
        return [message for message in out.decode("utf-8", "replace").split("\0") if message]

    def read_reflog(self, reference: str, max_bytes: int) -> tuple[bytes, float]:
        """Return the end of the reflog of a reference, and when it was last written; empty if there is none."""
        path = self._common_git_dir / "logs" / reference
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - max_bytes))
                return file.read(max_bytes), path.stat().st_mtime
        except OSError:
            return b"", 0.0

    def resolve_commit(self, revision: str) -> str | None:
        """Return the commit that `revision` names in this checkout; None if there is none."""
        found = self.objects.read_object(f"{revision}^{{commit}}")
        return found.oid if found else None

    def read_committed_file(self, path: Path, revision: str = "HEAD") -> bytes | None:
        """Return the content of `path` at `revision`, unfiltered; None if there is no such file or revision.

        Raises `LocalError` when the file exists but cannot be read (a partial clone may lack it).
        """
        commit = self.resolve_commit(revision)
        found = self.objects.read_object(f"{commit}:{self.repository_path(path)}") if commit else None
        return found.content if found and found.kind == "blob" else None

    def committed_blob_id(self, path: Path, revision: str = "HEAD") -> str | None:
        """Return the blob id of the file at `path` at `revision`; None if there is no such file or revision."""
        commit = self.resolve_commit(revision)
        found = self.objects.find_tree_entry(commit, self.repository_path(path)) if commit else None
        return found.oid if found and found.mode != _SUBMODULE_MODE else None

    def list_committed_entries(self, repository_path: str, revision: str = "HEAD") -> dict[str, TreeEntry]:
        """Return the entries at or below a path at `revision`, by path; empty if there is no such path or revision.

        Links and submodules are included. Paths are relative to the top ("" for the top itself).
        """
        commit = self.resolve_commit(revision)
        if commit is None:
            return {}
        single = self.objects.find_tree_entry(commit, repository_path) if repository_path else None
        if single is not None:
            return {repository_path: single}
        return self.objects.list_tree_entries(commit, repository_path)

    def committed_blob_ids(self, folder: Path, revision: str = "HEAD") -> dict[str, str]:
        """Return the blob id of each file below `folder` at `revision`, by path relative to `folder`.

        Empty if there is no such folder or revision. The blob of a symbolic link is its target path.
        """
        commit = self.resolve_commit(revision)
        if commit is None:
            return {}
        inside = self.repository_path(folder / "x").removesuffix("x")
        entries = self.objects.list_tree_entries(commit, inside)
        return {path[len(inside) :]: entry.oid for path, entry in entries.items() if entry.mode != _SUBMODULE_MODE}

    def is_dirty(self, path: Path) -> bool:
        """Whether the file differs from the one at HEAD, ignoring line endings, which a checkout may convert."""
        committed = self.read_committed_file(path)
        return _normalize_line_endings(committed) != _normalize_line_endings(
            _working_tree_content(self.top / self.repository_path(path))
        )

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is an ancestor of `newer`, or the same commit; False if this clone lacks one of them."""
        if self.resolve_commit(older) is None or self.resolve_commit(newer) is None:
            return False
        return self._git.run_git("merge-base", "--is-ancestor", older, newer).succeeded

    def describe_missing_commits(self, branch: str) -> str:
        """Return how far HEAD is behind a branch of origin as it was last fetched; empty if it is not, or unknown."""
        head, fetched = self.head_commit(), self.resolve_commit(f"refs/remotes/origin/{branch}")
        if head is None or fetched is None or self.is_ancestor(fetched, head):
            return ""
        listed = self._git.run_git("rev-list", "--count", f"{head}..{fetched}")
        behind = int(listed.stdout or b"0") if listed.succeeded else 0
        return f"{behind} {'commit' if behind == 1 else 'commits'} behind origin/{branch}" if behind else ""

    def merge_base(self, first: str, second: str) -> str | None:
        """Return the best common ancestor of two commits; None if this clone's history has none."""
        if first in (second, self.resolve_commit(second)):
            return first
        output = self._git.run_git("merge-base", "--end-of-options", first, second)
        return output.stdout.decode().split()[0] if output.succeeded else None

    def find_merged_into(self, commit: str) -> str | None:
        """Return the first parent of a commit with which a forge tests the merge of a pull request.

        None if no ref says that `commit` is one, or if the history is cut off before that parent.
        """
        listed = self._git.run_git("for-each-ref", "--format=%(refname)", f"--points-at={commit}", *_MERGE_REFS)
        if not (listed.succeeded and listed.stdout.strip()):
            return None
        found = self.objects.read_object(commit)
        parents = [line[7:] for line in _header_lines(found) if line.startswith("parent ")]
        return self.resolve_commit(parents[0]) if len(parents) > 1 else None

    def is_shallow(self) -> bool:
        """Whether this is a shallow clone, whose history is incomplete."""
        try:
            return (self._common_git_dir / "shallow").stat().st_size > 0
        except FileNotFoundError:
            return False

    def is_partial(self) -> bool:
        """Whether this is a partial clone (`--filter`), which lacks files or folders of older commits."""
        return any(key.startswith("remote.") and key.endswith(".promisor") for key in self.git_config.values)

    @property
    def objects_folder(self) -> Path:
        """The folder of the repository's objects."""
        return (self._common_git_dir / "objects").resolve()

    def origin_url(self) -> str | None:
        """Return the configured URL of the remote `origin`; None if there is none."""
        return self.git_config.get_value("remote.origin.url") or None

    @cached_property
    def git_dir(self) -> Path:
        """The folder with the checkout's HEAD and index: `.git`, or what a file `.git` names."""
        place = self.top / ".git"
        if place.is_dir():
            return place
        return self.top / place.read_text("utf-8", "surrogateescape").removeprefix("gitdir:").strip()

    @property
    def _common_git_dir(self) -> Path:
        """The folder of the repository, which its linked worktrees share."""
        try:
            return self.git_dir / (self.git_dir / "commondir").read_text("utf-8", "surrogateescape").strip()
        except FileNotFoundError:
            return self.git_dir

    def untracked_files(self, folder: Path, names: Iterable[str]) -> list[str]:
        """List, sorted, which of the files `names`, relative to `folder`, exist and are not in the index."""
        place = self.repository_path(folder)
        prefix = "" if place == "." else f"{place}/"
        listed = self._git.check_output("--literal-pathspecs", "ls-files", "-z", "--", place)
        tracked = set(os.fsdecode(listed).split("\0"))
        return sorted(name for name in names if prefix + name not in tracked and (folder / name).is_file())

    def has_index(self) -> bool:
        """Whether anything has been checked out yet (not so after `git clone --no-checkout`)."""
        return (self.git_dir / "index").exists()

    def has_sparse_index(self) -> bool:
        """Whether the index can mark files as `skip-worktree`, which a sparse checkout does."""
        try:
            with (self.git_dir / "index").open("rb") as index:
                return int.from_bytes(index.read(8)[4:], "big") > _PLAIN_INDEX_VERSION
        except OSError:
            return False

    def flagged_files(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the blob ids, by path, of files whose changes git ignores: `skip-worktree` or `assume-unchanged`.

        A sparse checkout marks the files that it leaves out as `skip-worktree`.
        `paths` are repository paths of files or folders.
        """
        wanted = sorted(path for path in set(paths) if not self._is_plainly_indexed(path))
        if not wanted:
            return {}
        listed = self._git.check_output("--literal-pathspecs", "ls-files", "-v", "-s", "-z", "--", *wanted)
        entries = (line.partition("\t") for line in os.fsdecode(listed).split("\0") if line)
        return {
            path: meta.split(" ")[2]
            for meta, _, path in entries
            # `S` is skip-worktree, a lower-case letter assume-unchanged.
            if meta[0] == "S" or meta[0].islower()
        }

    def _is_plainly_indexed(self, path: str) -> bool:
        """Whether the index certainly has a file without any mark: version 2 has its flags just before its path."""
        name = os.fsencode(path)
        try:
            index = (self.git_dir / "index").read_bytes()
        except OSError:
            return False
        plain = int.from_bytes(index[4:8], "big") == _PLAIN_INDEX_VERSION and len(name) < _LONGEST_INDEXED_NAME
        return plain and len(name).to_bytes(2, "big") + name + b"\0" in index

    def repository_path(self, path: Path) -> str:
        """Return the path of a file as git writes it, relative to the top. Raises `LocalError` if it is outside."""
        whole = path if path.is_absolute() else self.top / path
        try:
            # Resolve the parent only: to git, a symbolic link is a file of its own.
            return str((whole.parent.resolve() / whole.name).relative_to(self.top.resolve()))
        except ValueError:
            raise LocalError("WL2004", f"{path} is outside of {self.top}") from None


@lru_cache(maxsize=4)
def _open_objects(top: Path, git_dir_inode: int) -> ObjectReader:
    return ObjectReader(GitRunner(top), str(top))


def _header_lines(commit: GitObject | None) -> list[str]:
    return commit.content.partition(b"\n\n")[0].decode("utf-8", "replace").splitlines() if commit else []


def _working_tree_content(path: Path) -> bytes | None:
    """Return what git would commit for `path` (for a link, its target); None if there is no such file."""
    try:
        return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalError("WL6001", f"{path} cannot be read: {error.strerror}") from error


def _normalize_line_endings(content: bytes | None) -> bytes | None:
    return None if content is None else content.replace(b"\r\n", b"\n")
