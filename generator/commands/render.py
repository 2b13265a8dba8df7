"""`workloads render`: write the charts to the working copy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path

import click

from generator import console
from generator.commands.options import current_time, dry_run_option, json_option, registry_option, without_helm_option
from generator.publishing.removal_guard import Removal
from generator.publishing.working_copy import RenderOutcome, render_manifests, render_working_copy
from generator.working_registry import WorkingRegistry

#: The maximum number of paths to print; `--json` lists all of them.
_MAX_LISTED_PATHS = 60


@click.command("render")
@click.argument("environments", nargs=-1, metavar="[ENV]...")
@registry_option
@dry_run_option
@json_option
@without_helm_option
@click.option(
    "--manifests",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the objects that Helm renders from the charts into DIR, instead of the charts, for other tools.",
)
@click.option("--adopt", is_flag=True, help="Take over foreign files that have the paths of generated files.")
@click.option("--overwrite", is_flag=True, help="Discard edits made by hand to generated files.")
def render_command(
    environments: tuple[str, ...],
    registry_path: str | None,
    dry_run: bool,
    as_json: bool,
    without_helm: bool,
    manifests: Path | None,
    adopt: bool,
    overwrite: bool,
) -> None:
    """Write the charts of all environments, or of the given ones.

    Only files with changed content are written. Foreign files are never replaced without --adopt, and edits made by
    hand to generated files are kept without --overwrite.
    """
    working = WorkingRegistry.find(registry_path)
    progress = partial(console.show_progress, description="writing")
    if manifests is not None:
        outcome = render_manifests(
            working,
            environments,
            manifests,
            adopt=adopt,
            overwrite=overwrite,
            dry_run=dry_run,
            show_progress=progress,
        )
    else:
        outcome = render_working_copy(
            working,
            environments,
            adopt=adopt,
            overwrite=overwrite,
            dry_run=dry_run,
            without_helm=without_helm,
            show_progress=progress,
            today=current_time().date(),
        )
    for warning in outcome.warnings:
        console.print_message(f"warning: {warning}")
    _print_removals(outcome.removals)
    if as_json:
        console.print_json({**change_set_as_json(outcome), "written": not dry_run})
        return
    if outcome.charts_elsewhere and outcome.change:
        console.print_message(
            f"note: the charts are in {outcome.charts_elsewhere}: this is a copy, and workloads publish updates them"
        )
    for line in _changed_file_lines(outcome):
        console.print_message(line)
    console.print_result(_format_change_counts(outcome, dry_run))


def change_set_as_json(outcome: RenderOutcome) -> dict[str, list[str]]:
    """The changed paths as JSON data."""
    change = outcome.change
    return {"added": sorted(change.added), "changed": sorted(change.changed), "removed": list(change.removed)}


def _print_removals(removals: tuple[Removal, ...]) -> None:
    lines = (f"warning: {removal}; 'workloads check' asks you to confirm it" for removal in removals)
    for line in _limit_paths(lines, len(removals)):
        console.print_message(line)


def _limit_paths(lines: Iterable[str], count: int) -> list[str]:
    """The first lines, and how many of `count` are left out."""
    shown = list(islice(lines, _MAX_LISTED_PATHS))
    return [*shown, f"… and {count - len(shown)} more"] if count > len(shown) else shown


def _changed_file_lines(outcome: RenderOutcome) -> list[str]:
    """Format the changed files, one per line."""
    change = outcome.change
    kinds = ("+", change.added), ("~", change.changed), ("-", change.removed)
    lines = (f"{sign} {outcome.folder / path}" for sign, paths in kinds for path in sorted(paths))
    return _limit_paths(lines, sum(len(paths) for _, paths in kinds))


def _format_change_counts(outcome: RenderOutcome, dry_run: bool) -> str:
    counts = {name: len(paths) for name, paths in change_set_as_json(outcome).items()}
    if not any(counts.values()):
        return f"{outcome.folder}: up to date"
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{outcome.folder}: {parts}{' (dry run: nothing was written)' if dry_run else ''}"
