"""`workloads publish`: commit the charts to the workloads branch."""

from __future__ import annotations

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
from generator.git.push import PublishResult
from generator.publishing.publish import PublishRequest, publish_registry
from generator.publishing.summary import PublishSummary
from generator.registry.files import find_registry


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
    **flags: Any,
) -> None:
    """Render all charts and commit them to the workloads repository's branch.

    Your checkout is never changed. Nothing is committed if nothing changes, if an app is invalid, or if an
    Application would be deleted without --allow-removal.
    """
    inputs = policy_inputs(find_registry(registry_path), {"rules": rules, "reason": reason})
    request = PublishRequest(
        registry_path,
        repository,
        branch,
        dry_run=dry_run,
        pull_request=read_pull_request_options(as_request, forge),
        policy=inputs,
        **flags,
    )
    result, account = publish_registry(request, console.print_message)
    if as_json:
        console.print_json(_publish_result_json(result, account, dry_run))
    else:
        _print_publish_result(result, account, dry_run)


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
    for env, apps in summary.apps_by_environment.items():
        shown = ", ".join(apps[:8]) + (f" and {len(apps) - 8} more" if len(apps) > 8 else "")
        console.print_result(f"{env}: {shown}")
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
