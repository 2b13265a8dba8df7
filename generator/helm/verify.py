"""Verify the output folder as it will lie: Helm renders every chart whole, with the foreign files that stay."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.cache import digest_data
from generator.charts.digests import sha256_hex
from generator.charts.layout import NAMESPACES_TEMPLATE, Chart
from generator.errors import GeneratorError, RefusedError
from generator.helm import engine as helm
from generator.helm.chart_size import describe_oversized_charts, measure_charts
from generator.helm.environment_objects import find_shard_values
from generator.helm.objects import find_object_problems
from generator.registry.shards import bootstrap_name, shard_application_name, team_namespaces_name

if TYPE_CHECKING:
    from generator.cache import ResultCache
    from generator.charts.chart_folder import OverlaidFolder
    from generator.helm.chart_size import ChartSize
    from generator.registry.registry import Registry

_ARGO_GROUP = "argoproj.io/"
#: The kind and name of an Application or AppProject.
ArgoName = tuple[str, str]


class ChartError(GeneratorError):
    """The registry is valid, but a chart generated from it is not."""

    exit_code = 3


class HelmScope(Enum):
    """Which charts Helm renders to verify them."""

    ALL = "all"
    WITH_FOREIGN_FILES = "with foreign files"
    NONE = "none"


class ForeignFileObject(NamedTuple):
    """An object that a foreign file renders; `path` is the file's path below the output folder."""

    path: str
    kind: str
    namespace: str
    name: str


class Verified(NamedTuple):
    """The result of a verification without problems: each chart's size, and the objects of foreign files."""

    sizes: list[ChartSize]
    foreign_file_objects: list[ForeignFileObject]


@dataclass
class _Verdict:
    """The result for one chart. `problems` are the registry's to solve, `refusals` those of foreign files."""

    foreign_objects: list[ForeignFileObject] = field(default_factory=list)
    shard_values: list[tuple[Chart, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def _restore_verdict(kept: Any) -> _Verdict | None:
    """The verdict that the cache holds; None if it holds none, or anything else."""
    try:
        objects, shard_values = kept
        texts = [text for item in (*objects, *(parts for parts, _ in shard_values)) for text in item]
        if all(isinstance(text, str) for text in texts) and all(isinstance(given, dict) for _, given in shard_values):
            return _Verdict(
                [ForeignFileObject(*item) for item in objects],
                [(Chart(*parts), given) for parts, given in shard_values],
            )
    except (TypeError, ValueError):
        pass
    return None


def verify_charts(
    folder: OverlaidFolder, registry: Registry, cache: ResultCache | None = None, scope: HelmScope = HelmScope.ALL
) -> Verified:
    """Check the size of every chart, and verify the charts in `scope` with Helm.

    `cache` remembers charts without problems. Raises ChartError for what Helm or Argo CD would refuse, RefusedError
    where a foreign file is the reason, and LocalError if Helm is not installed.
    """
    sizes = measure_charts(folder.tree, registry)
    too_large = describe_oversized_charts(sizes, folder.tree.applications, registry)
    if too_large:
        raise ChartError("WL7009", "\n".join(too_large))
    if scope is HelmScope.NONE:
        return Verified(sizes, [])
    verdicts = _FolderVerification(folder, registry, cache, scope).verify_all()
    refusals = list(dict.fromkeys(text for verdict in verdicts for text in verdict.refusals))
    problems = list(dict.fromkeys(text for verdict in verdicts for text in verdict.problems))
    if problems:
        raise ChartError(
            "WL7001", "\n".join([*problems, *refusals]), remedy="correct the registry; nothing of this is written"
        )
    if refusals:
        raise RefusedError(
            "WL7002", "\n".join(refusals), remedy="change or delete the files that workloads did not write"
        )
    return Verified(sizes, sorted(item for verdict in verdicts for item in verdict.foreign_objects))


class _FolderVerification:
    def __init__(self, folder: OverlaidFolder, registry: Registry, cache: ResultCache | None, scope: HelmScope) -> None:
        self._folder, self._registry, self._cache = folder, registry, cache
        self._engine = helm.identify_engine()
        charts = folder.generated_charts
        if scope is HelmScope.WITH_FOREIGN_FILES:
            foreign = {chart.environment for chart in charts if self._list_foreign(chart)}
            charts = tuple(chart for chart in charts if chart.environment in foreign)
        self._charts = charts

    def verify_all(self) -> list[_Verdict]:
        """Verify all charts in parallel; a shard after its parent chart, which passes values to it."""
        parents = [chart for chart in self._charts if not chart.shard]
        shards = [chart for chart in self._charts if chart.shard]
        # Helm's engine runs outside of Python's global lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            above = list(pool.map(self._verify_chart, parents))
            values = dict(given for verdict in above for given in verdict.shard_values)
            below = list(pool.map(lambda chart: self._verify_chart(chart, values.get(chart)), shards))
        return [*above, *below]

    def _verify_chart(self, chart: Chart, values: Mapping[str, Any] | None = None) -> _Verdict:
        key = self._verdict_key(chart, values)
        known = _restore_verdict(self._cache.get(key)) if self._cache else None
        if known is not None:
            return known
        verdict = self._render_and_verify(chart, values)
        if self._cache and not verdict.problems and not verdict.refusals:
            shards = [(tuple(parts), given) for parts, given in verdict.shard_values]
            self._cache.put(key, ([tuple(item) for item in verdict.foreign_objects], shards))
        return verdict

    def _verdict_key(self, chart: Chart, values: Mapping[str, Any] | None) -> str:
        """A digest of everything that the verdict depends on: engine, bytes of the chart, overrides, names."""
        paths = [path for name, path in self._folder.paths_by_chart[chart].items() if helm.is_passed_to_helm(name)]
        known = self._folder.tree.digests
        # The digest of a values.yaml is one of its parts, in any order.
        generated = {path: known[path] for path in paths if path in known and not path.endswith("/values.yaml")}
        others = self._folder.read_files([path for path in paths if path not in generated])
        digests = sorted((path, generated.get(path) or sha256_hex(others[path])) for path in paths)
        foreign = self._list_foreign(chart)
        names = sorted(self._expected_names(chart)), sorted(self._reserved_names(chart.environment) if foreign else ())
        return digest_data((self._engine, digests, dict(values or {}), names))

    def _render_and_verify(self, chart: Chart, values: Mapping[str, Any] | None) -> _Verdict:
        files, foreign = self._folder.read_chart(chart), self._list_foreign(chart)
        own_files = {name: data for name, data in files.items() if name not in foreign}
        try:
            own = helm.render_chart_by_file(own_files, values)
        except helm.HelmRefusal as refusal:
            return _Verdict(problems=[f"chart {chart}: Helm refuses it: {refusal}"])
        objects = [item for items in own.values() for item in items]
        problems = find_object_problems(objects, self._expected_names(chart))
        verdict = _Verdict(problems=[f"chart {chart}: {text}" for text in problems])
        if not chart.shard:
            verdict.shard_values = find_shard_values(objects, self._charts)
        if foreign:
            self._verify_foreign_files(chart, files, foreign, own, values, verdict)
        return verdict

    def _verify_foreign_files(
        self,
        chart: Chart,
        files: Mapping[str, bytes],
        foreign: Collection[str],
        own: Mapping[str, list[helm.Manifest]],
        values: Mapping[str, Any] | None,
        verdict: _Verdict,
    ) -> None:
        """Render the chart again with its foreign files, and add what is wrong with them to the verdict."""
        try:
            whole = helm.render_chart_by_file(files, values)
        except helm.HelmRefusal as refusal:
            blamed = [name for name in foreign if name in str(refusal)] or foreign
            verdict.refusals = [f"{self._display(chart, blamed)}: Helm refuses chart {chart} with it: {refusal}"]
            return
        if {name: items for name, items in whole.items() if name in own} != own:
            verdict.refusals = [f"{self._display(chart, foreign)}: changes what generated templates render"]
            return
        added = {name: items for name, items in whole.items() if name not in own}
        verdict.refusals = list(self._find_name_clashes(chart, own, added))
        verdict.foreign_objects = [
            ForeignFileObject(f"{chart.folder}/{name}", *_object_identity(item))
            for name, items in added.items()
            for item in items
        ]

    def _find_name_clashes(
        self, chart: Chart, own: Mapping[str, list[helm.Manifest]], added: Mapping[str, list[helm.Manifest]]
    ) -> Iterator[str]:
        """Names that foreign files take: those of the registry, and those of other objects in the chart."""
        reserved = self._reserved_names(chart.environment)
        counts = Counter(_object_identity(item) for part in (own, added) for items in part.values() for item in items)
        for name, items in added.items():
            path = self._display(chart, [name])
            for item in items:
                kind, namespace, object_name = identity = _object_identity(item)
                if str(item.get("apiVersion")).startswith(_ARGO_GROUP) and (kind, object_name) in reserved:
                    yield f"{path}: {kind} {object_name} has a name that the registry uses"
                elif counts[identity] > 1:
                    yield f"{path}: chart {chart} renders {kind} {namespace}/{object_name} {counts[identity]} times"

    def _list_foreign(self, chart: Chart) -> list[str]:
        """The foreign files of a chart that Helm reads, by path below it."""
        paths = self._folder.paths_by_chart[chart].items()
        return sorted(
            name for name, path in paths if path in self._folder.foreign_paths and helm.is_passed_to_helm(name)
        )

    def _display(self, chart: Chart, names: Iterable[str]) -> str:
        return ", ".join(self._folder.display(f"{chart.folder}/{name}") for name in names)

    def _expected_names(self, chart: Chart) -> set[str]:
        """The names of the Applications that the generated part of a chart renders."""
        environment, shard = chart
        if not shard and self._registry.environments[environment].shards is not None:
            shards = {shard_application_name(environment, parts.shard) for parts in self._shards_of(environment)}
            return shards | self._namespaces_names(environment)
        prefix = f"{environment}/"
        applications = self._folder.tree.applications.items()
        own = {one["name"] for key, one in applications if key.startswith(prefix) and one.get("shard", "") == shard}
        return own if shard else own | self._namespaces_names(environment)

    def _namespaces_names(self, environment: str) -> set[str]:
        """The name of the Application that deploys the namespaces of the teams, if the chart has one."""
        path = f"{Chart(environment).folder}/templates/{NAMESPACES_TEMPLATE}.yaml"
        return {team_namespaces_name(environment)} if path in self._folder.tree.digests else set()

    def _shards_of(self, environment: str) -> list[Chart]:
        return [chart for chart in self._folder.generated_charts if chart.shard and chart.environment == environment]

    def _reserved_names(self, environment: str) -> set[ArgoName]:
        """The Applications and AppProjects of the registry in the Argo CD of an environment."""
        environments = self._registry.environments
        argocd = environments[environment].argocd
        same = {name for name, other in environments.items() if other.argocd == argocd}
        applications = self._folder.tree.applications.items()
        identities = [one for key, one in applications if key.partition("/")[0] in same]
        shards = [chart for name in same for chart in self._shards_of(name)]
        namespaces = {found for name in same for found in self._namespaces_names(name)}
        return {
            *(("Application", one["name"]) for one in identities),
            *(("Application", shard_application_name(*chart)) for chart in shards),
            *((kind, name) for name in namespaces for kind in ("Application", "AppProject")),
            *(("AppProject", one["project"]) for one in identities),
            *(("AppProject", name) for name in self._registry.projects),
            *(("AppProject", bootstrap_name(chart.environment)) for chart in shards),
        }


def _object_identity(item: helm.Manifest) -> tuple[str, str, str]:
    metadata = item.get("metadata") or {}
    return str(item.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))
