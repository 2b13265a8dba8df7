"""`workloads site`: write a static site of the registry and its history."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from generator import console
from generator.commands.options import current_time, dry_run_option, json_option, registry_option
from generator.commands.policy_options import live_options, open_live, open_remotes
from generator.commands.registry_view import read_registry_and_history, remote_option
from generator.errors import UsageError
from generator.promotion.times import parse_moment
from generator.site.links import SiteLinks
from generator.site.pages import render_pages
from generator.site.site_folder import compare_site_folder, open_site_folder, write_site
from generator.site.views import build_site
from generator.working_registry import WorkingRegistry


@click.command("site")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@registry_option
@dry_run_option
@json_option
@remote_option
@live_options
@click.option("--at", "at", metavar="TIME", help="As of a time: 7d, yesterday, 2026-11-20 (UTC); default: now.")
def site_command(
    folder: Path, registry_path: str | None, dry_run: bool, as_json: bool, remote: bool, at: str | None, **flags: Any
) -> None:
    """Write a static site into DIR: deployed revisions, pending promotions, history and metrics.

    The site needs no server and loads nothing from other hosts. Only files with changed content are written, and
    foreign files are never replaced or deleted. With --live, the pages of apps show what Argo CD has synced, and
    whether it is healthy.
    """

    if at and flags["live_sources"]:
        raise UsageError("WL1002", "--live is what runs now, and --at another time", remedy="leave out one of them")
    working = WorkingRegistry.find(registry_path)
    moment = (parse_moment("--at", at, current_time()) if at else current_time()).replace(second=0, microsecond=0)
    output = open_site_folder(folder)
    editable, history = read_registry_and_history(working, current_time(), remote=remote)
    workloads, argocd = editable.registry.workloads, editable.registry.argocd
    registry_url = working.origin or workloads.repository or ""
    links = SiteLinks(registry_url, argocd.url or "", argocd.namespace, os.environ)
    live = None if at else open_live(working, flags)
    if live:
        live.sources.require_known_names(editable.registry)
    site = build_site(editable, history, moment, open_remotes(working), links, live)
    change, owned = compare_site_folder(output, render_pages(site))
    if change and not dry_run:
        write_site(output, change, owned)
    counts = {"added": len(change.added), "changed": len(change.changed), "removed": len(change.removed)}
    if as_json:
        added, changed = sorted(change.added), sorted(change.changed)
        console.print_json(
            {"added": added, "changed": changed, "removed": list(change.removed), "written": not dry_run}
        )
        return
    summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "up to date"
    console.print_result(f"{folder}: {summary}{' (dry run: nothing was written)' if dry_run else ''}")
