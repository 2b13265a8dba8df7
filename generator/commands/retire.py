"""`workloads retire`: the first phase of a removal."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, in_option, now


@click.command("retire")
@click.argument("app")
@in_option
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option("--undo", is_flag=True, help="Keep the app after all.")
@editing_options
def command(app: str, environment: str, reason: str, undo: bool, **flags: Any) -> None:
    """Let an app go in two phases: first without prune and without the cascading finalizer.

    Once that is published, 'workloads remove' takes the entry away and the workload keeps running.
    """
    from generator.promotion.operations import retire, unretire

    moment = now()
    if undo:
        carry_out(lambda ground: unretire(ground.book, app, environment), flags)
    else:
        carry_out(lambda ground: retire(ground.book, app, environment, reason, moment), flags)
