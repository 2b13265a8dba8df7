"""`workloads publish`: commit the charts to the workloads branch."""

from __future__ import annotations

from typing import Any

import click

from generator import console
from generator.commands.edit_options import checkout_options, publish_and_print
from generator.commands.options import (
    dry_run_option,
    forge_option,
    json_option,
    override_options,
    pull_request_option,
    registry_option,
    without_helm_option,
)
from generator.commands.policy_options import live_options, policy_inputs
from generator.commands.pull_request_options import read_pull_request_options
from generator.commands.waiting import require_live_to_wait, wait_for_argocd, wait_option
from generator.errors import ConflictError, UsageError
from generator.live.wait import FollowedApp
from generator.publishing.publish import PublishRequest
from generator.publishing.refresh_requests import refresh_requests as refresh_open_requests
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry


@click.command("publish")
@registry_option
@dry_run_option
@json_option
@without_helm_option
@pull_request_option
@forge_option
@click.option("--repository", metavar="URL", help="Publish to this repository instead of workloads.repository.")
@click.option("--branch", metavar="NAME", help="Publish to this branch instead of workloads.branch.")
@click.option("--create-branch", is_flag=True, help="Create the branch in a repository that has others.")
@click.option(
    "--allow-removal", "removals", multiple=True, metavar="ENV/APP", help="Confirm this deletion (repeatable)."
)
@click.option(
    "--confirm-removals", "ceilings", multiple=True, metavar="ENV=N", help="Delete N Applications, above the limit."
)
@override_options
@click.option("--adopt", is_flag=True, help="Replace foreign files that are in the way of generated files.")
@click.option("--overwrite", is_flag=True, help="Discard edits made by hand to generated files.")
@click.option("--from-this-branch", is_flag=True, help="Publish uncommitted edits made on another branch.")
@live_options
@wait_option
@checkout_options
@click.option("--refresh-requests", is_flag=True, help="Update the open pull requests of workloads instead.")
@click.option(
    "--allow-rewound",
    is_flag=True,
    help="Publish even if the branch has charts of a registry commit that this clone lacks.",
)
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
    refresh_requests: bool,
    live_sources: tuple[str, ...],
    live_max_age: str | None,
    wait: str | None,
    **flags: Any,
) -> None:
    """Render all charts and commit them to the workloads repository's branch.

    Nothing is committed if nothing changes, if an app is invalid, or if an Application would be deleted without
    --allow-removal. On a terminal, publish asks before it pushes to an environment with a policy. Afterwards the
    checkout is fast-forwarded if its only edits are those that were pushed; otherwise it is left as it is.

    With --refresh-requests, the edit of each open pull request that workloads made is applied to the branch as it is
    now, and its own branch is updated. Pull requests with commits of people stay as they are.
    """
    working = WorkingRegistry.find(registry_path)
    live = {"live_sources": live_sources, "live_max_age": live_max_age, "wait": wait}
    limit = require_live_to_wait(working, live, publishes=not (dry_run or as_request or refresh_requests))
    inputs = policy_inputs(working, {"rules": rules, "reason": reason, **live})
    request = PublishRequest(
        repository,
        branch,
        dry_run=dry_run,
        pull_request=read_pull_request_options(as_request, forge),
        policy=inputs,
        **flags,
    )
    if refresh_requests:
        _refuse_options_of_publish(request, reason or rules)
        _refresh_requests(working, request, forge or "", as_json)
    else:
        published = publish_and_print(working, request, yes=yes, as_json=as_json)
        if limit:
            registry = published.registry or working.read()
            changed = published.changed_apps or _list_all_apps(registry)
            apps = [FollowedApp(name, app) for name, names in changed.items() for app in names]
            wait_for_argocd(working, registry, apps, limit, live)


def _list_all_apps(registry: Registry) -> dict[str, list[str]]:
    """All apps by environment: if nothing changed, an earlier publish may still be on its way."""
    environments = registry.environments.values()
    return {each.name: [listing.app for listing in each.listings] for each in environments}


def _refuse_options_of_publish(request: PublishRequest, overrides: object) -> None:
    """Raise UsageError for an option that is about one change, not about the open pull requests."""
    about_changes = (request.pull_request, request.removals, request.ceilings, request.adopt, request.overwrite)
    if any(about_changes) or overrides or request.create_branch or request.allow_rewound:
        raise UsageError(
            "WL1002",
            "--refresh-requests applies the edits of pull requests as they are, without options about a change",
            remedy="give such options to the command that opened the pull request, and run it again",
        )


def _refresh_requests(working: WorkingRegistry, request: PublishRequest, forge: str, as_json: bool) -> None:
    found = []
    for each in refresh_open_requests(working, request, forge, console.print_message):
        found.append(each)
        if not as_json:
            text = f"{each.outcome.replace('-', ' ')}{f' as {each.commit[:12]}' if each.outcome == 'refreshed' else ''}"
            console.print_result(f"{each.branch}: {text}" + (f": {each.detail}" if each.detail else ""))
    if as_json:
        console.print_json({"dryRun": request.dry_run, "requests": [each._asdict() for each in found]})
    elif not found:
        console.print_result("there is no open pull request of workloads")
    stuck = [each.branch for each in found if each.outcome in ("conflict", "refused")]
    if stuck:
        raise ConflictError(
            "WL5102",
            f"{len(stuck)} of {len(found)} pull requests cannot be refreshed: {', '.join(stuck)}",
            remedy="run the command that opened each of them again, or close it",
            not_done="they stay as they were",
        )
