"""`workloads history`: list who changed which revision, when and in which commit."""

from __future__ import annotations

from datetime import UTC

import click

from generator import console
from generator.commands.options import current_time, json_option, registry_option
from generator.commands.registry_view import read_registry_and_history, read_required_history, remote_option
from generator.errors import UsageError
from generator.promotion.history import History, RevisionChange
from generator.promotion.times import parse_moment
from generator.registry.problems import require_known_names, suggest_nearest
from generator.working_registry import WorkingRegistry


@click.command("history")
@click.argument("app", required=False)
@registry_option
@json_option
@remote_option
@click.option("--env", "environment", metavar="ENV", help="Only this environment.")
@click.option("--since", "since", metavar="TIME", help="Only changes since a time: 7d, yesterday, 2026-11-20 (UTC).")
def history_command(
    app: str | None, registry_path: str | None, as_json: bool, remote: bool, environment: str | None, since: str | None
) -> None:
    """List the revision changes of an app, or of all apps, from the Git history, newest first."""
    working = WorkingRegistry.find(registry_path)
    now = current_time()
    begin = parse_moment("--since", since, now) if since else None
    history = read_required_history(working, now, remote=remote)
    changes = history.filter_changes(app, environment, begin)
    if not changes and app is not None and not history.filter_changes(app):
        names = {change.app for change in history.revision_changes}
        raise UsageError(
            "WL1005",
            f"{app} has no history in {working.path}{suggest_nearest(app, names)}",
            remedy="check the spelling, or commit the registry first",
        )
    if environment is not None and not changes:
        editable, _ = read_registry_and_history(working, now, remote=remote, without_history=True)
        known = {change.environment for change in history.revision_changes} | editable.registry.environments.keys()
        require_known_names((environment,), known, "environment")
    if as_json:
        console.print_json([_revision_change_json(change, history) for change in changes])
    elif changes:
        header = ["WHEN (UTC)", "ENV", "APP", "FROM", "TO", "WHO", "COMMIT", "REASON"]
        console.print_table(
            header, [_revision_change_row(change, history) for change in reversed(changes)], text_column=7
        )
    else:
        console.print_message("no changes")


def _revision_change_row(change: RevisionChange, history: History) -> list[str]:
    when = change.changed_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    ends = [
        history.format_revision(change.app, change.old_revision),
        history.format_revision(change.app, change.new_revision),
    ]
    return [
        when,
        change.environment,
        change.app,
        *ends,
        change.author,
        change.commit[:9],
        _describe_reason(change),
    ]


def _describe_reason(change: RevisionChange) -> str:
    rules = ", ".join(dict.fromkeys(override.partition(":")[0] for override in change.overrides))
    return (change.reason or change.subject) + (f" (overridden: {rules})" if rules else "")


def _revision_change_json(change: RevisionChange, history: History) -> dict[str, object]:
    return {
        "when": change.changed_at.isoformat(),
        "environment": change.environment,
        "app": change.app,
        "from": change.old_revision,
        "to": change.new_revision,
        "tag": history.commit_tags.get((change.app, change.new_revision or "")),
        "who": change.author,
        "commit": change.commit,
        "subject": change.subject,
        "reason": change.reason or None,
        "overrides": list(change.overrides),
    }
