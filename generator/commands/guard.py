"""`workloads guard`: print the admission policy that protects the Applications in use."""

from __future__ import annotations

from pathlib import Path

import click

from generator import console
from generator.cluster.guard import build_guard, format_guard
from generator.commands.options import registry_option
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry


@click.command("guard")
@click.argument("environment", metavar="ENV")
@registry_option
@click.option("--output", default="", metavar="FILE", help="Write it to this file.")
def guard_command(environment: str, registry_path: str | None, output: str) -> None:
    """Print the ValidatingAdmissionPolicy that protects the Applications of an environment.

    The API server then refuses to delete an Application that is in use, and to change its project, destination,
    finalizers or repositories to anything but what the registry says. Apply it with 'kubectl apply --server-side -f -'.
    """
    registry = WorkingRegistry.find(registry_path).read()
    require_known_names([environment], registry.environments, "environment")
    text = format_guard(build_guard(registry, environment))
    if output:
        Path(output).write_text(text, encoding="utf-8")
        console.print_message(f"wrote {output}")
    else:
        console.print_result(text.rstrip("\n"))
