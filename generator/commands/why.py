"""`workloads why`: explain the state of one app."""

from __future__ import annotations

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.policy_options import open_remotes
from generator.commands.registry_view import read_registry_and_history, remote_option
from generator.promotion.explain import explain_app
from generator.promotion.policy import PromotionContext
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry


@click.command("why")
@click.argument("app")
@registry_option
@json_option
@remote_option
@click.option("--in", "environment", metavar="ENV", help="Only this environment; default: all.")
def why_command(app: str, registry_path: str | None, as_json: bool, remote: bool, environment: str | None) -> None:
    """Explain what an app runs, since when, who put it there, what waits for which rule, and what to do next."""
    working = WorkingRegistry.find(registry_path)
    moment = current_time()
    editable, history = read_registry_and_history(working, moment, remote=remote)
    require_known_names((app,), editable.registry.apps, "app")
    environments = (environment,) if environment is not None else tuple(editable.registry.environments)
    require_known_names(environments, editable.registry.environments, "environment")
    found = explain_app(editable, app, environments, PromotionContext(history, moment, open_remotes(working)))
    if as_json:
        console.print_json({"app": app, "environments": [each.to_json_object() for each in found]})
        return
    console.print_result(f"{app} (team {editable.registry.apps[app]['team']})")
    for each in found:
        for line in each.format_lines(moment):
            console.print_wrapped(line.lstrip(), " " * (len(line) - len(line.lstrip())))
