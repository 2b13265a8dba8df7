"""`workloads site`: the registry and its history as a static site."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from generator.commands.options import dry_run_option, json_option, registry_option


@click.command("site")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@registry_option
@dry_run_option
@json_option
@click.option("--at", "at", type=click.DateTime(), metavar="DATE", help="As of this time (UTC); default: now.")
def command(folder: Path, registry_path: str | None, dry_run: bool, as_json: bool, at: datetime | None) -> None:
    """Write a static site into DIR: what runs where, what waits and why, the history and the delivery measures.

    It needs no server and loads nothing from elsewhere. Only files that change are written, and only files that
    workloads wrote are ever replaced or deleted.
    """
    from generator import console
    from generator.cache import user_cache
    from generator.charts.tree import OutputFolder
    from generator.commands.editing import history_of, now
    from generator.git.refs import Remotes
    from generator.registry.book import read_book
    from generator.registry.files import Folder, find_registry
    from generator.site.folder import compared, write
    from generator.site.model import site
    from generator.site.pages import pages

    path = find_registry(registry_path)
    book = read_book(Folder(path.parent), path.name, str(path.parent), user_cache())
    moment = (at.replace(tzinfo=UTC) if at else now()).replace(second=0, microsecond=0)
    output = OutputFolder(folder)
    change, owned = compared(output, pages(site(book, history_of(path), moment, Remotes())))
    if change and not dry_run:
        write(output, change, owned)
    counts = {"added": len(change.added), "changed": len(change.changed), "removed": len(change.removed)}
    if as_json:
        added, changed = sorted(change.added), sorted(change.changed)
        console.result_json(
            {"added": added, "changed": changed, "removed": list(change.removed), "written": not dry_run}
        )
        return
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "up to date"
    console.result(f"{folder}: {told}{' (dry run: nothing was written)' if dry_run else ''}")
