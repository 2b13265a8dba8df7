"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

registry_option = click.option(
    "-f", "--registry", "registry_path", metavar="FILE", help="The registry; default: apps.toml here or above."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done, without doing it.")
without_helm_option = click.option(
    "--without-helm", is_flag=True, help="Do not verify the charts with Helm; for machines without Helm."
)

pull_request_option = click.option(
    "--pull-request", "as_request", is_flag=True, help="Push to a separate branch, and open a pull request."
)
forge_option = click.option(
    "--forge",
    type=click.Choice(["github", "gitlab", "gitea"]),
    default=None,
    help="The kind of the repository's server, if its name does not show it.",
)
removals_option = click.option(
    "--allow-removal",
    "removals",
    multiple=True,
    metavar="ENV/APP",
    help="Confirm this deletion (repeatable).",
)


def current_time() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def override_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that override rules of the environments' policies."""
    rule = click.option(
        "--override", "rules", multiple=True, metavar="RULE", help="Override this policy rule, if allowed (repeatable)."
    )
    reason = click.option("--reason", default="", metavar="TEXT", help="The reason, recorded in the commit.")
    return rule(reason(function))
