"""`workloads status`: show deployed revisions and pending promotions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.policy_options import live_options, open_live, open_remotes
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
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry

if TYPE_CHECKING:
    from generator.live.registry_state import LiveRegistry
    from generator.live.revisions import LiveRevisions

    #: What Argo CD has of each app and environment.
    Running = dict[tuple[str, str], LiveRevisions]


@click.command("status")
@registry_option
@json_option
@remote_option
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only this team's apps (repeatable).")
@click.option("--blocked", is_flag=True, help="Only apps that a rule keeps from being promoted.")
@live_options
@click.option(
    "--no-history", is_flag=True, help="Do not read the Git history: show no ages, and count no soak time as over."
)
def status_command(registry_path: str | None, as_json: bool, environments: tuple[str, ...], **flags: Any) -> None:
    """Show the revision of every app in each environment, its age, and pending promotions.

    A revision after @ is pinned in the environment's list; a commit is shown as the tag that it came from. Other
    apps follow their own targetRevision. Below the table: what 'promote --ready' would promote, why the rest waits, and
    all holds.

    With --live, each app has a line for each environment: the desired revision, the one that Argo CD synced last, and
    the same if it is healthy.
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
    live = open_live(working, flags)
    context = PromotionContext(history, moment, open_remotes(working), live)
    waiting = [wait for wait in find_pending_promotions(book, columns, context) if wait.team in teams]
    if flags["blocked"]:
        waiting = [wait for wait in waiting if wait.refusals]
        rows = [row for row in rows if row.app in {wait.app for wait in waiting}]
    holds = list_holds(book.registry, columns, {row.app for row in rows}, history)
    running = _find_live_revisions(rows, book.registry, columns, live, context) if live else {}
    if as_json:
        apps = [_row_to_json(row, columns, running) for row in rows]
        found = {"environments": list(columns), "apps": apps, "waiting": [wait.to_json_object() for wait in waiting]}
        console.print_json({**found, "holds": [each.to_json_object(moment) for each in holds]})
        return
    if book.registry.next_step:
        console.print_message(f"warning: {book.registry.next_step}")
    if running:
        _print_live_revisions(columns, rows, running)
    elif not flags["blocked"]:
        _print_matrix(columns, rows, moment)
    _print_waiting(waiting, only_blocked=flags["blocked"])
    for hold in holds:
        console.print_wrapped(hold.describe(moment))


def _find_live_revisions(
    rows: list[MatrixRow], registry: Registry, columns: tuple[str, ...], live: LiveRegistry, context: PromotionContext
) -> Running:
    # As in `open_live`: most runs read no live state.
    from generator.live.revisions import find_live_revisions

    live.sources.require_known_names(registry)
    return {
        (row.app, name): find_live_revisions(
            live, registry.environments[name], row.apps_by_environment[name], context.history, context.now
        )
        for row in rows
        for name in columns
        if name in row.apps_by_environment
    }


def _row_to_json(row: MatrixRow, columns: tuple[str, ...], running: Running) -> dict[str, Any]:
    cells = row.to_json_cells(columns)
    for name, cell in cells.items():
        if (row.app, name) in running:
            cell["live"] = running[row.app, name].to_json_object()
    return {"app": row.app, "team": row.team, "runs": cells}


def _print_live_revisions(columns: tuple[str, ...], rows: list[MatrixRow], running: Running) -> None:
    lines = [
        [row.app, name, row.format_cell(name), found.synced, found.healthy, found.state]
        for row in rows
        for name in columns
        if (found := running.get((row.app, name)))
    ]
    header = ["APP", "ENVIRONMENT", "DESIRED", "SYNCED", "HEALTHY", "ARGO CD SAYS"]
    console.print_table(header, lines, lambda cell: "dim" if cell in ("unknown", "-") else "", text_column=5)


def _print_matrix(columns: tuple[str, ...], rows: list[MatrixRow], moment: datetime) -> None:
    console.print_table(
        ["APP", *(name.upper() for name in columns)],
        [[row.app, *(row.format_cell(env, moment) for env in columns)] for row in rows],
        lambda cell: "dim" if cell == ABSENT else "",
    )


def _print_waiting(waiting: list[PendingPromotion], *, only_blocked: bool) -> None:
    if only_blocked and not waiting:
        console.print_message("nothing is blocked")
    if waiting and not only_blocked:
        console.print_result("")
    for wait in waiting:
        console.print_wrapped(wait.summary if wait.refusals else f"{wait.summary}, ready")
        for refusal in wait.refusals:
            console.print_wrapped(str(refusal), "  ")
