"""`workloads promote`: promote apps into an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import current_time, edit_options, open_remotes, registry_file, run_edit


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
@edit_options
def promote_command(apps: tuple[str, ...], **flags: Any) -> None:
    """Promote the revision of the source environment into an environment.

    The policy's rules apply: pin kind, soak time, freezes and holds. A refusal states the rule, the reason and
    when it expires. Several apps are one change, all or none. A first environment requires --revision.
    """
    from generator.errors import UsageError
    from generator.promotion.promote import PolicyOverride, PromotionContext, PromotionOrder, promote_apps

    if bool(apps) + bool(flags["every"]) + bool(flags["team"]) > 1:
        raise UsageError("apps, --all and --team exclude each other", remedy="give one of them")
    if not (apps or flags["every"] or flags["team"] or flags["ready"]):
        raise UsageError("no app is named", remedy="name apps, or use --all, --team TEAM or --ready")
    if flags["revision"] is not None and len(apps) != 1:
        raise UsageError("--revision is of one app", remedy="name one app")
    order = PromotionOrder(
        apps=apps,
        target_environment=flags["to"],
        source_environment=flags["source"],
        revision=flags["revision"],
        ready_only=flags["ready"],
        team=flags["team"],
        override=PolicyOverride(flags["rules"], flags["reason"]),
    )
    moment, ask = current_time(), open_remotes(registry_file(flags))
    run_edit(
        lambda context: promote_apps(context.editable, order, PromotionContext(context.history, moment, ask)), flags
    )
