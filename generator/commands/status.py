"""`workloads status`: show deployed revisions and pending promotions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.policy_options import open_remotes
from generator.commands.registry_view import read_registry_and_history, remote_option
from generator.promotion.policy import PromotionContext
from generator.promotion.status import (
    ABSENT,
    MatrixRow,
    PendingPromotion,
    build_matrix_with_history,
    find_pending_promotions,
    list_holds,
)
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry


@click.command("status")
@registry_option
@json_option
@remote_option
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only this team's apps (repeatable).")
@click.option("--blocked", is_flag=True, help="Only apps that a rule keeps from being promoted.")
@click.option(
    "--no-history", is_flag=True, help="Do not read the Git history: show no ages, and count no soak time as over."
)
def status_command(registry_path: str | None, as_json: bool, environments: tuple[str, ...], **flags: Any) -> None:
    """Show the revision of every app in each environment, its age, and pending promotions.

    A revision after @ is pinned in the environment's list; a commit is shown as the tag that it came from. Other
    apps follow their own targetRevision. Below the table: what 'promote --ready' would promote, why the rest waits, and
    all holds.
    """
    working = WorkingRegistry.find(registry_path)
    moment = current_time()
    book, history = read_registry_and_history(
        working, moment, remote=flags["remote"], without_history=flags["no_history"]
    )
    require_known_names(environments, book.registry.environments, "environment")
    require_known_names(flags["teams"], book.registry.teams, "team")
    columns = environments or tuple(book.registry.environments)
    teams = flags["teams"] or tuple(book.registry.teams)
    rows = [row for row in build_matrix_with_history(book, history) if row.team in teams]
    waiting = [
        wait
        for wait in find_pending_promotions(book, columns, PromotionContext(history, moment, open_remotes(working)))
        if wait.team in teams
    ]
    if flags["blocked"]:
        waiting = [wait for wait in waiting if wait.refusals]
        rows = [row for row in rows if row.app in {wait.app for wait in waiting}]
    holds = list_holds(book.registry, columns, {row.app for row in rows}, history)
    if as_json:
        apps = [{"app": row.app, "team": row.team, "runs": row.to_json_cells(columns)} for row in rows]
        found = {"environments": list(columns), "apps": apps, "waiting": [wait.to_json_object() for wait in waiting]}
        console.print_json({**found, "holds": [each.to_json_object(moment) for each in holds]})
        return
    for warning in book.registry.warnings:
        console.print_message(f"warning: {warning}")
    _print_status(columns, rows, waiting, moment, with_matrix=not flags["blocked"])
    for hold in holds:
        console.print_wrapped(hold.describe(moment))


def _print_status(
    columns: tuple[str, ...],
    rows: list[MatrixRow],
    waiting: list[PendingPromotion],
    moment: datetime,
    with_matrix: bool,
) -> None:
    if with_matrix:
        console.print_table(
            ["APP", *(name.upper() for name in columns)],
            [[row.app, *(row.format_cell(env, moment) for env in columns)] for row in rows],
            lambda cell: "dim" if cell == ABSENT else "",
        )
    elif not waiting:
        console.print_message("nothing is blocked")
    if waiting and with_matrix:
        console.print_result("")
    for wait in waiting:
        console.print_wrapped(wait.summary if wait.refusals else f"{wait.summary}, ready")
        for refusal in wait.refusals:
            console.print_wrapped(str(refusal), "  ")
