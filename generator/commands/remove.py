"""`workloads remove`: the second phase of a removal."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options


@click.command("remove")
@click.argument("app")
@click.option("--in", "environment", metavar="ENV", help="The environment.")
@click.option("--forget", is_flag=True, help="Take the app's own table away too, if it then runs nowhere.")
@editing_options
def command(app: str, environment: str | None, forget: bool, **flags: Any) -> None:
    """Take a retired app out of an environment's list; refused if its retirement was never published.

    Without --in, --forget takes an app that runs nowhere out of the registry.
    """
    from generator.errors import UsageError
    from generator.promotion.operations import remove

    if environment is None and not forget:
        raise UsageError("no environment is named", remedy="name it with --in ENV")
    carry_out(
        lambda ground: remove(ground.book, app, environment, ground.published if environment else {}, forget), flags
    )
