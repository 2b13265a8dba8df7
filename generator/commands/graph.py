"""`workloads graph`: the promotion graph, or the tree of app-of-apps charts, as text that draws it."""

from __future__ import annotations

import click

from generator.commands.options import named, registry_option


@click.command("graph")
@registry_option
@click.option("--format", "form", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", show_default=True)
@click.option("--of", "what", type=click.Choice(["promotion", "apps"]), default="promotion", show_default=True)
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
def command(registry_path: str | None, form: str, what: str, environments: tuple[str, ...]) -> None:
    """Print which environment is promoted from which, or what each app-of-apps chart holds, as a picture's text.

    An environment of many apps is drawn as its teams, each with the number of its apps.
    """
    from generator import console
    from generator.registry.files import find_registry
    from generator.registry.read import read_registry
    from generator.site import drawing
    from generator.site.graph import apps_graph, promotion_graph

    registry = read_registry(find_registry(registry_path))
    named(environments, registry.environments, "environment")
    graph = (promotion_graph if what == "promotion" else apps_graph)(registry, environments)
    console.result({"mermaid": drawing.mermaid, "dot": drawing.dot, "svg": drawing.svg}[form](graph))
