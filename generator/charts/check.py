"""`RenderedTree` → proof that Helm and Argo CD will take every chart in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from generator.charts import helm
from generator.charts.environment import handed_on
from generator.charts.files import digest
from generator.charts.layout import Chart, by_chart
from generator.charts.objects import object_problems
from generator.charts.render import RenderedTree
from generator.charts.size import loads, refused, warnings
from generator.errors import GeneratorError
from generator.registry.memo import FORGETFUL, Memo
from generator.registry.registry import Registry
from generator.registry.shards import shard_application

_KIND = "helm"
_Identities = Mapping[str, Mapping[str, str]]


class ChartError(GeneratorError):
    """The registry is valid by itself, and a chart made of it is not."""

    exit_code = 3


class _Judged(NamedTuple):
    """What is wrong with a chart, and the values that it hands to the shards below it."""

    problems: list[str]
    handed_on: list[tuple[Chart, dict[str, Any]]]


def judge(tree: RenderedTree, registry: Registry, memo: Memo = FORGETFUL, *, with_helm: bool = True) -> list[str]:
    """All that is asked of the charts of a registry before they are trusted; gives what will not go on for long.

    Raises ChartError for what Helm or Argo CD would refuse, LocalError where there is no Helm. Without Helm it is
    the size of the charts alone.
    """
    found = loads(tree, registry)
    too_large = refused(found, tree.applications, registry)
    if too_large:
        raise ChartError("\n".join(too_large))
    if with_helm:
        verify(tree, registry.environments, memo)
    return list(warnings(found, tree.applications, registry))


def verify(tree: RenderedTree, environments: Iterable[str], memo: Memo = FORGETFUL) -> None:
    """Have Helm render every chart, as many at once as there are processors, and judge what comes out.

    A chart that `memo` knows to be sound, by its bytes and by the engine that judged it, is not rendered again.
    Raises ChartError with everything that is wrong, LocalError where there is no Helm.
    """
    problems = _Verification(tree, list(environments), memo).problems()
    if problems:
        raise ChartError("\n".join(problems), remedy="nothing of this may reach a cluster: mend the registry")


class _Verification:
    def __init__(self, tree: RenderedTree, environments: list[str], memo: Memo) -> None:
        self._files = tree.files
        self._memo = memo
        digests = by_chart(tree.digests)
        self._paths = {chart: found for chart, found in sorted(digests.items()) if chart.environment in environments}
        self._expected = _expected(tree.applications, self._paths)
        self._keys = {chart: self._key(chart) for chart in self._paths}
        self._unknown = [chart for chart, key in self._keys.items() if memo.get(_KIND, key) is None]

    def problems(self) -> list[str]:
        """Everything that is wrong, and what is not is remembered."""
        # A shard is rendered with what the chart above it hands on, which then has to be rendered too.
        first = sorted({Chart(chart.environment) for chart in self._unknown})
        # Helm's engine works outside of Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            above = dict(zip(first, pool.map(self._judged, first), strict=True))
            values = {chart: given for judged in above.values() for chart, given in judged.handed_on}
            below = [chart for chart in self._unknown if chart.shard and not above[Chart(chart.environment)].problems]
            judged = dict(
                zip(below, pool.map(lambda chart: self._judged(chart, values.get(chart)), below), strict=True)
            )
        found = {chart: list(one.problems) for chart, one in (above | judged).items()}
        for chart in found.keys() & set(self._unknown):
            if not found[chart]:
                self._memo.put(_KIND, self._keys[chart], True)
        return [problem for chart in sorted(found) for problem in found[chart]]

    def _judged(self, chart: Chart, values: Mapping[str, Any] | None = None) -> _Judged:
        files = {path: self._files[f"{chart.folder}/{path}"] for path in self._paths[chart] if helm.is_read(path)}
        try:
            objects = helm.manifests(files, values)
            handed = handed_on(objects, self._paths) if not chart.shard else []
        except helm.HelmRefusal as refusal:
            return _Judged([f"chart {chart}: Helm refuses it: {refusal}"], [])
        return _Judged([f"chart {chart}: {text}" for text in object_problems(objects, self._expected[chart])], handed)

    def _key(self, chart: Chart) -> str:
        """All that the judgement of a chart rests on: a shard's on the chart above it too."""
        above = Chart(chart.environment)
        files = [sorted(_read(self._paths[each])) for each in dict.fromkeys((above, chart)) if each in self._paths]
        return digest(repr((helm.engine(), chart, files, sorted(self._expected[chart].items()))).encode())


def _read(paths: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((path, found) for path, found in paths.items() if helm.is_read(path))


def _expected(applications: _Identities, charts: Iterable[Chart]) -> dict[Chart, dict[str, Mapping[str, str]]]:
    """The Applications that each chart has to yield: those of its apps, and of the shards below it."""
    found: dict[Chart, dict[str, Mapping[str, str]]] = {chart: {} for chart in charts}
    for chart in list(found):
        if chart.shard:
            name = shard_application(chart.environment, chart.shard)
            found[Chart(chart.environment)][chart.shard] = {"name": name}
    for key, identity in applications.items():
        environment, _, app = key.partition("/")
        chart = Chart(environment, identity.get("shard", ""))
        if chart in found:
            found[chart][app] = identity
    return found
