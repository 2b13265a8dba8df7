"""`workloads schema`: print the JSON Schema of apps.toml."""

from __future__ import annotations

import click

from generator import console
from generator.registry.model import json_schema


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of apps.toml, for editors and validators."""
    console.print_json(json_schema())
