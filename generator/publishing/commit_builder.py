"""Build the commit for the workloads branch from a registry and the branch's current state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from generator.cache import open_user_cache
from generator.charts.change_set import ChangeSet, compute_changes
from generator.charts.file_set import sha256_hex
from generator.charts.inventory import INVENTORY_FILE, parse_inventory
from generator.charts.layout import parse_chart_path, parse_template_path
from generator.charts.render import RenderedTree
from generator.charts.team_partition import render_charts
from generator.errors import ConflictError, RefusedError
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import GitIdentity, Proposal, TreeEntry, blob_id
from generator.helm.verify import validate_charts
from generator.publishing.context import chart_location
from generator.publishing.removal_guard import ApplicationIdentities, RemovalConsent, guard_removals
from generator.publishing.sources import RegistrySource, RegistryToPublish
from generator.publishing.summary import (
    REGISTRY_COMMIT_TRAILER,
    PublishSummary,
    find_touched_apps,
    format_commit_message,
    parse_registry_commit,
)


@dataclass(frozen=True)
class PublishChoices:
    """The user's options for one publish."""

    consent: RemovalConsent = field(default_factory=RemovalConsent)
    adopt: bool = False
    overwrite: bool = False
    allow_rewound: bool = False
    verify_with_helm: bool = True


class CommitBuilder:
    """Build the commit for a branch snapshot; each attempt reads and validates everything again."""

    def __init__(
        self, source: RegistrySource, author: GitIdentity, choices: PublishChoices, origin: str | None
    ) -> None:
        """`origin` is the workloads repository if the registry does not set it."""
        self._source = source
        self._origin = origin
        self._author = author
        self._choices = choices
        self.summary = PublishSummary()

    def build_proposal(self, base: BranchSnapshot) -> Proposal | None:
        """Build the commit for this snapshot of the branch; None if nothing changes.

        Raises RegistryError, ChartError, RefusedError (ownership), RemovalError and ConflictError (a newer
        registry is published already), all of them before anything is pushed.
        """
        self._refuse_older_registry(base)
        published = self._source.load_for_base(base)
        tree = self._render_charts(published)
        there = _OutputSnapshot(base, published.output_folder, tree)
        change = compute_changes(tree, there.inventory, there.digests.get)
        self._refuse_file_conflicts(there, change)
        removed = guard_removals(
            published.registry, there.applications_on_branch, tree.applications, self._choices.consent
        )
        environments = find_touched_apps(
            change, there.inventory, there.read_generated_file, published.registry.environments
        )
        self.summary = PublishSummary(change, removed, environments, published.edit)
        files: dict[str, bytes | None] = {
            there.repository_path(path): data for path, data in change.files_to_write.items()
        }
        files.update({there.repository_path(path): None for path in change.removed})
        files.update(published.files_to_commit)
        return (
            Proposal(files, format_commit_message(self.summary, self._registry_commit_id()), self._author)
            if files
            else None
        )

    def _render_charts(self, published: RegistryToPublish) -> RenderedTree:
        location = chart_location(published.registry, self._origin, published.output_folder)
        tree = render_charts(published.registry, open_user_cache(), location)
        validate_charts(tree, published.registry, open_user_cache(), with_helm=self._choices.verify_with_helm)
        return tree

    def _registry_commit_id(self) -> str:
        if not self._source.commit or not self._source.separate_repository:
            return ""
        return f"{self._source.commit}{'-dirty' if self._source.dirty else ''}"

    def _refuse_older_registry(self, base: BranchSnapshot) -> None:
        ours = self._source.commit
        if not ours or not self._source.separate_repository or self._choices.allow_rewound:
            return
        newer = parse_registry_commit(base.find_last_message(REGISTRY_COMMIT_TRAILER)) if _has_inventory(base) else ""
        if not newer or newer == ours:
            return
        if not self._source.has_ancestor(newer, ours):
            remedy = "a newer registry is published already: pull and run this again"
            if self._source.shallow:
                remedy = f"this checkout's history is cut off: fetch all of it (git fetch --unshallow), or {remedy}"
            raise ConflictError(
                f"the branch carries charts of registry commit {newer[:12]}, which {ours[:12]} does not come after",
                remedy=remedy,
            )

    def _refuse_file_conflicts(self, output: _OutputSnapshot, change: ChangeSet) -> None:
        if output.files_without_inventory and not self._choices.adopt:
            raise RefusedError(
                _format_path_list(
                    f"{output.repository_path(INVENTORY_FILE)} is missing, and there are charts",
                    map(output.repository_path, output.files_without_inventory),
                ),
                remedy="restore it from git, or take those files over with --adopt",
            )
        if change.foreign and not self._choices.adopt:
            raise RefusedError(
                _format_path_list(
                    "files that workloads did not write are in the way", map(output.repository_path, change.foreign)
                ),
                remedy="move them away, or take them over with --adopt",
            )
        if change.edited and not self._choices.overwrite:
            raise RefusedError(
                _format_path_list("generated files were edited by hand", map(output.repository_path, change.edited)),
                remedy="put what they should say into apps.toml, or give the edits up with --overwrite",
            )


def _has_inventory(base: BranchSnapshot) -> bool:
    """Whether the branch has an inventory; without one there is no earlier publish to search for."""
    return any(path.rpartition("/")[2] == INVENTORY_FILE for path in base.list_entries())


def _format_path_list(heading: str, paths: Iterable[str], limit: int = 10) -> str:
    lines = [f"  {path}" for path in paths]
    more = [f"  and {len(lines) - limit} more"] if len(lines) > limit else []
    return "\n".join([f"{heading}:", *lines[:limit], *more])


def _rendered_blob_ids(tree: RenderedTree, entries: Mapping[str, TreeEntry]) -> Mapping[str, str]:
    """The Git blob IDs of the rendered files, as long as the IDs in `entries` (SHA-1 or SHA-256)."""
    length = len(next(iter(entries.values())).oid) if entries else 40
    return tree.files.compute_file_ids(f"git-{length}", partial(blob_id, length=length))


class _OutputSnapshot:
    """The output folder on the branch; fetches only blobs that differ from the new files, in one batch."""

    def __init__(self, base: BranchSnapshot, folder: str, tree: RenderedTree) -> None:
        self._prefix = "" if folder == "." else f"{folder}/"
        self._tree = tree
        start = len(self._prefix)
        entries = {path[start:]: entry for path, entry in base.list_entries(self._prefix).items()}
        self._paths = entries.keys()
        recorded = base.read_branch_file(self.repository_path(INVENTORY_FILE))
        self.inventory = parse_inventory(recorded, self.repository_path(INVENTORY_FILE))
        blobs, owned = _rendered_blob_ids(tree, entries), self.inventory.files
        apart = [path for path, entry in entries.items() if blobs.get(path) != entry.oid]
        wanted = {self.repository_path(path): path for path in apart if path in blobs or path in owned}
        #: Contents that differ from the rendered files; all other generated paths are equal on the branch.
        self._differing_files = {wanted[place]: data for place, data in base.read_branch_files(sorted(wanted)).items()}
        if recorded is not None:
            self._differing_files[INVENTORY_FILE] = recorded
        #: Digests of the files on the branch that are, or will become, generated files.
        self.digests = {path: known for path, known in tree.digests.items() if path in self._paths}
        self.digests.update({path: sha256_hex(data) for path, data in self._differing_files.items()})

    def repository_path(self, path: str) -> str:
        """The repository path of a file in the output folder."""
        return f"{self._prefix}{path}"

    def read_generated_file(self, path: str) -> bytes | None:
        """Read the branch's copy of a file that is, or will become, a generated file."""
        there = path in self._paths and path not in self._differing_files and path in self._tree.files
        return self._tree.files[path] if there else self._differing_files.get(path)

    @property
    def files_without_inventory(self) -> list[str]:
        """Files at the paths of generated files if the branch has no inventory."""
        return (
            []
            if INVENTORY_FILE in self._paths
            else sorted(self._paths & self._tree.files.keys() | set(self._template_paths()))
        )

    @property
    def applications_on_branch(self) -> ApplicationIdentities:
        """The Applications on the branch; without an inventory, they are inferred from the templates."""
        return (
            self.inventory.applications
            if INVENTORY_FILE in self._paths
            else dict(map(self._infer_application, self._template_paths()))
        )

    def _infer_application(self, path: str) -> tuple[str, Mapping[str, str]]:
        """Infer the Application key and identity from a template's path, including its shard."""
        environment, app = parse_template_path(path) or ("", "")
        place, after = parse_chart_path(path), self._tree.applications
        key, shard = f"{environment}/{app}", place.chart.shard if place else ""
        told = {**after.get(key, {"name": app, "namespace": "unknown"})}
        told.pop("shard", None)
        return key, {**told, "shard": shard} if shard else told

    def _template_paths(self) -> list[str]:
        return [path for path in sorted(self._paths) if parse_template_path(path)]
