"""`workloads update`: update tracked apps to their newest revision."""

from __future__ import annotations

from typing import Any

import click

from generator.commands.edit_options import edit_options, run_edit
from generator.commands.options import current_time
from generator.commands.policy_options import open_remotes
from generator.promotion.policy import PromotionContext
from generator.promotion.tracking import update_tracked_apps
from generator.working_registry import WorkingRegistry


@click.command("update")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@edit_options
def update_command(apps: tuple[str, ...], registry_path: str | None, **flags: Any) -> None:
    """Update apps that set `track` to their newest revision or version in the first environments.

    An app tracks tags, track = { tags = "v*", semver = ">=1,<2" }, or a branch, track = { branch = "main" }: those of
    its Git repository, or the versions of its chart in a Helm repository or OCI registry, or the tags of its image.
    Pre-releases count where the range names one.
    """
    working = WorkingRegistry.find(registry_path)
    moment, remotes = current_time(), open_remotes(working)
    run_edit(
        working,
        lambda context: update_tracked_apps(context.editable, apps, PromotionContext(context.history, moment, remotes)),
        flags,
    )
