"""Options that several commands take, spelled once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from generator.charts.tree import OutputFolder
    from generator.registry.registry import Registry

registry_option = click.option(
    "-f", "--registry", "registry_path", metavar="FILE", help="The registry; default: apps.toml here or above."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do none of it.")
without_helm_option = click.option(
    "--without-helm", is_flag=True, help="Do not have Helm judge the charts. Only where there is no Helm."
)

request_option = click.option(
    "--pull-request", "as_request", is_flag=True, help="Push to a branch of its own, and request to merge that."
)
forge_option = click.option(
    "--forge",
    type=click.Choice(["github", "gitlab", "gitea"]),
    default=None,
    help="What the repository's server is, where its name does not tell.",
)


def opened(registry_path: str | None) -> tuple[Registry, OutputFolder]:
    """The registry that was asked for, and the folder of its charts beside it."""
    from generator.cache import user_cache
    from generator.charts.tree import OutputFolder
    from generator.registry.files import find_registry
    from generator.registry.read import read_registry

    path = find_registry(registry_path)
    registry = read_registry(path, user_cache())
    return registry, OutputFolder(path.parent / registry.workloads.path)


def named(chosen: tuple[str, ...], known: Any, what: str) -> None:
    """Raise UsageError for a chosen name that is not known."""
    from generator.errors import UsageError
    from generator.registry.report import suggestion

    for name in chosen:
        if name not in known:
            raise UsageError(f'unknown {what} "{name}"{suggestion(name, known)}')
