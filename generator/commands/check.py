"""`workloads check`: validate the registry and its charts before a merge."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from generator.commands.edit_options import removals_option
from generator.commands.options import json_option, open_registry, registry_option, without_helm_option

if TYPE_CHECKING:
    from generator.charts.change_set import ChangeSet
    from generator.charts.output_folder import OutputFolder
    from generator.charts.render import RenderedTree
    from generator.registry.changes import Change

_MAX_DRIFT_LINES = 40


@click.command("check")
@registry_option
@json_option
@without_helm_option
@click.option("--base", metavar="REF", help="Also list what differs from the registry at this git revision, by team.")
@click.option("--team", metavar="TEAM", help="With --base: refuse what is not this team's own.")
@removals_option
@click.option(
    "--confirm-removals", "ceilings", multiple=True, metavar="ENV=N", help="Let N Applications go, past the ceiling."
)
def check_command(
    registry_path: str | None,
    as_json: bool,
    without_helm: bool,
    base: str | None,
    team: str | None,
    removals: tuple[str, ...],
    ceilings: tuple[str, ...],
) -> int:
    """Validate the registry and the charts, and check that the committed charts are up to date.

    Exit status: 1 if the charts are out of date, 3 if the registry or a chart is invalid, 4 if a policy or tenancy
    rule is violated, and 5 if an Application of the last commit (or of --base) would be deleted or recreated
    without --allow-removal.
    """
    from generator import console
    from generator.cache import open_user_cache
    from generator.charts.change_set import compute_changes
    from generator.charts.team_partition import render_charts
    from generator.helm import chart_size as size
    from generator.helm.verify import validate_charts
    from generator.publishing.context import check_working_copy_removals, find_chart_location
    from generator.publishing.removal_guard import RemovalConsent
    from generator.registry.files import find_registry

    registry, folder = open_registry(registry_path)
    touched = _check_team_changes(registry_path, base, team)
    path = find_registry(registry_path)
    tree = render_charts(registry, open_user_cache(), find_chart_location(path, registry))
    weighed = validate_charts(tree, registry, open_user_cache(), with_helm=not without_helm)
    warnings = list(size.describe_large_charts(weighed, tree.applications, registry))
    consent = RemovalConsent.from_options(removals, ceilings)
    check_working_copy_removals(path, registry, tree.applications, consent, base or "HEAD")
    change = compute_changes(tree, folder.read_inventory(), folder.read_digest)
    for warning in warnings:
        console.print_message(f"warning: {warning}")
    if as_json:
        told = {} if base is None else {"touched": [touch._asdict() for touch in touched]}
        console.print_json({**_check_result_json(tree, change, warnings), **told})
    else:
        _print_check_result(tree, change, folder)
    return 1 if change else 0


def _check_result_json(tree: RenderedTree, change: ChangeSet, warnings: list[str]) -> dict[str, Any]:
    """The result of the check as JSON data."""
    drift = {"added": sorted(change.added), "changed": sorted(change.changed), "removed": list(change.removed)}
    return {"upToDate": not change, "applications": len(tree.applications), "warnings": warnings, "drift": drift}


def _print_check_result(tree: RenderedTree, change: ChangeSet, folder: OutputFolder) -> None:
    from generator import console
    from generator.charts.layout import group_by_chart

    if change:
        for line in _limit_drift_lines(list(_drift_lines(change, folder))):
            console.print_result(line)
        console.print_message(f"{folder.root} is not what the registry says: run 'workloads render' and commit it")
        return
    count, apps = len(group_by_chart(tree.digests)), len(tree.applications)
    console.print_result(f"{count} chart{'' if count == 1 else 's'}, {apps} Applications: valid and up to date")


def _check_team_changes(registry_path: str | None, base: str | None, team: str | None) -> list[Change]:
    """List and print registry changes since `base`. Raises RefusedError for changes by other teams."""
    from generator import console
    from generator.errors import RefusedError, UsageError
    from generator.registry.changes import changes_outside_team

    if base is None:
        if team is not None:
            raise UsageError("--team says whose a change has to be: name what it starts from with --base REF")
        return []
    touches = _changes_since_base(registry_path, base, team)
    for touch in touches:
        console.print_message(_describe_registry_change(touch))
    others = changes_outside_team(touches, team) if team is not None else []
    if others:
        raise RefusedError(
            f'the change is not team "{team}"\'s alone:\n'
            + "\n".join(f"  {_describe_registry_change(touch)}" for touch in others),
            remedy="take these out of the change, or have their owners make it",
        )
    return touches


def _changes_since_base(registry_path: str | None, base: str, team: str | None) -> list[Change]:
    from generator.commands.options import require_known_names
    from generator.errors import UsageError
    from generator.git.checkout import Checkout
    from generator.publishing.revision_files import RevisionFiles
    from generator.registry.changes import list_registry_changes
    from generator.registry.editable import read_editable_registry
    from generator.registry.files import FolderFiles, find_registry

    path = find_registry(registry_path)
    checkout = Checkout.discover(path.parent)
    if checkout is None or checkout.resolve_commit(base) is None:
        raise UsageError(f"git knows no revision {base!r} here", remedy="fetch it, or name another one")
    new = read_editable_registry(FolderFiles(path.parent), path.name, str(path.parent))
    files = RevisionFiles(checkout, path.parent, base)
    old = (
        read_editable_registry(files, path.name, f"{base}:{path.parent}")
        if files.read_bytes(path.name) is not None
        else None
    )
    teams = {**new.registry.teams, **(old.registry.teams if old else {})}
    require_known_names((team,) if team is not None else (), teams, "team")
    return list_registry_changes(old, new)


def _describe_registry_change(registry_change: Change) -> str:
    whose = f"team {registry_change.team}" if registry_change.team else "the root file"
    return f"{whose}: {registry_change.kind} {registry_change.name}: {registry_change.change}"


def _drift_lines(change: ChangeSet, folder: OutputFolder) -> Iterator[str]:
    """Yield the differences from the rendered charts: line diffs of changed files, names of the others."""
    for path in sorted(change.changed):
        new = change.changed[path].decode()
        old = (folder.read_output_file(path) or b"").decode("utf-8", "replace")
        name = str(folder.root / path)
        yield from difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, n=1, lineterm="")
    yield from (f"missing: {folder.root / path}" for path in sorted(change.added))
    yield from (f"left over: {folder.root / path}" for path in change.removed)
    if not (change.added or change.changed or change.removed):
        yield "the record of generated files is missing or out of date"


def _limit_drift_lines(lines: list[str]) -> list[str]:
    more = len(lines) - _MAX_DRIFT_LINES
    return lines if more <= 0 else [*lines[:_MAX_DRIFT_LINES], f"… and {more} more lines"]
