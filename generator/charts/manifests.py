"""`RenderedTree` → the objects that Helm makes of its charts, each as a file for other tools to read."""

from __future__ import annotations

from collections.abc import Iterable

from generator.charts import helm, yaml
from generator.charts.check import ChartError
from generator.charts.environment import ChartFiles, objects
from generator.charts.files import Files
from generator.charts.layout import Chart, by_chart
from generator.charts.render import RenderedTree
from generator.charts.templates import NOTICE


def manifests(tree: RenderedTree, environments: Iterable[str]) -> RenderedTree:
    """The objects of the environments' charts, at `argo-app-of-apps/<env>/<kind>-<name>.yaml`.

    Raises ChartError where Helm refuses a chart, LocalError where there is no Helm.
    """
    charts = by_chart({path: tree.files[path] for path in tree.files})
    files = {path: data for env in environments for path, data in _objects(charts, env).items()}
    return RenderedTree(Files.of(dict(sorted(files.items()))), {})


def _objects(charts: ChartFiles, environment: str) -> dict[str, bytes]:
    try:
        found = [item for _, items in objects(charts, environment) for item in items]
    except helm.HelmRefusal as refusal:
        raise ChartError(f"chart {environment}: Helm refuses it: {refusal}") from refusal
    folder = Chart(environment).folder
    return {f"{folder}/{item['kind'].lower()}-{item['metadata']['name']}.yaml": _text(item) for item in found}


def _text(item: helm.Manifest) -> bytes:
    return f"# {NOTICE}\n{yaml.dump(item)}".encode()
