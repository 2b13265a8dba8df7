"""Publish an edit of a registry that has a repository of its own: first the registry, then its charts.

The charts are never ahead of the registry, so no later run reverts them. A run that is killed between the two pushes
leaves charts that are behind; the same command again, or the next publish of the registry, completes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from generator.errors import ConflictError, GeneratorError, NetworkError
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import Proposal, is_workloads_commit
from generator.git.failure import RemoteFaultError
from generator.git.messages import redact
from generator.git.remote_clone import PublishTarget, RemoteClone, open_clone
from generator.git.runner import IdleBudget
from generator.publishing.sources import BranchFiles, RegistryCommit, RegistryToPublish
from generator.publishing.summary import REGISTRY_COMMIT_TRAILER, format_commit_message, parse_registry_commit
from generator.registry.reader import read_registry_from

if TYPE_CHECKING:
    from generator.git.checkout import Checkout
    from generator.git.commit_plan import GitIdentity
    from generator.git.push import ProposalFunction, PublishResult
    from generator.publishing.commit_builder import CommitBuilder
    from generator.publishing.sources import RegistrySource
    from generator.publishing.summary import PublishSummary
    from generator.working_registry import WorkingRegistry


class PushFunction(Protocol):
    """Commits what is proposed for a branch and pushes it, or only looks up what would change."""

    def __call__(self, target: PublishTarget, propose: ProposalFunction, /, *, dry_run: bool) -> PublishResult: ...


class BranchChartsSource:
    """The charts of the registry as it is on its own branch. Implements `RegistrySource`.

    `load` returns the registry's branch, and what to publish of it.
    """

    has_local_edits = False

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self.load: Callable[[], tuple[BranchSnapshot, RegistryToPublish]]

    def load_for_base(self, base: BranchSnapshot) -> RegistryToPublish:
        branch, published = self.load()
        head = branch.commit or ""

        def comes_after(older: str) -> bool:
            return self._checkout.is_ancestor(older, head) or branch.contains(older)

        return replace(
            published,
            output_folder=str(published.registry.workloads.path),
            charts_before=published.change.old.registry.workloads.path if published.change else "",
            files_to_commit={},
            registry_commit=RegistryCommit(head, comes_after) if head else None,
        )


@dataclass
class SeparateEdit:
    """An edit of a registry, `source`, and where it and its charts are pushed.

    `build` makes the builder of the charts' commit, which announces it if asked to.
    """

    registry: PublishTarget
    charts: PublishTarget
    source: RegistrySource
    working: WorkingRegistry
    checkout: Checkout
    author: GitIdentity
    build: Callable[[RegistrySource, bool], CommitBuilder]
    push: PushFunction
    progress: Callable[[str], None]

    def publish(self, *, dry_run: bool) -> tuple[PublishResult, PublishSummary]:
        """Push the edit and then its charts; return the result for the charts. A request is for the edit alone.

        Before anything is pushed, the charts are rendered and checked as for their own push. Raises what
        `commit_and_push` and `CommitBuilder.build_proposal` raise.
        """
        self._builder_source = BranchChartsSource(self.checkout)
        self._builder = self.build(self._builder_source, True)
        pushed = self.push(self.registry, self._propose_edit, dry_run=dry_run)
        if dry_run or self.registry.pull_request_branch:
            self._builder.summary.registry = pushed
            return (self._checked if dry_run else pushed), self._builder.summary
        if pushed.pushed:
            self.progress(f"the edit is on {self.registry.branch} as {str(pushed.head)[:12]}; publishing its charts")
        try:
            result, summary = self._push_charts()
        except GeneratorError as error:
            error.not_done = (
                f"the edit is on {self.registry.branch} ({str(pushed.head)[:12]}), but its charts were not published: "
                "run the same command again"
            )
            raise
        summary.registry = pushed
        return result, summary

    def _propose_edit(self, base: BranchSnapshot) -> Proposal | None:
        published = self._repeated_edit(base) or self.source.load_for_base(base)
        self._edit = published.edit
        self._builder_source.load = lambda: (base, published)
        self._checked = self.push(self.charts, self._builder.build_proposal, dry_run=True)
        if not published.files_to_commit:
            return None
        self._builder.announce_once(published.registry)
        message = format_commit_message(self._builder.summary, "")
        return Proposal(published.files_to_commit, message, self.author)

    def _repeated_edit(self, base: BranchSnapshot) -> RegistryToPublish | None:
        """Return this edit if an earlier run committed it last on the branch, and ended before it pushed the charts.

        So `rollback`, for one, does not go back twice.
        """
        if not is_workloads_commit(base.message):
            return None
        try:
            edit = self.source.load_for_base(base.open_parent())
        except GeneratorError:
            return None
        files = edit.files_to_commit
        equal = bool(files) and all(base.read_branch_file(path) == data for path, data in files.items())
        if not equal or self._published_registry_commit() == base.commit:
            return None
        return replace(edit, files_to_commit={}, change=None)

    def _published_registry_commit(self) -> str:
        found: list[str] = []

        def read(base: BranchSnapshot) -> None:
            found.append(parse_registry_commit(base.find_last_message(REGISTRY_COMMIT_TRAILER)))

        self.push(self.charts, read, dry_run=True)
        return found[-1]

    def _push_charts(self) -> tuple[PublishResult, PublishSummary]:
        """Push the charts of the registry's branch as it is then, with what others have pushed meanwhile.

        It is read after the charts' branch, so that charts of a newer registry are never replaced by older ones.
        """
        source = BranchChartsSource(self.checkout)
        builder = self.build(source, False)
        # Both steps open the registry's clone first: two runs on one machine never wait for each other.
        with open_clone(self.registry) as clone:
            source.load = lambda: self._read_registry_branch(clone)
            return self.push(self.charts, builder.build_proposal, dry_run=False), builder.summary

    def _read_registry_branch(self, clone: RemoteClone) -> tuple[BranchSnapshot, RegistryToPublish]:
        try:
            base = clone.fetch_current_base_branch(IdleBudget())
        except RemoteFaultError as fault:
            raise NetworkError("WL5001", f"{redact(clone.url)} cannot be read: {fault.failure.message}") from fault
        if base.commit is None:
            raise ConflictError("WL5005", f"the branch {self.registry.branch} of {redact(clone.url)} was deleted")
        files = BranchFiles(base, self.working.prefix, self.working.path.name)
        registry = read_registry_from(files, files.name, files.display_folder)
        return base, RegistryToPublish(registry, "", {}, self._edit)
