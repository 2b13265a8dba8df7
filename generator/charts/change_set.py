"""Compare a `RenderedTree` with the output folder, which gives a `ChangeSet`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from generator.charts.inventory import INVENTORY_FILE, Inventory, build_inventory

if TYPE_CHECKING:
    from generator.charts.render import RenderedTree


@dataclass(frozen=True)
class ChangeSet:
    """The files to add, change and remove below the output folder.

    `edited_by_hand` are generated files that were changed by hand; `foreign_in_the_way` are foreign files at the
    path of a generated file. Both are also among `changed` or `removed`: the caller decides whether to overwrite or
    delete them. A change set without any change is false.
    """

    added: Mapping[str, bytes]
    changed: Mapping[str, bytes]
    removed: tuple[str, ...]
    edited_by_hand: tuple[str, ...]
    foreign_in_the_way: tuple[str, ...]
    inventory: Inventory
    inventory_changed: bool
    #: The digest of each changed or removed file when it was compared.
    compared_digests: Mapping[str, str | None] = field(default_factory=dict)

    @cached_property
    def files_to_write(self) -> Mapping[str, bytes]:
        """The files to write, including the inventory if it changes."""
        inventory = {INVENTORY_FILE: self.inventory.to_json_bytes()} if self.inventory_changed else {}
        return {**self.added, **self.changed, **inventory}

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
    after = build_inventory(tree)
    if environments is not None:
        after = _limit_to_environments(after, inventory, current_digest, environments)
    found = {path: current_digest(path) for path in (*after.files, *inventory.files)}
    # A file of another environment that was edited by hand stays as it is, and must not count as generated.
    different = [path for path in after.files if path in tree.files and found[path] != after.files[path]]
    if environments is not None:
        different = [path for path in different if _is_in_environments(path, environments)]
    added = {path: tree.files[path] for path in different if found[path] is None}
    changed = {path: tree.files[path] for path in different if found[path] is not None}
    removed = [path for path in inventory.files if path not in after.files and found[path] is not None]
    listed = [path for path in (*changed, *removed) if path in inventory.files]
    return ChangeSet(
        added,
        changed,
        tuple(sorted(removed)),
        tuple(sorted(path for path in listed if found[path] != inventory.files[path])),
        tuple(path for path in changed if path not in inventory.files),
        after,
        # An equal inventory is not rewritten: writing 16 MB takes longer than comparing.
        after != inventory or current_digest(INVENTORY_FILE) is None,
        {path: found[path] for path in (*changed, *removed)},
    )


def _limit_to_environments(
    after: Inventory, before: Inventory, current_digest: Callable[[str], str | None], environments: frozenset[str]
) -> Inventory:
    """Take only the charts of `environments` from `after`; every other generated file that exists stays as it is."""
    files = {path: digest for path, digest in after.files.items() if _is_in_environments(path, environments)}
    files |= {
        path: digest
        for path, digest in before.files.items()
        if not _is_in_environments(path, environments) and current_digest(path) is not None
    }
    applications = {
        key: identity
        for source, mine in ((before.applications, False), (after.applications, True))
        for key, identity in source.items()
        if (key.partition("/")[0] in environments) is mine
    }
    return Inventory(dict(sorted(files.items())), dict(sorted(applications.items())), after.former_destinations)


def _is_in_environments(path: str, environments: frozenset[str]) -> bool:
    """Whether a path is in the chart of one of the environments."""
    parts = path.split("/")
    return len(parts) > 2 and parts[1] in environments
