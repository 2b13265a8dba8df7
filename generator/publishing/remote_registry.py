"""Read the registry on its remote branch, as it is there now, independently of the user's checkout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from generator.errors import UsageError
from generator.git.failure import RemoteFaultError
from generator.git.messages import redact
from generator.git.push import error_for_failure
from generator.git.remote_clone import PublishTarget, open_clone
from generator.git.runner import IdleBudget
from generator.publishing.comparison_base import find_registry_branch
from generator.publishing.sources import BranchFiles, read_branch_history
from generator.registry.editable import read_editable_registry

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.branch_snapshot import BranchSnapshot
    from generator.git.checkout import Checkout
    from generator.promotion.history import History
    from generator.registry.editable import EditableRegistry
    from generator.working_registry import WorkingRegistry


class RemoteRegistry(NamedTuple):
    """The registry on its branch, while the branch's private clone is open. `target` is the branch."""

    base: BranchSnapshot
    files: BranchFiles
    working: WorkingRegistry
    checkout: Checkout
    target: PublishTarget

    def read_registry(self) -> EditableRegistry:
        """Read and validate the registry. Raises RegistryError."""
        return read_editable_registry(self.files, self.files.name, self.files.display_folder)

    def read_history(self, now: datetime) -> History:
        """Read the registry's history on the branch. Raises NetworkError."""
        return read_branch_history(self.base, self.working, self.checkout, self.target, now)


@contextmanager
def open_remote_registry(working: WorkingRegistry) -> Iterator[RemoteRegistry]:
    """Yield the registry as it is on the branch of its checkout's remote.

    Raises UsageError if there is no such remote, branch or file, and NetworkError.
    """
    path, checkout, origin = working.path, working.checkout, working.origin
    if checkout is None or not origin:
        raise UsageError("WL5012", "this checkout has no remote origin to read", remedy="leave out --remote")
    branch = find_registry_branch(working, checkout, working.read_workloads())
    target = PublishTarget(origin, branch, config=checkout.git_config)
    try:
        with open_clone(target) as clone:
            base = clone.fetch_current_base_branch(IdleBudget())
            files = BranchFiles(base, working.prefix, path.name)
            if files.read_bytes(path.name) is None:
                raise UsageError(
                    "WL5015",
                    f"the branch {branch} of {redact(origin)} has no {files.prefix}{path.name}",
                    remedy="publish the registry first, or leave out --remote",
                )
            yield RemoteRegistry(base, files, working, checkout, target)
    except RemoteFaultError as fault:
        raise error_for_failure(fault.failure, origin, target) from fault
