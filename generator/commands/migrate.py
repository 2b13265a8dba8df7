"""`workloads migrate`: rename or move an app without deleting what it runs."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, run_edit
from generator.commands.options import current_time, override_options
from generator.promotion.onboarding import migrate_app
from generator.working_registry import WorkingRegistry


@click.command("migrate")
@click.argument("old")
@click.argument("new")
@click.option("--namespace", metavar="NAME", help="The namespace of NEW; default: that of OLD.")
@override_options
@edit_options
def migrate_command(old: str, new: str, namespace: str | None, registry_path: str | None, **flags: Any) -> None:
    """Add NEW next to OLD in every environment that lists OLD, and retire OLD there.

    Changing an Application's name, namespace, project or cluster in place deletes its workload. Keep both entries
    until NEW is healthy, then remove OLD with 'workloads remove'.
    """
    moment = current_time()
    run_edit(
        WorkingRegistry.find(registry_path),
        lambda context: migrate_app(context.editable, old, new, namespace, moment),
        flags,
    )
