"""`RenderedTree` against what is there → `ChangeSet`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from generator.charts.files import Files
from generator.charts.record import RECORD, Record, record_of
from generator.charts.render import RenderedTree


@dataclass(frozen=True)
class ChangeSet:
    """What has to happen to the files below the output folder.

    `edited` are owned files that were changed by hand since they were generated; `foreign` are files of
    somebody else where a generated one belongs. Both are among `added`, `changed` or `removed` only if
    the caller goes on in spite of them.
    """

    added: Files
    changed: Files
    removed: tuple[str, ...]
    edited: tuple[str, ...]
    foreign: tuple[str, ...]
    record: Record
    record_changed: bool

    @cached_property
    def written(self) -> Files:
        """The files to write, the record among them where it changes."""
        record = Files.of({RECORD: self.record.dump()} if self.record_changed else {})
        return Files.joined([self.added, self.changed, record])

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.record_changed)


def changes(
    tree: RenderedTree,
    owned: Record,
    current: Callable[[str], str | None],
    environments: frozenset[str] | None = None,
) -> ChangeSet:
    """What turns what is there, of which `owned` is ours, into `tree`.

    `current` gives the digest of a path's file, None where there is none. `environments`, where given, leaves the
    charts of all others as they are.
    """
    kept: dict[str, str] = {}
    if environments is not None:
        tree = _only(tree, owned, current, environments)
        # As recorded, not as found: an edit by hand must not pass for a generated file from now on.
        kept = {path: owned.files[path] for path in tree.files if not _within(path, environments)}
    added: dict[str, str] = {}
    changed: dict[str, str] = {}
    edited, foreign = [], []
    for path, wanted in tree.digests.items():
        found = current(path)
        if found == wanted:
            continue
        if found is None:
            added[path] = wanted
            continue
        changed[path] = wanted
        if path not in owned.files:
            foreign.append(path)
        elif found != owned.files[path]:
            edited.append(path)
    there = {path: current(path) for path in owned.files if path not in tree.digests}
    removed = [path for path, found in there.items() if found is not None]
    edited += [path for path in removed if there[path] != owned.files[path]]
    record = record_of(tree)
    record = Record({**record.files, **kept}, record.applications)
    # What says the same is not written again, however it is laid out: to write 16 MB takes longer than to compare.
    stale = record != owned or current(RECORD) is None
    new, other = tree.files.only(added), tree.files.only(changed)
    return ChangeSet(new, other, tuple(sorted(removed)), tuple(sorted(edited)), tuple(foreign), record, stale)


def _only(
    tree: RenderedTree, owned: Record, current: Callable[[str], str | None], environments: frozenset[str]
) -> RenderedTree:
    """`tree` with the charts of other environments as they are now; what all environments share is not touched."""
    files = {path: found for path, found in tree.digests.items() if _within(path, environments)}
    others = {path: current(path) for path in owned.files if not _within(path, environments)}
    files |= {path: found for path, found in others.items() if found is not None}
    applications = {
        key: identity
        for source, mine in ((owned.applications, False), (tree.applications, True))
        for key, identity in source.items()
        if (key.partition("/")[0] in environments) is mine
    }
    return RenderedTree(tree.files.only(dict(sorted(files.items()))), dict(sorted(applications.items())))


def _within(path: str, environments: frozenset[str]) -> bool:
    """Whether a path is in the chart of one of the environments."""
    parts = path.split("/")
    return len(parts) > 2 and parts[1] in environments
