"""`workloads shard`: split an environment's chart into shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from generator.commands.edit_options import edit_options, registry_file, run_edit
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import find_checkout
from generator.promotion.resharding import build_resharding_step, parse_shard_setting
from generator.publishing.context import EditContext, require_workloads_repository


@click.command("shard")
@click.argument("environment", metavar="ENV")
@click.option(
    "--by", "by", required=True, metavar="HOW", help="team; a number of shards, by a hash; none for one chart of all."
)
@edit_options
def shard_command(environment: str, by: str, **flags: Any) -> None:
    """Split an environment's chart into shards, each a chart of its own, without deleting workloads.

    If an Application moves to another chart, its old parent deletes it. So this takes three steps: hand the apps
    over, move them, end the hand-over. Publish and sync each step, then run the same command again for the next
    one. If nothing is published yet, one step is enough.
    """
    wanted, path = parse_shard_setting(by), registry_file(flags)

    def shard_environment(context: EditContext) -> RegistryEdit:
        if wanted is not None:
            _require_shard_repository(path, context, environment)
        return build_resharding_step(context.editable, environment, wanted, context.published_applications)

    run_edit(shard_environment, flags)


def _require_shard_repository(path: Path, context: EditContext, environment: str) -> None:
    """Require a workloads repository before the first step: the second step would fail without one."""
    checkout = find_checkout(path)
    require_workloads_repository(context.editable.registry, checkout.origin_url() if checkout else None, environment)
