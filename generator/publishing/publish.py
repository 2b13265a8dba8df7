"""Publish a registry: choose the source, repository, branch and author, and run the push loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from generator.argocd.urls import repository_key
from generator.errors import GeneratorError, UsageError
from generator.forges import detect as access
from generator.git.checkout import Checkout
from generator.git.commit_plan import GitIdentity
from generator.git.config import GitConfig
from generator.git.fast_forward import fast_forward_checkout
from generator.git.push import commit_and_push as push
from generator.git.remote_clone import PublishTarget
from generator.git.remote_url import absolute_url
from generator.publishing.branch_edit import BranchEdit
from generator.publishing.checkout_files import read_working_registry
from generator.publishing.commit_builder import CommitBuilder, PublishChoices
from generator.publishing.policy_check import read_change
from generator.publishing.pull_request import build_pull_request, pull_request_branch
from generator.publishing.removal_guard import RemovalConsent
from generator.publishing.sources import SeparateRepositorySource, WorkloadsRepositorySource
from generator.publishing.summary import PublishedPullRequest
from generator.registry.files import find_registry
from generator.registry.reader import read_workloads_settings

if TYPE_CHECKING:
    from datetime import datetime

    from generator.forges.pull_request import Forge
    from generator.git.push import PublishResult
    from generator.promotion.policy import PolicyInputs, RegistryChange
    from generator.publishing.context import EditOperation
    from generator.publishing.pull_request import PullRequestOptions
    from generator.publishing.sources import RegistrySource
    from generator.publishing.summary import PublishSummary
    from generator.registry.model import Workloads
    from generator.registry.registry import Registry


@dataclass(frozen=True)
class PublishRequest:
    """The options of one publish, as given on the command line."""

    registry_path: str | None
    repository: str | None
    branch: str | None
    dry_run: bool = False
    create_branch: bool = False
    removals: tuple[str, ...] = ()
    ceilings: tuple[str, ...] = ()
    adopt: bool = False
    overwrite: bool = False
    allow_rewound: bool = False
    without_helm: bool = False
    pull_request: PullRequestOptions | None = None
    policy: PolicyInputs | None = None
    from_this_branch: bool = True
    keep_checkout: bool = True
    announce: Callable[[PublishTarget, PublishSummary, Registry], None] = lambda target, summary, registry: None


def publish_registry(
    request: PublishRequest, progress: Callable[[str], None], operation: EditOperation | None = None
) -> tuple[PublishResult, PublishSummary]:
    """Publish the charts, and return the result of the push and what it changes.

    An `operation` edits the branch's registry in the same commit.
    Raises what reading, rendering, `CommitBuilder.build_proposal` and the push loop raise.
    """
    try:
        return _execute_request(request, progress, operation)
    except GeneratorError as error:
        error.not_done = error.not_done or "nothing was pushed"
        raise


def _execute_request(
    request: PublishRequest, progress: Callable[[str], None], operation: EditOperation | None
) -> tuple[PublishResult, PublishSummary]:
    path = find_registry(request.registry_path)
    workloads = read_workloads_settings(path)
    checkout = Checkout.discover(path.parent.absolute())
    settings = checkout.git_config if checkout else GitConfig.read_git_config(path.parent.absolute())
    url = find_workloads_url(request, workloads, checkout)
    author, committer = find_author_and_committer(settings, os.environ)
    branch = request.branch or workloads.branch
    read_change = partial(_read_change, request, path, progress)
    now = request.policy.now if request.policy else None
    source = _select_source(path, checkout, url, branch, operation, read_change, now)
    if not (request.from_this_branch or request.pull_request):
        _refuse_edits_of_another_branch(source, checkout, branch)
    asked = _scope_pull_request(request, source, author, checkout)
    target = PublishTarget(
        url=url,
        branch=branch,
        create_branch=request.create_branch,
        config=settings,
        pull_request_branch=pull_request_branch(branch, asked) if asked else "",
    )
    content = CommitBuilder(
        source,
        author,
        _build_choices(request),
        (checkout.origin_url() if checkout else None) or url,
        partial(request.announce, target),
    )
    # Connect before the push, so that an unsafe API URL or a missing library fails before anything is done.
    forge = access.open_forge(url, asked.forge, os.environ) if asked and not request.dry_run else None
    result = push(
        target,
        content.build_proposal,
        committer=committer,
        signing=settings.signing_config(),
        progress=progress,
        dry_run=request.dry_run,
    )
    if asked and result.changed_paths and not request.dry_run:
        content.summary.pull_request = _open_pull_request(target, asked, forge, content.summary)
    may_move = not (asked or request.keep_checkout or source.separate_repository)
    if checkout and may_move and result.pushed and result.head:
        content.summary.notes += _update_checkout(checkout, branch, result.head, edited=source.dirty)
    return result, content.summary


def _refuse_edits_of_another_branch(source: RegistrySource, checkout: Checkout | None, branch: str) -> None:
    """Raise UsageError if uncommitted edits were made on another branch than the one to publish to."""
    current = checkout.current_branch() if checkout else None
    if source.dirty and not source.separate_repository and current not in (None, branch):
        raise UsageError(
            f"the registry has uncommitted edits on the branch {current}, and publish would push them to {branch}",
            remedy=f"request to merge them with --pull-request, or push them to {branch} now with --from-this-branch",
        )


def _update_checkout(checkout: Checkout, branch: str, commit: str, *, edited: bool) -> tuple[str, ...]:
    """Fast-forward the checkout to the pushed commit; return what to run where that is not possible."""
    current = checkout.current_branch()
    if current is None:
        return ()
    if current != branch:
        text = f"the edit is published to {branch}, and is still uncommitted on {current}: discard it with git stash"
        return (text,) if edited else ()
    if fast_forward_checkout(checkout, branch, commit):
        return ()
    return (
        f"this checkout was not updated: commit or stash its edits, if it has any, and run git pull origin {branch}",
    )


def _scope_pull_request(
    request: PublishRequest, source: RegistrySource, author: GitIdentity, checkout: Checkout | None
) -> PullRequestOptions | None:
    """Add the author and branch to the options if the pull request publishes a local edit."""
    if request.pull_request and source.dirty and not source.separate_repository and checkout:
        whose = f"{request.pull_request.identity_key}\0{author.email}\0{checkout.current_branch()}"
        return replace(request.pull_request, identity_key=whose)
    return request.pull_request


def _open_pull_request(
    target: PublishTarget, options: PullRequestOptions, forge: Forge | None, account: PublishSummary
) -> PublishedPullRequest:
    """Open or update the pull request for the pushed branch."""
    wanted = build_pull_request(target.pull_request_branch, target.branch, account)
    if forge is None:
        return PublishedPullRequest(
            target.pull_request_branch,
            command=access.pull_request_command(target.url, options.forge, wanted, os.environ),
        )
    try:
        opened = forge.open_or_update(wanted)
    except GeneratorError as error:
        error.not_done = f"{target.pull_request_branch} was pushed; the request for it was neither opened nor updated"
        raise
    return PublishedPullRequest(target.pull_request_branch, opened.url, opened.created)


def find_workloads_url(request: PublishRequest, workloads: Workloads, checkout: Checkout | None) -> str:
    origin = checkout.origin_url() if checkout else None
    named = request.repository and absolute_url(request.repository)
    if not named and workloads.repository and not is_same_repository(workloads.repository, origin):
        named = workloads.repository
    url = named or origin  # As git reaches it, where the registry names the checkout's own repository.
    if not url:
        raise UsageError(
            "there is no workloads repository to publish to",
            remedy="set workloads.repository in the registry, give the checkout an origin, or use --repository URL",
        )
    return url


def _select_source(
    path: Path,
    checkout: Checkout | None,
    url: str,
    branch: str,
    operation: EditOperation | None,
    read_own_change: Callable[[], RegistryChange | None],
    now: datetime | None,
) -> RegistrySource:
    if checkout is not None and is_same_repository(url, checkout.origin_url()):
        return (
            BranchEdit(path, checkout, operation, url, branch, now)
            if operation
            else WorkloadsRepositorySource(path, checkout, url, branch, now)
        )
    if operation:
        raise UsageError(
            "the registry is not in the workloads repository, so one commit cannot hold the edit and its charts",
            remedy="run it without --publish, merge the edit (git commit -a, git push), then run 'workloads publish'",
        )
    return SeparateRepositorySource(path, read_working_registry(path), checkout, read_own_change())


def _read_change(request: PublishRequest, path: Path, warn: Callable[[str], None]) -> RegistryChange | None:
    """Read what a registry in a repository of its own changes since its main branch."""
    return read_change(path, request.policy.now, warn) if request.policy else None


def is_same_repository(url: str, origin: str | None) -> bool:
    """Whether two URLs name the same repository (https or ssh, with or without `.git`)."""
    return origin is not None and repository_key(url.rstrip("/")) == repository_key(origin.rstrip("/"))


def _build_choices(request: PublishRequest) -> PublishChoices:
    return PublishChoices(
        consent=RemovalConsent.from_options(request.removals, request.ceilings),
        adopt=request.adopt,
        overwrite=request.overwrite,
        allow_rewound=request.allow_rewound,
        verify_with_helm=not request.without_helm,
        policy=request.policy,
    )


def find_author_and_committer(settings: GitConfig, environment: Mapping[str, str]) -> tuple[GitIdentity, GitIdentity]:
    """Find the author (the human or CI actor) and the committer (the same, unless Git's variables differ)."""
    name = environment.get("GIT_AUTHOR_NAME") or settings.get_value("user.name") or environment.get("GITHUB_ACTOR", "")
    actor = environment.get("GITHUB_ACTOR")
    email = environment.get("GIT_AUTHOR_EMAIL") or settings.get_value("user.email")
    email = email or (f"{actor}@users.noreply.github.com" if actor else environment.get("GITLAB_USER_EMAIL", ""))
    author = GitIdentity(name or environment.get("GITLAB_USER_NAME", ""), email)
    committer = GitIdentity(
        environment.get("GIT_COMMITTER_NAME") or author.name, environment.get("GIT_COMMITTER_EMAIL") or author.email
    )
    return author, committer
