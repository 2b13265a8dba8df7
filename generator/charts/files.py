"""Files by path: their digests at once, and their bytes when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

#: A text in parts that other texts share: of ten thousand apps in three environments, a third of the memory.
Pieces = tuple[str, ...]


def digest(data: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


#: By path, what is worked out from each file's bytes.
Marks = Mapping[str, str]
#: Marks by their kind from an earlier time, or as they are made now.
Recall = Callable[[str, Callable[[], Marks]], Marks]


class Files(Mapping[str, bytes]):
    """Files by path. `digests` has the sha256 of each; the bytes are made when they are asked for.

    `recall` gives marks that were made before, or has them made.
    """

    def __init__(
        self,
        digests: Mapping[str, str],
        read: Callable[[str], bytes],
        recall: Recall = lambda kind, make: make(),
    ) -> None:
        self.digests = digests
        self._read = read
        self._recall = recall
        self._parts: list[Files] = []

    def marks(self, kind: str, mark: Callable[[bytes], str]) -> Marks:
        """What `mark` makes of each file's bytes; `kind` is its name for good."""
        if self._parts:
            return {path: found for part in self._parts for path, found in part.marks(kind, mark).items()}
        return self._recall(kind, lambda: {path: mark(self[path]) for path in self.digests})

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Files:
        """Files whose bytes are there."""
        return cls({path: digest(data) for path, data in files.items()}, files.__getitem__)

    @classmethod
    def written(cls, files: Mapping[str, Pieces]) -> Files:
        """Files of text."""

        def read(path: str) -> bytes:
            return "".join(files[path]).encode()

        return cls({path: digest("".join(text).encode()) for path, text in files.items()}, read)

    @classmethod
    def joined(cls, parts: Iterable[Files]) -> Files:
        """The files of several parts by path; a part makes its own."""
        parts = list(parts)
        digests: dict[str, str] = {}
        read: dict[str, Callable[[str], bytes]] = {}
        for part in parts:
            digests.update(part.digests)
            read.update(dict.fromkeys(part.digests, part._read))
        whole = cls({path: digests[path] for path in sorted(digests)}, lambda path: read[path](path))
        whole._parts = parts
        return whole

    def only(self, digests: Mapping[str, str]) -> Files:
        """Those of these files that have a digest here."""
        return Files(digests, self._read)

    def recalling(self, recall: Recall) -> Files:
        """These files, with marks that `recall` gives."""
        return Files(self.digests, self._read, recall)

    def __getitem__(self, path: str) -> bytes:
        return self._read(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.digests)

    def __len__(self) -> int:
        return len(self.digests)
