"""`workloads history`: who moved what, from where, when, in which commit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from generator.commands.options import json_option, named, registry_option

if TYPE_CHECKING:
    from generator.promotion.history import History, Move


@click.command("history")
@click.argument("app", required=False)
@registry_option
@json_option
@click.option("--env", "environment", metavar="ENV", help="Only this environment.")
@click.option("--since", "since", type=click.DateTime(), metavar="DATE", help="Only moves since a day or time (UTC).")
def command(
    app: str | None, registry_path: str | None, as_json: bool, environment: str | None, since: datetime | None
) -> None:
    """Show every move of an app, or of all, newest first: from, to, who, when, commit and reason, from git alone."""
    from generator import console
    from generator.cache import user_cache
    from generator.errors import UsageError
    from generator.registry.files import find_registry

    path = find_registry(registry_path)
    history = opened_history(registry_path)
    moves = history.of(app, environment, since.replace(tzinfo=UTC) if since else None)
    if not moves and app is not None and not history.of(app):
        raise UsageError(f"git knows of no move of {app} by {path}", remedy="workloads history lists all apps")
    if environment is not None and not moves:
        from generator.registry.read import read_registry

        known = {move.environment for move in history.moves} | read_registry(path, user_cache()).environments.keys()
        named((environment,), known, "environment")
    if as_json:
        console.result_json([_data(move, history) for move in moves])
    elif moves:
        header = ["WHEN", "ENV", "APP", "FROM", "TO", "WHO", "COMMIT", "REASON"]
        console.table(header, [_row(move, history) for move in reversed(moves)])
    else:
        console.note("nothing moved")


def opened_history(registry_path: str | None) -> History:
    """The history of the registry that was asked for. Raises UsageError where it is in no repository."""
    from generator.commands.editing import history_of
    from generator.errors import UsageError
    from generator.promotion.history import checkout_of
    from generator.registry.files import find_registry

    path = find_registry(registry_path)
    if checkout_of(path) is None:
        raise UsageError(f"{path.parent.absolute()} is not in a git repository, so there is no history")
    return history_of(path)


def _row(move: Move, history: History) -> list[str]:
    when = move.when.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    ends = [history.shown(move.app, move.before), history.shown(move.app, move.after)]
    return [when, move.environment, move.app, *ends, move.author, move.commit[:9], move.reason or move.subject]


def _data(move: Move, history: History) -> dict[str, str | None]:
    return {
        "when": move.when.isoformat(),
        "environment": move.environment,
        "app": move.app,
        "from": move.before,
        "to": move.after,
        "tag": history.tags.get((move.app, move.after or "")),
        "who": move.author,
        "commit": move.commit,
        "subject": move.subject,
        "reason": move.reason or None,
    }
