"""`workloads update`: bring tracked apps to their newest revision."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, now, registry_file, remotes


@click.command("update")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@editing_options
def command(apps: tuple[str, ...], **flags: Any) -> None:
    """Move apps that say what they track to the newest revision in the environments where promotion begins.

    An app tracks tags, track = { tags = "v*", semver = ">=1,<2" }, or a branch, track = { branch = "main" }.
    Pre-releases count where the range names one.
    """
    from generator.promotion.promote import Facts
    from generator.promotion.update import update

    moment, ask = now(), remotes(registry_file(flags))
    carry_out(lambda ground: update(ground.book, apps, Facts(ground.history, moment, ask)), flags)
