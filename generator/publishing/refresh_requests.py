"""Refresh the open pull requests of workloads: apply the edit of each to the workloads branch as it is now."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from generator.argocd.urls import is_same_repository
from generator.charts.inventory import INVENTORY_FILE
from generator.errors import ConflictError, GeneratorError, LocalError, NetworkError, RegistryError, UsageError
from generator.forges.detect import open_forge
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.checkout import Checkout
from generator.git.commit_plan import GENERATED_BY, GitIdentity, Proposal, read_trailers, unseal_message
from generator.git.failure import RemoteFaultError
from generator.git.push import EditedRequestError, commit_and_push, error_for_failure
from generator.git.remote_clone import PublishTarget, open_clone
from generator.git.runner import IdleBudget
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import History
from generator.publishing.commit_builder import CommitBuilder, PublishChoices
from generator.publishing.publish import PublishRequest, find_workloads_url
from generator.publishing.removal_guard import RemovalConsent
from generator.publishing.sources import BranchFiles, FileEdit, RegistryToPublish, merge_edits, read_branch_history
from generator.publishing.summary import APPS_CHANGED_TRAILER, APPS_REMOVED_TRAILER
from generator.working_registry import WorkingRegistry

#: The branches that `pull_request_branch` names.
_OWN_BRANCH = re.compile(r"workloads/[a-z0-9-]+-[0-9a-f]{10}")
_OWN_TRAILERS = (GENERATED_BY, APPS_CHANGED_TRAILER, APPS_REMOVED_TRAILER)


class RequestOutcome(NamedTuple):
    """What happened to the pull request of a branch; `commit` is the new commit, if it was pushed.

    `outcome` is one of up-to-date, refreshed, would-refresh, merged, closed, other-base, edited, conflict, refused.
    """

    branch: str
    outcome: str
    detail: str = ""
    commit: str = ""


def refresh_requests(
    working: WorkingRegistry, asked: PublishRequest, forge_name: str, progress: Callable[[str], None]
) -> Iterator[RequestOutcome]:
    """Refresh each open pull request that fell behind its base branch; yields one outcome for each.

    Without access to the forge, every branch with a name of workloads counts as open. Raises UsageError if the registry
    is not in the workloads repository, and NetworkError and LocalError as publishing does.
    """
    workloads = working.read_workloads()
    url = find_workloads_url(working, asked.repository, workloads.repository)
    if working.checkout is None or not is_same_repository(url, working.origin):
        raise UsageError(
            "WL5102",
            "the registry is not in the workloads repository, so its pull requests hold no edit to refresh",
            remedy="run the command that opened the request again",
        )
    target = PublishTarget(url, asked.branch or workloads.branch, config=working.git_config)
    forge = open_forge(url, forge_name, os.environ)
    branches = _list_own_branches(target)
    if forge:
        open_heads = forge.list_open_heads(target.branch)
        branches = [name for name in branches if name in open_heads]
    elif branches:
        progress("no access to a forge: every branch that workloads made counts as an open pull request")
    for branch in branches:
        target = replace(target, pull_request_branch=branch)
        yield _Refresh(working, working.checkout, asked, target, forge is not None).run(progress)


def _list_own_branches(target: PublishTarget) -> list[str]:
    try:
        with open_clone(target) as clone:
            return [name for name in clone.list_branches("workloads/", IdleBudget()) if _OWN_BRANCH.fullmatch(name)]
    except RemoteFaultError as fault:
        raise error_for_failure(fault.failure, target.url, target) from fault


class _Refresh:
    """Refreshes one pull request. `is_open` says that the forge lists it as open, for this base branch."""

    def __init__(
        self,
        working: WorkingRegistry,
        checkout: Checkout,
        asked: PublishRequest,
        target: PublishTarget,
        is_open: bool,
    ) -> None:
        self._working, self._checkout = working, checkout
        self._asked, self._target, self._is_open = asked, target, is_open
        self._request: BranchSnapshot | None = None
        self._why_unchanged = "merged"

    def run(self, progress: Callable[[str], None]) -> RequestOutcome:
        branch, settings = self._target.pull_request_branch, self._checkout.git_config
        _, committer = settings.find_author_and_committer(os.environ)
        try:
            result = commit_and_push(
                self._target,
                self._propose,
                committer=committer,
                signing=settings.signing_config(),
                progress=progress,
                dry_run=self._asked.dry_run,
                read_request=self._remember_request,
            )
        except (UsageError, NetworkError, LocalError):
            raise
        except EditedRequestError as error:
            return RequestOutcome(branch, "edited", error.message)
        except RegistryError as error:
            return RequestOutcome(branch, "refused", str(error.problems[0]))
        except GeneratorError as error:
            return RequestOutcome(branch, "conflict" if isinstance(error, ConflictError) else "refused", error.message)
        if not result.changed_paths:
            return RequestOutcome(branch, self._why_unchanged)
        return RequestOutcome(branch, "refreshed" if result.pushed else "would-refresh", commit=result.head or "")

    def _remember_request(self, request: BranchSnapshot) -> None:
        self._request = request

    def _propose(self, base: BranchSnapshot) -> Proposal | None:
        request = self._request
        if request is None or request.commit is None:
            self._why_unchanged = "closed"
            return None
        if request.parents == (base.commit,):
            self._why_unchanged = "up-to-date"
            return None
        before = request.open_parent()
        if not self._is_open and base.contains(request.commit):
            return None
        if not self._is_open and before.commit and not base.contains(before.commit):
            self._why_unchanged = "other-base"
            return None
        return self._build_proposal(base, _RequestEdit.read(self._working, before, request))

    def _build_proposal(self, base: BranchSnapshot, edit: _RequestEdit) -> Proposal | None:
        choices = PublishChoices(
            consent=edit.removal_consent(),
            verify_with_helm=not self._asked.without_helm,
            policy=self._asked.policy,
        )
        now = self._asked.policy.now if self._asked.policy else None
        working = self._working

        def load_for_base(base: BranchSnapshot) -> RegistryToPublish:
            return edit.merge(
                BranchFiles(base, working.prefix, working.path.name),
                lambda: read_branch_history(base, working, self._checkout, self._target, now),
            )

        origin = working.origin or self._target.url
        return CommitBuilder(_RequestSource(load_for_base), edit.author, choices, origin).build_proposal(base)


@dataclass
class _RequestSource:
    """The `RegistrySource` of one pull request."""

    load_for_base: Callable[[BranchSnapshot], RegistryToPublish]
    has_local_edits: bool = False


@dataclass(frozen=True)
class _RequestEdit:
    """What the commit of a pull request changes in the registry, and its message and author."""

    files: dict[str, FileEdit]
    message: str
    author: GitIdentity

    @classmethod
    def read(cls, working: WorkingRegistry, before: BranchSnapshot, request: BranchSnapshot) -> _RequestEdit:
        """Read the edit. Raises EditedRequestError if the commit changes other files than the registry and charts."""
        prefix, name = working.prefix, working.path.name
        old, new = (BranchFiles(snapshot, prefix, name) for snapshot in (before, request))
        names = dict.fromkeys((name, *old.included, *new.included))
        edits = {each: FileEdit(old.read_bytes(each), new.read_bytes(each)) for each in names}
        files = {each: edit for each, edit in edits.items() if edit.before != edit.after}
        _refuse_other_files(before, request, {prefix + each for each in names})
        author, _, email = request.read_content().author.removesuffix(">").partition(" <")
        return cls(files, unseal_message(request.message), GitIdentity(author, email))

    def merge(self, branch: BranchFiles, read_history: Callable[[], History]) -> RegistryToPublish:
        """Apply the edit to the branch's registry. Raises ConflictError if both changed an entry."""
        merged = merge_edits(branch, self.files, read_history, lambda: [self.message], "the request")
        subject = self.message.partition("\n")[0]
        trailers = tuple(line for line in read_trailers(self.message) if not line.startswith(_OWN_TRAILERS))
        edit = RegistryEdit(merged.change.new, subject, trailers) if merged.change else None
        return replace(merged, edit=edit)

    def removal_consent(self) -> RemovalConsent:
        """The removals that the request names: its author confirmed them."""
        named = [line for line in read_trailers(self.message) if line.startswith(APPS_REMOVED_TRAILER)]
        keys = [key for line in named for key in re.findall(r"[^\s,]+/[^\s,]+", line)]
        return RemovalConsent(frozenset(keys), Counter(key.partition("/")[0] for key in keys))


def _refuse_other_files(before: BranchSnapshot, request: BranchSnapshot, registry_files: set[str]) -> None:
    old, new = before.list_entries(), request.list_entries()
    folders = tuple(
        path.removesuffix(INVENTORY_FILE) for path in (*old, *new) if path.rpartition("/")[2] == INVENTORY_FILE
    )
    changed = (path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    other = sorted(path for path in changed if path not in registry_files and not path.startswith(folders))
    if other:
        raise EditedRequestError(
            "WL5009", f"its commit changes {other[0]}, which is neither a registry file nor a generated file"
        )
