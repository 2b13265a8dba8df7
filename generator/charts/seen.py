"""Owned files on disk → their digests, where what the file system says of them shows that nothing was written since."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping

from generator.charts.tree import OutputFolder
from generator.registry.memo import FORGETFUL, Memo, key_of

_KIND = "seen"
#: So many files are looked at together: one of them that is new has the others read again.
_TOGETHER = 512
#: A file system that keeps the coarsest times has steps of two seconds: what is younger may be written once more
#: without a sign of it.
_SETTLED = 3 * 10**9


def digests_of(
    folder: OutputFolder, owned: Mapping[str, str], memo: Memo = FORGETFUL, now: int | None = None
) -> Callable[[str], str | None]:
    """What gives the sha256 of a path's file in `folder`, None where there is none.

    Files of `owned` that were read before, had the digests that they have there, and still are the same file of the
    same size and times are not read again: git trusts its index so. `now` is in nanoseconds since 1970. Raises what
    `OutputFolder.digest` does.
    """
    settled = (time.time_ns() if now is None else now) - _SETTLED
    # Elsewhere another file may look the same, and what is kept may be carried there.
    place = os.uname().nodename, os.path.abspath(folder.root)
    known: dict[str, str | None] = {}
    for paths in _together(owned):
        known.update(_looked_at(folder, {path: owned[path] for path in paths}, memo, place, settled))
    return lambda path: known[path] if path in known else folder.digest(path)


def _together(owned: Mapping[str, str]) -> Iterator[list[str]]:
    """The paths in groups of which each stays the same, whatever else comes and goes, until there are twice as many."""
    most = (1 << (len(owned) // _TOGETHER).bit_length()) - 1
    groups: dict[int, list[str]] = {}
    for path in owned:
        groups.setdefault(zlib.crc32(path.encode("utf-8", "surrogatepass")) & most, []).append(path)
    yield from groups.values()


def _looked_at(
    folder: OutputFolder, owned: Mapping[str, str], memo: Memo, place: tuple[str, str], settled: int
) -> Mapping[str, str | None]:
    states = folder.states(owned)
    key = key_of((place, list(owned), list(owned.values()), states))
    if memo.get(_KIND, key) is not None:
        return owned
    found = {path: folder.digest(path) for path in owned}
    if found == owned and all(state is not None and max(state[2:4]) < settled for state in states):
        memo.put(_KIND, key, True)
    return found
