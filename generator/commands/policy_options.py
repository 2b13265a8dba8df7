"""What commands hand to the checks of policy: the time, the apps' repositories, and overrides."""

from __future__ import annotations

from typing import Any

import click

from generator import console
from generator.artifacts.artifact_versions import AppRemotes
from generator.commands.options import current_time
from generator.promotion.policy import PolicyInputs
from generator.promotion.trailers import PolicyOverride
from generator.publishing.comparison_base import find_registry_branch
from generator.registry.model import Workloads
from generator.working_registry import WorkingRegistry

_REMOTES = f"{__name__}.remotes"


def policy_inputs(working: WorkingRegistry, flags: dict[str, Any]) -> PolicyInputs:
    """What checks of policy need: the time, the app repositories, and the rules that the user overrides."""
    overrides = tuple(PolicyOverride(rule, flags["reason"]) for rule in flags.get("rules", ()))
    return PolicyInputs(current_time(), open_remotes(working), overrides)


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
