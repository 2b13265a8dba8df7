"""Build the commit for the workloads branch from a registry and the branch's current state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generator.charts.inventory import INVENTORY_FILE
from generator.errors import ConflictError, RefusedError
from generator.git.commit_plan import Proposal
from generator.helm.adoption import find_deployed_applications
from generator.helm.verify import HelmScope
from generator.pipeline import find_digests, folder_prefix, list_paths, open_branch_folder, prepare_charts
from generator.promotion.policy import PolicyInputs, PolicyReport
from generator.publishing.context import chart_location, describe_moved_charts
from generator.publishing.project_guard import refuse_dropped_projects
from generator.publishing.removal_guard import RemovalConsent, guard_removals
from generator.publishing.summary import (
    REGISTRY_COMMIT_TRAILER,
    PublishSummary,
    RevisionMove,
    find_touched_apps,
    format_commit_message,
    list_revision_moves,
    parse_registry_commit,
)

if TYPE_CHECKING:
    from generator.charts.chart_folder import ChartFolder
    from generator.git.branch_snapshot import BranchSnapshot
    from generator.git.commit_plan import GitIdentity
    from generator.pipeline import PreparedCharts
    from generator.publishing.sources import RegistryCommit, RegistrySource, RegistryToPublish
    from generator.registry.registry import Registry


@dataclass(frozen=True)
class PublishChoices:
    """The user's options for one publish."""

    consent: RemovalConsent = field(default_factory=RemovalConsent)
    adopt: bool = False
    overwrite: bool = False
    allow_rewound: bool = False
    verify_with_helm: bool = True
    policy: PolicyInputs | None = None


class CommitBuilder:
    """Build the commit for a branch snapshot; each attempt reads and validates everything again."""

    def __init__(
        self,
        source: RegistrySource,
        author: GitIdentity,
        choices: PublishChoices,
        origin: str | None,
        announce: Callable[[PublishSummary, Registry], None] = lambda summary, registry: None,
    ) -> None:
        """`origin` is the workloads repository if the registry does not set it.

        `announce` is called with what changes before it is pushed, and may raise; again if another attempt differs.
        """
        self._announce = announce
        self._source = source
        self._origin = origin
        self._author = author
        self._choices = choices
        self.summary = PublishSummary()
        self._announced: object = None

    def build_proposal(self, base: BranchSnapshot) -> Proposal | None:
        """Build the commit for this snapshot of the branch; None if nothing changes.

        Raises RegistryError, ChartError, RefusedError (ownership), RemovalError and ConflictError (a newer
        registry is published already), all of them before anything is pushed.
        """
        published = self._source.load_for_base(base)
        if published.registry_commit and not self._choices.allow_rewound:
            self._refuse_older_registry(published.registry_commit, base)
        charts = self._prepare_charts(published, base)
        before, change, consent = charts.before, charts.change, self._choices.consent
        with_helm = self._choices.verify_with_helm
        deployed = find_deployed_applications(before, charts.digests, charts.after, with_helm=with_helm)
        old = self._find_moved_charts(published, base, before)
        if old:
            digests = find_digests(old, charts.tree)
            deployed = find_deployed_applications(old, digests, charts.after, with_helm=with_helm)
        refuse_dropped_projects(published.registry, before)
        removed = guard_removals(published.registry, deployed, charts.tree.applications, consent)
        report = PolicyReport()
        if published.change and self._choices.policy:
            report = published.change.check(self._choices.policy)
            report.raise_if_refused()
        moved = describe_moved_charts(published.charts_before, published.output_folder) if old else ""
        environments = find_touched_apps(change, before, published.registry.environments)
        self.summary = PublishSummary(
            change,
            removed,
            environments,
            published.edit,
            override_trailers=report.format_trailers(),
            notes=tuple(filter(None, (moved, "" if published.edit else published.registry.deprecation))),
        )
        prefix = folder_prefix(published.output_folder)
        files: dict[str, bytes | None] = {prefix + path: data for path, data in change.files_to_write.items()}
        files.update({prefix + path: None for path in change.removed})
        files.update(published.files_to_commit)
        if files:
            self.summary.moves = self._list_moves(published)
            self.announce_once(published.registry)
        message = format_commit_message(self.summary, str(published.registry_commit or ""))
        return Proposal(files, message, self._author) if files else None

    def _prepare_charts(self, published: RegistryToPublish, base: BranchSnapshot) -> PreparedCharts:
        """Render and verify the charts, and refuse files that are not the generator's to replace."""
        before = open_branch_folder(base, published.output_folder)
        if before.chart_paths and not before.has_inventory and not self._choices.adopt:
            raise RefusedError(
                "WL7005",
                list_paths(
                    f"{before.display(INVENTORY_FILE)} is missing, and there are charts",
                    map(before.display, sorted(before.chart_paths)),
                ),
                remedy="restore it from git, or take those files over with --adopt",
            )
        return prepare_charts(
            published.registry,
            chart_location(published.registry, self._origin, published.output_folder),
            before,
            adopt=self._choices.adopt,
            overwrite=self._choices.overwrite,
            helm_scope=HelmScope.ALL if self._choices.verify_with_helm else HelmScope.NONE,
            today=self._choices.policy.now.date() if self._choices.policy else None,
        )

    def announce_once(self, registry: Registry) -> None:
        """Announce what changes, unless the same was announced before."""
        changes = self.summary.moves, self.summary.apps_by_environment
        if changes != self._announced:
            self._announced = changes
            self._announce(self.summary, registry)

    @staticmethod
    def _list_moves(published: RegistryToPublish) -> tuple[RevisionMove, ...]:
        change = published.change
        before = published.load_published() or (change.old.registry if change else None)
        return list_revision_moves(before, published.registry) if before else ()

    @staticmethod
    def _find_moved_charts(
        published: RegistryToPublish, base: BranchSnapshot, before: ChartFolder
    ) -> ChartFolder | None:
        """The folder that Argo CD still reads, where `workloads.path` has changed since the last publish."""
        if before.has_inventory or published.charts_before in ("", published.output_folder):
            return None
        old = open_branch_folder(base, published.charts_before)
        return old if old.has_inventory else None

    def _refuse_older_registry(self, commit: RegistryCommit, base: BranchSnapshot) -> None:
        """Raise ConflictError if the branch carries the charts of a registry that `commit` does not come after."""
        # Without an inventory there is no earlier publish to search for.
        published = any(path.rpartition("/")[2] == INVENTORY_FILE for path in base.list_entries())
        newer = parse_registry_commit(base.find_last_message(REGISTRY_COMMIT_TRAILER)) if published else ""
        if newer and newer != commit.id and not commit.comes_after(newer):
            remedy = "a newer registry is published already: pull and run this again"
            if commit.is_cut_off:
                remedy = f"this checkout's history is cut off: fetch all of it (git fetch --unshallow), or {remedy}"
            raise ConflictError(
                "WL5008",
                f"the branch carries charts of registry commit {newer[:12]}, "
                f"which is not an ancestor of {commit.id[:12]}",
                remedy=remedy,
            )
