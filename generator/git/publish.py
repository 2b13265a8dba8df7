"""A proposal, made anew on every base → one commit on the remote branch: the loop that outlasts races and faults.

With `Target.request`, the commit goes to a branch that is ours alone, on top of the base, for others to merge.
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
from generator.git.command import Output, Patience
from generator.git.failure import Failure, Fault, RemoteFaultError, of_push
from generator.git.interrupt import terminable
from generator.git.pace import Budget, Pace
from generator.git.proposal import Change, Entry, Identity, Proposal, applied, changes, is_ours
from generator.git.repository import Base, DamagedError, Repository, Target, opened
from generator.git.signing import Signing
from generator.git.words import redact

UNDONE = "nothing was pushed"
_BUDGET = Budget()
# After a push that was waited for in vain, one short look must do.
_LAST_LOOK = 4.0


@dataclass(frozen=True)
class PublishResult:
    """What became of it. `head` is our commit, or the base when there was nothing to do (or nothing was to be done).

    Of a request, `head` is the commit on its branch, whether it was `pushed` now or was there already.
    """

    base: str | None
    head: str | None
    attempts: int
    pushed: bool
    changed: tuple[str, ...]


Propose = Callable[[Base], Proposal | None]


def publish(
    target: Target,
    propose: Propose,
    *,
    committer: Identity,
    signing: Signing | None = None,
    budget: Budget = _BUDGET,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = randomness.random,
    progress: Callable[[str], None] = lambda text: None,
    dry_run: bool = False,
) -> PublishResult:
    """Bring what `propose` makes of the branch onto the branch, exactly once.

    `propose` is called again on every new base; None, or files equal to the base's, means nothing to do.
    Raises whatever `propose` raises, and: `ConflictError` when others are always faster, `RemoteRefusedError` with
    the server's words, `NetworkError`, `LocalError` (disk, git, signing key), `RefusedError` for a path that may not
    be touched, `UsageError` for a target that makes no sense. After each of them nothing was pushed, unless
    `undone` says that this is not known.
    """
    attempt = _Attempt(target, propose, committer, signing, progress, dry_run)
    pace = Pace(budget, clock, sleep, random)
    try:
        with terminable(), opened(target) as repository:
            return _until_done(attempt, repository, pace)
    except GeneratorError as error:
        error.undone = attempt.doubt() or error.undone or UNDONE
        raise


def _until_done(attempt: _Attempt, repository: Repository, pace: Pace) -> PublishResult:
    while True:
        pace.start()
        try:
            result = attempt.run(repository)
        except RemoteFaultError as fault:
            _survive(fault.failure, attempt, repository, pace)
        except DamagedError:
            if repository.fresh:
                raise
            repository.replace()
        else:
            if result is not None:
                return result
            pace.lost(attempt.target.branch)


def _survive(failure: Failure, attempt: _Attempt, repository: Repository, pace: Pace) -> None:
    """Return if it is worth another try; raise what the user is to know otherwise."""
    if failure.fault is Fault.LOCAL:
        repository.replace()
    if failure.fault is not Fault.TRANSIENT or not pace.faulted():
        raise _error(failure, repository.url, attempt.target)
    attempt.progress(f"the remote failed us, trying again: {failure.words.splitlines()[-1]}")


def _error(failure: Failure, url: str, target: Target) -> GeneratorError:
    shown = redact(url)
    if failure.fault is Fault.NO_REPOSITORY:
        return UsageError(f"{shown} is not a git repository: {failure.words}")
    if failure.fault is Fault.LOCAL:
        return LocalError(f"git could not do its work here: {failure.words}", remedy="is the disk full?")
    if failure.fault is Fault.REFUSED:
        return RemoteRefusedError(f"{shown} refused the commit on {target.written}:\n{failure.words}")
    if failure.fault is Fault.ACCESS:
        return NetworkError(f"{shown} does not let us in: {failure.words}", remedy="check the URL and the credentials")
    if failure.fault is Fault.STALLED:
        return NetworkError(f"{shown} keeps us waiting without sending anything", remedy="try again later")
    return NetworkError(f"{shown} could not be reached: {failure.words}", remedy="try again later")


class _Attempt:
    """One way from the branch as it is to a commit on it, walked again and again; it remembers what it pushed."""

    def __init__(
        self,
        target: Target,
        propose: Propose,
        committer: Identity,
        signing: Signing | None,
        progress: Callable[[str], None],
        dry_run: bool,
    ) -> None:
        self.target, self.progress = target, progress
        self._propose, self._committer, self._signing, self._dry_run = propose, committer, signing, dry_run
        self._count = 0
        self._patience = Patience()
        # Commits whose push may have arrived although nobody told us, by id: on what, and with what result.
        self._unsure: dict[str, tuple[str | None, PublishResult]] = {}

    def doubt(self) -> str:
        """What to say when we end without knowing whether a push arrived; empty when we know."""
        if not self._unsure:
            return ""
        commit = list(self._unsure)[-1]
        return f"whether {commit} reached {self.target.written} is not known; running again publishes nothing twice"

    def run(self, repository: Repository) -> PublishResult | None:
        """Try once. None when the race was lost; `RemoteFaultError`, `DamagedError` and what `publish` lists."""
        self._count += 1
        self._patience = Patience()
        self.progress(f"fetching {self.target.branch}")
        base = self._base(repository)
        there = self._request(repository) if self.target.request else base
        if self._unsure and (landed := self._landed(repository, there)):
            return landed
        proposal = self._propose(base)
        planned = changes(base.entries(), proposal.files) if proposal else {}
        if proposal is None or not planned or self._dry_run:
            return PublishResult(base.commit, base.commit, self._count, False, tuple(planned))
        if self._count > 1 and repository.head(self._patience) != base.commit:
            # In a crowd most attempts are lost by now, and what costs most is still to come.
            self.progress("somebody else was faster, trying again")
            return None
        if self.target.request and _is_made(there, base, planned, proposal):
            return PublishResult(base.commit, there.commit, self._count, False, tuple(planned))
        return self._push(repository, base, there.commit, planned, proposal)

    def _request(self, repository: Repository) -> Base:
        """The request's own branch. `RemoteRefusedError` where its last commit is somebody else's."""
        there = repository.request(self._patience)
        if there.commit and not is_ours(there.message):
            raise RemoteRefusedError(
                f"the last commit on {self.target.written}, {there.commit[:12]}, was not made by workloads",
                remedy="merge or close that request and delete its branch, then run this again",
            )
        return there

    def _base(self, repository: Repository) -> Base:
        head = repository.head(self._patience)
        if head is None and not self.target.create_branch and not repository.is_empty(self._patience):
            raise UsageError(
                f"{redact(repository.url)} has no branch {self.target.branch}",
                remedy="name another, or allow it to be created (--create-branch)",
            )
        return repository.base(head, self._patience)

    def _landed(self, repository: Repository, there: Base) -> PublishResult | None:
        """The result of an earlier push of ours that arrived after all; `there` is the branch that is pushed to."""
        for commit, (lease, result) in self._unsure.items():
            if there.commit not in (None, lease) and repository.contains(there.commit, commit, self._patience):
                return replace(result, attempts=self._count)
        # While the branch is where it was, a push that was cut off may still be on its way.
        self._unsure = {commit: each for commit, each in self._unsure.items() if each[0] == there.commit}
        return None

    def _push(
        self, repository: Repository, base: Base, lease: str | None, planned: dict[str, Change], proposal: Proposal
    ) -> PublishResult | None:
        commit = self._commit(repository, base, planned, proposal)
        result = PublishResult(base.commit, commit, self._count, True, tuple(planned))
        self.progress(f"pushing to {self.target.written}")
        self._unsure[commit] = lease, result
        output = repository.push(commit, lease, self._patience)
        try:
            return self._judge(repository, lease, result, output)
        except RemoteFaultError:
            if not output.ok:
                raise
            # The server confirmed it, and cannot be asked any more: that is good enough.
            self._unsure.clear()
            return result

    def _commit(self, repository: Repository, base: Base, planned: dict[str, Change], proposal: Proposal) -> str:
        id_length = len(base.commit) if base.commit else 40
        tree = repository.objects.write_tree(base.commit, planned, id_length)
        return repository.objects.write_commit(
            tree, base.commit, proposal.message, proposal.author, self._committer, self._signing
        )

    def _judge(
        self, repository: Repository, lease: str | None, result: PublishResult, output: Output
    ) -> PublishResult | None:
        """What the push came to, by where the branch is now: at our commit, beyond it, elsewhere, or unmoved."""
        patience = Patience(_LAST_LOOK) if output.timed_out else self._patience
        head, commit = repository.written_head(patience), result.head or ""
        if head == commit:
            repository.keep(commit)
        elif head == lease:
            failure = of_push(output)
            if failure.answered:
                self._unsure.pop(commit)
            raise RemoteFaultError(failure)
        elif not output.ok and not self._overtaken(repository, result, head, patience):
            self._unsure.pop(commit)
            self.progress("somebody else was faster, trying again")
            return None
        self._unsure.clear()
        return result

    @staticmethod
    def _overtaken(repository: Repository, result: PublishResult, head: str | None, patience: Patience) -> bool:
        """Whether ours arrived and others have built on it since."""
        if head is None:
            return False
        now = repository.written(head, patience)
        return now.parents != (result.base,) and repository.contains(head, result.head or "", patience)


def _is_made(there: Base, base: Base, planned: Mapping[str, Change], proposal: Proposal) -> bool:
    """Whether a request's branch holds this very commit already, but for the time it was made."""
    same_place = there.commit is not None and there.parents == ((base.commit,) if base.commit else ())
    if not same_place or there.message.rstrip("\n") != proposal.message.rstrip("\n"):
        return False
    return there.entries() == applied(base.entries(), planned, len(there.commit or ""))


__all__ = ["Base", "Budget", "Entry", "Identity", "Proposal", "PublishResult", "Target", "publish"]
