"""Shared code of `publish` and of the commands that edit the registry: options, execution and output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import click

from generator import console
from generator.commands import pull_request_options as requests
from generator.commands.options import (
    dry_run_option,
    forge_option,
    json_option,
    pull_request_option,
    registry_option,
    removals_option,
    without_helm_option,
)
from generator.commands.policy_options import policy_inputs
from generator.git.messages import redact
from generator.git.push import PublishResult
from generator.git.remote_clone import PublishTarget
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import report_missing_history
from generator.publishing.context import EditOperation
from generator.publishing.publish import PublishRequest, publish_registry
from generator.publishing.summary import PublishSummary
from generator.publishing.working_copy import EditOutcome, edit_working_copy
from generator.registry.model import PromotionPolicy
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry

#: So many moved apps are listed; the commit's message has more.
_MAX_MOVES = 20

environment_option = click.option("--in", "environment", required=True, metavar="ENV", help="The environment.")


class Published(NamedTuple):
    """The registry that is published, None if the branch already has it, and the changed apps by environment."""

    registry: Registry | None
    changed_apps: Mapping[str, list[str]]


def edit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that edits the registry."""
    publish = click.option(
        "--publish", "and_publish", is_flag=True, help="Commit the edit and its charts to the workloads branch instead."
    )
    running = (without_helm_option, json_option, dry_run_option, registry_option)
    for option in (publish, pull_request_option, forge_option, checkout_options, removals_option, *running):
        function = option(function)
    return function


def run_edit(
    working: WorkingRegistry, operation: EditOperation, flags: dict[str, Any], *, reads_history: bool = False
) -> Published | None:
    """Edit the working copy and render, or publish, and print the result; returns what was published.

    An edit of the working copy that `reads_history` reports a shallow clone; to publish, the whole history is fetched.
    """
    if flags["and_publish"] or flags["as_request"]:
        return _publish_edit(working, operation, flags)
    if reads_history:
        report_missing_history(working, console.print_message)
    _run_in_working_copy(working, operation, flags)
    return None


def _run_in_working_copy(working: WorkingRegistry, operation: EditOperation, flags: dict[str, Any]) -> None:
    outcome = edit_working_copy(
        working,
        operation,
        dry_run=flags["dry_run"],
        verify_with_helm=not flags["without_helm"],
        removals=flags["removals"],
        policy=policy_inputs(working, flags),
    )
    if flags["as_json"]:
        console.print_json(_edit_outcome_json(outcome, flags["dry_run"]))
        return
    _print_edit_messages(outcome.edit)
    if outcome.chart_changes is None:
        console.print_result("nothing to do")
        return
    said = "would change" if flags["dry_run"] else "changed"
    charts = len(_changed_chart_files(outcome))
    console.print_result(
        f"{said} {', '.join(outcome.edited_files)}"
        + (f" and {console.count_noun(charts, 'file')} of the charts" if charts else "")
    )
    if outcome.charts_elsewhere:
        console.print_message(f"note: the charts are in {outcome.charts_elsewhere}: workloads publish updates them")
    if not flags["dry_run"]:
        trailers = "".join(f"\n  {trailer}" for trailer in outcome.edit.trailers)
        console.print_message(f"commit it as:\n  {outcome.edit.subject}" + (f"\n{trailers}" if trailers else ""))


def _edit_outcome_json(outcome: EditOutcome, dry_run: bool) -> dict[str, Any]:
    edited = outcome.edit
    return {
        "subject": edited.subject,
        "trailers": list(edited.trailers),
        "messages": list(edited.messages),
        "registryFiles": list(outcome.edited_files),
        "charts": _changed_chart_files(outcome),
        "written": outcome.chart_changes is not None and not dry_run,
    }


def _changed_chart_files(outcome: EditOutcome) -> list[str]:
    change = None if outcome.charts_elsewhere else outcome.chart_changes
    return [*sorted(change.files_to_write), *change.removed] if change else []


def _print_edit_messages(edit: RegistryEdit) -> None:
    for line in edit.messages:
        console.print_result(line)


def _publish_edit(working: WorkingRegistry, operation: EditOperation, flags: dict[str, Any]) -> Published:
    request = PublishRequest(
        dry_run=flags["dry_run"],
        without_helm=flags["without_helm"],
        removals=flags["removals"],
        keep_checkout=flags["keep_checkout"],
        policy=policy_inputs(working, flags),
        pull_request=requests.read_pull_request_options(flags["as_request"], flags["forge"]),
    )
    return publish_and_print(working, request, yes=flags["yes"], as_json=flags["as_json"], operation=operation)


def checkout_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for what surrounds the push: the question before it, and the checkout after it."""
    yes = click.option("--yes", is_flag=True, help="Do not ask before pushing to an environment with a policy.")
    keep = click.option("--keep-checkout", is_flag=True, help="Do not fast-forward the checkout to what was pushed.")
    return yes(keep(function))


def publish_and_print(
    working: WorkingRegistry,
    request: PublishRequest,
    *,
    yes: bool,
    as_json: bool,
    operation: EditOperation | None = None,
) -> Published:
    """Publish, after an announcement and, on a terminal, a question; print and return the result."""
    ask = not (yes or request.dry_run or request.pull_request)
    published: list[Registry] = []

    def announce(targets: Sequence[PublishTarget], summary: PublishSummary, registry: Registry) -> None:
        published.append(registry)
        _announce(targets, summary, registry, dry_run=request.dry_run, ask=ask)

    request = replace(request, announce=announce)
    result, summary = publish_registry(working, request, console.print_message, operation)
    if as_json:
        console.print_json(_publish_result_json(result, summary, request.dry_run))
    else:
        _print_publish_result(result, summary, request.dry_run)
    return Published(published[-1], summary.apps_by_environment) if published else Published(None, {})


def _announce(
    targets: Sequence[PublishTarget], summary: PublishSummary, registry: Registry, *, dry_run: bool, ask: bool
) -> None:
    """Print where to and what moves, and ask on a terminal if an environment with a policy changes."""
    places = ", then to ".join(f"{redact(target.url)}, branch {target.push_branch}" for target in targets)
    console.print_message(f"{'would publish' if dry_run else 'publishing'} to {places}")
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
        **({"registry": _registry_result_json(summary.registry)} if summary.registry else {}),
        **requests.pull_request_json_entry(summary.pull_request),
    }


def _registry_result_json(result: PublishResult) -> dict[str, Any]:
    return {
        "pushed": result.pushed,
        "base": result.base,
        "head": result.head,
        "files": list(result.changed_paths),
    }


def _print_publish_result(result: PublishResult, summary: PublishSummary, dry_run: bool) -> None:
    for line in summary.edit.messages if summary.edit else ():
        console.print_result(line)
    for note in summary.notes:
        console.print_message(f"note: {note}")
    if summary.registry and summary.registry.pushed and not summary.pull_request:
        names = ", ".join(summary.registry.changed_paths)
        console.print_result(f"published {names} as {str(summary.registry.head)[:12]}")
    if not result.changed_paths:
        console.print_result("charts: already up to date" if summary.registry else "already up to date")
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
