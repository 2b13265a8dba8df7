"""`workloads check`: may this be merged?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from generator.commands.options import json_option, opened, registry_option, without_helm_option

if TYPE_CHECKING:
    from generator.charts.diff import ChangeSet
    from generator.charts.tree import OutputFolder

_MOST_LINES = 40


@click.command("check")
@registry_option
@json_option
@without_helm_option
def command(registry_path: str | None, as_json: bool, without_helm: bool) -> int:
    """Judge the registry, every chart by Helm, and whether the committed charts are up to date.

    Ends with 1 where the charts are not what the registry says, 3 where the registry or a chart is invalid, and 4
    where a policy or tenancy rule refuses it.
    """
    from generator import console
    from generator.charts.check import verify
    from generator.charts.diff import changes
    from generator.charts.plan import plan
    from generator.charts.render import render

    registry, folder = opened(registry_path)
    tree = render(plan(registry))
    if not without_helm:
        verify(tree, registry.environments)
    change = changes(tree, folder.record(), folder.read)
    apps = len(tree.applications)
    if as_json:
        drift = {"added": sorted(change.added), "changed": sorted(change.changed), "removed": list(change.removed)}
        console.result_json({"upToDate": not change, "applications": apps, "drift": drift})
    elif change:
        for line in _shown(list(_diff(change, folder))):
            console.result(line)
        console.note(f"{folder.root} is not what the registry says: run 'workloads render' and commit it")
    else:
        console.result(f"{len(registry.environments)} charts, {apps} Applications: valid and up to date")
    return 1 if change else 0


def _diff(change: ChangeSet, folder: OutputFolder) -> Iterator[str]:
    """A unified diff from what is there to what the registry says."""
    for path in (*sorted({**change.added, **change.changed}), *change.removed):
        new = change.written.get(path, b"").decode()
        old = (folder.read(path) or b"").decode("utf-8", "replace")
        name = str(folder.root / path)
        yield from difflib.unified_diff(old.splitlines(), new.splitlines(), name, name, n=1, lineterm="")
    if not (change.added or change.changed or change.removed):
        yield "the record of generated files is missing or out of date"


def _shown(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"… and {more} more lines"]
