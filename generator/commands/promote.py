"""`workloads promote`: promote apps into an environment."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, run_edit
from generator.commands.options import current_time, override_options
from generator.commands.policy_options import live_options, open_live, open_remotes
from generator.commands.waiting import require_live_to_wait, wait_for_argocd, wait_option
from generator.errors import UsageError
from generator.live.wait import FollowedApp
from generator.promotion.policy import PromotionContext
from generator.promotion.promote import PromotionRequest, promote_apps
from generator.working_registry import WorkingRegistry


@click.command("promote")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option(
    "--to",
    "targets",
    required=True,
    multiple=True,
    metavar="ENV",
    help="The environment to promote to (repeatable: one change, all or none).",
)
@click.option(
    "--from", "source", metavar="ENV", help="The source environment; default: the first of promotesFrom with the app."
)
@click.option("--revision", metavar="REV", help="A branch, tag or commit that runs in the source, or ran there once.")
@click.option("--all", "every", is_flag=True, help="All apps of the source environment.")
@click.option("--team", metavar="TEAM", help="All apps of a team in the source environment.")
@click.option("--ready", is_flag=True, help="Only what a schedule may promote; the rest waits, with the reason.")
@override_options
@live_options
@wait_option
@edit_options
def promote_command(apps: tuple[str, ...], registry_path: str | None, **flags: Any) -> None:
    """Promote the revision of the source environment into an environment.

    The environment's policy applies: order, pin kind, health, soak time, freezes and holds. A refusal states the rule,
    the reason and when it expires. Several apps and environments are one change, all or none. A first environment
    requires --revision. --ready moves only apps that the environment lists, and only to a newer revision.
    """
    if bool(apps) + bool(flags["every"]) + bool(flags["team"]) > 1:
        raise UsageError("WL1002", "apps, --all and --team exclude each other", remedy="give one of them")
    if not (apps or flags["every"] or flags["team"] or flags["ready"]):
        raise UsageError("WL1003", "no app is named", remedy="name apps, or use --all, --team TEAM or --ready")
    if flags["revision"] is not None and len(apps) != 1:
        raise UsageError("WL1002", "--revision is for one app", remedy="name one app")
    request = PromotionRequest(
        apps=apps,
        target_environments=flags["targets"],
        source_environment=flags["source"],
        revision=flags["revision"],
        ready_only=flags["ready"],
        team=flags["team"],
        overridden_rules=flags["rules"],
        reason=flags["reason"],
    )
    working = WorkingRegistry.find(registry_path)
    moment, ask, live = current_time(), open_remotes(working), open_live(working, flags)
    limit = require_live_to_wait(working, flags, publishes=flags["and_publish"] and not flags["dry_run"])
    published = run_edit(
        working,
        lambda context: promote_apps(context.editable, request, PromotionContext(context.history, moment, ask, live)),
        flags,
        reads_history=True,
    )
    if published and limit:
        named = [(env, app) for env in dict.fromkeys(flags["targets"]) for app in apps]
        changed = [(env, app) for env, names in published.changed_apps.items() for app in names]
        wait_for_argocd(
            working,
            published.registry or working.read(),
            [FollowedApp(*each) for each in named or changed],
            limit,
            flags,
        )
