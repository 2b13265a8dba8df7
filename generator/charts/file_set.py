"""Files by path, with their digests at hand and their bytes made on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from generator.charts.values_file import VALUES_FILE, split_values

#: A text in parts that other texts share, which saves two thirds of the memory at ten thousand apps.
TextPieces = tuple[str, ...]


def sha256_hex(data: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: str, data: bytes) -> str:
    """The digest of a generated file: its SHA-256, or for a values.yaml that of each part, one a line.

    So the inventory has a digest for each app, and two edits of different apps meet in no line.
    """
    if path.rpartition("/")[2] != VALUES_FILE:
        return sha256_hex(data)
    parts = split_values(data)
    if parts.full_text.encode() != data:
        return sha256_hex(data)
    return "\n".join(sorted(f"{name} {sha256_hex(text.encode())}" for name, text in parts.by_name.items()))


#: An id computed from each file's bytes, such as its Git blob id, by path.
FileIds = Mapping[str, str]
#: Returns the file ids of a kind from a cache, or computes them.
RecallFileIds = Callable[[str, Callable[[], FileIds]], FileIds]


class FileSet(Mapping[str, bytes]):
    """Files by path. `digests` has the SHA-256 of each file; the bytes are made on demand.

    `recall` returns file ids from a cache, or computes them.
    """

    def __init__(
        self,
        digests: Mapping[str, str],
        read_bytes: Callable[[str], bytes],
        recall: RecallFileIds = lambda kind, make: make(),
    ) -> None:
        self.digests = digests
        self._read_bytes = read_bytes
        self._recall = recall
        self._parts: list[FileSet] = []

    def compute_file_ids(self, kind: str, compute_id: Callable[[bytes], str]) -> FileIds:
        """The id that `compute_id` gives each file; `kind` is the permanent cache name of that function."""
        if self._parts:
            return {
                path: found for part in self._parts for path, found in part.compute_file_ids(kind, compute_id).items()
            }
        return self._recall(kind, lambda: {path: compute_id(self[path]) for path in self.digests})

    @classmethod
    def from_bytes(cls, files: Mapping[str, bytes]) -> FileSet:
        """Create a file set from bytes in memory."""
        return cls({path: digest_file(path, data) for path, data in files.items()}, files.__getitem__)

    @classmethod
    def from_text(cls, files: Mapping[str, TextPieces]) -> FileSet:
        """Create a file set from texts."""

        def encode_text(path: str) -> bytes:
            return "".join(files[path]).encode()

        return cls({path: digest_file(path, "".join(text).encode()) for path, text in files.items()}, encode_text)

    @classmethod
    def join_sets(cls, parts: Iterable[FileSet]) -> FileSet:
        """Join file sets into one, sorted by path; each set still makes its own bytes."""
        parts = list(parts)
        digests: dict[str, str] = {}
        read: dict[str, Callable[[str], bytes]] = {}
        for part in parts:
            digests.update(part.digests)
            read.update(dict.fromkeys(part.digests, part._read_bytes))
        whole = cls({path: digests[path] for path in sorted(digests)}, lambda path: read[path](path))
        whole._parts = parts
        return whole

    def select_files(self, digests: Mapping[str, str]) -> FileSet:
        """Select the files at the paths in `digests`."""
        return FileSet(digests, self._read_bytes)

    def with_recalled_ids(self, recall: RecallFileIds) -> FileSet:
        """The same files, with file ids from `recall`."""
        return FileSet(self.digests, self._read_bytes, recall)

    def __getitem__(self, path: str) -> bytes:
        return self._read_bytes(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.digests)

    def __len__(self) -> int:
        return len(self.digests)
