"""`workloads metrics`: show the four DORA metrics from the Git history."""

from __future__ import annotations

import csv
import io

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.registry_view import read_registry_and_history, remote_option
from generator.errors import UsageError
from generator.promotion.metrics import DeliveryMetrics, compute_delivery_metrics
from generator.promotion.times import format_age, parse_moment
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry

_DEFAULT_DAYS = 90


@click.command("metrics")
@registry_option
@json_option
@remote_option
@click.option("--csv", "as_csv", is_flag=True, help="Print the result as CSV.")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only this team (repeatable).")
@click.option(
    "--since", metavar="TIME", help=f"Since a time: 7d, yesterday, 2026-11-20 (UTC); default: {_DEFAULT_DAYS}d."
)
def metrics_command(
    registry_path: str | None, as_json: bool, remote: bool, as_csv: bool, teams: tuple[str, ...], since: str | None
) -> None:
    """Show the four DORA metrics of each team and app in the final environments.

    These are the deployments per week, the median time from the first environment to the last, the share of
    deployments that were rolled back, and the median time until the rollback.
    """
    if as_json and as_csv:
        raise UsageError("WL1002", "--json and --csv exclude each other", remedy="choose one of them")
    working, until = WorkingRegistry.find(registry_path), current_time()
    editable, history = read_registry_and_history(working, until, remote=remote, in_git=True)
    registry = editable.registry
    require_known_names(teams, registry.teams, "team")
    begin = parse_moment("--since", since or f"{_DEFAULT_DAYS}d", until)
    found = compute_delivery_metrics(registry, history, begin, until)
    found = [each for each in found if not teams or each.team in teams]
    if as_json:
        period = {"since": begin.isoformat(), "until": until.isoformat()}
        console.print_json({**period, "measures": [each.to_json_object() for each in found]})
    elif as_csv:
        console.print_result(_measures_csv(found))
    else:
        header = ["TEAM", "APP", "DEPLOYED", "PER WEEK", "LEAD TIME", "FAILED", "RESTORED IN", "OVERRIDDEN"]
        console.print_table(header, [_measures_row(each) for each in found])


def _measures_row(measures: DeliveryMetrics) -> list[str]:
    rate = measures.failure_rate
    times = [format_age(time) if time is not None else "-" for time in (measures.lead_time, measures.time_to_restore)]
    failed = "-" if rate is None else f"{rate:.0%}"
    return [
        measures.team,
        measures.app or "(all)",
        str(measures.deployments),
        f"{measures.per_week:.1f}",
        times[0],
        failed,
        times[1],
        str(measures.overridden),
    ]


def _measures_csv(measures: list[DeliveryMetrics]) -> str:
    rows = [each.to_json_object() for each in measures]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["team"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")
