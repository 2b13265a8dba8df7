"""`workloads release`: allow promotions of a held app again."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, environment_option, run_edit


@click.command("release")
@click.argument("app")
@environment_option
@edit_options
def release_command(app: str, environment: str, **flags: Any) -> None:
    """Allow promotions of a held app into the environment again."""
    from generator.promotion.app_edits import unhold_app

    run_edit(lambda context: unhold_app(context.editable, app, environment), flags)
