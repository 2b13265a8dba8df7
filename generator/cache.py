"""Results that are kept from one run to the next, in a private folder. Losing them costs only time.

Each is a function of its key, which has everything that the result depends on, with the program itself: Helm's verdict
on a chart, that a registry is valid, and what its charts are.
"""

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

#: Size limit of the cache; above it, the least recently used entries go until it is three quarters full.
MAX_CACHE_BYTES = 512 * 1024 * 1024


class ResultCache:
    """A cache of plain data on disk, by the digest of everything that the data depends on.

    Entries of another program `version` are not found. An entry that is damaged or unreadable counts as missing.
    Each file is replaced atomically, so that any number of processes may share the folder.

    The format is `marshal`, which takes a third of the time of JSON and is safe in a folder that only this user can
    write to.
    """

    def __init__(self, folder: Path, version: str, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._folder = os.fspath(folder)
        self._version = version
        self._max_bytes = max_bytes
        self._trimmed = False

    def get(self, key: str) -> Any:
        """The cached value, or None."""
        path = self._entry_path(key)
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - a Path for each of many hundred files
                told, _, body = file.read().partition(b"\n")
            if told != _compute_checksum(body):
                return None
            os.utime(path)
            return marshal.loads(body)  # noqa: S302 - only this program's files have the checksum and are in the folder
        except (OSError, ValueError, EOFError, TypeError):
            return None

    def put(self, key: str, value: Any) -> None:
        """Store `value`, if it is plain data and the folder can be written."""
        try:
            body = marshal.dumps(value)
        except ValueError:
            return
        temporary = os.path.join(self._folder, f".{secrets.token_hex(8)}")  # noqa: PTH118
        with suppress(OSError):
            self._trim_to_limit()
            with open(temporary, "xb") as file:  # noqa: PTH123
                file.write(b"%s\n%s" % (_compute_checksum(body), body))
            os.replace(temporary, self._entry_path(key))  # noqa: PTH105

    def _entry_path(self, key: str) -> str:
        name = hashlib.sha256(f"{self._version} {key}".encode()).hexdigest()
        return os.path.join(self._folder, name)  # noqa: PTH118

    def _trim_to_limit(self) -> None:
        """Delete the least recently used entries of an overfull cache, once in a process."""
        if self._trimmed:
            return
        self._trimmed = True
        found = sorted((kept.stat().st_mtime, kept.stat().st_size, kept.path) for kept in os.scandir(self._folder))
        size = sum(size for _, size, _ in found)
        if size <= self._max_bytes:
            return
        for _, bytes_, path in found:
            with suppress(OSError):  # Another process may have deleted it.
                os.unlink(path)  # noqa: PTH108
            size -= bytes_
            if size <= self._max_bytes * 3 // 4:
                return


def _compute_checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


@functools.cache
def open_result_cache() -> ResultCache:
    """The cache in the user's cache folder; without such a folder, a cache that stores nothing."""
    try:
        return ResultCache(create_private_folder("results", "cached results"), _digest_running_program())
    except LocalError:
        return ResultCache(Path(os.devnull), "")


def _digest_running_program() -> str:
    package = Path(__file__).parent
    return digest_program([package, package.parent / "chart-templates"], sys.path)


def digest_program(program_folders: Iterable[Path], library_folders: Iterable[str | Path]) -> str:
    """A digest of the Python version, the bytes of the program's folders, and the installed packages.

    It includes neither paths nor times, so that a cache folder copied to another machine stays valid.
    """
    told = hashlib.sha256(f"{sys.implementation.cache_tag} {marshal.version}".encode())
    for root in map(os.fspath, program_folders):
        files = (os.path.join(at, name) for at, _, names in os.walk(root) for name in names)  # noqa: PTH118
        for path in sorted(path for path in files if not path.endswith(".pyc")):
            told.update(repr((path.removeprefix(root), _digest_program_file(path))).encode())
    installed: set[str] = set()
    for folder in library_folders:
        with suppress(OSError, ValueError, TypeError):  # Python's path may contain anything.
            installed.update(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")))  # noqa: PTH208
    told.update(repr(sorted(installed)).encode())
    return told.hexdigest()


def _digest_program_file(path: str) -> bytes:
    """The SHA-256 of a file's bytes; empty if the file is missing or unreadable."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a Path for each of them takes as long as to read it
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return b""


def digest_data(value: Any) -> str:
    """The SHA-256 digest of `value` in hexadecimal; plain data is four times as fast as other objects."""
    try:
        # The newest marshal format that writes equal values alike; later ones depend on shared references.
        data = marshal.dumps(value, 2)
    except ValueError:
        data = repr(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()


def create_private_folder(name: str, purpose: str) -> Path:
    """Create the folder `name` in the user's cache, closed to other users and outside of any Git checkout.

    Raises LocalError that names `purpose`.
    """
    tried = []
    for candidate in _list_cache_roots():
        if not _is_in_checkout(candidate) and _create_usable_folder(candidate / name):
            return candidate / name
        tried.append(str(candidate / name))
    raise LocalError(
        "WL6007",
        f"no folder for {purpose}: tried {', '.join(tried)}",
        remedy="set XDG_CACHE_HOME to a folder outside of any checkout",
    )


def _list_cache_roots() -> Iterator[Path]:
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if configured.is_absolute():
        yield configured / "workloads"
    home = Path(os.environ.get("HOME", ""))
    if home.is_absolute():
        yield home / ".cache" / "workloads"
    yield Path(tempfile.gettempdir(), f"workloads-{os.getuid()}")


def _is_in_checkout(folder: Path) -> bool:
    """Whether a folder is in a Git checkout, whose commits could plant files there."""
    return any(os.path.lexists(place / ".git") for place in (folder.resolve(), *folder.resolve().parents))


def _create_usable_folder(folder: Path) -> bool:
    """Create `folder`, closed to other users, and report success: in a shared place it may be another user's trap."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if not (_is_folder_of_user(folder.parent) and _is_folder_of_user(folder)):
            return False
        folder.chmod(0o700)
        descriptor, probe = tempfile.mkstemp(prefix="probe-", dir=folder)
        os.close(descriptor)
        Path(probe).unlink()
    except OSError:
        return False
    return True


def _is_folder_of_user(path: Path) -> bool:
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
