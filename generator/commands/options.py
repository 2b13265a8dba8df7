"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from generator.charts.output_folder import OutputFolder
    from generator.registry.registry import Registry

registry_option = click.option(
    "-f", "--registry", "registry_path", metavar="FILE", help="The registry; default: apps.toml here or above."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do none of it.")
without_helm_option = click.option(
    "--without-helm", is_flag=True, help="Do not have Helm judge the charts. Only where there is no Helm."
)

pull_request_option = click.option(
    "--pull-request", "as_request", is_flag=True, help="Push to a branch of its own, and request to merge that."
)
forge_option = click.option(
    "--forge",
    type=click.Choice(["github", "gitlab", "gitea"]),
    default=None,
    help="What the repository's server is, where its name does not tell.",
)


def open_registry(registry_path: str | None) -> tuple[Registry, OutputFolder]:
    """Read the registry and open the output folder of its charts."""
    from generator.charts.output_folder import OutputFolder
    from generator.registry.files import find_registry
    from generator.registry.reader import read_registry

    path = find_registry(registry_path)
    registry = read_registry(path)
    return registry, OutputFolder(path.parent / registry.workloads.path)


def require_known_names(chosen: tuple[str, ...], known: Any, noun: str) -> None:
    """Raise UsageError if a chosen name is unknown."""
    from generator.registry.problems import require_known_name

    for name in chosen:
        require_known_name(name, known, noun)
