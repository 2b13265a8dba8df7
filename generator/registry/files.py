"""Sources of registry files: a folder on disk, or a mapping of names to bytes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from generator.errors import LocalError, UsageError

REGISTRY_NAME = "apps.toml"
_MAX_BYTES = 4 * 1024 * 1024


class RegistryFiles(Protocol):
    """Registry files by `/`-separated name, relative to the root file's folder."""

    def read_bytes(self, name: str) -> bytes | None:
        """Read a regular file, at most one byte more than 4 MiB; None if it does not exist."""
        ...

    def list_matching(self, pattern: str) -> list[str]:
        """List the file names that match a pattern (`*`, `?`, `**`), sorted."""
        ...


def find_registry(explicit_path: str | None, start: Path | None = None) -> Path:
    """Find the registry: `explicit_path`, else the nearest `apps.toml` in `start` or a folder above it.

    Raises LocalError if there is none.
    """
    if explicit_path is not None:
        return Path(explicit_path)
    folder = start or Path.cwd()
    for place in (folder, *folder.parents):
        if os.path.lexists(place / REGISTRY_NAME):
            return Path(os.path.relpath(place / REGISTRY_NAME, folder))
    raise LocalError(
        f"no {REGISTRY_NAME} here or in any folder above",
        remedy="change into the repository that holds it, or name it with --registry FILE",
    )


class FolderFiles:
    """Registry files on disk. Refuses links that lead out of the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._resolved_root = Path(os.path.realpath(root))

    def read_bytes(self, name: str) -> bytes | None:
        """See `RegistryFiles`. Raises UsageError for a path outside the folder, LocalError if it cannot be read."""
        path = self._root / name
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self._resolved_root):
            raise UsageError(f"{path} leads out of {self._root}", remedy="includes stay below the registry's folder")
        return read_regular_file(path)

    def list_matching(self, pattern: str) -> list[str]:
        found = (path.relative_to(self._root).as_posix() for path in self._root.glob(pattern) if not path.is_dir())
        # The same rule as for a Git tree, also on a case-insensitive file system.
        return filter_by_pattern(pattern, found)


class MemoryFiles:
    """Registry files in memory, as a mapping of names to bytes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read_bytes(self, name: str) -> bytes | None:
        return self._files.get(name)

    def list_matching(self, pattern: str) -> list[str]:
        return filter_by_pattern(pattern, self._files)


def filter_by_pattern(pattern: str, names: Iterable[str]) -> list[str]:
    """Filter `names` by a pattern of `*`, `?` and `**` as `Path.glob` does; sorted."""
    out = []
    for part in PurePosixPath(pattern).parts:
        if part == "**":
            out.append(r"(?:[^/]+/)*")
        else:
            out.append(re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/")
    whole = re.compile("".join(out).removesuffix("/"))
    return sorted(name for name in names if whole.fullmatch(name))


def read_regular_file(path: Path) -> bytes | None:
    """Read a regular file, cut one byte past the size limit; None if it does not exist.

    Raises LocalError for a folder, device, pipe or socket, and for a file that cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe without a writer blocks.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LocalError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise LocalError(f"{path} is not a regular file", remedy="name the registry file itself")
        return _read_capped(handle)
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)


def _read_capped(handle: int) -> bytes:
    parts, left = [], _MAX_BYTES + 1
    while left and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
