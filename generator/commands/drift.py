"""`workloads drift`: show where the live Argo CD differs from the registry."""

from __future__ import annotations

from typing import Any

import click

from generator import console
from generator.charts.layout import OutputLocation
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.policy_options import live_options, open_live
from generator.commands.registry_view import read_registry_and_history, remote_option
from generator.errors import UsageError
from generator.live.drift import Deviation, Drift, find_drift
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry

_MAX_VALUE = 80


@click.command("drift")
@registry_option
@json_option
@remote_option
@live_options
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is any deviation.")
def drift_command(
    registry_path: str | None,
    as_json: bool,
    remote: bool,
    environments: tuple[str, ...],
    exit_code: bool,
    **flags: Any,
) -> int:
    """Show where the live Applications differ from the registry.

    Listed are Applications that exist and are not in the registry, missing ones, fields that were edited by hand, those
    that are OutOfSync or Degraded, errors of Argo CD, and verdicts that are old. What was not seen is never missing.
    """
    working, moment = WorkingRegistry.find(registry_path), current_time()
    editable, _ = read_registry_and_history(working, moment, remote=remote, without_history=True)
    registry = editable.registry
    require_known_names(environments, registry.environments, "environment")
    live = open_live(working, flags)
    if live is None:
        raise UsageError(
            "WL1009", "nothing says where to read the live state", remedy="give --live SOURCE, or set WORKLOADS_LIVE"
        )
    live.sources.require_known_names(registry)
    location = OutputLocation(registry.workloads.repository or working.origin or "", registry.workloads.path)
    chosen = environments or tuple(
        name for name, environment in registry.environments.items() if live.sources.find_source(environment)
    )
    left_out = [name for name in registry.environments if name not in chosen] if not environments else []
    if left_out:
        console.print_message(
            f"note: {', '.join(left_out)}: not compared, because nothing says where the live state is"
        )
    drift = find_drift(registry, live, chosen, location, moment)
    if as_json:
        console.print_json({"environments": list(chosen), **_drift_to_json(drift)})
    else:
        _print_drift(drift)
    return int(exit_code and bool(drift.deviations))


def _drift_to_json(drift: Drift) -> dict[str, Any]:
    read = [
        {"place": state.place, "applications": len(state.applications), "unseen": state.unseen or None}
        for state in drift.states
    ]
    return {
        "applications": drift.applications,
        "read": read,
        "deviations": [each.to_json_object() for each in drift.deviations],
    }


def _print_drift(drift: Drift) -> None:
    for each in drift.deviations:
        console.print_wrapped(f"{each.name}: {each.kind}: {_describe(each)}")
        for field in each.fields:
            live, expected = _shorten(field.live), _shorten(field.expected)
            console.print_wrapped(f"{field.field}: live {live}, chart {expected}", "  ")
    for state in drift.states:
        more = f"; {state.unseen}" if state.unseen else ""
        console.print_message(
            f"read {console.count_noun(len(state.applications), 'Application')} from {state.place}{more}"
        )
    console.print_result(drift.summary)


def _describe(deviation: Deviation) -> str:
    return console.count_noun(len(deviation.fields), "field") if deviation.fields else deviation.text


def _shorten(value: object) -> str:
    text = "(none)" if value is None else str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"
