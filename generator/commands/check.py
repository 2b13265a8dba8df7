"""`workloads check`: may this be merged?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from generator.commands.editing import removals_option
from generator.commands.options import json_option, opened, registry_option, without_helm_option

if TYPE_CHECKING:
    from generator.charts.diff import ChangeSet
    from generator.charts.render import RenderedTree
    from generator.charts.tree import OutputFolder
    from generator.registry.impact import Touch

_MOST_LINES = 40


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
def command(
    registry_path: str | None,
    as_json: bool,
    without_helm: bool,
    base: str | None,
    team: str | None,
    removals: tuple[str, ...],
    ceilings: tuple[str, ...],
) -> int:
    """Judge the registry, every chart by Helm, and whether the committed charts are up to date.

    Ends with 1 where the charts are not what the registry says, 3 where the registry or a chart is invalid, 4
    where a policy or tenancy rule refuses it, and 5 where an Application of the last commit (or of --base) would
    go, or be made anew elsewhere, that --allow-removal does not name.
    """
    from generator import console
    from generator.cache import user_cache
    from generator.charts import size
    from generator.charts.check import judge
    from generator.charts.diff import changes
    from generator.charts.parts import charts
    from generator.publishing.ground import judge_removals, location_here
    from generator.publishing.guard import Consent
    from generator.registry.files import find_registry

    registry, folder = opened(registry_path)
    touched = _touched(registry_path, base, team)
    path = find_registry(registry_path)
    tree = charts(registry, user_cache(), location_here(path, registry))
    weighed = judge(tree, registry, user_cache(), with_helm=not without_helm)
    warnings = list(size.warnings(weighed, tree.applications, registry))
    consent = Consent.given(removals, ceilings)
    judge_removals(path, registry, tree.applications, consent, base or "HEAD")
    change = changes(tree, folder.record(), folder.digest)
    for warning in warnings:
        console.note(f"warning: {warning}")
    if as_json:
        told = {} if base is None else {"touched": [touch._asdict() for touch in touched]}
        console.result_json({**_data(tree, change, warnings), **told})
    else:
        _tell(tree, change, folder)
    return 1 if change else 0


def _data(tree: RenderedTree, change: ChangeSet, warnings: list[str]) -> dict[str, Any]:
    """What was found, for programs."""
    drift = {"added": sorted(change.added), "changed": sorted(change.changed), "removed": list(change.removed)}
    return {"upToDate": not change, "applications": len(tree.applications), "warnings": warnings, "drift": drift}


def _tell(tree: RenderedTree, change: ChangeSet, folder: OutputFolder) -> None:
    from generator import console
    from generator.charts.layout import by_chart

    if change:
        for line in _shown(list(_diff(change, folder))):
            console.result(line)
        console.note(f"{folder.root} is not what the registry says: run 'workloads render' and commit it")
        return
    count, apps = len(by_chart(tree.digests)), len(tree.applications)
    console.result(f"{count} chart{'' if count == 1 else 's'}, {apps} Applications: valid and up to date")


def _touched(registry_path: str | None, base: str | None, team: str | None) -> list[Touch]:
    """What the change since `base` touches. Raises RefusedError where not all of it is the team's."""
    from generator import console
    from generator.errors import RefusedError, UsageError
    from generator.registry.impact import foreign

    if base is None:
        if team is not None:
            raise UsageError("--team says whose a change has to be: name what it starts from with --base REF")
        return []
    touches = _since(registry_path, base, team)
    for touch in touches:
        console.note(_told(touch))
    others = foreign(touches, team) if team is not None else []
    if others:
        raise RefusedError(
            f'the change is not team "{team}"\'s alone:\n' + "\n".join(f"  {_told(touch)}" for touch in others),
            remedy="take these out of the change, or have their owners make it",
        )
    return touches


def _since(registry_path: str | None, base: str, team: str | None) -> list[Touch]:
    from generator.cache import user_cache
    from generator.commands.options import named
    from generator.errors import UsageError
    from generator.git.checkout import Checkout
    from generator.publishing.revision import Revision
    from generator.registry.book import read_book
    from generator.registry.files import Folder, find_registry
    from generator.registry.impact import impact

    path = find_registry(registry_path)
    checkout = Checkout.at(path.parent)
    if checkout is None or checkout.resolve(base) is None:
        raise UsageError(f"git knows no revision {base!r} here", remedy="fetch it, or name another one")
    new = read_book(Folder(path.parent), path.name, str(path.parent), user_cache())
    files = Revision(checkout, path.parent, base)
    old = (
        read_book(files, path.name, f"{base}:{path.parent}", user_cache())
        if files.read(path.name) is not None
        else None
    )
    teams = {**new.registry.teams, **(old.registry.teams if old else {})}
    named((team,) if team is not None else (), teams, "team")
    return impact(old, new)


def _told(touch: Touch) -> str:
    whose = f"team {touch.team}" if touch.team else "the root file"
    return f"{whose}: {touch.kind} {touch.name}: {touch.change}"


def _diff(change: ChangeSet, folder: OutputFolder) -> Iterator[str]:
    """What differs from what the registry says: changed files by line, new and left-over ones by name."""
    for path in sorted(change.changed):
        new = change.changed[path].decode()
        old = (folder.read(path) or b"").decode("utf-8", "replace")
        name = str(folder.root / path)
        yield from difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, n=1, lineterm="")
    yield from (f"missing: {folder.root / path}" for path in sorted(change.added))
    yield from (f"left over: {folder.root / path}" for path in change.removed)
    if not (change.added or change.changed or change.removed):
        yield "the record of generated files is missing or out of date"


def _shown(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"… and {more} more lines"]
