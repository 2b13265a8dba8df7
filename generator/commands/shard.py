"""`workloads shard`: split an environment's chart into shards."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, run_edit
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.resharding import build_resharding_step, parse_shard_setting
from generator.publishing.context import EditContext, require_workloads_repository
from generator.registry.problems import require_known_name
from generator.working_registry import WorkingRegistry


@click.command("shard")
@click.argument("environment", metavar="ENV")
@click.option(
    "--by", "by", required=True, metavar="HOW", help="team; a number of shards, filled by a hash; or none: one chart."
)
@edit_options
def shard_command(environment: str, by: str, registry_path: str | None, **flags: Any) -> None:
    """Split an environment's chart into shards, each a chart of its own, without deleting workloads.

    If an Application moves to another chart, its old parent deletes it. So this takes three steps: hand the apps
    over, move them, end the hand-over. Publish and sync each step, then run the same command again for the next
    one. If nothing is published yet, one step is enough.
    """
    wanted, working = parse_shard_setting(by), WorkingRegistry.find(registry_path)

    def shard_environment(context: EditContext) -> RegistryEdit:
        require_known_name(environment, context.editable.registry.environments, "environment")
        if wanted is not None:
            # The second step would fail without one.
            require_workloads_repository(context.editable.registry, working.origin, f"the shards of {environment}")
        return build_resharding_step(context.editable, environment, wanted, context.published_applications)

    run_edit(working, shard_environment, flags)
