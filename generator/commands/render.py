"""`workloads render`: write the charts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.commands.options import dry_run_option, json_option, named, opened, registry_option

if TYPE_CHECKING:
    from generator.charts.diff import ChangeSet
    from generator.charts.render import RenderedTree
    from generator.charts.tree import OutputFolder
    from generator.publishing.guard import Removal

#: More paths than this nobody reads; `--json` has them all.
_MOST_LINES = 60


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
def command(
    environments: tuple[str, ...],
    registry_path: str | None,
    dry_run: bool,
    as_json: bool,
    manifests: Path | None,
    adopt: bool,
) -> None:
    """Write the charts of all environments, or of those named.

    Only files whose content changes are written, and only files that workloads wrote are ever replaced or deleted.
    """
    from generator import console
    from generator.cache import user_cache
    from generator.charts.diff import changes
    from generator.charts.parts import charts
    from generator.charts.seen import digests_of
    from generator.publishing.ground import going, location_here
    from generator.registry.files import find_registry

    registry, folder = opened(registry_path)
    named(environments, registry.environments, "environment")
    path = find_registry(registry_path)
    tree = charts(registry, user_cache(), location_here(path, registry))
    if manifests is not None:
        folder, tree = _as_manifests(tree, environments or tuple(registry.environments), folder, manifests)
    if manifests is None:
        _warn(going(path, registry, tree.applications), environments)
    owned = folder.record()
    current = digests_of(folder, owned.files, user_cache())
    change = changes(tree, owned, current, frozenset(environments) or None)
    if not adopt:
        _refuse_foreign(change, folder)
    if change and not dry_run:
        with console.progress(len(change.written), "writing") as step:
            folder.apply(change, owned, step)
    if as_json:
        console.result_json(
            {
                "added": sorted(change.added),
                "changed": sorted(change.changed),
                "removed": list(change.removed),
                "written": not dry_run,
            }
        )
        return
    for line in _listed(change, folder):
        console.note(line)
    console.result(_summary(change, folder.root, dry_run))


def _warn(gone: tuple[Removal, ...], environments: tuple[str, ...]) -> None:
    from generator import console

    told = [removal for removal in gone if not environments or removal.key.partition("/")[0] in environments]
    lines = (f"warning: {removal}; 'workloads check' asks whether that is meant" for removal in told)
    for line in _cut(lines, len(told)):
        console.note(line)


def _as_manifests(
    tree: RenderedTree, environments: tuple[str, ...], charts: OutputFolder, target: Path
) -> tuple[OutputFolder, RenderedTree]:
    """The folder for the objects, which has a record of its own, and the objects."""
    from generator.charts.manifests import manifests
    from generator.charts.tree import OutputFolder
    from generator.errors import UsageError

    if target.resolve().is_relative_to(charts.root.resolve()):
        raise UsageError(f"{target} is where the charts are: name another folder")
    return OutputFolder(target), manifests(tree, environments)


def _refuse_foreign(change: ChangeSet, folder: OutputFolder) -> None:
    from generator.errors import RefusedError

    if change.foreign:
        raise RefusedError(
            "files that workloads did not write are in the way:\n"
            + "\n".join(f"  {folder.root / path}" for path in change.foreign),
            remedy="move them away, or take them over with --adopt",
            undone="nothing was written",
        )


def _cut(lines: Iterable[str], count: int) -> list[str]:
    """As many of `count` lines as are read."""
    shown = list(islice(lines, _MOST_LINES))
    return [*shown, f"… and {count - len(shown)} more"] if count > len(shown) else shown


def _listed(change: ChangeSet, folder: OutputFolder) -> list[str]:
    """The changed files, a line each."""
    kinds = ("+", change.added), ("~", change.changed), ("-", change.removed)
    lines = (f"{sign} {folder.root / path}" for sign, paths in kinds for path in sorted(paths))
    return _cut(lines, sum(len(paths) for _, paths in kinds))


def _summary(change: ChangeSet, root: Path, dry_run: bool) -> str:
    counts = {"added": len(change.added), "changed": len(change.changed), "removed": len(change.removed)}
    if not any(counts.values()):
        return f"{root}: up to date"
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{root}: {told}{' (dry run: nothing was written)' if dry_run else ''}"
