"""Where registry files come from: a folder on disk, or any mapping of names to bytes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from generator.errors import LocalError, UsageError

REGISTRY_NAME = "apps.toml"
_LONGEST = 4 * 1024 * 1024


class Files(Protocol):
    """The files below the folder that holds the root registry, by `/`-separated relative name."""

    def read(self, name: str) -> bytes | None:
        """The bytes of a regular file (one more than 4 MiB at most), None where there is none."""
        ...

    def match(self, pattern: str) -> list[str]:
        """The names that a pattern (`*`, `?`, `**`) finds, sorted."""
        ...


def find_registry(given: str | None, start: Path | None = None) -> Path:
    """The registry that `-f` names, or the nearest `apps.toml` upward from `start`.

    Raises LocalError where there is none.
    """
    if given is not None:
        return Path(given)
    folder = start or Path.cwd()
    for place in (folder, *folder.parents):
        if os.path.lexists(place / REGISTRY_NAME):
            return Path(os.path.relpath(place / REGISTRY_NAME, folder))
    raise LocalError(
        f"no {REGISTRY_NAME} here or in any folder above",
        remedy="change into the repository that holds it, or name it with --registry FILE",
    )


class Folder:
    """Registry files on disk. Nothing outside the folder is read, by no link."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = Path(os.path.realpath(root))

    def read(self, name: str) -> bytes | None:
        """See `Files`. Raises UsageError for what is no regular file inside, LocalError if it cannot be read."""
        path = self._root / name
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self._real):
            raise UsageError(f"{path} leads out of {self._root}", remedy="includes stay below the registry's folder")
        return read_file(path)

    def match(self, pattern: str) -> list[str]:
        found = (path.relative_to(self._root).as_posix() for path in self._root.glob(pattern) if not path.is_dir())
        # The same rule as for a tree of git, also where the file system is blind to case.
        return matching(pattern, found)


class Tree:
    """Registry files of one git tree, or of a test: names and bytes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)

    def match(self, pattern: str) -> list[str]:
        return matching(pattern, self._files)


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The `names` that a pattern of `*`, `?` and `**` finds, as `Path.glob` would, sorted."""
    out = []
    for part in PurePosixPath(pattern).parts:
        if part == "**":
            out.append(r"(?:[^/]+/)*")
        else:
            out.append(re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/")
    whole = re.compile("".join(out).removesuffix("/"))
    return sorted(name for name in names if whole.fullmatch(name))


def read_file(path: Path) -> bytes | None:
    """The bytes of a regular file, cut one byte past the largest that is read; None if it does not exist.

    Raises LocalError for a folder, device, pipe or socket, and for a file that cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LocalError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise LocalError(f"{path} is not a regular file", remedy="name the registry file itself")
        return _whole(handle)
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)


def _whole(handle: int) -> bytes:
    parts, left = [], _LONGEST + 1
    while left and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
