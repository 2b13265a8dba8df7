"""The one path from a registry to its charts: plan, render, overlay, verify, compare; then write or commit.

Commands differ in where the registry and the folder come from (working tree, commit, branch of a remote) and in what
they do with the result, not in the stages that run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from generator.cache import digest_data, open_result_cache
from generator.charts.change_set import compute_changes
from generator.charts.chart_folder import ChartFolder, overlay_tree
from generator.charts.digests import digest_file, sha256_hex
from generator.charts.inventory import INVENTORY_FILE
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from generator.charts.values_file import VALUES_FILE
from generator.errors import RefusedError
from generator.git.commit_plan import blob_id
from generator.helm.adoption import refuse_orphaned_templates
from generator.helm.verify import HelmScope, verify_charts

if TYPE_CHECKING:
    from generator.cache import ResultCache
    from generator.charts.change_set import ChangeSet
    from generator.charts.chart_folder import OverlaidFolder
    from generator.charts.layout import OutputLocation
    from generator.charts.output_folder import OutputFolder
    from generator.git.branch_snapshot import BranchSnapshot
    from generator.helm.verify import Verified
    from generator.registry.registry import Registry
    from generator.working_registry import CommittedFiles


@dataclass(frozen=True)
class PreparedCharts:
    """The charts of a registry, compared with the folder in which they will lie.

    `before` is the folder as it lies now, `after` the same with the generated files, and `change` the difference.
    `digests` are those of the files in `before` that are, or will be, generated.
    """

    registry: Registry
    tree: RenderedTree
    before: ChartFolder
    after: OverlaidFolder
    change: ChangeSet
    digests: Mapping[str, str]
    verified: Verified


def prepare_charts(
    registry: Registry,
    location: OutputLocation,
    before: ChartFolder,
    *,
    environments: Collection[str] = (),
    adopt: bool = False,
    overwrite: bool = False,
    helm_scope: HelmScope = HelmScope.ALL,
    today: date | None = None,
) -> PreparedCharts:
    """Take a valid registry through every stage but the last; the caller writes or commits the change.

    Argo CD reads the charts at `location`. `environments`, unless empty, limits the change to their charts. With
    `adopt`, foreign files at the paths of generated files may be replaced; with `overwrite`, generated files that were
    edited by hand may be replaced or deleted. From `today` on, projects drop destinations that no app has needed for a
    week. Raises ChartError, RefusedError (foreign or edited files, a damaged
    inventory) and LocalError.
    """
    cache = open_result_cache()
    tree, digests = render_registry(registry, location, before, cache, today)
    after = overlay_tree(tree, before)
    change = compute_changes(tree, before.inventory, digests.get, frozenset(environments) or None)
    if not adopt:
        refuse_files_in_the_way(before, change)
    if not overwrite:
        refuse_edited_files(before, change)
    verified = verify_charts(after, registry, cache, helm_scope)
    if change.foreign_in_the_way and helm_scope is not HelmScope.NONE:
        refuse_orphaned_templates(before, after, change)
    return PreparedCharts(registry, tree, before, after, change, digests, verified)


def render_registry(
    registry: Registry, location: OutputLocation, before: ChartFolder, cache: ResultCache, today: date | None = None
) -> tuple[RenderedTree, Mapping[str, str]]:
    """Render the charts of a registry, and find the digest of each file in the folder that is or will be generated.

    `cache` has the digest of what the files of a registry render to: a folder with that digest need not be rendered,
    unless its projects keep former destinations, which go in time.
    """
    key = f"charts {digest_data((registry.digest, *location))}"
    # A commit's files are compared by Git's ids, and read only where they differ.
    may_be_known = registry.digest and before.blob_ids is None and not before.inventory.former_destinations
    known = cache.get(key) if may_be_known else None
    if known is not None:
        files = before.read_files(sorted(before.inventory.files))
        tree = RenderedTree(files, before.inventory.applications)
        if _digest_tree(tree) == known:
            return tree, {**tree.digests, INVENTORY_FILE: ""}
    tree = render_plan(plan_charts(registry, location, before.inventory, today))
    if registry.digest and not tree.former_destinations:
        cache.put(key, _digest_tree(tree))
    return tree, find_digests(before, tree)


def _digest_tree(tree: RenderedTree) -> str:
    """The digest of everything that a tree has; the digest of a values.yaml in a tree leaves out its order."""
    values = [sha256_hex(data) for path, data in tree.files.items() if path.endswith(f"/{VALUES_FILE}")]
    applications = [(key, sorted(identity.items())) for key, identity in tree.applications.items()]
    return digest_data((tree.digests, values, sorted(applications)))


def refuse_files_in_the_way(folder: ChartFolder, change: ChangeSet) -> None:
    """Raise RefusedError if foreign files have the paths of generated files."""
    if change.foreign_in_the_way:
        raise RefusedError(
            "WL7003",
            list_paths(
                "files that workloads did not write are in the way", map(folder.display, change.foreign_in_the_way)
            ),
            remedy="move them away, or take them over with --adopt",
        )


def refuse_edited_files(folder: ChartFolder, change: ChangeSet) -> None:
    """Raise RefusedError if files are not as the inventory says, which only claims that they are generated."""
    if change.edited_by_hand:
        raise RefusedError(
            "WL7004",
            list_paths("generated files were edited by hand", map(folder.display, change.edited_by_hand)),
            remedy="put the edits into apps.toml, or discard them with --overwrite",
        )


def list_paths(heading: str, paths: Iterable[str], limit: int = 10) -> str:
    """A heading, and the first paths below it."""
    lines = [f"  {path}" for path in paths]
    more = [f"  and {len(lines) - limit} more"] if len(lines) > limit else []
    return "\n".join([f"{heading}:", *lines[:limit], *more])


def find_digests(folder: ChartFolder, tree: RenderedTree) -> Mapping[str, str]:
    """The digest of each file in a folder that is generated, or will be; equal committed files are not read."""
    wanted = {**dict.fromkeys(folder.inventory.files), **tree.digests, INVENTORY_FILE: ""}
    equal: dict[str, str] = {}
    if folder.blob_ids is not None:
        length = len(next(iter(folder.blob_ids.values()), "0" * 40))
        rendered = {path: blob_id(data, length) for path, data in tree.files.items()}
        equal = {path: tree.digests[path] for path, oid in rendered.items() if folder.blob_ids.get(path) == oid}
    others = folder.read_files([path for path in wanted if path not in equal])
    return equal | {path: digest_file(path, data) for path, data in others.items()}


def open_working_folder(folder: OutputFolder) -> ChartFolder:
    """The output folder in a working tree."""
    return ChartFolder(str(folder.root), folder.list_chart_paths(), folder.read_output_files)


def open_committed_folder(files: CommittedFiles, output_folder: str) -> ChartFolder:
    """The output folder in a commit, below the folder of `files`."""
    prefix = folder_prefix(output_folder)
    ids = {path.removeprefix(prefix): oid for path, oid in files.blob_ids.items() if path.startswith(prefix)}

    def read_files(paths: Collection[str]) -> Mapping[str, bytes]:
        found = files.read_files(prefix + path for path in paths)
        return {path.removeprefix(prefix): data for path, data in found.items()}

    return ChartFolder.of_commit(f"{files.revision[:12]}:{output_folder}", ids, read_files)


def open_branch_folder(base: BranchSnapshot, output_folder: str) -> ChartFolder:
    """The output folder on a branch, as it was fetched."""
    prefix = folder_prefix(output_folder)
    ids = {path.removeprefix(prefix): entry.oid for path, entry in base.list_entries(prefix).items()}

    def read_files(paths: Collection[str]) -> Mapping[str, bytes]:
        found = base.read_branch_files([prefix + path for path in paths])
        return {path.removeprefix(prefix): data for path, data in found.items()}

    return ChartFolder.of_commit(output_folder, ids, read_files)


def folder_prefix(folder: str) -> str:
    """A folder with a slash at its end; empty for the top folder."""
    return "" if folder in ("", ".") else f"{folder.strip('/')}/"
