"""`workloads why`: explain the state of one app."""

from __future__ import annotations

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.policy_options import open_remotes
from generator.promotion.explain import explain_app
from generator.promotion.history import open_history
from generator.promotion.policy import PromotionContext
from generator.publishing.working_registry import read_working_editable_registry
from generator.registry.files import find_registry
from generator.registry.problems import require_known_names


@click.command("why")
@click.argument("app")
@registry_option
@json_option
@click.option("--in", "environment", metavar="ENV", help="Only this environment; default: all.")
def why_command(app: str, registry_path: str | None, as_json: bool, environment: str | None) -> None:
    """Explain what an app runs, since when, who put it there, what waits for which rule, and what to do next."""
    path = find_registry(registry_path)
    editable = read_working_editable_registry(path)
    require_known_names((app,), editable.registry.apps, "app")
    environments = (environment,) if environment is not None else tuple(editable.registry.environments)
    require_known_names(environments, editable.registry.environments, "environment")
    moment = current_time()
    history = open_history(path, moment, console.print_message)
    found = explain_app(editable, app, environments, PromotionContext(history, moment, open_remotes(path)))
    if as_json:
        console.print_json({"app": app, "environments": [each.to_json_object() for each in found]})
        return
    console.print_result(f"{app} (team {editable.registry.apps[app]['team']})")
    for each in found:
        for line in each.format_lines(moment):
            console.print_wrapped(line.lstrip(), " " * (len(line) - len(line.lstrip())))
