"""`workloads remove`: remove a retired app from an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, run_edit
from generator.errors import UsageError
from generator.promotion.app_edits import remove_retired_app


@click.command("remove")
@click.argument("app")
@click.option("--in", "environment", metavar="ENV", help="The environment.")
@click.option("--forget", is_flag=True, help="Take the app's own table away too, if it then runs nowhere.")
@edit_options
def remove_command(app: str, environment: str | None, forget: bool, **flags: Any) -> None:
    """Remove a retired app from an environment; its retirement must be published first.

    Without --in, --forget removes an app that no environment lists from the registry.
    """
    if environment is None and not forget:
        raise UsageError("no environment is named", remedy="name it with --in ENV")
    run_edit(
        lambda context: remove_retired_app(
            context.editable, app, environment, context.published_applications if environment else {}, forget
        ),
        flags,
    )
