"""Load the chart folders that Argo CD reads, or would read, for a commit or the working copy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from generator.charts.chart_folder import EMPTY_FOLDER, ChartFolder, overlay_tree
from generator.charts.former_destinations import FormerDestination
from generator.charts.layout import OutputLocation
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import GeneratorError, Problem
from generator.git.commit_plan import blob_id
from generator.pipeline import open_committed_folder
from generator.publishing.removal_guard import ApplicationIdentities
from generator.registry.files import RegistryFiles
from generator.registry.reader import read_registry_with_violations
from generator.registry.registry import Registry

if TYPE_CHECKING:
    from generator.working_registry import CommittedFiles


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the files below the output folder by path, generated and foreign.

    `blob_ids` are Git's ids; `read_files` reads many files at once. `generated_digests` are the SHA-256 digests of the
    files as generated, even if they were edited since; `digest_again` gives those of this version of the generator.
    `revision` is None for the working copy. `origin` is `charts` (committed charts), `registry` (rendered) or
    `nothing`. `violations` break policy or tenancy rules. `kept_destinations` are those of apps that left a project.
    """

    revision: str | None
    origin: str
    blob_ids: Mapping[str, str] = field(default_factory=dict)
    read_files: Callable[[Collection[str]], Mapping[str, bytes]] = EMPTY_FOLDER.read_files
    applications: ApplicationIdentities = field(default_factory=dict)
    registry: Registry | None = None
    generated_digests: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Problem, ...] = ()
    digest_again: Callable[[], Mapping[str, str]] = dict
    kept_destinations: Collection[FormerDestination] = ()


#: Finds the repository location from which Argo CD reads the charts of a registry.
ChartLocator = Callable[[Registry], OutputLocation]


@dataclass(frozen=True)
class SideSource:
    """Where a registry is read from: `revision` is None for the working copy, `display_folder` is its name in errors.

    `open_folder` opens the output folder by its path; `id_length` is the length of the repository's object ids.
    """

    files: RegistryFiles
    registry_file: str
    display_folder: str
    revision: str | None
    open_folder: Callable[[str], ChartFolder]
    locate_charts: ChartLocator
    id_length: int = 40

    @classmethod
    def of_commit(cls, files: CommittedFiles, registry_file: str, locate_charts: ChartLocator) -> SideSource:
        """The registry in a commit."""
        open_folder = partial(open_committed_folder, files)
        revision = files.revision
        return cls(files, registry_file, revision[:12], revision, open_folder, locate_charts, len(revision))


def render_side(source: SideSource) -> Side:
    """Render the charts of a registry over the foreign files of its output folder.

    Raises what reading the registry raises, except for policy and tenancy violations.
    """
    registry, violations = read_registry_with_violations(source.files, source.registry_file, source.display_folder)
    there = source.open_folder(registry.workloads.path)
    tree = render_plan(plan_charts(registry, source.locate_charts(registry), there.inventory))
    folder = overlay_tree(tree, there)
    identify = partial(blob_id, length=source.id_length)
    foreign = {path: identify(data) for path, data in folder.read_files(folder.foreign_paths).items()}
    ids = {**{path: identify(data) for path, data in tree.files.items()}, **foreign}

    def read_files(paths: Collection[str]) -> Mapping[str, bytes]:
        generated = {path: tree.files[path] for path in paths if path in tree.files}
        return {**generated, **folder.read_files([path for path in paths if path in foreign])}

    return Side(source.revision, "registry", ids, read_files, tree.applications, registry, tree.digests, violations)


def load_committed_side(source: SideSource, head_folder: str) -> Side:
    """Load the charts of a commit: those that are committed there, otherwise the rendered registry of that commit.

    The charts are where the registry of the commit has them; `head_folder` is the output folder of the other side.
    Raises RefusedError if the inventory is damaged, RegistryError if there are no charts and the registry is invalid.
    """
    registry, error = None, None
    if source.files.read_bytes(source.registry_file) is not None:
        try:
            registry, _ = read_registry_with_violations(source.files, source.registry_file, source.display_folder)
        except GeneratorError as caught:
            error = caught
    for place in dict.fromkeys((registry.workloads.path if registry else head_folder, head_folder)):
        folder = source.open_folder(place)
        if folder.chart_paths:
            return _committed_side(source, folder, registry)
    if error is not None:
        raise error
    return render_side(source) if registry else Side(source.revision, "nothing")


def _committed_side(source: SideSource, folder: ChartFolder, registry: Registry | None) -> Side:
    def digest_again() -> Mapping[str, str]:
        if registry is None:
            return {}
        return render_plan(plan_charts(registry, source.locate_charts(registry), folder.inventory)).digests

    return Side(
        source.revision,
        "charts",
        folder.blob_ids or {},
        folder.read_files,
        folder.inventory.applications,
        registry,
        folder.inventory.files,
        digest_again=digest_again,
        kept_destinations=tuple(folder.inventory.former_destinations),
    )
