"""Edit the registry on the workloads branch itself, independently of the user's checkout."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from generator.cache import open_user_cache
from generator.charts.inventory import INVENTORY_FILE, parse_inventory
from generator.git.commit_log import open_branch_log
from generator.promotion.history import History, RegistryLocation, find_registry_folder, read_history
from generator.publishing.context import EditContext
from generator.publishing.sources import BranchFiles, RegistryToPublish
from generator.registry.editable import read_editable_registry

if TYPE_CHECKING:
    from generator.git.branch_snapshot import BranchSnapshot
    from generator.git.checkout import Checkout
    from generator.publishing.context import EditOperation


class BranchEdit:
    """A `RegistrySource` that edits the branch's registry, again on the new head after a rejected push."""

    separate_repository = False
    dirty = False
    shallow = False

    def __init__(self, path: Path, checkout: Checkout, operation: EditOperation, url: str, branch: str) -> None:
        self._folder = find_registry_folder(checkout, path)
        self._prefix = "" if self._folder == "." else f"{self._folder}/"
        self._name = path.name
        self._checkout = checkout
        self._operation = operation
        self._remote = url, branch
        self.commit = checkout.head_commit()

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        """Read the branch's registry and apply the operation to it."""
        files = BranchFiles(base, self._prefix, self._name)
        book = read_editable_registry(files, self._name, self._folder)
        output = str(PurePosixPath(self._prefix + book.registry.workloads.path))
        record = f"{output}/{INVENTORY_FILE}"
        ground = EditContext(
            book,
            lambda: self._read_branch_history(base),
            lambda: parse_inventory(base.read_branch_file(record), record).applications,
        )
        edited = self._operation(ground)
        changed = {self._prefix + name: data for name, data in edited.editable.changed_files(book).items()}
        registry = edited.editable.revalidate().registry if changed else book.registry
        return RegistryToPublish(registry, output, changed, edited)

    def _read_branch_history(self, base: BranchSnapshot) -> History:
        """Read the branch's history up to `base`, which can be missing from the user's checkout."""
        if base.commit is None:
            return History()
        with open_branch_log(self._checkout, base.commit, *self._remote) as past:
            location = RegistryLocation(self._prefix + self._name, self._prefix.rstrip("/"))
            return read_history(past, location, open_user_cache())

    def has_ancestor(self, older: str, newer: str) -> bool:
        return True
