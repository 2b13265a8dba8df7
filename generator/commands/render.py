"""`workloads render`: write the charts to the working copy."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.commands.options import dry_run_option, json_option, open_registry, registry_option, require_known_names

if TYPE_CHECKING:
    from generator.charts.change_set import ChangeSet
    from generator.charts.output_folder import OutputFolder
    from generator.charts.render import RenderedTree
    from generator.publishing.removal_guard import Removal

#: The maximum number of paths to print; `--json` lists all of them.
_MAX_LISTED_PATHS = 60


@click.command("render")
@click.argument("environments", nargs=-1, metavar="[ENV]...")
@registry_option
@dry_run_option
@json_option
@click.option(
    "--manifests",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the objects that Helm makes of the charts into DIR, for other tools to read, and not the charts.",
)
@click.option("--adopt", is_flag=True, help="Take over files in the way that workloads did not write.")
def render_command(
    environments: tuple[str, ...],
    registry_path: str | None,
    dry_run: bool,
    as_json: bool,
    manifests: Path | None,
    adopt: bool,
) -> None:
    """Write the charts of all environments, or of the given ones.

    Only files with changed content are written. Foreign files are never replaced or deleted without --adopt.
    """
    from generator import console
    from generator.cache import open_user_cache
    from generator.charts.change_set import compute_changes
    from generator.charts.stat_cache import create_digest_reader
    from generator.charts.team_partition import render_charts
    from generator.publishing.context import find_chart_location, find_removals_since_head
    from generator.registry.files import find_registry

    registry, folder = open_registry(registry_path)
    require_known_names(environments, registry.environments, "environment")
    path = find_registry(registry_path)
    tree = render_charts(registry, open_user_cache(), find_chart_location(path, registry))
    if manifests is not None:
        folder, tree = _render_manifests(tree, environments or tuple(registry.environments), folder, manifests)
    if manifests is None:
        _warn_about_removals(find_removals_since_head(path, registry, tree.applications), environments)
    owned = folder.read_inventory()
    current = create_digest_reader(folder, owned.files, open_user_cache())
    change = compute_changes(tree, owned, current, frozenset(environments) or None)
    if not adopt:
        _refuse_foreign_files(change, folder)
    if change and not dry_run:
        with console.show_progress(len(change.files_to_write), "writing") as step:
            folder.apply_changes(change, owned, step)
    if as_json:
        console.print_json(
            {
                "added": sorted(change.added),
                "changed": sorted(change.changed),
                "removed": list(change.removed),
                "written": not dry_run,
            }
        )
        return
    for line in _changed_file_lines(change, folder):
        console.print_message(line)
    console.print_result(_format_change_counts(change, folder.root, dry_run))


def _warn_about_removals(removals: tuple[Removal, ...], environments: tuple[str, ...]) -> None:
    from generator import console

    told = [removal for removal in removals if not environments or removal.key.partition("/")[0] in environments]
    lines = (f"warning: {removal}; 'workloads check' asks whether that is meant" for removal in told)
    for line in _limit_paths(lines, len(told)):
        console.print_message(line)


def _render_manifests(
    tree: RenderedTree, environments: tuple[str, ...], charts: OutputFolder, target: Path
) -> tuple[OutputFolder, RenderedTree]:
    """Render the manifests and open their folder, which has its own inventory."""
    from generator.charts.output_folder import OutputFolder
    from generator.errors import UsageError
    from generator.helm.manifests import render_manifest_files

    if target.resolve().is_relative_to(charts.root.resolve()):
        raise UsageError(f"{target} is where the charts are: name another folder")
    return OutputFolder(target), render_manifest_files(tree, environments)


def _refuse_foreign_files(change: ChangeSet, folder: OutputFolder) -> None:
    from generator.errors import RefusedError

    if change.foreign:
        raise RefusedError(
            "files that workloads did not write are in the way:\n"
            + "\n".join(f"  {folder.root / path}" for path in change.foreign),
            remedy="move them away, or take them over with --adopt",
            not_done="nothing was written",
        )


def _limit_paths(lines: Iterable[str], count: int) -> list[str]:
    """The first lines, and how many of `count` are left out."""
    shown = list(islice(lines, _MAX_LISTED_PATHS))
    return [*shown, f"… and {count - len(shown)} more"] if count > len(shown) else shown


def _changed_file_lines(change: ChangeSet, folder: OutputFolder) -> list[str]:
    """Format the changed files, one per line."""
    kinds = ("+", change.added), ("~", change.changed), ("-", change.removed)
    lines = (f"{sign} {folder.root / path}" for sign, paths in kinds for path in sorted(paths))
    return _limit_paths(lines, sum(len(paths) for _, paths in kinds))


def _format_change_counts(change: ChangeSet, root: Path, dry_run: bool) -> str:
    counts = {"added": len(change.added), "changed": len(change.changed), "removed": len(change.removed)}
    if not any(counts.values()):
        return f"{root}: up to date"
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{root}: {told}{' (dry run: nothing was written)' if dry_run else ''}"
