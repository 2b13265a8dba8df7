"""`workloads promote`: bring what runs below into an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.editing import carry_out, editing_options, now, registry_file, remotes


@click.command("promote")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option("--to", "to", required=True, metavar="ENV", help="The environment to promote to.")
@click.option(
    "--from", "source", metavar="ENV", help="Which of its promotesFrom; default: the first that runs the app."
)
@click.option("--revision", metavar="REV", help="A branch, tag or commit that runs below, or ran there once.")
@click.option("--all", "every", is_flag=True, help="All apps that run below.")
@click.option("--team", metavar="TEAM", help="All apps of a team that run below.")
@click.option("--ready", is_flag=True, help="Of these (default: all), exactly those that may go; for a schedule.")
@click.option("--override", "rules", multiple=True, metavar="RULE", help="Set soak, freeze or hold aside, if allowed.")
@click.option("--reason", default="", metavar="TEXT", help="Why; goes into the commit.")
@editing_options
def command(apps: tuple[str, ...], **flags: Any) -> None:
    """Move the revision that runs in an environment's promotesFrom into its list.

    Policy decides: the kind of pin, the soak time, freezes and holds. A refusal names the rule, the facts and
    when it will have passed. Several apps are one change, all of them or none. An environment that is promoted
    from no other takes --revision.
    """
    from generator.errors import UsageError
    from generator.promotion.promote import Facts, Override, Promotion, promote

    if bool(apps) + bool(flags["every"]) + bool(flags["team"]) > 1:
        raise UsageError("apps, --all and --team exclude each other", remedy="give one of them")
    if not (apps or flags["every"] or flags["team"] or flags["ready"]):
        raise UsageError("no app is named", remedy="name apps, or use --all, --team TEAM or --ready")
    if flags["revision"] is not None and len(apps) != 1:
        raise UsageError("--revision is of one app", remedy="name one app")
    order = Promotion(
        apps=apps,
        to=flags["to"],
        source=flags["source"],
        revision=flags["revision"],
        ready=flags["ready"],
        team=flags["team"],
        override=Override(flags["rules"], flags["reason"]),
    )
    moment, ask = now(), remotes(registry_file(flags))
    carry_out(lambda ground: promote(ground.book, order, Facts(ground.history, moment, ask)), flags)
