"""`workloads status`: what runs where, since when, and what waits for a promotion."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from generator.commands.options import json_option, named, registry_option

if TYPE_CHECKING:
    from generator.promotion.matrix import Row, Wait


@click.command("status")
@registry_option
@json_option
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option("--team", "teams", multiple=True, metavar="TEAM", help="Only this team's apps (repeatable).")
@click.option("--blocked", is_flag=True, help="Only what waits for a promotion and may not go.")
@click.option("--no-history", is_flag=True, help="Do not ask git: no ages, and soak times count as not over.")
def command(registry_path: str | None, as_json: bool, environments: tuple[str, ...], **flags: Any) -> None:
    """Show which revision of every app runs in which environment, since when, and what waits.

    A revision behind @ is pinned by the promotion list, a commit shown as the tag that it came from; the others
    follow the app's own targetRevision. Below, an app is listed for each environment in which it is behind.
    """
    from generator import console
    from generator.cache import user_cache
    from generator.commands.editing import history_of, now
    from generator.git.refs import Remotes
    from generator.promotion.history import History
    from generator.promotion.matrix import told_matrix, waits
    from generator.promotion.promote import Facts
    from generator.registry.book import read_book
    from generator.registry.files import Folder, find_registry

    path = find_registry(registry_path)
    book = read_book(Folder(path.parent), path.name, str(path.parent), user_cache())
    named(environments, book.registry.environments, "environment")
    named(flags["teams"], book.registry.teams, "team")
    moment = now()
    history = History() if flags["no_history"] else history_of(path)
    columns = environments or tuple(book.registry.environments)
    teams = flags["teams"] or tuple(book.registry.teams)
    rows = [row for row in told_matrix(book, history) if row.team in teams]
    waiting = [wait for wait in waits(book, columns, Facts(history, moment, Remotes())) if wait.team in teams]
    if flags["blocked"]:
        waiting = [wait for wait in waiting if wait.refusals]
        rows = [row for row in rows if row.app in {wait.app for wait in waiting}]
    if as_json:
        console.result_json(_data(columns, rows, waiting))
    else:
        _tell(columns, rows, waiting, moment, matrix_too=not flags["blocked"])


def _data(columns: tuple[str, ...], rows: list[Row], waiting: list[Wait]) -> dict[str, Any]:
    apps = [{"app": row.app, "team": row.team, "runs": row.as_data(columns)} for row in rows]
    return {"environments": list(columns), "apps": apps, "waiting": [wait.as_data() for wait in waiting]}


def _tell(columns: tuple[str, ...], rows: list[Row], waiting: list[Wait], moment: datetime, matrix_too: bool) -> None:
    from generator import console
    from generator.promotion.matrix import ABSENT

    if matrix_too:
        console.table(
            ["APP", *(name.upper() for name in columns)],
            [[row.app, *(row.shown(env, moment) for env in columns)] for row in rows],
            lambda cell: "dim" if cell == ABSENT else "",
        )
    elif not waiting:
        console.note("nothing is blocked")
    if waiting and matrix_too:
        console.result("")
    for wait in waiting:
        told = f"{wait.app}: {wait.environment} {wait.runs} is {wait.behind} ({wait.revision})"
        console.wrapped(told if wait.refusals else f"{told}, ready")
        for refusal in wait.refusals:
            console.wrapped(str(refusal), "  ")
