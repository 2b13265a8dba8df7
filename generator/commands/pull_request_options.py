"""Pull request options from the command line, and the output about a pull request."""

from __future__ import annotations

from typing import Any

import click

from generator import console
from generator.publishing.pull_request import PullRequestOptions
from generator.publishing.summary import PublishedPullRequest

#: Parameters that do not identify a pull request: how the command runs, and texts such as the reason.
_IGNORED_PARAMETERS = {
    *("registry_path", "dry_run", "as_json", "without_helm", "and_publish", "as_request", "forge", "removals"),
    *("ceilings", "repository", "branch", "create_branch", "adopt", "overwrite", "allow_rewound", "reason"),
    *("yes", "keep_checkout", "from_this_branch"),
}


def read_pull_request_options(requested: bool, forge: str | None) -> PullRequestOptions | None:
    """Read the pull request options of the current command; None without --pull-request.

    The same command line identifies the same pull request, which is then updated.
    """
    context = click.get_current_context()
    if not requested:
        return None
    said = [context.info_name or "publish"]
    operation = list(said)
    for name, value in sorted(context.params.items()):
        if name in _IGNORED_PARAMETERS or value in (None, False, "", ()):
            continue
        values = [str(each) for each in value] if isinstance(value, tuple) else [str(value)]
        said += [name] if value is True else values
        operation += [name, *values]
    return PullRequestOptions(" ".join(said), "\0".join(operation), forge or "")


def pull_request_json_entry(pull_request: PublishedPullRequest | None) -> dict[str, Any]:
    """Return the entry `request` of a command's JSON output; empty without a pull request."""
    if pull_request is None:
        return {}
    return {
        "request": {
            "branch": pull_request.branch,
            "url": pull_request.url or None,
            "command": pull_request.command or None,
        }
    }


def print_pull_request(pull_request: PublishedPullRequest | None) -> None:
    """Print the pull request's URL, or the command that opens it."""
    if pull_request is None:
        return
    if pull_request.url:
        console.print_result(f"{'opened' if pull_request.created else 'the request is'} {pull_request.url}")
    else:
        console.print_result(f"the change is on {pull_request.branch}; to go on:\n  {pull_request.command}")
