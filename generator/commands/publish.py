"""`workloads publish`: commit the charts to the workloads branch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import click

from generator import console
from generator.commands import pull_request_options as requests
from generator.commands.options import (
    dry_run_option,
    forge_option,
    json_option,
    override_options,
    pull_request_option,
    registry_option,
    without_helm_option,
)
from generator.commands.policy_options import policy_inputs
from generator.commands.pull_request_options import read_pull_request_options
from generator.git.messages import redact
from generator.git.push import PublishResult
from generator.git.remote_clone import PublishTarget
from generator.publishing.publish import PublishRequest, publish_registry
from generator.publishing.summary import PublishSummary
from generator.registry.files import find_registry
from generator.registry.model import PromotionPolicy
from generator.registry.registry import Registry

#: So many moved apps are listed; the commit's message has more.
_MAX_MOVES = 20


@click.command("publish")
@registry_option
@dry_run_option
@json_option
@without_helm_option
@pull_request_option
@forge_option
@click.option("--repository", metavar="URL", help="Another workloads repository than the registry names.")
@click.option("--branch", metavar="NAME", help="Another branch than the registry names.")
@click.option("--create-branch", is_flag=True, help="Create the branch in a repository that has others.")
@click.option(
    "--allow-removal", "removals", multiple=True, metavar="ENV/APP", help="Confirm this deletion (repeatable)."
)
@click.option(
    "--confirm-removals", "ceilings", multiple=True, metavar="ENV=N", help="Delete N Applications, above the limit."
)
@override_options
@click.option("--adopt", is_flag=True, help="Take over files in the way that workloads did not write.")
@click.option("--overwrite", is_flag=True, help="Give up edits made by hand to generated files.")
@click.option("--yes", is_flag=True, help="Do not ask before pushing to an environment with a policy.")
@click.option("--from-this-branch", is_flag=True, help="Publish uncommitted edits made on another branch.")
@click.option("--keep-checkout", is_flag=True, help="Do not fast-forward the checkout to what was pushed.")
@click.option("--allow-rewound", is_flag=True, help="Publish although a registry commit unknown here is published.")
def publish_command(
    registry_path: str | None,
    dry_run: bool,
    as_json: bool,
    as_request: bool,
    forge: str | None,
    repository: str | None,
    branch: str | None,
    rules: tuple[str, ...],
    reason: str,
    yes: bool,
    **flags: Any,
) -> None:
    """Render all charts and commit them to the workloads repository's branch.

    Nothing is committed if nothing changes, if an app is invalid, or if an Application would be deleted without
    --allow-removal. On a terminal, publish asks before it pushes to an environment with a policy. Afterwards the
    checkout is fast-forwarded if its only edits are those that were pushed; otherwise it is left as it is.
    """
    inputs = policy_inputs(find_registry(registry_path), {"rules": rules, "reason": reason})
    request = PublishRequest(
        registry_path,
        repository,
        branch,
        dry_run=dry_run,
        pull_request=read_pull_request_options(as_request, forge),
        policy=inputs,
        announce=partial(_announce, dry_run=dry_run, ask=not (yes or dry_run or as_request)),
        **flags,
    )
    result, account = publish_registry(request, console.print_message)
    if as_json:
        console.print_json(_publish_result_json(result, account, dry_run))
    else:
        _print_publish_result(result, account, dry_run)


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
    return {
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
    for note in summary.notes:
        console.print_message(f"note: {note}")
    if not result.changed_paths:
        console.print_result("already up to date")
        return
    for line in _list_apps(summary):
        console.print_result(line)
    for removal in summary.removals:
        console.print_result(str(removal))
    if summary.pull_request and not result.pushed:
        console.print_result(f"{summary.pull_request.branch} is up to date")
        requests.print_pull_request(summary.pull_request)
        return
    files = f"{len(result.changed_paths)} file{'s' if len(result.changed_paths) != 1 else ''}"
    console.print_result(
        f"would publish {files} (dry run)" if dry_run else f"published {files} as {str(result.head)[:12]}"
    )
    requests.print_pull_request(summary.pull_request)
