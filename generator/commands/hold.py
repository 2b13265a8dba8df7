"""`workloads hold`: stop promotions of apps into an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, environment_option, run_edit
from generator.commands.options import current_time
from generator.promotion.app_edits import hold_apps
from generator.promotion.times import parse_moment
from generator.working_registry import WorkingRegistry


@click.command("hold")
@click.argument("apps", nargs=-1, required=True, metavar="APP...")
@environment_option
@click.option("--reason", required=True, metavar="TEXT", help="The reason; a refused promotion shows it.")
@click.option("--until", metavar="TIME", help="When the hold ends by itself: 7d, tomorrow, 2026-11-20T09:00Z.")
@edit_options
def hold_command(
    apps: tuple[str, ...], environment: str, reason: str, until: str | None, registry_path: str | None, **flags: Any
) -> None:
    """Stop promotions of apps into an environment, until a time or until 'workloads unhold'."""
    moment = current_time()
    end = parse_moment("--until", until, moment, future=True) if until else None
    run_edit(
        WorkingRegistry.find(registry_path),
        lambda context: hold_apps(context.editable, apps, environment, reason, moment, end),
        flags,
    )
