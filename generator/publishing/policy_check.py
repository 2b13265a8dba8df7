"""Check what a working copy or a publish changes against the policies of its environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from generator.errors import ConflictError, NetworkError, Problem, RegistryError, UsageError
from generator.git.commit_log import open_commit_log
from generator.promotion.history import read_history
from generator.promotion.policy import RegistryChange
from generator.promotion.trailers import parse_change_overrides
from generator.publishing.comparison_base import find_comparison_base
from generator.registry.editable import read_editable_registry
from generator.registry.model import Workloads
from generator.registry.reader import list_registry_files, parse_workloads_settings
from generator.toml.document import TomlError

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.checkout import Checkout
    from generator.promotion.history import History
    from generator.promotion.policy import PolicyInputs, PolicyViolation
    from generator.registry.editable import EditableRegistry
    from generator.registry.files import RegistryFiles
    from generator.working_registry import WorkingRegistry


def find_policy_problems(
    working: WorkingRegistry, inputs: PolicyInputs, warn: Callable[[str], None], base: str | None, head: str | None
) -> tuple[Problem, ...]:
    """List the policy violations of the change up to `head`, or the working copy, as problems with positions."""
    return list_policy_problems(read_change(working, inputs.now, warn, base, head), inputs, warn)


def list_policy_problems(
    change: RegistryChange | None, inputs: PolicyInputs, warn: Callable[[str], None]
) -> tuple[Problem, ...]:
    """List the policy violations of a change as problems with positions; says with `warn` why nothing was checked."""
    if change is None:
        return ()
    try:
        found = change.check(inputs).violations
    except NetworkError as error:
        warn(f"warning: policy was not checked: {error.message}")
        return ()
    return tuple(_locate_violation(violation, change.new) for violation in found)


def read_change(
    working: WorkingRegistry,
    now: datetime,
    warn: Callable[[str], None],
    base: str | None = None,
    head: str | None = None,
) -> RegistryChange | None:
    """Read what the working copy, or the commit `head`, changes in the registry; None if nothing or unknown.

    Raises ConflictError if the history is cut off before the commit to compare with: nothing can be concluded then.
    """
    path, checkout = working.path, working.checkout
    commit = checkout.resolve_commit(head or "HEAD") if checkout else None
    if checkout is None or commit is None:
        return None
    files = working.files if head is None else working.files_at(commit)
    try:
        start = _find_base_commit(working, checkout, files, base, commit)
        committed = working.files_at(start)
        if committed.read_bytes(path.name) is None or _have_equal_files(files, committed, path.name):
            return None
        new = read_editable_registry(files, path.name, str(path.parent))
        old = read_editable_registry(committed, path.name, f"{start[:12]}:{path.parent}")
    except ConflictError as error:
        raise ConflictError("WL3104", f"policy cannot be checked: {error.message}", remedy=error.remedy) from error
    except (RegistryError, UsageError) as error:
        hint = f"; {error.remedy}" if error.remedy else ""
        warn(f"warning: policy was not checked: {error.message}{hint}")
        return None

    def load_history() -> History:
        log = open_commit_log(checkout, start)
        return read_history(log, working.location, now)

    return RegistryChange(old, new, load_history, parse_change_overrides(checkout.read_messages(start, commit)))


def _have_equal_files(files: RegistryFiles, committed: RegistryFiles, root: str) -> bool:
    """Whether the registry files are the same in both, but for line endings, which a checkout may convert."""
    try:
        names = list_registry_files(files, root)
        if names != list_registry_files(committed, root):
            return False
    except TomlError:
        return False
    contents = ((files.read_bytes(name) or b"", committed.read_bytes(name) or b"") for name in names)
    return all(one.replace(b"\r\n", b"\n") == other.replace(b"\r\n", b"\n") for one, other in contents)


def _find_base_commit(
    working: WorkingRegistry, checkout: Checkout, files: RegistryFiles, base: str | None, head: str
) -> str:
    named = checkout.resolve_commit(base) if base else None
    if named is not None:
        return checkout.merge_base(named, head) or named
    workloads = parse_workloads_settings(files.read_bytes(working.path.name) or b"") or Workloads()
    return find_comparison_base(working, checkout, workloads, head)


def _locate_violation(violation: PolicyViolation, new: EditableRegistry) -> Problem:
    """Return the violation as a problem at the environment's promotion list in the registry files."""
    name = new.entry_files.get((violation.environment, violation.app), new.root)
    document = new.documents[name]
    key = ("environments", violation.environment, "apps")
    position = document.key_position(key)
    return Problem(
        0,
        position.line,
        position.column,
        document.name,
        f"environments.{violation.environment}.apps",
        f"{violation.app}: {violation.refusal}",
        "WL3101",
    )
