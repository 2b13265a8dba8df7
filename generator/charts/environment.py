"""The files of an environment's charts → the objects of each: a shard's as Argo CD makes them, below its parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.charts import helm
from generator.charts.layout import Chart

#: The files of charts by path below the chart's folder.
ChartFiles = Mapping[Chart, Mapping[str, bytes]]


def objects(
    files: ChartFiles, environment: str, values: Mapping[str, Any] | None = None
) -> Iterator[tuple[Chart, list[helm.Manifest]]]:
    """What Helm makes of the environment's own chart, and of the shards that it leads to, with what it hands them.

    `values` are what a bootstrap passes. Raises HelmRefusal, and LocalError where this machine has no Helm.
    """
    own = Chart(environment)
    if own not in files:
        return
    above = helm.manifests(files[own], values)
    yield own, above
    for chart, values in handed_on(above, files):
        yield chart, helm.manifests(files[chart], values)


def handed_on(above: Iterable[helm.Manifest], charts: Iterable[Chart]) -> list[tuple[Chart, dict[str, Any]]]:
    """Which of `charts` are sources of the Applications `above`, in order, and the values that these give them."""
    shards = {chart.folder: chart for chart in charts if chart.shard}
    found = {}
    for item in above:
        source = (item.get("spec") or {}).get("source") or {}
        # The folder of all charts may be anywhere in its repository.
        folder = "/".join(str(source.get("path", "")).split("/")[-3:])
        if item.get("kind") == "Application" and folder in shards:
            found[shards[folder]] = helm.values_of((source.get("helm") or {}).get("values") or "")
    return sorted(found.items())
