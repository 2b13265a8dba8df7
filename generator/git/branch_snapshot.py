"""Files and messages of a remote branch at one commit: the base that a new commit is built on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from generator.errors import RefusedError
from generator.git.commit_plan import CommitContent, TreeEntry, is_workloads_commit, read_trailers
from generator.git.object_store import ObjectStore

#: The number of commits to search when the last commit does not have the answer.
HISTORY_LIMIT = 256
_FETCH_DEPTHS = (16, HISTORY_LIMIT)


class BranchSnapshot:
    """A remote branch at the commit that was fetched; `commit` is None when the branch does not exist.

    `deepen` fetches that many commits of the branch, and returns False when the clone already has them all.
    """

    def __init__(self, objects: ObjectStore, commit: str | None, deepen: Callable[[int], bool]) -> None:
        self.commit = commit
        self._objects = objects
        self._deepen = deepen
        self.parents, self.message = objects.read_commit(commit) if commit else ((), "")
        self._entries: dict[str, TreeEntry] | None = None

    def read_content(self) -> CommitContent:
        """The parents, files, author and committer of the commit."""
        author, committer = self._objects.read_identities(self.commit) if self.commit else ("", "")
        return CommitContent(self.parents, self.list_entries(), author, committer)

    def open_parent(self) -> BranchSnapshot:
        """Return the branch at the first parent of its commit, fetched if needed. Raises `RemoteFaultError`."""
        parent = self.parents[0] if self.parents else None
        if parent and self._objects.resolve_commit(parent) is None:
            self._deepen(2)
        return BranchSnapshot(self._objects, parent, self._deepen)

    def contains(self, commit: str) -> bool:
        """Whether the last `HISTORY_LIMIT` commits include one that the clone has. Raises `RemoteFaultError`."""
        if self.commit is None:
            return False
        if self._objects.is_ancestor(commit, self.commit):
            return True
        return any(self._deepen(depth) and self._objects.is_ancestor(commit, self.commit) for depth in _FETCH_DEPTHS)

    def find_last_message(self, line_prefix: str) -> str:
        """Return the newest message of a workloads commit with a trailer that starts with `line_prefix`.

        Empty if there is none. Searches and fetches up to `HISTORY_LIMIT` commits. Raises `RemoteFaultError` if a fetch
        fails.
        """
        known = [self.message]
        for depth in (0, *_FETCH_DEPTHS):
            if depth and self.commit:
                known = self._load_messages(self.commit, depth)
            ours = filter(is_workloads_commit, known)
            found = [text for text in ours if any(line.startswith(line_prefix) for line in read_trailers(text))]
            if found:
                return found[0]
        return ""

    def _load_messages(self, commit: str, depth: int) -> list[str]:
        known = self._objects.read_messages(commit, depth)
        if len(known) < depth and self._deepen(depth):
            known = self._objects.read_messages(commit, depth)
        return known

    def list_entries(self, folder: str = "") -> Mapping[str, TreeEntry]:
        """Return the files below `folder` (by default, of the whole commit) by their full path."""
        if self._entries is None:
            self._entries = self._objects.list_tree_entries(self.commit) if self.commit else {}
        prefix = folder.strip("/") + "/"
        return (
            {path: each for path, each in self._entries.items() if path.startswith(prefix)}
            if prefix != "/"
            else self._entries
        )

    def read_branch_file(self, path: str) -> bytes | None:
        """Return a file's content; None if there is no such file. Raises `RefusedError` for a link or a submodule."""
        return self.read_branch_files([path]).get(path)

    def read_branch_files(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the content of the existing paths, in one batch. Raises `RefusedError` for links and submodules."""
        every = self.list_entries()
        found = {path: every[path] for path in paths if path in every}
        for path, entry in found.items():
            if not entry.mode.startswith("100"):
                raise RefusedError(
                    "WL5017",
                    f"{path} is a link or a submodule, not a file",
                    remedy="for a link to the registry, name the file itself: --registry FILE",
                    not_done="nothing was pushed",
                )
        contents = self._objects.read_blobs(entry.oid for entry in found.values())
        return {path: contents[entry.oid] for path, entry in found.items()}
