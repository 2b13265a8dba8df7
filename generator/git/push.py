"""Commit a proposal and push it to a remote branch, with retries after lost races and connection failures.

With `PublishTarget.request_branch`, the commit goes to a separate branch on top of the base for a pull request.
"""

from __future__ import annotations

import random as randomness
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from generator.errors import (
    GeneratorError,
    LocalError,
    NetworkError,
    RemoteRefusedError,
    UsageError,
)
from generator.git.access import access_remedy
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import (
    CommitContent,
    FileChange,
    GitIdentity,
    Proposal,
    apply_file_changes,
    find_changed_files,
    is_sealed,
    seal_message,
    unseal_message,
)
from generator.git.failure import Fault, RemoteFailure, RemoteFaultError, classify_push_failure
from generator.git.messages import redact
from generator.git.object_store import DamagedCloneError
from generator.git.remote_clone import PublishTarget, RemoteClone, open_clone
from generator.git.retry import RetryBudget, RetrySchedule
from generator.git.runner import GitResult, IdleBudget
from generator.git.signing import SigningConfig
from generator.git.sigterm import raise_on_sigterm

NOTHING_PUSHED = "nothing was pushed"
_DEFAULT_BUDGET = RetryBudget()
# The idle time, in seconds, allowed for the check after a push that timed out.
_FINAL_CHECK_SECONDS = 4.0


@dataclass(frozen=True)
class PublishResult:
    """The result of publishing. `head` is the new commit, or the base if nothing changed or it was a dry run.

    For a pull request, `head` is the commit on its branch, whether `pushed` now or already there.
    """

    base: str | None
    head: str | None
    attempts: int
    pushed: bool
    changed_paths: tuple[str, ...]


ProposalFunction = Callable[[BranchSnapshot], Proposal | None]


class EditedRequestError(RemoteRefusedError):
    """The branch of a pull request has a commit that workloads did not make, or that somebody amended."""


def commit_and_push(
    target: PublishTarget,
    propose: ProposalFunction,
    *,
    committer: GitIdentity,
    signing: SigningConfig | None = None,
    budget: RetryBudget = _DEFAULT_BUDGET,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = randomness.random,
    progress: Callable[[str], None] = lambda text: None,
    dry_run: bool = False,
    read_request: Callable[[BranchSnapshot], None] = lambda request: None,
) -> PublishResult:
    """Commit what `propose` returns for the branch and push it, exactly once.

    `propose` is called for every new base; None, or files equal to the base's, means that nothing changes. For a pull
    request, `read_request` gets its branch before that; it is replaced only if it is still at that commit.
    Raises what `propose` raises, and `ConflictError` when others keep pushing first, `RemoteRefusedError` with the
    server's message, `NetworkError`, `LocalError` (disk, git, signing key), `RefusedError` for a path that must not
    change, and `UsageError` for an invalid target. After an error nothing was pushed, unless the error's `undone`
    says that this is not known.
    """
    attempt = _Publisher(target, propose, committer, signing, progress, dry_run, read_request)
    pace = RetrySchedule(budget, clock, sleep, random)
    try:
        with raise_on_sigterm(), open_clone(target) as repository:
            return _retry_until_done(attempt, repository, pace)
    except GeneratorError as error:
        error.not_done = attempt.describe_uncertain_push() or error.not_done or NOTHING_PUSHED
        raise


def _retry_until_done(publisher: _Publisher, clone: RemoteClone, schedule: RetrySchedule) -> PublishResult:
    while True:
        schedule.start_attempt()
        try:
            result = publisher.try_once(clone)
        except RemoteFaultError as fault:
            _raise_unless_retryable(fault.failure, publisher, clone, schedule)
        except DamagedCloneError:
            if clone.newly_created:
                raise
            clone.discard_clone()
        else:
            if result is not None:
                return result
            schedule.record_lost_race(publisher.target.branch)


def _raise_unless_retryable(
    failure: RemoteFailure, publisher: _Publisher, clone: RemoteClone, schedule: RetrySchedule
) -> None:
    """Return if the failure is worth a retry; otherwise raise the error for the user."""
    if failure.fault is Fault.LOCAL:
        clone.discard_clone()
    if failure.fault is not Fault.TRANSIENT or not schedule.retry_after_fault():
        raise error_for_failure(failure, clone.url, publisher.target)
    publisher.progress(f"connection failed, retrying: {failure.message.splitlines()[-1]}")


def error_for_failure(failure: RemoteFailure, url: str, target: PublishTarget) -> GeneratorError:
    """Return the error that reports a failure of the remote to the user."""
    shown = redact(url)
    if failure.fault is Fault.NO_REPOSITORY:
        return UsageError("WL5004", f"{shown} is not a git repository: {failure.message}")
    if failure.fault is Fault.LOCAL:
        return LocalError("WL6003", f"git failed on this machine: {failure.message}", remedy="is the disk full?")
    if failure.fault is Fault.REFUSED:
        return RemoteRefusedError("WL5003", f"{shown} refused the commit on {target.push_branch}:\n{failure.message}")
    if failure.fault is Fault.ACCESS:
        return NetworkError(
            "WL5002", f"{shown} denies access: {failure.message}", remedy=access_remedy(url, target.config)
        )
    if failure.fault is Fault.STALLED:
        return NetworkError("WL5001", f"{shown} does not send any data", remedy="try again later")
    return NetworkError("WL5001", f"{shown} could not be reached: {failure.message}", remedy="try again later")


class _Publisher:
    """Attempts to commit and push, and remembers pushes whose outcome is not known."""

    def __init__(
        self,
        target: PublishTarget,
        propose: ProposalFunction,
        committer: GitIdentity,
        signing: SigningConfig | None,
        progress: Callable[[str], None],
        dry_run: bool,
        read_request: Callable[[BranchSnapshot], None],
    ) -> None:
        self.target, self.progress, self._read_request = target, progress, read_request
        self._propose, self._committer, self._signing, self._dry_run = propose, committer, signing, dry_run
        self._attempt_number = 0
        self._idle_budget = IdleBudget()
        # Commits whose push was not confirmed but may have arrived: the lease and the result, by commit id.
        self._uncertain_pushes: dict[str, tuple[str | None, PublishResult]] = {}

    def describe_uncertain_push(self) -> str:
        """Return a note that a push may have arrived without confirmation; empty if every outcome is known."""
        if not self._uncertain_pushes:
            return ""
        commit = list(self._uncertain_pushes)[-1]
        return f"whether {commit} reached {self.target.push_branch} is not known; running again publishes nothing twice"

    def try_once(self, clone: RemoteClone) -> PublishResult | None:
        """Make one attempt; None if another push won the race.

        Raises `RemoteFaultError`, `DamagedCloneError` and what `commit_and_push` lists.
        """
        self._attempt_number += 1
        self._idle_budget = IdleBudget()
        self.progress(f"fetching {self.target.branch}")
        base = self._require_base_branch(clone)
        there = self._own_request_branch(clone) if self.target.pull_request_branch else base
        if self._uncertain_pushes and (landed := self._find_landed_push(clone, there)):
            return landed
        proposal = self._propose(base)
        planned = find_changed_files(base.list_entries(), proposal.files) if proposal else {}
        if proposal is None or not planned or self._dry_run:
            return PublishResult(base.commit, base.commit, self._attempt_number, False, tuple(planned))
        if self._attempt_number > 1 and clone.base_branch_head(self._idle_budget) != base.commit:
            # Check before the expensive steps: with many concurrent pushes, most races are lost by now.
            self.progress("another push came first, retrying")
            return None
        if self.target.pull_request_branch and _holds_same_commit(there, base, planned, proposal):
            return PublishResult(base.commit, there.commit, self._attempt_number, False, tuple(planned))
        return self._push_commit(clone, base, there.commit, planned, proposal)

    def _own_request_branch(self, clone: RemoteClone) -> BranchSnapshot:
        """Return the pull request's branch. Raises `EditedRequestError` if it carries a person's commit."""
        there = clone.fetch_current_push_branch(self._idle_budget)
        if there.commit and not is_sealed(there.message, there.read_content()):
            raise EditedRequestError(
                "WL5009",
                f"the last commit on {self.target.push_branch}, {there.commit[:12]}, was not made by workloads, "
                "or was changed since",
                remedy="merge or close that pull request and delete its branch, then run this command again",
            )
        self._read_request(there)
        return there

    def _require_base_branch(self, clone: RemoteClone) -> BranchSnapshot:
        head = clone.base_branch_head(self._idle_budget)
        if head is None and not self.target.create_branch and not clone.is_remote_empty(self._idle_budget):
            raise UsageError(
                "WL5005",
                f"{redact(clone.url)} has no branch {self.target.branch}",
                remedy="name another, or allow it to be created (--create-branch)",
            )
        return clone.fetch_base_branch(head, self._idle_budget)

    def _find_landed_push(self, clone: RemoteClone, push_branch: BranchSnapshot) -> PublishResult | None:
        """Return the result of an earlier unconfirmed push that reached `push_branch`; None if there is none."""
        for commit, (lease, result) in self._uncertain_pushes.items():
            if push_branch.commit not in (None, lease) and clone.push_branch_contains(
                push_branch.commit, commit, self._idle_budget
            ):
                return replace(result, attempts=self._attempt_number)
        # While the branch has not moved, an interrupted push may still arrive.
        self._uncertain_pushes = {
            commit: each for commit, each in self._uncertain_pushes.items() if each[0] == push_branch.commit
        }
        return None

    def _push_commit(
        self,
        clone: RemoteClone,
        base: BranchSnapshot,
        lease: str | None,
        planned: dict[str, FileChange],
        proposal: Proposal,
    ) -> PublishResult | None:
        commit = self._create_commit(clone, base, planned, proposal)
        result = PublishResult(base.commit, commit, self._attempt_number, True, tuple(planned))
        self.progress(f"pushing to {self.target.push_branch}")
        self._uncertain_pushes[commit] = lease, result
        output = clone.push(commit, lease, self._idle_budget)
        try:
            return self._confirm_push(clone, lease, result, output)
        except RemoteFaultError:
            if not output.succeeded:
                raise
            # The server confirmed the push, although it cannot be reached for the check.
            self._uncertain_pushes.clear()
            return result

    def _create_commit(
        self, clone: RemoteClone, base: BranchSnapshot, planned: dict[str, FileChange], proposal: Proposal
    ) -> str:
        id_length = len(base.commit) if base.commit else 40
        message = proposal.message
        if self.target.pull_request_branch:
            parents = (base.commit,) if base.commit else ()
            entries = apply_file_changes(base.list_entries(), planned, id_length)
            content = CommitContent(parents, entries, str(proposal.author), str(self._committer))
            message = seal_message(message, content)
        return clone.objects.write_commit(
            base.commit, planned, message, proposal.author, self._committer, self._signing, id_length
        )

    def _confirm_push(
        self, clone: RemoteClone, lease: str | None, result: PublishResult, output: GitResult
    ) -> PublishResult | None:
        """Determine the outcome of a push from where the branch is now; None if another push won the race."""
        patience = IdleBudget(_FINAL_CHECK_SECONDS) if output.timed_out else self._idle_budget
        head, commit = clone.push_branch_head(patience), result.head or ""
        if head == commit:
            clone.remember_push(commit)
        elif head == lease:
            failure = classify_push_failure(output)
            if failure.nothing_changed:
                self._uncertain_pushes.pop(commit)
            raise RemoteFaultError(failure)
        elif not output.succeeded and not self._is_built_upon(clone, result, head, patience):
            self._uncertain_pushes.pop(commit)
            self.progress("another push came first, retrying")
            return None
        self._uncertain_pushes.clear()
        return result

    @staticmethod
    def _is_built_upon(clone: RemoteClone, result: PublishResult, head: str | None, idle_budget: IdleBudget) -> bool:
        """Whether the pushed commit arrived and others have pushed on top of it."""
        if head is None:
            return False
        now = clone.fetch_push_branch(head, idle_budget)
        return now.parents != (result.base,) and clone.push_branch_contains(head, result.head or "", idle_budget)


def _holds_same_commit(
    push_branch: BranchSnapshot, base: BranchSnapshot, planned: Mapping[str, FileChange], proposal: Proposal
) -> bool:
    """Whether the pull request's branch already has an equal commit, apart from its time."""
    same_place = push_branch.commit is not None and push_branch.parents == ((base.commit,) if base.commit else ())
    if not same_place or unseal_message(push_branch.message).rstrip() != proposal.message.rstrip():
        return False
    return push_branch.list_entries() == apply_file_changes(base.list_entries(), planned, len(push_branch.commit or ""))
