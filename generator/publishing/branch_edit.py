"""Edit the registry on the workloads branch itself, independently of the user's checkout."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from generator.charts.inventory import INVENTORY_FILE, parse_inventory
from generator.errors import UsageError
from generator.git.commit_log import open_branch_log
from generator.promotion.history import RegistryLocation, find_registry_folder
from generator.promotion.policy import RegistryChange
from generator.promotion.retirement import find_retirement_time
from generator.publishing.context import EditContext, read_remote_applications
from generator.publishing.sources import BranchFiles, RegistryToPublish, read_branch_history
from generator.registry.editable import read_editable_registry

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.branch_snapshot import BranchSnapshot
    from generator.git.checkout import Checkout
    from generator.git.remote_clone import PublishTarget
    from generator.promotion.app_edits import PublishedApplications
    from generator.publishing.context import EditOperation
    from generator.registry.registry import Registry


class BranchEdit:
    """A `RegistrySource` that edits the branch's registry, again on the new head after a rejected push."""

    separate_repository = False
    dirty = False
    shallow = False

    def __init__(
        self,
        path: Path,
        checkout: Checkout,
        operation: EditOperation,
        url: str,
        branch: str,
        now: datetime | None = None,
        charts: PublishTarget | None = None,
    ) -> None:
        """`charts` is where the charts are, if not on the registry's own branch."""
        self._charts = charts
        self._now = now
        self._folder = find_registry_folder(checkout, path)
        self.prefix = f"{self._folder}/" if self._folder else ""
        self.name = path.name
        self._checkout = checkout
        self._operation = operation
        self._remote = url, branch
        self.commit = checkout.head_commit()

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        """Read the branch's registry and apply the operation to it."""
        files = BranchFiles(base, self.prefix, self.name)
        if files.read_bytes(self.name) is None:
            raise UsageError(
                f"the branch {self._remote[1]} has no {self.prefix}{self.name}",
                remedy="publish it first (workloads publish), or push the commit that moved it",
            )
        book = read_editable_registry(files, self.name, self._folder or ".")
        output = str(PurePosixPath(self.prefix + book.registry.workloads.path))
        context = EditContext(
            book,
            lambda: read_branch_history(base, self._checkout, self.prefix, self.name, self._remote, self._now),
            lambda: self._read_published_applications(base, book.registry, f"{output}/{INVENTORY_FILE}"),
            lambda environment, app: self._find_retirement_time(base, environment, app),
        )
        edited = self._operation(context)
        changed = {self.prefix + name: data for name, data in edited.editable.changed_files(book).items()}
        if not changed:
            return RegistryToPublish(book.registry, output, changed, edited)
        after = edited.editable.revalidate()

        change = RegistryChange(book, after, lambda: context.history, edited.overrides)
        return RegistryToPublish(after.registry, output, changed, edited, change)

    def _read_published_applications(
        self, base: BranchSnapshot, registry: Registry, inventory: str
    ) -> PublishedApplications:
        if self._charts:
            return read_remote_applications(self._charts, registry)
        return parse_inventory(base.read_branch_file(inventory), inventory).applications

    def _find_retirement_time(self, base: BranchSnapshot, environment: str, app: str) -> datetime | None:
        if base.commit is None or self._charts:
            return None
        with open_branch_log(self._checkout, base.commit, *self._remote) as log:
            location = RegistryLocation(self.prefix + self.name, self.prefix.rstrip("/"))
            return find_retirement_time(log, location, environment, app, self._now)

    def has_ancestor(self, older: str, newer: str) -> bool:
        return True
