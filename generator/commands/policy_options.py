"""What commands hand to the checks of policy: the time, the apps' repositories, the live state, and overrides."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from generator import console
from generator.artifacts.artifact_versions import AppRemotes
from generator.commands.options import current_time
from generator.errors import UsageError
from generator.promotion.policy import PolicyInputs
from generator.promotion.times import parse_duration_seconds
from generator.promotion.trailers import PolicyOverride
from generator.publishing.comparison_base import find_registry_branch
from generator.registry.model import Workloads
from generator.working_registry import WorkingRegistry

if TYPE_CHECKING:
    from generator.live.registry_state import LiveRegistry

_REMOTES, _LIVE = f"{__name__}.remotes", f"{__name__}.live"
_LIVE_VARIABLE, _MAX_AGE_VARIABLE, _MAX_AGE = "WORKLOADS_LIVE", "WORKLOADS_LIVE_MAX_AGE", "30m"


def live_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the live state is, and when it is old: see `open_live`."""
    live = click.option(
        "--live",
        "live_sources",
        multiple=True,
        metavar="[ARGOCD=]SOURCE",
        help="Where to read live Applications: kubeconfig[:CONTEXT], an argocd-server's URL, or a file "
        f"(repeatable; default: {_LIVE_VARIABLE}).",
    )
    max_age = click.option(
        "--live-max-age", metavar="DURATION", help=f"The age at which Argo CD's verdict is old; default: {_MAX_AGE}."
    )
    return live(max_age(function))


def open_live(working: WorkingRegistry, flags: dict[str, Any], *, again: bool = False) -> LiveRegistry | None:
    """Open the live state where the options of the command or the environment say; None if nothing does.

    Each Argo CD is read once in a command, when something about it is asked, and once more with `again`.
    """
    opened = click.get_current_context().meta
    if _LIVE not in opened or again:
        sources = flags.get("live_sources") or os.environ.get(_LIVE_VARIABLE, "").split()
        text = flags.get("live_max_age") or os.environ.get(_MAX_AGE_VARIABLE) or _MAX_AGE
        max_age = parse_duration_option("--live-max-age", text)
        opened[_LIVE] = _open_sources(sources, open_remotes(working), max_age) if sources else None
    found: LiveRegistry | None = opened[_LIVE]
    return found


def _open_sources(texts: Sequence[str], remotes: AppRemotes, max_age: timedelta) -> LiveRegistry:
    # What reads live state takes a tenth of the start of a command, and most runs read none.
    from generator.live import registry_state, sources

    return registry_state.LiveRegistry(sources.LiveSources(texts, os.environ), remotes, max_age)


def parse_duration_option(option: str, text: str) -> timedelta:
    """Parse the value of an option. Raises UsageError if it is not a duration."""
    seconds = parse_duration_seconds(text)
    if not seconds:
        raise UsageError(
            "WL1004", f"{option} {text!r} is not a duration", remedy="use a duration such as 90s, 30m or 2h"
        )
    return timedelta(seconds=seconds)


def policy_inputs(working: WorkingRegistry, flags: dict[str, Any]) -> PolicyInputs:
    """What checks of policy need: the time, the app repositories, the live state, and the user's overrides."""
    overrides = tuple(PolicyOverride(rule, flags["reason"]) for rule in flags.get("rules", ()))
    return PolicyInputs(current_time(), open_remotes(working), overrides, open_live(working, flags))


def open_remotes(working: WorkingRegistry) -> AppRemotes:
    """Open the apps' repositories with the settings of the user's checkout; each is queried once in a command."""
    opened = click.get_current_context().meta
    if _REMOTES not in opened:
        opened[_REMOTES] = AppRemotes(lambda: working.git_config)
    remotes: AppRemotes = opened[_REMOTES]
    return remotes


def report_stale_checkout(working: WorkingRegistry, workloads: Workloads) -> None:
    """Print a note if the checkout is behind the registry's branch as it was last fetched."""
    checkout = working.checkout
    behind = checkout.describe_missing_commits(find_registry_branch(working, checkout, workloads)) if checkout else ""
    if behind:
        console.print_message(f"note: this checkout is {behind}: run git pull to see what is published")
