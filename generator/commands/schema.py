"""`workloads schema`: print the JSON Schema of registry files."""

from __future__ import annotations

import click

from generator import console
from generator.registry.json_schema import registry_schema, team_file_schema


@click.command("schema")
@click.option("--team", is_flag=True, help="The schema of included files, which belong to a team.")
def schema_command(team: bool) -> None:
    """Print the JSON Schema of apps.toml, for editors and validators.

    Every key has a description, and a link to the page of Argo CD's documentation on it.
    """
    console.print_json(team_file_schema() if team else registry_schema())
