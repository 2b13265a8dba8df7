"""Create bare repositories for the tool's own use, and check that one is still as it was created."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from generator.errors import LocalError

_CONFIGS = {
    "sha1": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    "sha256": "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n",
}
_FOLDERS = ("objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags")
_HEAD = "ref: refs/heads/main\n"
# What git itself adds to such a repository in the commands that are run here. `commondir`, `config.worktree`, `hooks`,
# `info` and others could make it run programs or read from elsewhere.
_KNOWN_NAMES = {"HEAD", "config", "objects", "refs", "shallow", "packed-refs", "FETCH_HEAD"}
_REF_CONTENT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n")
_KNOWN_PREFIXES = ("fast_import_crash_", "shallow_", "gc.")


def object_format_name(id_length: int) -> str:
    """Return git's name of a repository's object format by the digits of its ids: `sha256` for 64, else `sha1`."""
    return "sha256" if id_length == 64 else "sha1"


def create_bare_repository(folder: Path, kind: str) -> None:
    """Create a bare repository of object format `kind` in `folder`, which may exist. Raises `LocalError`."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in _FOLDERS:
            (folder / name).mkdir(exist_ok=True)
        write_config(folder, kind)
        (folder / "HEAD").write_text(_HEAD)
    except OSError as error:
        raise LocalError(
            "WL6001", f"{folder} cannot be created: {error.strerror}", not_done="nothing was pushed"
        ) from error


def write_config(folder: Path, kind: str) -> None:
    """Replace the repository's configuration by that of an object format, `sha1` or `sha256`. Raises `OSError`."""
    temporary = folder / "config.new"
    temporary.unlink(missing_ok=True)
    with open(temporary, "x", encoding="utf-8") as file:  # noqa: PTH123 - never through a planted link
        file.write(_CONFIGS[kind])
    temporary.replace(folder / "config")


def is_trustworthy(folder: Path, extra_names: set[str]) -> bool:
    """Whether only this user can have written the repository, and nothing in it points elsewhere.

    The content of objects is not looked at: the reader of them compares it with their ids.
    """
    top = folder.lstat()
    if not stat.S_ISDIR(top.st_mode) or top.st_uid != os.getuid() or top.st_mode & 0o022:
        return False
    names = {path.name for path in folder.iterdir()}
    unknown = {name for name in names - _KNOWN_NAMES - extra_names if not name.startswith(_KNOWN_PREFIXES)}
    alternates = any(path.name.endswith("alternates") for path in (folder / "objects" / "info").iterdir())
    places = [folder / name for name in (*names, *_FOLDERS)]
    linked = any(map(os.path.islink, places))
    return not unknown and not alternates and not linked and _have_refs_plain_ids(folder / "refs")


def _have_refs_plain_ids(folder: Path) -> bool:
    """Whether each ref is a file with an object id; one that names another ref would never be fetched."""
    kinds = {path: path.lstat().st_mode for path in folder.rglob("*")}
    files = [path for path, mode in kinds.items() if stat.S_ISREG(mode)]
    folders = sum(map(stat.S_ISDIR, kinds.values()))
    return len(files) + folders == len(kinds) and all(_REF_CONTENT.fullmatch(path.read_bytes()) for path in files)
