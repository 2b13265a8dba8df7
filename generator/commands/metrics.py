"""`workloads metrics`: the four DORA measures, from git alone."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from generator.commands.options import json_option, named, registry_option

if TYPE_CHECKING:
    from generator.promotion.metrics import Measures

_DAYS = 90


@click.command("metrics")
@registry_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print the result as CSV.")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only this team (repeatable).")
@click.option(
    "--since", type=click.DateTime(), metavar="DATE", help=f"Since a day or time (UTC); default: {_DAYS} days."
)
def command(
    registry_path: str | None, as_json: bool, as_csv: bool, teams: tuple[str, ...], since: datetime | None
) -> None:
    """Show how often, how fast and how safely each team and app comes into the last environments.

    Deployments per week; the median time from the first environment to the last; the share of deployments that
    were rolled back, and the median time until they were.
    """
    from generator import console
    from generator.cache import user_cache
    from generator.commands.editing import now
    from generator.commands.history import opened_history
    from generator.promotion.metrics import measures
    from generator.registry.files import find_registry
    from generator.registry.read import read_registry

    registry, until = read_registry(find_registry(registry_path), user_cache()), now()
    named(teams, registry.teams, "team")
    begin = since.replace(tzinfo=UTC) if since else until - timedelta(days=_DAYS)
    found = measures(registry, opened_history(registry_path), begin, until)
    found = [each for each in found if not teams or each.team in teams]
    if as_json:
        told = {"since": begin.isoformat(), "until": until.isoformat()}
        console.result_json({**told, "measures": [each.as_data() for each in found]})
    elif as_csv:
        console.result(_csv(found))
    else:
        header = ["TEAM", "APP", "DEPLOYED", "PER WEEK", "LEAD TIME", "FAILED", "RESTORED IN"]
        console.table(header, [_row(each) for each in found])


def _row(each: Measures) -> list[str]:
    from generator.promotion.matrix import age

    rate = each.failure_rate
    times = [age(time) if time is not None else "-" for time in (each.lead_time, each.time_to_restore)]
    failed = "-" if rate is None else f"{rate:.0%}"
    return [each.team, each.app or "(all)", str(each.deployments), f"{each.per_week:.1f}", times[0], failed, times[1]]


def _csv(found: list[Measures]) -> str:
    rows = [each.as_data() for each in found]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["team"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")
