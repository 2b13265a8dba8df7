"""The folder the user stands in → answers about its git history. Never writes anything there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from generator.errors import LocalError
from generator.git.command import Runner
from generator.git.settings import Settings
from generator.git.words import git_words


class Checkout:
    """A working tree of the user's, in whatever state it is: detached, unborn, merging, a linked worktree.

    Nothing is allowed that could fetch, run a hook, a filter or a monitor, or refresh the index.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self._git = Runner(top)
        self._commits: set[str] = set()

    @classmethod
    def at(cls, folder: Path) -> Checkout | None:
        """The checkout `folder` is in; None when it is in none. `LocalError` when git will not look at it."""
        output = Runner(folder).run("rev-parse", "--show-toplevel")
        if output.ok:
            return cls(Path(os.fsdecode(output.out.removesuffix(b"\n"))))
        if "not a git repository" in output.err or "must be run in a work tree" in output.err:
            return None
        raise LocalError(f"git cannot tell about {folder}: {git_words(output.err)}")

    @cached_property
    def settings(self) -> Settings:
        """The configuration in force here. `LocalError` when it cannot be read."""
        return Settings.read(self.top)

    def head(self) -> str | None:
        """The commit checked out; None before the first."""
        return self.resolve("HEAD")

    def branch(self) -> str | None:
        """The branch checked out, also when it has no commit yet; None when detached."""
        output = self._git.run("symbolic-ref", "--quiet", "--short", "HEAD")
        return output.out.decode().strip() if output.ok else None

    def resolve(self, revision: str) -> str | None:
        """The commit `revision` names here; None if there is none."""
        if revision in self._commits:
            return revision
        output = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if not output.ok:
            return None
        commit = output.out.decode().strip()
        self._commits.add(commit)  # Its own name leads to it for good.
        return commit

    def read(self, path: Path, revision: str = "HEAD") -> bytes | None:
        """The content of `path` at `revision`, unfiltered; None if there is no such file or revision.

        `LocalError` when it is there and cannot be read (a partial clone that lacks it).
        """
        blob = self.blob(path, revision)
        return None if blob is None else self._git.check("cat-file", "blob", blob)

    def blob(self, path: Path, revision: str = "HEAD") -> str | None:
        """The id of the content of the file at `path` at `revision`, None where there is none."""
        commit = self.resolve(revision)
        listed = self._git.check("ls-tree", "-z", commit, "--", self._inside(path)) if commit else b""
        meta = listed.partition(b"\t")[0].split()
        return meta[2].decode() if len(meta) == 3 and meta[1] == b"blob" else None

    def names(self, folder: Path, revision: str = "HEAD") -> list[str]:
        """Every file below `folder` at `revision`, by its path from there; none if there is no such revision."""
        return list(self.blob_ids(folder, revision))

    def blob_ids(self, folder: Path, revision: str = "HEAD", only: Sequence[str] = ()) -> dict[str, str]:
        """The id of each file's content, by its path from `folder`; a link's is that of where it leads.

        `only`, where it names any, leaves out all others.
        """
        commit = self.resolve(revision)
        if commit is None:
            return {}
        inside = self._inside(folder / "x").removesuffix("x")
        paths = [inside + name for name in only] or [inside or "."]
        listed = self._git.check("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
        entries = (line.partition(b"\t") for line in listed.split(b"\0") if line)
        return {
            os.fsdecode(name).removeprefix(inside): meta.split()[2].decode()
            for meta, _, name in entries
            if meta.split()[1] == b"blob"
        }

    def is_dirty(self, path: Path) -> bool:
        """Whether the file differs from the one at HEAD (line endings aside: a checkout may convert them)."""
        committed = self.read(path)
        return _unix(committed) != _unix(_content(self.top / self._inside(path)))

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is part of the history of `newer`, as far as this clone knows."""
        if self.resolve(older) is None or self.resolve(newer) is None:
            return False
        return self._git.run("merge-base", "--is-ancestor", older, newer).ok

    def merge_base(self, one: str, other: str) -> str | None:
        """The last commit that both come from; None where they have nothing in common, or history is cut off."""
        if one == other:
            return one
        output = self._git.run("merge-base", "--end-of-options", one, other)
        return output.out.decode().split()[0] if output.ok else None

    def is_shallow(self) -> bool:
        """Whether history is cut off here, so that an answer from it may be incomplete."""
        return self._git.check("rev-parse", "--is-shallow-repository").strip() == b"true"

    def origin(self) -> str | None:
        """The URL of `origin`, as configured; None if there is none."""
        return self.settings.get("remote.origin.url") or None

    def _inside(self, path: Path) -> str:
        whole = path if path.is_absolute() else self.top / path
        try:
            # The parent is resolved and the name is not: a link is a file of its own to git.
            return str((whole.parent.resolve() / whole.name).relative_to(self.top.resolve()))
        except ValueError:
            raise LocalError(f"{path} is outside of {self.top}") from None


def _content(path: Path) -> bytes | None:
    """What git would commit for `path`; of a link, where it leads."""
    try:
        return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error


def _unix(content: bytes | None) -> bytes | None:
    return None if content is None else content.replace(b"\r\n", b"\n")
