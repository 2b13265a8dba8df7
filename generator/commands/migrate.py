"""`workloads migrate`: rename or move an app without deleting what it runs."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, now


@click.command("migrate")
@click.argument("old")
@click.argument("new")
@click.option("--namespace", metavar="NAME", help="Another namespace than the old one's.")
@editing_options
def command(old: str, new: str, namespace: str | None, **flags: Any) -> None:
    """Put NEW beside OLD in every environment that lists it, and retire OLD there.

    To Argo CD another name, namespace, project or cluster is another Application, and changing it in place
    deletes the workload. Both entries stand until NEW is healthy; then 'workloads remove' takes OLD away.
    """
    from generator.promotion.onboard import migrate

    moment = now()
    carry_out(lambda ground: migrate(ground.book, old, new, namespace, moment), flags)
