"""A private folder in the user's cache folder. Losing it costs only time."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from generator.errors import LocalError


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
