"""`workloads rollback`: roll back an app to an earlier revision."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, environment_option, run_edit
from generator.commands.options import current_time
from generator.commands.policy_options import open_remotes
from generator.promotion.app_edits import roll_back_app
from generator.working_registry import WorkingRegistry


@click.command("rollback")
@click.argument("app")
@environment_option
@click.option("--to", "to", metavar="REV", help="Roll back to this earlier revision instead.")
@click.option("--reason", default="", metavar="TEXT", help="Why; goes into the hold and the commit.")
@edit_options
def rollback_command(
    app: str, environment: str, to: str | None, reason: str, registry_path: str | None, **flags: Any
) -> None:
    """Roll back an app in an environment to its previous revision, and hold it there."""
    working = WorkingRegistry.find(registry_path)
    moment, ask = current_time(), open_remotes(working)
    run_edit(
        working,
        lambda context: roll_back_app(context.editable, app, environment, to, context.history, moment, reason, ask),
        flags,
    )
