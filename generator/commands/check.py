"""`workloads check`: validate the registry and its charts before a merge."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import click

from generator import console
from generator.argocd.advisories import describe_advisories
from generator.commands.options import (
    json_option,
    override_options,
    registry_option,
    removals_option,
    without_helm_option,
)
from generator.commands.policy_options import live_options, policy_inputs
from generator.publishing.registry_changes import describe_change, list_changes_since
from generator.publishing.removal_guard import RemovalConsent
from generator.publishing.working_copy import CheckOutcome, check_working_copy
from generator.registry.changes import Change
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry

_MAX_DRIFT_LINES = 40
_MAX_FOREIGN_OBJECTS = 40


@click.command("check")
@registry_option
@json_option
@without_helm_option
@click.option("--base", metavar="REF", help="Also list what differs from the registry at this git revision, by team.")
@click.option("--team", metavar="TEAM", help="With --base: refuse changes that belong to other teams.")
@click.option("--advisories", is_flag=True, help="Also name known vulnerabilities of the Argo CD versions in use.")
@override_options
@live_options
@removals_option
@click.option(
    "--confirm-removals", "ceilings", multiple=True, metavar="ENV=N", help="Delete N Applications, above the limit."
)
def check_command(
    registry_path: str | None,
    as_json: bool,
    without_helm: bool,
    advisories: bool,
    base: str | None,
    team: str | None,
    removals: tuple[str, ...],
    ceilings: tuple[str, ...],
    **flags: Any,
) -> int:
    """Validate the registry and the charts, and check that the committed charts are up to date.

    Every entry that the change moves, since the workloads branch or --base, is checked against the environment's
    policy. Overrides are also read from commit trailers: Policy-Override: RULE ENV/APP REASON.

    Exit status: 1 if the charts are out of date, 3 if the registry or a chart is invalid, 4 if a policy or tenancy
    rule is violated or a foreign file makes a chart invalid. It is 5 if an Application of the last commit, or of
    --base, would be deleted or recreated without --allow-removal.
    """
    working = WorkingRegistry.find(registry_path)
    changes = list_changes_since(working, base, team, _print_change)
    consent = RemovalConsent.from_options(removals, ceilings)
    policy = policy_inputs(working, flags)
    outcome = check_working_copy(working, consent, base, policy, console.print_message, without_helm=without_helm)
    for overridden in outcome.overridden:
        console.print_message(f"overridden: {overridden} ({overridden.override_reason})")
    warnings = [*outcome.warnings, *(_list_advisories(outcome.charts.registry) if advisories else ())]
    for warning in warnings:
        console.print_message(f"warning: {warning}")
    if as_json:
        found = {} if base is None else {"touched": [change._asdict() for change in changes]}
        console.print_json({**_check_result_json(outcome), "warnings": warnings, **found})
    else:
        _print_check_result(outcome)
    return int(outcome.is_out_of_date)


def _list_advisories(registry: Registry) -> Iterator[str]:
    for version in dict.fromkeys(env.argocd_settings.version for env in registry.environments.values()):
        yield from describe_advisories(version)


def _print_change(change: Change) -> None:
    console.print_message(describe_change(change))


def _check_result_json(outcome: CheckOutcome) -> dict[str, Any]:
    """The result of the check as JSON data."""
    change = outcome.charts.change
    drift: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    if outcome.is_out_of_date:
        drift = {"added": sorted(change.added), "changed": sorted(change.changed), "removed": list(change.removed)}
    return {
        "upToDate": None if outcome.charts_elsewhere else not change,
        "chartsElsewhere": outcome.charts_elsewhere or None,
        "applications": len(outcome.charts.tree.applications),
        "foreign": [item._asdict() for item in outcome.foreign_file_objects],
        "drift": drift,
    }


def _print_check_result(outcome: CheckOutcome) -> None:
    for line in _limit_lines(_foreign_object_lines(outcome), _MAX_FOREIGN_OBJECTS):
        console.print_message(line)
    if outcome.is_out_of_date:
        for line in _limit_lines(list(_drift_lines(outcome)), _MAX_DRIFT_LINES):
            console.print_result(line)
        console.print_message(f"{outcome.folder.root} is out of date: run 'workloads render' and commit the result")
        return
    count, apps = len(outcome.charts.after.generated_charts), len(outcome.charts.tree.applications)
    state = "valid" if outcome.charts_elsewhere else "valid and up to date"
    console.print_result(f"{console.count_noun(count, 'chart')}, {console.count_noun(apps, 'Application')}: {state}")
    if outcome.charts_elsewhere:
        console.print_message(
            f"note: the charts are in {outcome.charts_elsewhere}, and were not compared: "
            "workloads publish --dry-run shows what would change there"
        )


def _foreign_object_lines(outcome: CheckOutcome) -> list[str]:
    """List the objects that foreign files render: Argo CD applies them, and the registry does not know them."""
    root = outcome.folder.root
    return [f"foreign: {root / item.path} renders {item.kind} {item.name}" for item in outcome.foreign_file_objects]


def _drift_lines(outcome: CheckOutcome) -> Iterator[str]:
    """Yield the differences from the rendered charts: line diffs of changed files, names of the others."""
    change, folder = outcome.charts.change, outcome.folder
    for path in sorted(change.changed):
        new = change.changed[path].decode()
        old = (folder.read_output_file(path) or b"").decode("utf-8", "replace")
        name = str(folder.root / path)
        yield from difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, n=1, lineterm="")
    yield from (f"missing: {folder.root / path}" for path in sorted(change.added))
    yield from (f"left over: {folder.root / path}" for path in change.removed)
    if not (change.added or change.changed or change.removed):
        yield "the inventory of generated files is missing or out of date"


def _limit_lines(lines: list[str], limit: int) -> list[str]:
    more = len(lines) - limit
    return lines if more <= 0 else [*lines[:limit], f"… and {more} more lines"]
