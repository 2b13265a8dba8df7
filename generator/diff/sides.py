"""Load the chart files that Argo CD reads, or would read, for a revision or the working copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from generator.charts.inventory import INVENTORY_FILE, parse_inventory
from generator.charts.layout import CHARTS_FOLDER, OutputLocation
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import GeneratorError, Problem
from generator.git.commit_plan import blob_id
from generator.pipeline import CommittedFiles
from generator.publishing.removal_guard import ApplicationIdentities
from generator.registry.files import RegistryFiles
from generator.registry.reader import read_registry_with_violations
from generator.registry.registry import Registry

#: The `origin` of files that were just rendered from a registry.
REGISTRY_ORIGIN = "registry"


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the files below the output folder, by path.

    `committed_blob_ids` are Git's ids; `read_files` reads many files at once. `generated_digests` are the sha256
    digests of the files as generated, even if they were edited since. `revision` is None for the working copy.
    `origin` is `charts` (committed charts), `registry` (rendered) or `nothing`. `violations` break
    policy or tenancy rules.
    """

    revision: str | None
    origin: str
    blob_ids: Mapping[str, str]
    read_files: Callable[[Iterable[str]], Mapping[str, bytes]]
    applications: ApplicationIdentities
    registry: Registry | None
    generated_digests: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Problem, ...] = ()
    rewritten_templates: frozenset[str] = frozenset()


#: Finds the repository location from which Argo CD reads the charts of a registry.
ChartLocator = Callable[[Registry], OutputLocation]


def render_side(
    files: RegistryFiles,
    registry_file: str,
    display_folder: str,
    revision: str | None,
    locate_charts: ChartLocator,
    blob_id_length: int = 40,
) -> Side:
    """Render the charts of a registry. Raises what reading it raises, except for policy and tenancy violations."""
    registry, refused = read_registry_with_violations(files, registry_file, display_folder)
    tree = render_plan(plan_charts(registry, locate_charts(registry)))
    ids = tree.files.compute_file_ids(f"git-{blob_id_length}", partial(blob_id, length=blob_id_length))

    def read_rendered_files(paths: Iterable[str]) -> dict[str, bytes]:
        return {path: tree.files[path] for path in paths}

    return Side(revision, REGISTRY_ORIGIN, ids, read_rendered_files, tree.applications, registry, tree.digests, refused)


def load_base_side(
    files: CommittedFiles | None, registry_file: str, output_folder: str, locate_charts: ChartLocator
) -> Side:
    """Load the base side: the charts committed in `output_folder`, otherwise the rendered registry of that revision.

    Raises RefusedError if the inventory is damaged, RegistryError if there are no charts and the registry is
    invalid.
    """
    if files is None:
        return Side(None, "nothing", {}, lambda paths: {}, {}, None)
    registry = None
    if files.read_bytes(registry_file) is not None:
        try:
            registry, _ = read_registry_with_violations(files, registry_file, files.revision[:12])
        except GeneratorError:
            if not _has_charts(files, output_folder):
                raise
    for place in dict.fromkeys((output_folder, registry.workloads.path if registry else output_folder)):
        if _has_charts(files, place):
            return _committed_side(files, place, registry)
    if registry is None:
        return Side(files.revision, "nothing", {}, lambda paths: {}, {}, None)
    return render_side(files, registry_file, files.revision[:12], files.revision, locate_charts, len(files.revision))


def _has_charts(files: CommittedFiles, output_folder: str) -> bool:
    return any(path.startswith(f"{_folder_prefix(output_folder)}{CHARTS_FOLDER}/") for path in files.blob_ids)


def _folder_prefix(output_folder: str) -> str:
    return "" if output_folder in ("", ".") else f"{output_folder.strip('/')}/"


def _committed_side(files: CommittedFiles, output_folder: str, registry: Registry | None) -> Side:
    prefix = _folder_prefix(output_folder)
    ids = {path.removeprefix(prefix): oid for path, oid in files.blob_ids.items() if path.startswith(prefix)}

    def read_committed_files(paths: Iterable[str]) -> dict[str, bytes]:
        found = files.read_files(prefix + path for path in paths)
        return {path.removeprefix(prefix): data for path, data in found.items()}

    place = f"{files.revision[:12]}:{prefix}{INVENTORY_FILE}"
    record = parse_inventory(read_committed_files([INVENTORY_FILE]).get(INVENTORY_FILE), place)
    return Side(files.revision, "charts", ids, read_committed_files, record.applications, registry, record.files)
