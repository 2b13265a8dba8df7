"""`workloads why`: explain the state of one app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.policy_options import live_options, open_live, open_remotes
from generator.commands.registry_view import read_registry_and_history, remote_option
from generator.live.registry_state import LiveRegistry
from generator.live.revisions import find_live_revisions
from generator.promotion.explain import explain_app
from generator.promotion.policy import PromotionContext
from generator.registry.problems import require_known_names
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry


@click.command("why")
@click.argument("app")
@registry_option
@json_option
@remote_option
@click.option("--in", "environment", metavar="ENV", help="Only this environment; default: all.")
@live_options
def why_command(
    app: str, registry_path: str | None, as_json: bool, remote: bool, environment: str | None, **flags: Any
) -> None:
    """Explain what an app runs, since when, who put it there, what waits for which rule, and what to do next.

    With --live, also what Argo CD has synced, whether it is healthy, and each condition of the health rule that is not
    met.
    """
    working = WorkingRegistry.find(registry_path)
    moment = current_time()
    editable, history = read_registry_and_history(working, moment, remote=remote)
    require_known_names((app,), editable.registry.apps, "app")
    environments = (environment,) if environment is not None else tuple(editable.registry.environments)
    require_known_names(environments, editable.registry.environments, "environment")
    live = open_live(working, flags)
    if live:
        live.sources.require_known_names(editable.registry)
    context = PromotionContext(history, moment, open_remotes(working), live)
    found = [
        replace(each, live=tuple(_describe_live(editable.registry, app, each.environment, live, context)))
        for each in explain_app(editable, app, environments, context)
    ]
    if as_json:
        console.print_json({"app": app, "environments": [each.to_json_object() for each in found]})
        return
    console.print_result(f"{app} (team {editable.registry.apps[app]['team']})")
    for each in found:
        for line in each.format_lines(moment):
            console.print_wrapped(line.lstrip(), " " * (len(line) - len(line.lstrip())))


def _describe_live(
    registry: Registry, name: str, environment: str, live: LiveRegistry | None, context: PromotionContext
) -> Iterator[str]:
    """Describe what Argo CD has of an app: one line, and one for each condition of the health rule that is not met."""
    app = registry.find_effective_app(environment, name)
    if live is None or app is None:
        return
    place = registry.environments[environment]
    found = find_live_revisions(live, place, app, context.history, context.now)
    yield f"live: synced {found.synced}, healthy {found.healthy} ({found.state})"
    for term in live.check_health(place, app, {app.revision}, context.now).unmet:
        yield f"  {term}"
