"""List what the working copy's registry changes since a Git revision, by team."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from generator.errors import RefusedError, UsageError
from generator.registry.changes import changes_outside_team, list_registry_changes
from generator.registry.editable import read_editable_registry
from generator.registry.problems import require_known_names

if TYPE_CHECKING:
    from generator.registry.changes import Change
    from generator.working_registry import WorkingRegistry


def list_changes_since(
    working: WorkingRegistry, base: str | None, team: str | None, report: Callable[[Change], None]
) -> list[Change]:
    """List the registry's changes since `base`, and pass each to `report`; none without `base`.

    Raises UsageError for an unknown revision or team, and RefusedError for changes that do not belong to `team`.
    """
    if base is None:
        if team is not None:
            raise UsageError("WL1003", "--team needs a revision to compare with", remedy="add --base REF")
        return []
    changes = _compare_registries(working, base, team)
    for change in changes:
        report(change)
    others = changes_outside_team(changes, team) if team is not None else []
    if others:
        raise RefusedError(
            "WL3301",
            f'the change is not team "{team}"\'s alone:\n'
            + "\n".join(f"  {describe_change(change)}" for change in others),
            remedy="take these out of the change, or ask their owners to make them",
        )
    return changes


def describe_change(change: Change) -> str:
    """Format a change for people, with the team that it belongs to."""
    whose = f"team {change.team}" if change.team else "the root file"
    return f"{whose}: {change.kind} {change.name}: {change.change}"


def _compare_registries(working: WorkingRegistry, base: str, team: str | None) -> list[Change]:
    path, checkout = working.path, working.checkout
    commit = checkout.resolve_commit(base) if checkout else None
    if checkout is None or commit is None:
        raise UsageError("WL5014", f"unknown revision {base!r} here", remedy="fetch it, or name another one")
    new = working.read_editable()
    files = working.files_at(commit)
    existed = files.read_bytes(path.name) is not None
    # What an earlier version accepted may violate a rule that is new: only the new registry must keep it.
    folder = f"{base}:{path.parent}"
    old = read_editable_registry(files, path.name, folder, allow_violations=True) if existed else None
    teams = {**new.registry.teams, **(old.registry.teams if old else {})}
    require_known_names((team,) if team is not None else (), teams, "team")
    return list_registry_changes(old, new)
