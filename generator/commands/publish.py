"""`workloads publish`: commit the charts to the workloads branch."""

from __future__ import annotations

from typing import Any

import click

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
from generator.commands.policy_options import policy_inputs
from generator.commands.pull_request_options import read_pull_request_options
from generator.publishing.publish import PublishRequest
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
@click.option("--from-this-branch", is_flag=True, help="Publish uncommitted edits made on another branch.")
@checkout_options
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
        **flags,
    )
    publish_and_print(request, yes=yes, as_json=as_json)
