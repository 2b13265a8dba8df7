"""`workloads hold`: stop promotions of an app into an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import current_time, edit_options, environment_option, run_edit


@click.command("hold")
@click.argument("app")
@environment_option
@click.option("--reason", required=True, metavar="TEXT", help="Why; everybody who is refused reads it.")
@edit_options
def hold_command(app: str, environment: str, reason: str, **flags: Any) -> None:
    """Stop promotions of an app into an environment until the hold ends."""
    from generator.promotion.app_edits import hold_app

    moment = current_time()
    run_edit(lambda context: hold_app(context.editable, app, environment, reason, moment), flags)
