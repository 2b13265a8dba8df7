"""`workloads publish`: one commit on the workloads branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from generator.commands import requests
from generator.commands.options import (
    dry_run_option,
    forge_option,
    json_option,
    registry_option,
    request_option,
    without_helm_option,
)
from generator.commands.requests import asked

if TYPE_CHECKING:
    from generator.git.publish import PublishResult
    from generator.publishing.account import Account


@click.command("publish")
@registry_option
@dry_run_option
@json_option
@without_helm_option
@request_option
@forge_option
@click.option("--repository", metavar="URL", help="Another workloads repository than the registry names.")
@click.option("--branch", metavar="NAME", help="Another branch than the registry names.")
@click.option("--create-branch", is_flag=True, help="Create the branch in a repository that has others.")
@click.option("--allow-removal", "removals", multiple=True, metavar="ENV/APP", help="Let this Application go.")
@click.option(
    "--confirm-removals", "ceilings", multiple=True, metavar="ENV=N", help="Let N Applications go, past the ceiling."
)
@click.option("--adopt", is_flag=True, help="Take over files in the way that workloads did not write.")
@click.option("--overwrite", is_flag=True, help="Give up edits made by hand to generated files.")
@click.option("--allow-rewound", is_flag=True, help="Publish although a registry commit unknown here is published.")
def command(
    registry_path: str | None,
    dry_run: bool,
    as_json: bool,
    as_request: bool,
    forge: str | None,
    repository: str | None,
    branch: str | None,
    **flags: Any,
) -> None:
    """Render all charts and commit them to the workloads repository's branch.

    Your checkout is never touched. Nothing is committed when nothing changes, and nothing at all when one
    app is invalid or an Application would go that nobody named.
    """
    from generator import console
    from generator.publishing.service import Order, publish

    order = Order(registry_path, repository, branch, dry_run=dry_run, request=asked(as_request, forge), **flags)
    result, account = publish(order, console.note)
    if as_json:
        console.result_json(_data(result, account, dry_run))
    else:
        _tell(result, account, dry_run)


def _data(result: PublishResult, account: Account, dry_run: bool) -> dict[str, Any]:
    return {
        "pushed": result.pushed,
        "dryRun": dry_run,
        "attempts": result.attempts,
        "base": result.base,
        "head": result.head,
        "environments": account.environments if result.changed else {},
        "removed": [removal.key for removal in account.removals],
        "files": list(result.changed),
        **requests.data(account.request),
    }


def _tell(result: PublishResult, account: Account, dry_run: bool) -> None:
    from generator import console

    if not result.changed:
        console.result("nothing to publish: the branch is up to date")
        return
    for env, apps in account.environments.items():
        shown = ", ".join(apps[:8]) + (f" and {len(apps) - 8} more" if len(apps) > 8 else "")
        console.result(f"{env}: {shown}")
    for removal in account.removals:
        console.result(str(removal))
    if account.request and not result.pushed:
        console.result(f"{account.request.branch} is up to date")
        requests.tell(account.request)
        return
    files = f"{len(result.changed)} file{'s' if len(result.changed) != 1 else ''}"
    console.result(f"would publish {files} (dry run)" if dry_run else f"published {files} as {str(result.head)[:12]}")
    requests.tell(account.request)
