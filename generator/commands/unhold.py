"""`workloads unhold`: allow promotions of held apps again."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, environment_option, run_edit
from generator.promotion.app_edits import unhold_apps
from generator.working_registry import WorkingRegistry


@click.command("unhold")
@click.argument("apps", nargs=-1, required=True, metavar="APP...")
@environment_option
@edit_options
def unhold_command(apps: tuple[str, ...], environment: str, registry_path: str | None, **flags: Any) -> None:
    """Allow promotions of held apps into an environment again."""
    run_edit(
        WorkingRegistry.find(registry_path), lambda context: unhold_apps(context.editable, apps, environment), flags
    )
