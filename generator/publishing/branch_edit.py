"""Edit the registry on the workloads branch itself, independently of the user's checkout."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from generator.charts.inventory import INVENTORY_FILE, parse_inventory
from generator.errors import UsageError
from generator.git.commit_log import open_branch_log
from generator.promotion.policy import RegistryChange
from generator.promotion.retirement import find_retirement_time
from generator.publishing.context import EditContext, read_remote_applications
from generator.publishing.sources import BranchFiles, RegistryToPublish, read_branch_history
from generator.registry.editable import read_editable_registry
from generator.registry.files import RegistryLocation

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.branch_snapshot import BranchSnapshot
    from generator.git.checkout import Checkout
    from generator.git.remote_clone import PublishTarget
    from generator.promotion.app_edits import PublishedApplications
    from generator.publishing.context import EditOperation
    from generator.registry.registry import Registry
    from generator.working_registry import WorkingRegistry


class BranchEdit:
    """A `RegistrySource` that edits the branch's registry, again on the new head after a rejected push."""

    has_local_edits = False

    def __init__(
        self,
        working: WorkingRegistry,
        checkout: Checkout,
        target: PublishTarget,
        operation: EditOperation,
        now: datetime | None = None,
        charts: PublishTarget | None = None,
    ) -> None:
        """`charts` is where the charts are, if not on the registry's own branch, `target`."""
        self._working = working
        self._checkout = checkout
        self._target = target
        self._operation = operation
        self._now = now
        self._charts = charts

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        """Read the branch's registry and apply the operation to it."""
        prefix, name = self._working.prefix, self._working.path.name
        files = BranchFiles(base, prefix, name)
        if files.read_bytes(name) is None:
            raise UsageError(
                "WL5015",
                f"the branch {self._target.branch} has no {self._working.root_path}",
                remedy="publish it first (workloads publish), or push the commit that moved it",
            )
        book = read_editable_registry(files, name, files.display_folder)
        output = str(PurePosixPath(prefix + book.registry.workloads.path))
        context = EditContext(
            book,
            lambda: read_branch_history(base, self._working, self._checkout, self._target, self._now),
            lambda: self._read_published_applications(base, book.registry, f"{output}/{INVENTORY_FILE}"),
            lambda environment, app: self._find_retirement_time(base, environment, app),
        )
        edited = self._operation(context)
        changed = {prefix + file: data for file, data in edited.editable.changed_files(book).items()}
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
        with open_branch_log(self._checkout, base.commit, self._target.url, self._target.branch) as log:
            location = RegistryLocation(self._working.root_path, self._working.folder)
            return find_retirement_time(log, location, environment, app, self._now)
