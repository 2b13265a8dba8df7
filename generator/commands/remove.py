"""`workloads remove`: remove a retired app from an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, run_edit
from generator.commands.options import current_time
from generator.commands.policy_options import live_options, open_live
from generator.errors import UsageError
from generator.promotion.app_edits import RegistryEdit, RetirementProof, remove_retired_app
from generator.publishing.context import EditContext
from generator.working_registry import WorkingRegistry


@click.command("remove")
@click.argument("app")
@click.option("--in", "environment", metavar="ENV", help="The environment.")
@click.option("--forget", is_flag=True, help="Also remove the app's own table, if it is in no other environment.")
@click.option("--synced", is_flag=True, help="Argo CD has synced the retirement; do not wait for policy.retireFor.")
@live_options
@edit_options
def remove_command(
    app: str, environment: str | None, forget: bool, synced: bool, registry_path: str | None, **flags: Any
) -> None:
    """Remove a retired app from an environment without deleting its workload.

    The retirement must have been published for policy.retireFor (15m by default), so that Argo CD has synced it; with
    --live, the live Application must be the retired one.

    Without --in, --forget removes an app that no environment lists from the registry.
    """
    if environment is None and not forget:
        raise UsageError("WL1003", "no environment is named", remedy="name it with --in ENV")
    working, moment = WorkingRegistry.find(registry_path), current_time()
    live = open_live(working, flags)

    def remove_app(context: EditContext) -> RegistryEdit:
        if environment is None:
            return remove_retired_app(context.editable, app, None, {}, forget)
        published_at = None if synced else context.find_retirement_time(environment, app)
        registry = context.editable.registry
        place = registry.environments.get(environment)
        running = registry.find_effective_app(environment, app) if place else None
        found = live.find_difference(place, running, moment) if live and place and running else None
        proof = RetirementProof(moment, published_at, synced, found)
        return remove_retired_app(context.editable, app, environment, context.published_applications, forget, proof)

    run_edit(working, remove_app, flags)
