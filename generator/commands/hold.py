"""`workloads hold`: refuse promotions of an app for a while."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, in_option, now


@click.command("hold")
@click.argument("app")
@in_option
@click.option("--reason", required=True, metavar="TEXT", help="Why; everybody who is refused reads it.")
@editing_options
def command(app: str, environment: str, reason: str, **flags: Any) -> None:
    """Refuse promotions of an app into an environment until it is released."""
    from generator.promotion.operations import hold

    moment = now()
    carry_out(lambda ground: hold(ground.book, app, environment, reason, moment), flags)
