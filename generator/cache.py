"""The user's cache folder → a place of our own in it, and what was worked out before. Nothing depends on it."""

from __future__ import annotations

import functools
import hashlib
import marshal
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from generator.errors import LocalError

#: What is kept may grow to so many bytes; then the least recently used goes until three quarters are left.
MOST_BYTES = 512 * 1024 * 1024


def own_folder(name: str, what: str) -> Path:
    """The folder `name` of our part of the cache, which only we can enter. Raises LocalError, telling for `what`."""
    tried = []
    for candidate in _candidates():
        if _usable(candidate / name):
            return candidate / name
        tried.append(str(candidate / name))
    raise LocalError(f"no folder for {what}: tried {', '.join(tried)}", remedy="set XDG_CACHE_HOME")


def _candidates() -> Iterator[Path]:
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if configured.is_absolute():
        yield configured / "workloads"
    home = Path(os.environ.get("HOME", ""))
    if home.is_absolute():
        yield home / ".cache" / "workloads"
    yield Path(tempfile.gettempdir(), f"workloads-{os.getuid()}")


def _usable(root: Path) -> bool:
    """Whether `root` can be, or be made, a folder only we can enter: in a shared place it may be a trap."""
    try:
        root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            root.mkdir(mode=0o700)
        if not (_is_own_folder(root.parent) and _is_own_folder(root)):
            return False
        root.chmod(0o700)
        descriptor, probe = tempfile.mkstemp(prefix="probe-", dir=root)
        os.close(descriptor)
        Path(probe).unlink()
    except OSError:
        return False
    return True


def _is_own_folder(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


class Cache:
    """Plain data, kept by kind of work and by the digest of all that the work was done on.

    What another `version` of the program kept is not found. What cannot be read or written, or was damaged, is not
    there. A file is replaced whole, so that any number of processes may share the folder.

    It is kept as Python keeps its own compiled files, which takes a third of JSON's time, in a folder that nobody else
    can write to.
    """

    def __init__(self, folder: Path, version: str, most_bytes: int = MOST_BYTES) -> None:
        self._folder = os.fspath(folder)
        self._version = version
        self._most = most_bytes
        self._bounded = False

    def get(self, kind: str, key: str) -> Any:
        """What was kept, None where nothing is known."""
        path = self._path(kind, key)
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - a Path for each of many hundred files
                told, _, body = file.read().partition(b"\n")
            if told != _seal(body):
                return None
            os.utime(path)
            return marshal.loads(body)  # noqa: S302 - only what we wrote ourselves has the seal and is in the folder
        except (OSError, ValueError, EOFError, TypeError):
            return None

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep `value`, if it is plain data and there is a place for it."""
        try:
            body = marshal.dumps(value)
        except ValueError:
            return
        temporary = os.path.join(self._folder, f".{secrets.token_hex(8)}")  # noqa: PTH118
        with suppress(OSError):
            self._bound()
            with open(temporary, "xb") as file:  # noqa: PTH123
                file.write(b"%s\n%s" % (_seal(body), body))
            os.replace(temporary, self._path(kind, key))  # noqa: PTH105

    def _path(self, kind: str, key: str) -> str:
        name = hashlib.sha256(f"{self._version} {key}".encode()).hexdigest()
        return os.path.join(self._folder, f"{kind}-{name}")  # noqa: PTH118

    def _bound(self) -> None:
        """Once in a process, and before the first writing, make room."""
        if self._bounded:
            return
        self._bounded = True
        found = sorted((kept.stat().st_mtime, kept.stat().st_size, kept.path) for kept in os.scandir(self._folder))
        size = sum(size for _, size, _ in found)
        if size <= self._most:
            return
        for _, bytes_, path in found:
            with suppress(OSError):  # Others make room too.
                os.unlink(path)  # noqa: PTH108
            size -= bytes_
            if size <= self._most * 3 // 4:
                return


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


@functools.cache
def user_cache() -> Cache:
    """The cache in the user's cache folder; where there is no such folder, everything is forgotten."""
    try:
        return Cache(own_folder("memo", "what was worked out before"), _version())
    except LocalError:
        return Cache(Path(os.devnull), "")


def _version() -> str:
    package = Path(__file__).parent
    return version([package, package.parent / "chart-templates"], sys.path)


def version(program: Iterable[Path], libraries: Iterable[str | Path]) -> str:
    """A digest of the Python that runs, of the bytes in a program's folders, and of what is installed in others.

    Neither paths nor times are in it: what one machine kept serves another one that the folder is carried to.
    """
    told = hashlib.sha256(f"{sys.implementation.cache_tag} {marshal.version}".encode())
    for root in map(os.fspath, program):
        files = (os.path.join(at, name) for at, _, names in os.walk(root) for name in names)  # noqa: PTH118
        for path in sorted(path for path in files if not path.endswith(".pyc")):
            told.update(repr((path.removeprefix(root), _digest(path))).encode())
    installed: set[str] = set()
    for folder in libraries:
        with suppress(OSError, ValueError, TypeError):  # Others may have put anything on Python's path.
            installed.update(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")))  # noqa: PTH208
    told.update(repr(sorted(installed)).encode())
    return told.hexdigest()


def _digest(path: str) -> bytes:
    """Of a file's bytes; of one that is gone, or that only others may read, nothing: the program does without it."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a Path for each of them takes as long as to read it
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return b""
