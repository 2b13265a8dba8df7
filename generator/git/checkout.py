"""Read-only access to the user's checkout: its commits, files and configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from generator.errors import LocalError
from generator.git.config import GitConfig
from generator.git.messages import git_message
from generator.git.runner import GitRunner


class Checkout:
    """A working tree of the user's, in whatever state it is: detached, unborn, merging, a linked worktree.

    Nothing is allowed that could fetch, run a hook, a filter or a monitor, or refresh the index.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self._git = GitRunner(top)
        self._commits: set[str] = set()

    @classmethod
    def discover(cls, folder: Path) -> Checkout | None:
        """Return the checkout that contains `folder`; None if there is none. Raises `LocalError` if git fails."""
        output = GitRunner(folder).run_git("rev-parse", "--show-toplevel")
        if output.succeeded:
            return cls(Path(os.fsdecode(output.stdout.removesuffix(b"\n"))))
        if "not a git repository" in output.stderr or "must be run in a work tree" in output.stderr:
            return None
        if "cannot use bare repository" in output.stderr:
            raise LocalError(
                f"{folder} looks like a bare Git repository, whose configuration could run programs",
                remedy="use a checkout; in a checkout, delete HEAD, config, objects and refs from this folder",
            )
        raise LocalError(f"git cannot tell about {folder}: {git_message(output.stderr)}")

    @cached_property
    def git_config(self) -> GitConfig:
        """The git configuration of this checkout. Raises `LocalError` when it cannot be read."""
        return GitConfig.read_git_config(self.top)

    def head_commit(self) -> str | None:
        """Return the commit that is checked out; None if there is no commit yet."""
        return self.resolve_commit("HEAD")

    def current_branch(self) -> str | None:
        """Return the branch that is checked out, even without commits; None if HEAD is detached."""
        output = self._git.run_git("symbolic-ref", "--quiet", "--short", "HEAD")
        return output.stdout.decode().strip() if output.succeeded else None

    def resolve_commit(self, revision: str) -> str | None:
        """Return the commit that `revision` names in this checkout; None if there is none."""
        if revision in self._commits:
            return revision
        output = self._git.run_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if not output.succeeded:
            return None
        commit = output.stdout.decode().strip()
        self._commits.add(commit)  # A commit id always resolves to itself.
        return commit

    def read_committed_file(self, path: Path, revision: str = "HEAD") -> bytes | None:
        """Return the content of `path` at `revision`, unfiltered; None if there is no such file or revision.

        Raises `LocalError` when the file exists but cannot be read (a partial clone may lack it).
        """
        blob = self.committed_blob_id(path, revision)
        return None if blob is None else self._git.check_output("cat-file", "blob", blob)

    def committed_blob_id(self, path: Path, revision: str = "HEAD") -> str | None:
        """Return the blob id of the file at `path` at `revision`; None if there is no such file."""
        commit = self.resolve_commit(revision)
        listed = self._git.check_output("ls-tree", "-z", commit, "--", self._repository_path(path)) if commit else b""
        meta = listed.partition(b"\t")[0].split()
        return meta[2].decode() if len(meta) == 3 and meta[1] == b"blob" else None

    def list_committed_files(self, folder: Path, revision: str = "HEAD") -> list[str]:
        """List the files below `folder` at `revision`, relative to it; empty if there is no such revision."""
        return list(self.committed_blob_ids(folder, revision))

    def committed_blob_ids(
        self, folder: Path, revision: str = "HEAD", selected_names: Sequence[str] = ()
    ) -> dict[str, str]:
        """Return the blob id of each file below `folder` at `revision`, by path relative to `folder`.

        The blob of a symbolic link is its target path. `selected_names`, unless empty, limits the result.
        """
        commit = self.resolve_commit(revision)
        if commit is None:
            return {}
        inside = self._repository_path(folder / "x").removesuffix("x")
        paths = [inside + name for name in selected_names] or [inside or "."]
        listed = self._git.check_output("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
        entries = (line.partition(b"\t") for line in listed.split(b"\0") if line)
        return {
            os.fsdecode(name).removeprefix(inside): meta.split()[2].decode()
            for meta, _, name in entries
            if meta.split()[1] == b"blob"
        }

    def is_dirty(self, path: Path) -> bool:
        """Whether the file differs from the one at HEAD, ignoring line endings, which a checkout may convert."""
        committed = self.read_committed_file(path)
        return _normalize_line_endings(committed) != _normalize_line_endings(
            _working_tree_content(self.top / self._repository_path(path))
        )

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is an ancestor of `newer`, or the same commit, in the history that this clone has."""
        if self.resolve_commit(older) is None or self.resolve_commit(newer) is None:
            return False
        return self._git.run_git("merge-base", "--is-ancestor", older, newer).succeeded

    def merge_base(self, first: str, second: str) -> str | None:
        """Return the best common ancestor of two commits; None if there is none or the history is too shallow."""
        if first == second:
            return first
        output = self._git.run_git("merge-base", "--end-of-options", first, second)
        return output.stdout.decode().split()[0] if output.succeeded else None

    def is_shallow(self) -> bool:
        """Whether this is a shallow clone, whose history is incomplete."""
        return self._git.check_output("rev-parse", "--is-shallow-repository").strip() == b"true"

    def origin_url(self) -> str | None:
        """Return the configured URL of the remote `origin`; None if there is none."""
        return self.git_config.get_value("remote.origin.url") or None

    def _repository_path(self, path: Path) -> str:
        whole = path if path.is_absolute() else self.top / path
        try:
            # Resolve the parent only: to git, a symbolic link is a file of its own.
            return str((whole.parent.resolve() / whole.name).relative_to(self.top.resolve()))
        except ValueError:
            raise LocalError(f"{path} is outside of {self.top}") from None


def _working_tree_content(path: Path) -> bytes | None:
    """Return what git would commit for `path` (for a link, its target); None if there is no such file."""
    try:
        return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error


def _normalize_line_endings(content: bytes | None) -> bytes | None:
    return None if content is None else content.replace(b"\r\n", b"\n")
