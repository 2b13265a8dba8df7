"""Cache folders for private clones of remotes, locked while in use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from generator.cache import create_private_folder
from generator.errors import LocalError

_LOCK_TIMEOUT = 30.0
_DAY = 86_400.0


@contextmanager
def reserve_clone_folder(url: str, *, lock_timeout: float = _LOCK_TIMEOUT) -> Iterator[Path]:
    """Yield the folder for the clone of `url`, locked by this process; the folder may not exist yet.

    If the lock is not free in time, or the file system has no locks, yields a temporary folder instead.
    Raises `LocalError` when there is nowhere to write.
    """
    root = create_private_folder("git", "a private clone")
    _remove_stale_clones(root)
    name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()
    lock = _acquire_lock(root / f"{name}.lock", lock_timeout)
    folder = root / name if lock is not None else root / f"{name}.spare-{secrets.token_hex(8)}"
    if lock is not None and not _is_owned_or_absent(folder):
        os.close(lock)
        lock, folder = None, root / f"{name}.spare-{secrets.token_hex(8)}"
    try:
        yield folder
    finally:
        if lock is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            os.close(lock)


def discard_folder(folder: Path) -> None:
    """Remove `folder` by renaming it and then deleting what it can. Raises `LocalError` if it cannot be renamed."""
    if not os.path.lexists(folder):
        return
    grave = folder.with_name(f"{folder.name.partition('.')[0]}.dead-{secrets.token_hex(8)}")
    try:
        folder.rename(grave)
    except OSError as error:
        raise LocalError("WL6001", f"{folder} cannot be removed: {error.strerror}", remedy="remove it") from error
    _remove_path(grave)


def _remove_path(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _is_owned_or_absent(path: Path) -> bool:
    return not os.path.lexists(path) or path.lstat().st_uid == os.getuid()


def _acquire_lock(path: Path, lock_timeout: float) -> int | None:
    """Lock the file at `path` and return its descriptor; None if the lock is not free in time."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    until = time.monotonic() + lock_timeout
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            if time.monotonic() >= until:
                break
            time.sleep(0.05)
    except OSError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _remove_stale_clones(root: Path) -> None:
    """Remove discarded clones, and temporary ones older than a day, that killed runs left behind."""
    for path in list(root.iterdir()):
        with suppress(OSError):  # another process may have removed it
            old = time.time() - path.lstat().st_mtime > _DAY
            if ".dead-" in path.name or (old and (".spare-" in path.name or path.name.startswith("probe-"))):
                _remove_path(path)
