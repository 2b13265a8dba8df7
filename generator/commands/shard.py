"""`workloads shard`: divide an environment's chart without deleting what runs."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options


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

    wanted = shards_of(by)
    carry_out(lambda ground: shard(ground.book, environment, wanted, ground.published), flags)
