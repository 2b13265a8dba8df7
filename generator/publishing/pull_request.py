"""Build a pull request from a publish summary: branch name, title and text. Pure."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from generator.errors import GeneratorError
from generator.forges.detect import pull_request_command
from generator.forges.pull_request import PullRequest
from generator.publishing.summary import PublishedPullRequest, format_commit_message

if TYPE_CHECKING:
    from generator.forges.pull_request import Forge
    from generator.git.remote_clone import PublishTarget
    from generator.publishing.summary import PublishSummary

_MAX_NAME_LENGTH, _MAX_TITLE_LENGTH, _MAX_SECTION_LINES = 48, 200, 50


@dataclass(frozen=True)
class PullRequestOptions:
    """What a pull request is for: the branch name contains `branch_words`, and `identity_key` is unique to it.

    `forge` is the user's choice, empty to detect it.
    """

    branch_words: str
    identity_key: str
    forge: str = ""

    def for_local_edit(self, author_email: str, branch: str | None) -> PullRequestOptions:
        """The options of a pull request that publishes the local edit of an author on a branch."""
        return replace(self, identity_key=f"{self.identity_key}\0{author_email}\0{branch}")


def pull_request_branch(base: str, options: PullRequestOptions) -> str:
    """The pull request's branch; the same options give the same branch, so that the request is updated."""
    digest = hashlib.sha256(f"{base}\0{options.identity_key}".encode("utf-8", "surrogateescape")).hexdigest()[:10]
    words = re.sub(r"[^a-z0-9]+", "-", options.branch_words.lower())[:_MAX_NAME_LENGTH].strip("-")
    return f"workloads/{words or 'publish'}-{digest}"


def build_pull_request(head: str, base: str, summary: PublishSummary) -> PullRequest:
    """Build the pull request: deletions first, then the changed apps by environment."""
    subject = format_commit_message(summary, "").partition("\n")[0]
    gone = len(summary.removals)
    title = f"{subject} (deletes {_format_count(gone, 'Application')})" if gone else subject
    parts = [*_removal_section(summary), *_environment_table(summary), *_edit_messages(summary)]
    parts.append(f"Made by workloads. Run again, it updates this request; commits of others on `{head}` stop it.")
    return PullRequest(head, base, title[:_MAX_TITLE_LENGTH], "\n\n".join(parts) + "\n")


def open_pull_request(
    target: PublishTarget, options: PullRequestOptions, forge: Forge | None, summary: PublishSummary
) -> PublishedPullRequest:
    """Open or update the pull request for the pushed branch; without a `forge`, say how to do it by hand."""
    branch, wanted = target.pull_request_branch, build_pull_request(target.pull_request_branch, target.branch, summary)
    if forge is None:
        return PublishedPullRequest(branch, command=pull_request_command(target.url, options.forge, wanted, os.environ))
    try:
        opened = forge.open_or_update(wanted)
    except GeneratorError as error:
        error.not_done = f"{branch} was pushed; the request for it was neither opened nor updated"
        raise
    return PublishedPullRequest(branch, opened.url, opened.created)


def _format_count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _removal_section(summary: PublishSummary) -> list[str]:
    if not summary.removals:
        return []
    lines = [f"- {_escape_inline_markdown(str(removal))}" for removal in summary.removals]
    return [f"**Deletes {_format_count(len(lines), 'Application')}**", _limit_section(lines)]


def _environment_table(summary: PublishSummary) -> list[str]:
    rows = []
    for env, apps in summary.apps_by_environment.items():
        more = f" and {len(apps) - _MAX_SECTION_LINES} more" if len(apps) > _MAX_SECTION_LINES else ""
        rows.append(f"| {env} | {', '.join(apps[:_MAX_SECTION_LINES])}{more} |")
    return ["\n".join(["| environment | applications |", "|---|---|", *rows])] if rows else []


def _edit_messages(summary: PublishSummary) -> list[str]:
    """Format the edit's messages as a code block, because text by users must not link or mention anybody."""
    lines = summary.edit.messages if summary.edit else ()
    return [_limit_section([f"    {line}" for text in lines for line in text.splitlines()])] if lines else []


def _escape_inline_markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|@#])", r"\\\1", text)


def _limit_section(lines: list[str]) -> str:
    more = [f"- and {len(lines) - _MAX_SECTION_LINES} more"] if len(lines) > _MAX_SECTION_LINES else []
    return "\n".join([*lines[:_MAX_SECTION_LINES], *more])
