"""Compare a `RenderedTree` with the output folder, which gives a `ChangeSet`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from generator.charts.file_set import FileSet
from generator.charts.inventory import INVENTORY_FILE, Inventory, build_inventory

if TYPE_CHECKING:
    from generator.charts.render import RenderedTree


@dataclass(frozen=True)
class ChangeSet:
    """The files to add, change and remove below the output folder.

    `edited` are generated files that were changed by hand; `foreign` are foreign files at the path of a
    generated file. Both are also among `changed` or `removed`: the caller decides whether to overwrite
    or delete them.
    """

    added: FileSet
    changed: FileSet
    removed: tuple[str, ...]
    edited: tuple[str, ...]
    foreign: tuple[str, ...]
    inventory: Inventory
    inventory_changed: bool

    @cached_property
    def files_to_write(self) -> FileSet:
        """The files to write, including the inventory if it changes."""
        record = FileSet.from_bytes({INVENTORY_FILE: self.inventory.to_json_bytes()} if self.inventory_changed else {})
        return FileSet.join_sets([self.added, self.changed, record])

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.inventory_changed)


def compute_changes(
    tree: RenderedTree,
    inventory: Inventory,
    current_digest: Callable[[str], str | None],
    environments: frozenset[str] | None = None,
) -> ChangeSet:
    """The changes that make the output folder equal to `tree`.

    `current_digest` returns the digest of the file at a path, None if there is none. `environments` limits the
    changes to the charts of these environments.
    """
    kept: dict[str, str] = {}
    if environments is not None:
        tree = _limit_to_environments(tree, inventory, current_digest, environments)
        # The digest from the inventory, not from disk: a file edited by hand must not count as generated.
        kept = {path: inventory.files[path] for path in tree.files if not _is_in_environments(path, environments)}
    added: dict[str, str] = {}
    changed: dict[str, str] = {}
    edited, foreign = [], []
    for path, wanted in tree.digests.items():
        found = current_digest(path)
        if found == wanted:
            continue
        if found is None:
            added[path] = wanted
            continue
        changed[path] = wanted
        if path not in inventory.files:
            foreign.append(path)
        elif found != inventory.files[path]:
            edited.append(path)
    there = {path: current_digest(path) for path in inventory.files if path not in tree.digests}
    removed = [path for path, found in there.items() if found is not None]
    edited += [path for path in removed if there[path] != inventory.files[path]]
    record = build_inventory(tree)
    record = Inventory({**record.files, **kept}, record.applications)
    # An equal inventory is not rewritten, whatever its layout: writing 16 MB takes longer than comparing.
    stale = record != inventory or current_digest(INVENTORY_FILE) is None
    new, other = tree.files.select_files(added), tree.files.select_files(changed)
    return ChangeSet(new, other, tuple(sorted(removed)), tuple(sorted(edited)), tuple(foreign), record, stale)


def _limit_to_environments(
    tree: RenderedTree, inventory: Inventory, current_digest: Callable[[str], str | None], environments: frozenset[str]
) -> RenderedTree:
    """Take only the charts of `environments` from `tree`; every other generated file stays as it is on disk."""
    files = {path: found for path, found in tree.digests.items() if _is_in_environments(path, environments)}
    others = {path: current_digest(path) for path in inventory.files if not _is_in_environments(path, environments)}
    files |= {path: found for path, found in others.items() if found is not None}
    applications = {
        key: identity
        for source, mine in ((inventory.applications, False), (tree.applications, True))
        for key, identity in source.items()
        if (key.partition("/")[0] in environments) is mine
    }
    return replace(
        tree,
        files=tree.files.select_files(dict(sorted(files.items()))),
        applications=dict(sorted(applications.items())),
    )


def _is_in_environments(path: str, environments: frozenset[str]) -> bool:
    """Whether a path is in the chart of one of the environments."""
    parts = path.split("/")
    return len(parts) > 2 and parts[1] in environments
