"""Digests of generated files on disk, cached by the files' stat fields, as Git does in its index."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping

from generator.charts.output_folder import OutputFolder
from generator.registry.result_cache import NO_CACHE, ResultCache, digest_data

_STAT_KIND = "seen"
#: Number of files in a group: if one of them changes, all files of the group are read again.
_GROUP_SIZE = 512
#: File systems keep times in steps of up to two seconds: a file that is younger than this, in nanoseconds, may
#: change without a new time.
_SETTLE_NANOSECONDS = 3 * 10**9


def create_digest_reader(
    folder: OutputFolder, inventory_files: Mapping[str, str], memo: ResultCache = NO_CACHE, now: int | None = None
) -> Callable[[str], str | None]:
    """Return a function that gives the SHA-256 of a file in `folder` by path, None if there is no file.

    Files of `inventory_files` that matched their digests before, and whose stat fields are still the same, are not
    read again, as with Git's index. `now` is in nanoseconds since 1970. The function raises what
    `OutputFolder.read_digest` does.
    """
    settled = (time.time_ns() if now is None else now) - _SETTLE_NANOSECONDS
    # The cache may be copied to another machine, where another file may have the same stat fields.
    place = os.uname().nodename, os.path.abspath(folder.root)
    known: dict[str, str | None] = {}
    for paths in _group_paths(inventory_files):
        known.update(_read_group_digests(folder, {path: inventory_files[path] for path in paths}, memo, place, settled))
    return lambda path: known[path] if path in known else folder.read_digest(path)


def _group_paths(inventory_files: Mapping[str, str]) -> Iterator[list[str]]:
    """Divide the paths into groups by hash: a path changes its group only when the number of paths doubles."""
    most = (1 << (len(inventory_files) // _GROUP_SIZE).bit_length()) - 1
    groups: dict[int, list[str]] = {}
    for path in inventory_files:
        groups.setdefault(zlib.crc32(path.encode("utf-8", "surrogatepass")) & most, []).append(path)
    yield from groups.values()


def _read_group_digests(
    folder: OutputFolder,
    inventory_files: Mapping[str, str],
    memo: ResultCache,
    folder_identity: tuple[str, str],
    settled_before: int,
) -> Mapping[str, str | None]:
    states = folder.stat_files(inventory_files)
    key = digest_data((folder_identity, list(inventory_files), list(inventory_files.values()), states))
    if memo.get(_STAT_KIND, key) is not None:
        return inventory_files
    found = {path: folder.read_digest(path) for path in inventory_files}
    if found == inventory_files and all(state is not None and max(state[2:4]) < settled_before for state in states):
        memo.put(_STAT_KIND, key, True)
    return found
