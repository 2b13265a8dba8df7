"""`workloads rollback`: back to what ran before."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, in_option, now, registry_file, remotes


@click.command("rollback")
@click.argument("app")
@in_option
@click.option("--to", "to", metavar="REV", help="Another revision that ran there than the one before.")
@click.option("--reason", default="", metavar="TEXT", help="Why; goes into the hold and the commit.")
@editing_options
def command(app: str, environment: str, to: str | None, reason: str, **flags: Any) -> None:
    """Bring back the revision that ran in an environment before, and hold it there."""
    from generator.promotion.operations import roll_back

    moment, ask = now(), remotes(registry_file(flags))
    carry_out(lambda ground: roll_back(ground.book, app, environment, to, ground.history, moment, reason, ask), flags)
