"""A remote's URL → the folder of its private clone, ours alone while we hold it."""

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

from generator.cache import own_folder
from generator.errors import LocalError

_LOCK_PATIENCE = 30.0
_DAY = 86_400.0


@contextmanager
def reserved_folder(url: str, *, patience: float = _LOCK_PATIENCE) -> Iterator[Path]:
    """The folder (perhaps absent yet) for the clone of `url`, under a lock that dies with us.

    The lock spares work, correctness does not rest on it: whoever waits too long for it, or has a file system
    without locks, gets a throw-away folder. `LocalError` when there is nowhere to write.
    """
    root = own_folder("git", "a private clone")
    _sweep(root)
    name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()
    lock = _lock(root / f"{name}.lock", patience)
    folder = root / name if lock is not None else root / f"{name}.spare-{secrets.token_hex(8)}"
    if lock is not None and not _is_ours_or_absent(folder):
        os.close(lock)
        lock, folder = None, root / f"{name}.spare-{secrets.token_hex(8)}"
    try:
        yield folder
    finally:
        if lock is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            os.close(lock)


def discard(folder: Path) -> None:
    """Remove `folder` at once (by renaming it), and its content as far as possible. `LocalError` if it stays."""
    if not os.path.lexists(folder):
        return
    grave = folder.with_name(f"{folder.name.partition('.')[0]}.dead-{secrets.token_hex(8)}")
    try:
        folder.rename(grave)
    except OSError as error:
        raise LocalError(f"{folder} cannot be removed: {error.strerror}", remedy="remove it") from error
    _remove(grave)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _is_ours_or_absent(path: Path) -> bool:
    return not os.path.lexists(path) or path.lstat().st_uid == os.getuid()


def _lock(path: Path, patience: float) -> int | None:
    """A descriptor that holds the lock, or None when it cannot be had in time."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    until = time.monotonic() + patience
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


def _sweep(root: Path) -> None:
    """Remove what killed runs left: dead clones, and throw-away ones nobody can still be using."""
    for path in list(root.iterdir()):
        with suppress(OSError):  # others sweep too
            old = time.time() - path.lstat().st_mtime > _DAY
            if ".dead-" in path.name or (old and (".spare-" in path.name or path.name.startswith("probe-"))):
                _remove(path)
