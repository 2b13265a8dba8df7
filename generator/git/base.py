"""A commit of the branch → its files, its message, and what was said before it: what a proposal is made on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from generator.errors import RefusedError
from generator.git.plumbing import Plumbing
from generator.git.proposal import Entry

#: How much of a history is looked at when the last commit alone does not tell.
DEEP = 256
_DEPTHS = (16, DEEP)


class Base:
    """The branch as it was when we looked: `commit` is None when it does not exist yet.

    `deepen` fetches that many commits of it, and says no where all of them are here.
    """

    def __init__(self, plumbing: Plumbing, commit: str | None, deepen: Callable[[int], bool]) -> None:
        self.commit = commit
        self._plumbing = plumbing
        self._deepen = deepen
        self.parents, self.message = plumbing.commit(commit) if commit else ((), "")
        self._all: dict[str, Entry] | None = None

    def last_saying(self, words: str) -> str:
        """The message of the last commit with a line that begins so; empty if none of the last `DEEP` has one.

        As much of the history is fetched as it takes. `RemoteFaultError` where that fails.
        """
        known = [self.message]
        for depth in (0, *_DEPTHS):
            if depth and self.commit:
                known = self._known(self.commit, depth)
            found = [text for text in known if any(line.startswith(words) for line in text.splitlines())]
            if found:
                return found[0]
        return ""

    def _known(self, commit: str, depth: int) -> list[str]:
        known = self._plumbing.messages(commit, depth)
        if len(known) < depth and self._deepen(depth):
            known = self._plumbing.messages(commit, depth)
        return known

    def entries(self, under: str = "") -> Mapping[str, Entry]:
        """The files below a folder (of the whole commit by default), by their whole path."""
        if self._all is None:
            self._all = self._plumbing.entries(self.commit) if self.commit else {}
        prefix = under.strip("/") + "/"
        return (
            {path: each for path, each in self._all.items() if path.startswith(prefix)} if prefix != "/" else self._all
        )

    def read(self, path: str) -> bytes | None:
        """A file's content; None when there is no such file. `RefusedError` for a link or a submodule."""
        return self.read_many([path]).get(path)

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The content of those of `paths` that exist, in one go. `RefusedError` for a link or a submodule."""
        every = self.entries()
        found = {path: every[path] for path in paths if path in every}
        for path, entry in found.items():
            if not entry.mode.startswith("100"):
                raise RefusedError(f"{path} is a link or a submodule, not a file", undone="nothing was pushed")
        contents = self._plumbing.blobs(entry.oid for entry in found.values())
        return {path: contents[entry.oid] for path, entry in found.items()}
