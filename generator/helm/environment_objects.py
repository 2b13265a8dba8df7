"""Render an environment's charts with Helm, each shard with the values that its parent chart passes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.charts.layout import Chart
from generator.helm import engine as helm

#: The files of charts by path below the chart's folder.
ChartFiles = Mapping[Chart, Mapping[str, bytes]]


def render_environment_objects(
    files: ChartFiles, environment: str, values: Mapping[str, Any] | None = None
) -> Iterator[tuple[Chart, list[helm.Manifest]]]:
    """Render the charts of an environment, and yield each chart with its objects.

    Takes and raises what `render_environment_by_file` does.
    """
    for chart, templates in render_environment_by_file(files, environment, values):
        yield chart, [item for items in templates.values() for item in items]


def render_environment_by_file(
    files: ChartFiles, environment: str, values: Mapping[str, Any] | None = None
) -> Iterator[tuple[Chart, dict[str, list[helm.Manifest]]]]:
    """Render the environment's own chart, and each of its shards with the values that this chart passes to it.

    Yields each chart with its objects by file, and nothing if `files` has no chart of the environment. `values`
    are what the bootstrap Application passes. Raises HelmRefusal, and LocalError if Helm is not installed.
    """
    own = Chart(environment)
    if own not in files:
        return
    above = helm.render_chart_by_file(files[own], values)
    yield own, above
    for chart, values in find_shard_values((item for items in above.values() for item in items), files):
        yield chart, helm.render_chart_by_file(files[chart], values)


def find_shard_values(
    parent_objects: Iterable[helm.Manifest], charts: Iterable[Chart]
) -> list[tuple[Chart, dict[str, Any]]]:
    """Find the shards that Applications among `parent_objects` deploy, in order, each with the values they pass.

    Raises HelmRefusal for values that are not a table.
    """
    shards = {chart.folder: chart for chart in charts if chart.shard}
    found = {}
    for item in parent_objects:
        source = (item.get("spec") or {}).get("source") or {}
        # The folder of all charts may be anywhere in its repository.
        folder = "/".join(str(source.get("path", "")).split("/")[-3:])
        if item.get("kind") == "Application" and folder in shards:
            found[shards[folder]] = helm.parse_values((source.get("helm") or {}).get("values") or "")
    return sorted(found.items())
