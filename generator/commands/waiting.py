"""`--wait` of the commands that publish: follow the change until Argo CD has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from time import sleep
from typing import Any

import click

from generator import console
from generator.commands.options import current_time
from generator.commands.policy_options import open_live, parse_duration_option
from generator.errors import ConflictError, UsageError
from generator.live.wait import Clock, FollowedApp, follow
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry

wait_option = click.option(
    "--wait",
    "wait",
    metavar="DURATION",
    help="Wait up to this time, such as 10m, until the change is Synced and Healthy.",
)

_LIVE_PLACES = "give --live kubeconfig, or the address of argocd-server"


def require_live_to_wait(working: WorkingRegistry, flags: dict[str, Any], *, publishes: bool) -> timedelta | None:
    """How long to wait, None without --wait. Raises UsageError, before anything is pushed, if that is not possible."""
    if not flags.get("wait"):
        return None
    if not publishes:
        raise UsageError(
            "WL1002", "--wait follows what is pushed to the workloads branch", remedy="add --publish, or leave it out"
        )
    live = open_live(working, flags)
    if live is None:
        raise UsageError("WL1009", "--wait needs the live state", remedy="give --live SOURCE, or set WORKLOADS_LIVE")
    if not live.sources.can_be_read_again:
        raise UsageError(
            "WL1009", "--wait reads again and again, and the standard input can be read once", remedy=_LIVE_PLACES
        )
    return parse_duration_option("--wait", flags["wait"])


def wait_for_argocd(
    working: WorkingRegistry,
    registry: Registry,
    apps: Sequence[FollowedApp],
    limit: timedelta,
    flags: dict[str, Any],
) -> None:
    """Wait until Argo CD has apps as the registry says. Raises ConflictError when the time is over."""
    if not apps:
        console.print_message("no app has changed, so there is nothing to wait for")
        return

    def read_again() -> Any:
        return open_live(working, flags, again=True)

    missing = follow(registry, apps, read_again, limit, Clock(current_time, sleep), console.print_message)
    if missing:
        lines = "\n".join(f"{app}: {reason}" for app, reason in missing.items())
        raise ConflictError(
            "WL5303",
            f"Argo CD does not have {len(missing)} of {len(apps)} apps after {flags['wait']}:\n{lines}",
            remedy="look in Argo CD, or run workloads why APP --live SOURCE; the same command waits again",
            not_done="everything was published; only Argo CD is not there yet",
        )
    console.print_message(f"Argo CD has {console.count_noun(len(apps), 'app')}: Synced and Healthy")
