"""`workloads shard`: divide an environment's chart without deleting what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from generator.commands.editing import carry_out, editing_options, registry_file

if TYPE_CHECKING:
    from pathlib import Path

    from generator.promotion.operations import Edited
    from generator.publishing.ground import Ground


@click.command("shard")
@click.argument("environment", metavar="ENV")
@click.option(
    "--by", "by", required=True, metavar="HOW", help="team; a number of shards, by a hash; none for one chart of all."
)
@editing_options
def command(environment: str, by: str, **flags: Any) -> None:
    """Bring the apps of an environment into shards, each a chart of its own below the environment's chart.

    To Argo CD an Application in another chart has another parent, and the one that it leaves deletes it. So this
    takes three steps, each to be published and synced before the next: hand the apps over, move them, end the
    hand-over. The same command, given again, does the next one; where nothing is published yet, one step does.
    """
    from generator.promotion.shard import shard, shards_of

    wanted, path = shards_of(by), registry_file(flags)

    def operation(ground: Ground) -> Edited:
        if wanted is not None:
            _refuse_homeless(path, ground, environment)
        return shard(ground.book, environment, wanted, ground.published)

    carry_out(operation, flags)


def _refuse_homeless(path: Path, ground: Ground, environment: str) -> None:
    """What the second step would be refused for, where the shards' charts are, is no reason to begin."""
    from generator.promotion.history import checkout_of
    from generator.publishing.ground import workloads_repository

    checkout = checkout_of(path)
    workloads_repository(ground.book.registry, checkout.origin() if checkout else None, environment)
