"""Write files that do not exist yet: all of them, or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from generator.errors import LocalError, RefusedError


def write_new_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, the first of them last, so that it stands for the whole.

    Raises RefusedError if one of them exists, and LocalError if one cannot be written.
    """
    for name in files:
        if os.path.lexists(folder / name):
            raise RefusedError(
                "WL8005",
                f"{folder / name} already exists",
                remedy="move it away, or write into another folder with --output DIR",
                not_done="nothing was written",
            )
    if not files:
        return
    first, *others = files
    try:
        for name in (*others, first):
            _write_new_file(folder / name, files[name])
    except OSError as error:
        raise LocalError(
            "WL6001",
            f"{folder / name} cannot be written: {error.strerror or error}",
            not_done=f"{folder / first} was not written",
        ) from error


def _write_new_file(path: Path, data: bytes) -> None:
    """Write a file under another name, and give it its own name when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        os.link(temporary, path)  # Unlike a rename, fails if somebody else wrote the file meanwhile.
    finally:
        temporary.unlink(missing_ok=True)
