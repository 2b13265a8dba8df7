"""Run a publish for `publish` and for the commands that edit the registry: announce it, ask, and print its result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import click

from generator import console
from generator.commands import pull_request_options as requests
from generator.git.messages import redact
from generator.git.push import PublishResult
from generator.git.remote_clone import PublishTarget
from generator.publishing.context import EditOperation
from generator.publishing.publish import PublishRequest, publish_registry
from generator.publishing.summary import PublishSummary
from generator.registry.model import PromotionPolicy
from generator.registry.registry import Registry

#: So many moved apps are listed; the commit's message has more.
_MAX_MOVES = 20


def checkout_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for what surrounds the push: the question before it, and the checkout after it."""
    yes = click.option("--yes", is_flag=True, help="Do not ask before pushing to an environment with a policy.")
    keep = click.option("--keep-checkout", is_flag=True, help="Do not fast-forward the checkout to what was pushed.")
    return yes(keep(function))


def publish_and_print(
    request: PublishRequest, *, yes: bool, as_json: bool, operation: EditOperation | None = None
) -> None:
    """Publish, after an announcement and, on a terminal, a question; print the result."""
    ask = not (yes or request.dry_run or request.pull_request)
    request = replace(request, announce=partial(_announce, dry_run=request.dry_run, ask=ask))
    result, summary = publish_registry(request, console.print_message, operation)
    if as_json:
        console.print_json(_publish_result_json(result, summary, request.dry_run))
    else:
        _print_publish_result(result, summary, request.dry_run)


def _announce(target: PublishTarget, summary: PublishSummary, registry: Registry, *, dry_run: bool, ask: bool) -> None:
    """Print where to and what moves, and ask on a terminal if an environment with a policy changes."""
    console.print_message(
        f"{'would publish' if dry_run else 'publishing'} to {redact(target.url)}, branch {target.push_branch}"
    )
    changed = [str(move) for move in summary.moves] or list(_list_apps(summary))
    more = [f"and {len(changed) - _MAX_MOVES} more"] if len(changed) > _MAX_MOVES else []
    for line in (*changed[:_MAX_MOVES], *more):
        console.print_message(f"  {line}")
    restricted = [
        name
        for name, environment in registry.environments.items()
        if name in summary.apps_by_environment and environment.policy != PromotionPolicy()
    ]
    if ask and restricted and sys.stdin.isatty() and sys.stderr.isatty():
        question = f"{', '.join(restricted)} {'has a policy' if len(restricted) == 1 else 'have policies'}. Publish?"
        if not click.confirm(question, err=True):
            console.print_message("nothing was pushed")
            raise click.Abort


def _list_apps(summary: PublishSummary) -> Iterator[str]:
    for env, apps in summary.apps_by_environment.items():
        yield f"{env}: {', '.join(apps[:8])}" + (f" and {len(apps) - 8} more" if len(apps) > 8 else "")


def _publish_result_json(result: PublishResult, summary: PublishSummary, dry_run: bool) -> dict[str, Any]:
    edit = summary.edit
    return {
        **({"subject": edit.subject, "messages": list(edit.messages)} if edit else {}),
        "pushed": result.pushed,
        "dryRun": dry_run,
        "attempts": result.attempts,
        "base": result.base,
        "head": result.head,
        "environments": summary.apps_by_environment if result.changed_paths else {},
        "removed": [removal.key for removal in summary.removals],
        "files": list(result.changed_paths),
        **requests.pull_request_json_entry(summary.pull_request),
    }


def _print_publish_result(result: PublishResult, summary: PublishSummary, dry_run: bool) -> None:
    for line in summary.edit.messages if summary.edit else ():
        console.print_result(line)
    for note in summary.notes:
        console.print_message(f"note: {note}")
    if not result.changed_paths:
        console.print_result("already up to date")
        return
    for line in () if summary.edit else _list_apps(summary):
        console.print_result(line)
    for removal in summary.removals:
        console.print_result(str(removal))
    if summary.pull_request and not result.pushed:
        console.print_result(f"{summary.pull_request.branch} is up to date")
        requests.print_pull_request(summary.pull_request)
        return
    files = console.count_noun(len(result.changed_paths), "file")
    console.print_result(
        f"would publish {files} (dry run)" if dry_run else f"published {files} as {str(result.head)[:12]}"
    )
    requests.print_pull_request(summary.pull_request)
