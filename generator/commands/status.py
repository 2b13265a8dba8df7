"""`workloads status`: what runs where."""

from __future__ import annotations

import click

from generator.commands.options import json_option, named, registry_option


@click.command("status")
@registry_option
@json_option
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only this team's apps (repeatable).")
def command(registry_path: str | None, as_json: bool, environments: tuple[str, ...], teams: tuple[str, ...]) -> None:
    """Show which revision of every app runs in which environment.

    A revision behind @ is pinned by the promotion list; the others follow the app's own targetRevision.
    """
    from generator import console
    from generator.promotion.matrix import ABSENT, matrix
    from generator.registry.files import find_registry
    from generator.registry.read import read_registry

    registry = read_registry(find_registry(registry_path))
    named(environments, registry.environments, "environment")
    named(teams, registry.teams, "team")
    columns = environments or tuple(registry.environments)
    rows = [row for row in matrix(registry) if not teams or row.team in teams]
    if as_json:
        console.result_json(
            {
                "environments": list(columns),
                "apps": [{"app": row.app, "team": row.team, "runs": row.as_data(columns)} for row in rows],
            }
        )
        return
    console.table(
        ["APP", *(name.upper() for name in columns)],
        [[row.app, *(row.shown(env) for env in columns)] for row in rows],
        lambda cell: "dim" if cell == ABSENT else "",
    )
