"""Read objects of a repository through one `git cat-file --batch` process."""

from __future__ import annotations

import hashlib
import os
import re
import select
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import IO, Any, NamedTuple, cast

from generator.errors import LocalError
from generator.git.commit_plan import TreeEntry
from generator.git.messages import git_message, redact
from generator.git.runner import GitRunner

_HEADER = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (commit|tree|blob|tag) (\d+)")
_TREE_ENTRIES = {
    40: re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL),
    64: re.compile(rb"(\d+) ([^\0]+)\0(.{32})", re.DOTALL),
}
# The names of so many objects fit into the buffer of a pipe, so Git never waits until its answers are read.
_NAMES_AT_ONCE = 64
_MAX_NAME_LENGTH = 4096
_ANSWER_SECONDS = 120


class UnreadableObjectError(LocalError):
    """An object is damaged, or this clone lacks it."""


class GitObject(NamedTuple):
    """An object of a repository; `content` is empty and `truncated` set if it is larger than the reader's limit."""

    oid: str
    kind: str
    content: bytes
    truncated: bool = False


class _ObjectProcess(NamedTuple):
    """A running `git cat-file --batch`; what it writes to stderr goes to the file `errors`."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]
    errors: IO[bytes]

    @classmethod
    def start(cls, git: GitRunner) -> _ObjectProcess:
        errors = cast("IO[bytes]", tempfile.TemporaryFile())  # noqa: SIM115 - closed when the process is ended
        try:
            process = git.start_object_process(errors)
        except BaseException:
            errors.close()
            raise
        return cls(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout), errors)

    def end(self) -> None:
        for file in self[1:]:
            with suppress(OSError):
                file.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class ObjectReader:
    """Reads objects by name (`HEAD^{commit}`, `COMMIT:path`, an id). The process starts on first use.

    With `verify`, the content of every object is compared with its id. Names are resolved when they are asked for,
    so that commits, branches and packs that appear later are found.
    """

    def __init__(self, git: GitRunner, where: str, *, verify: bool = False, max_bytes: int = 512 * 1024 * 1024) -> None:
        self._git = git
        self._where = where
        self._verify = verify
        self._max_bytes = max_bytes
        self._process: _ObjectProcess | None = None
        self._finalizer: Callable[[], Any] = lambda: None
        self._buffer = bytearray()

    def read_object(self, name: str, max_bytes: int | None = None) -> GitObject | None:
        """Return the object that `name` names; None if there is none. Raises `UnreadableObjectError`."""
        return next(iter(self.read_objects([name], max_bytes)))

    def read_objects(self, names: Iterable[str], max_bytes: int | None = None) -> Iterator[GitObject | None]:
        """Yield the object of each name, in order; None for a name without an object. Raises `UnreadableObjectError`.

        The content of an object larger than `max_bytes` is passed over.
        """
        remaining = iter(names)
        while batch := list(islice(remaining, _NAMES_AT_ONCE)):
            for part in [batch] if sum(map(len, batch)) < _MAX_NAME_LENGTH else [[name] for name in batch]:
                yield from self._read_batch(part, self._max_bytes if max_bytes is None else max_bytes)

    def read_blobs(self, oids: Iterable[str], max_bytes: int | None = None) -> dict[str, bytes]:
        """Return the content of blobs by id. Raises `UnreadableObjectError` for one that is missing or no blob.

        Blobs larger than `max_bytes` are left out.
        """
        wanted = list(dict.fromkeys(oids))
        found = {}
        for oid, each in zip(wanted, self.read_objects(wanted, max_bytes), strict=True):
            if each is None or each.kind != "blob":
                raise UnreadableObjectError("WL6008", f"{self._where} lacks the object {oid}")
            if not each.truncated:
                found[oid] = each.content
        return found

    def list_tree_entries(self, tree: str, folder: str = "") -> dict[str, TreeEntry]:
        """Return every file below `folder` of a tree or commit, by its full path."""
        found: dict[str, TreeEntry] = {}
        prefix = folder.strip("/") + "/" if folder.strip("/") else ""
        level = {prefix: f"{tree}^{{tree}}" if not prefix else f"{tree}:{prefix.rstrip('/')}"}
        while level:
            below: dict[str, str] = {}
            for inside, each in zip(level, self.read_objects(level.values()), strict=True):
                if each is None or each.kind != "tree":
                    if inside == prefix:
                        return {}
                    raise UnreadableObjectError("WL6008", f"{self._where} lacks the folder {inside} of {tree[:12]}")
                for mode, name, oid in _TREE_ENTRIES[len(each.oid)].findall(each.content):
                    path = inside + os.fsdecode(name)
                    if mode == b"40000":
                        below[path + "/"] = oid.hex()
                    else:
                        found[path] = TreeEntry(mode.decode(), oid.hex())
            level = below
        return found

    def find_tree_entry(self, commit: str, path: str) -> TreeEntry | None:
        """Return the file or link at `path` of a commit, without reading its content; None if there is none."""
        folder, _, name = path.rpartition("/")
        tree = self.read_object(f"{commit}:{folder}")
        entries = _TREE_ENTRIES[len(tree.oid)].findall(tree.content) if tree and tree.kind == "tree" else ()
        for mode, found, oid in entries:
            if found == os.fsencode(name) and mode != b"40000":
                return TreeEntry(mode.decode(), oid.hex())
        return None

    def close(self) -> None:
        """End the process; the next use starts another."""
        self._finalizer()
        self._process = None
        self._buffer.clear()

    def _read_batch(self, names: list[str], max_bytes: int) -> list[GitObject | None]:
        askable = [bool(name) and "\n" not in name and "\0" not in name for name in names]
        self._send(b"".join(os.fsencode(name) + b"\n" for name, ask in zip(names, askable, strict=True) if ask))
        return [self._receive(name, max_bytes) if ask else None for name, ask in zip(names, askable, strict=True)]

    def _send(self, data: bytes) -> None:
        if self._process is None:
            self._process = _ObjectProcess.start(self._git)
            self._finalizer = weakref.finalize(self, self._process.end)
        with suppress(BrokenPipeError):  # reading the answer reports why git has ended
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _receive(self, name: str, max_bytes: int) -> GitObject | None:
        line = self._take_line()
        header = _HEADER.fullmatch(line)
        if header is None:
            if line.endswith((b" missing", b" ambiguous")):
                return None
            raise self._unreadable(f"git cat-file answered {line[:100]!r}")
        oid, kind, size = header[1].decode(), header[2].decode(), int(header[3])
        if size > max_bytes:
            self._skip(size + 1)
            return GitObject(oid, kind, b"", truncated=True)
        content = self._take(size)
        self._skip(1)
        if self._verify and _object_id(kind, content, len(oid)) != oid:
            raise self._unreadable(f"the content of object {oid} ({name}) does not match its id")
        return GitObject(oid, kind, content)

    def _take_line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        content = bytes(self._buffer[:size])
        del self._buffer[:size]
        return content

    def _skip(self, size: int) -> None:
        while size > len(self._buffer):
            size -= len(self._buffer)
            self._buffer.clear()
            self._fill()
        del self._buffer[:size]

    def _fill(self) -> None:
        if self._process is None:
            raise self._unreadable("git cat-file has ended")
        descriptor = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | select.POLLHUP)
        if not poll.poll(_ANSWER_SECONDS * 1000):
            raise self._unreadable(f"git cat-file did not answer within {_ANSWER_SECONDS} seconds")
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            raise self._unreadable("")
        self._buffer += chunk

    def _unreadable(self, reason: str) -> UnreadableObjectError:
        said = ""
        if self._process is not None:
            self._process.errors.seek(0)
            said = git_message(redact(self._process.errors.read(65536).decode("utf-8", "replace")))
        self.close()
        return UnreadableObjectError(
            "WL6008", f"{self._where} cannot be read: {reason or said or 'git cat-file ended'}"
        )


def _object_id(kind: str, content: bytes, length: int) -> str:
    found = hashlib.sha256() if length == 64 else hashlib.sha1(usedforsecurity=False)
    found.update(f"{kind} {len(content)}\0".encode())
    found.update(content)
    return found.hexdigest()
