"""Publish a registry, in numbered steps: where to, what, the branch to push, the commit, the request, the checkout.

A registry beside its charts takes one commit. For one in a repository of its own, its edit is pushed before its charts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from generator.argocd.urls import is_same_repository
from generator.errors import UsageError, say_what_is_not_done
from generator.forges.detect import open_forge
from generator.git.checkout import missing_checkout_remedy
from generator.git.fast_forward import fast_forward_checkout
from generator.git.messages import redact
from generator.git.push import commit_and_push
from generator.git.remote_clone import PublishTarget
from generator.git.remote_url import absolute_url
from generator.publishing.branch_edit import BranchEdit
from generator.publishing.commit_builder import CommitBuilder, PublishChoices
from generator.publishing.comparison_base import find_registry_branch
from generator.publishing.context import has_committed_charts
from generator.publishing.policy_check import read_change
from generator.publishing.pull_request import open_pull_request, pull_request_branch
from generator.publishing.removal_guard import RemovalConsent
from generator.publishing.separate_edit import SeparateEdit
from generator.publishing.sources import SeparateRepositorySource, WorkloadsRepositorySource

if TYPE_CHECKING:
    from datetime import datetime

    from generator.forges.pull_request import Forge
    from generator.git.checkout import Checkout
    from generator.git.commit_plan import GitIdentity
    from generator.git.push import ProposalFunction, PublishResult
    from generator.promotion.policy import PolicyInputs
    from generator.publishing.context import EditOperation
    from generator.publishing.pull_request import PullRequestOptions
    from generator.publishing.sources import RegistrySource
    from generator.publishing.summary import PublishSummary
    from generator.registry.model import Workloads
    from generator.registry.registry import Registry
    from generator.working_registry import WorkingRegistry


#: Shows what is about to be pushed, where to, and from which registry; may raise to stop it.
Announcement = Callable[["Sequence[PublishTarget]", "PublishSummary", "Registry"], None]


@dataclass(frozen=True)
class PublishRequest:
    """The options of one publish, as given on the command line."""

    repository: str | None = None
    branch: str | None = None
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
    announce: Announcement = lambda targets, summary, registry: None


def publish_registry(
    working: WorkingRegistry,
    request: PublishRequest,
    progress: Callable[[str], None],
    operation: EditOperation | None = None,
) -> tuple[PublishResult, PublishSummary]:
    """Publish the charts, and return the result of the push and what it changes.

    An `operation` edits the branch's registry in the same commit.
    Raises what reading, rendering, `CommitBuilder.build_proposal` and the push loop raise.
    """
    with say_what_is_not_done("nothing was pushed"):
        return _publish(working, request, progress, operation)


@dataclass(frozen=True)
class _Setup:
    """Where the registry is, where its charts go, and who publishes."""

    working: WorkingRegistry
    request: PublishRequest
    charts: PublishTarget
    author: GitIdentity
    committer: GitIdentity
    progress: Callable[[str], None]

    @property
    def now(self) -> datetime | None:
        return self.request.policy.now if self.request.policy else None

    def build(self, source: RegistrySource, targets: Sequence[PublishTarget] = ()) -> CommitBuilder:
        """The builder of the charts' commit, which announces a push to `targets`."""
        request = self.request
        choices = PublishChoices(
            consent=RemovalConsent.from_options(request.removals, request.ceilings),
            adopt=request.adopt,
            overwrite=request.overwrite,
            allow_rewound=request.allow_rewound,
            verify_with_helm=not request.without_helm,
            policy=request.policy,
        )
        announce = partial(request.announce, targets) if targets else lambda summary, registry: None
        return CommitBuilder(source, self.author, choices, self.working.origin or self.charts.url, announce)

    def push(self, target: PublishTarget, propose: ProposalFunction, *, dry_run: bool) -> PublishResult:
        """Push what is proposed, as the committer and signed where that is configured."""
        signing = target.config.signing_config()
        return commit_and_push(
            target, propose, committer=self.committer, signing=signing, progress=self.progress, dry_run=dry_run
        )


def _publish(
    working: WorkingRegistry, request: PublishRequest, progress: Callable[[str], None], operation: EditOperation | None
) -> tuple[PublishResult, PublishSummary]:
    # 1. Where the charts go, and who publishes.
    workloads, config, checkout = working.read_workloads(), working.git_config, working.checkout
    charts = PublishTarget(
        url=find_workloads_url(working, request.repository, workloads.repository),
        branch=request.branch or workloads.branch,
        create_branch=request.create_branch,
        config=config,
    )
    setup = _Setup(working, request, charts, *config.find_author_and_committer(os.environ), progress)
    # 2. What to publish: an edit of the registry beside the charts, or a registry of another repository.
    if checkout is None or not is_same_repository(charts.url, working.origin):
        return _publish_separate_registry(setup, workloads, operation)
    return _publish_in_one_commit(setup, _select_edit(setup, checkout, charts, operation), checkout)


def _publish_separate_registry(
    setup: _Setup, workloads: Workloads, operation: EditOperation | None
) -> tuple[PublishResult, PublishSummary]:
    """Publish a registry that is not in the workloads repository: with its edit, or as it is in the checkout.

    A rehearsal, to another repository or branch than the registry names, publishes the checkout as it is.
    """
    request, working, checkout = setup.request, setup.working, setup.working.checkout
    rehearsal = request.repository or request.branch
    if checkout and not rehearsal:
        _refuse_fork(setup, checkout, workloads)
    if checkout and working.origin and not rehearsal:
        branch = find_registry_branch(working, checkout, workloads)
        target = PublishTarget(working.origin, branch, config=setup.charts.config)
        edit = _select_edit(setup, checkout, target, operation)
        if operation or edit.has_local_edits:
            return _publish_edit_then_charts(setup, edit, checkout, target)
        _refuse_unpublished_commits(setup, checkout, branch)
    if operation:
        raise UsageError(
            "WL5012",
            "the registry's repository has no remote origin to push the edit to",
            remedy="run it without --publish, commit the edit, then run 'workloads publish'",
        )
    registry = working.read()
    change = read_change(working, request.policy.now, setup.progress) if request.policy else None
    source = SeparateRepositorySource(working, registry, change)
    return _publish_in_one_commit(setup, source, None)


def _refuse_fork(setup: _Setup, checkout: Checkout, workloads: Workloads) -> None:
    """Raise UsageError in a fork of the workloads repository, whose charts would not follow its own registry."""
    if has_committed_charts(setup.working, checkout, workloads.path):
        raise UsageError(
            "WL5012",
            f"this checkout has the charts, but its origin is not the workloads repository {redact(setup.charts.url)}",
            remedy="in a fork, push your commits and request to merge them; otherwise publish from a clone of that "
            "repository, or correct workloads.repository",
        )


def _select_edit(
    setup: _Setup, checkout: Checkout, registry: PublishTarget, operation: EditOperation | None
) -> BranchEdit | WorkloadsRepositorySource:
    """The edit of the registry on its branch: what a command does to it, or what the user edited in the checkout."""
    if operation is None:
        source = WorkloadsRepositorySource(setup.working, checkout, registry, setup.now)
        if source.has_local_edits and not (setup.request.from_this_branch or setup.request.pull_request):
            _refuse_edits_of_another_branch(checkout, registry.branch)
        return source
    charts = None if registry is setup.charts else setup.charts
    return BranchEdit(setup.working, checkout, registry, operation, setup.now, charts)


def _publish_in_one_commit(
    setup: _Setup, source: RegistrySource, checkout: Checkout | None
) -> tuple[PublishResult, PublishSummary]:
    """Push one commit to the workloads repository; `checkout` is one of that repository, to be fast-forwarded."""
    # 3. Which branch to push: a pull request has one of its own.
    asked, target = _direct_to_request(setup, source, setup.charts)
    forge = _open_forge(setup, asked, target)
    # 4. Build the commit on the branch as it is now, and push it; again after each lost race.
    content = setup.build(source, (target,))
    result = setup.push(target, content.build_proposal, dry_run=setup.request.dry_run)
    # 5. Open or update the pull request.
    if asked and result.changed_paths and not setup.request.dry_run:
        content.summary.pull_request = open_pull_request(target, asked, forge, content.summary)
    # 6. Update the checkout.
    if checkout and not asked:
        content.summary.notes += _update_checkout(setup, checkout, target.branch, result, edited=source.has_local_edits)
    return result, content.summary


def _publish_edit_then_charts(
    setup: _Setup, source: BranchEdit | WorkloadsRepositorySource, checkout: Checkout, registry: PublishTarget
) -> tuple[PublishResult, PublishSummary]:
    """Push the edit to the registry's own repository, then its charts; with a pull request, request the edit."""
    # 3. Which branch to push: a pull request has one of its own.
    asked, target = _direct_to_request(setup, source, registry)
    forge = _open_forge(setup, asked, target)
    # 4. Build both commits, and push the edit and then its charts.
    targets = (target,) if asked else (target, setup.charts)
    edit = SeparateEdit(
        registry=target,
        charts=setup.charts,
        source=source,
        working=setup.working,
        checkout=checkout,
        author=setup.author,
        build=lambda content, announced: setup.build(content, targets if announced else ()),
        push=setup.push,
        progress=setup.progress,
    )
    result, summary = edit.publish(dry_run=setup.request.dry_run)
    # 5. Open or update the pull request, or update the checkout.
    if asked and result.changed_paths and not setup.request.dry_run:
        summary.pull_request = open_pull_request(target, asked, forge, summary)
        summary.notes += ("the charts are published after the merge: run 'workloads publish' on the merged registry",)
    elif summary.registry:
        summary.notes += _update_checkout(
            setup, checkout, target.branch, summary.registry, edited=source.has_local_edits
        )
    return result, summary


def _direct_to_request(
    setup: _Setup, source: RegistrySource, target: PublishTarget
) -> tuple[PullRequestOptions | None, PublishTarget]:
    """Let a pull request's push go to its own branch; return its options, or None without --pull-request."""
    asked, checkout = setup.request.pull_request, setup.working.checkout
    if asked and checkout and source.has_local_edits:
        asked = asked.for_local_edit(setup.author.email, checkout.current_branch())
    return asked, replace(target, pull_request_branch=pull_request_branch(target.branch, asked) if asked else "")


def _open_forge(setup: _Setup, asked: PullRequestOptions | None, target: PublishTarget) -> Forge | None:
    """Connect before the push, so that an unsafe API URL or a missing library fails before anything is done."""
    return open_forge(target.url, asked.forge, os.environ) if asked and not setup.request.dry_run else None


def _refuse_unpublished_commits(setup: _Setup, checkout: Checkout, branch: str) -> None:
    """Raise UsageError if the checkout's registry is not on its branch: its charts would be ahead of it."""
    head, fetched = checkout.head_commit(), checkout.resolve_commit(f"refs/remotes/origin/{branch}")
    unknown = head is None or fetched is None or checkout.is_shallow()
    if unknown or setup.request.from_this_branch or checkout.is_ancestor(str(head), str(fetched)):
        return
    raise UsageError(
        "WL5013",
        f"the registry's commit {str(head)[:12]} is not on {branch}, and its charts would be ahead of the registry",
        remedy=f"merge it into {branch} and run git fetch, or publish its charts now with --from-this-branch",
    )


def _refuse_edits_of_another_branch(checkout: Checkout, branch: str) -> None:
    """Raise UsageError for uncommitted edits that were made on another branch than the one to publish to."""
    current = checkout.current_branch()
    if current not in (None, branch):
        raise UsageError(
            "WL5013",
            f"the registry has uncommitted edits on the branch {current}, and publish would push them to {branch}",
            remedy=f"request to merge them with --pull-request, or push them to {branch} now with --from-this-branch",
        )


def _update_checkout(
    setup: _Setup, checkout: Checkout, branch: str, result: PublishResult, *, edited: bool
) -> tuple[str, ...]:
    """Fast-forward the checkout to the pushed commit; return what to run where that is not possible."""
    current = checkout.current_branch()
    if current is None or setup.request.keep_checkout or not (result.pushed and result.head):
        return ()
    if current != branch:
        text = f"the edit is published to {branch}, and is still uncommitted on {current}: discard it with git stash"
        return (text,) if edited else ()
    if fast_forward_checkout(checkout, branch, result.head):
        return ()
    return (
        f"this checkout was not updated: commit or stash its edits, if it has any, and run git pull origin {branch}",
    )


def find_workloads_url(working: WorkingRegistry, asked: str | None, registered: str | None) -> str:
    """Find the workloads repository's URL: the one asked for, else the registry's, else that of `origin`."""
    origin = working.origin
    url = absolute_url(asked) if asked else None
    if not url and registered and not is_same_repository(registered, origin):
        url = registered
    url = url or origin  # As git reaches it, where the registry names the checkout's own repository.
    if not url:
        raise UsageError(
            "WL5012",
            "there is no workloads repository to publish to",
            remedy="set workloads.repository in the registry, give the checkout an origin, or use --repository URL"
            + ("" if working.checkout else f"; {missing_checkout_remedy()}"),
        )
    return url
