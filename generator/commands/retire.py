"""`workloads retire`: prepare to remove an app without deleting its workload."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, environment_option, run_edit
from generator.commands.options import current_time
from generator.promotion.app_edits import retire_app, unretire_app
from generator.working_registry import WorkingRegistry


@click.command("retire")
@click.argument("app")
@environment_option
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option("--undo", is_flag=True, help="Keep the app after all.")
@edit_options
def retire_command(
    app: str, environment: str, reason: str, undo: bool, registry_path: str | None, **flags: Any
) -> None:
    """Retire an app: turn off pruning and the cascading finalizer of its Application.

    Once that is published, 'workloads remove' removes the entry, and the workload keeps running.
    """
    working, moment = WorkingRegistry.find(registry_path), current_time()
    if undo:
        run_edit(working, lambda context: unretire_app(context.editable, app, environment), flags)
    else:
        run_edit(working, lambda context: retire_app(context.editable, app, environment, reason, moment), flags)
