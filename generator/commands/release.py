"""`workloads release`: end a hold."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, in_option


@click.command("release")
@click.argument("app")
@in_option
@editing_options
def command(app: str, environment: str, **flags: Any) -> None:
    """End a hold: the app may be promoted into the environment again."""
    from generator.promotion.operations import release

    carry_out(lambda ground: release(ground.book, app, environment), flags)
