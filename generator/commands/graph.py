"""`workloads graph`: print the promotion graph, or the tree of app-of-apps charts."""

from __future__ import annotations

import click

from generator import console
from generator.commands.options import registry_option
from generator.registry.problems import require_known_names
from generator.site.graphs import build_chart_tree, build_promotion_graph, format_dot, format_mermaid
from generator.working_registry import WorkingRegistry


@click.command("graph")
@registry_option
@click.option("--format", "form", type=click.Choice(["mermaid", "dot"]), default="mermaid", show_default=True)
@click.option("--of", "what", type=click.Choice(["promotion", "apps"]), default="promotion", show_default=True)
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
def graph_command(registry_path: str | None, form: str, what: str, environments: tuple[str, ...]) -> None:
    """Print the promotion graph, or the contents of each app-of-apps chart, as Mermaid or DOT.

    An environment with many apps shows its teams, each with the number of its apps.
    """
    registry = WorkingRegistry.find(registry_path).read()
    require_known_names(environments, registry.environments, "environment")
    graph = (build_promotion_graph if what == "promotion" else build_chart_tree)(registry, environments)
    console.print_result(format_mermaid(graph) if form == "mermaid" else format_dot(graph))
