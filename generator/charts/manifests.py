"""`RenderedTree` → the objects that Helm makes of its charts, each as a file for other tools to read."""

from __future__ import annotations

from collections.abc import Iterable

from generator.charts import helm, yaml
from generator.charts.check import ChartError, chart_files
from generator.charts.render import CHARTS, NOTICE, Files, RenderedTree


def manifests(tree: RenderedTree, environments: Iterable[str]) -> RenderedTree:
    """The objects of the environments' charts, at `argo-app-of-apps/<env>/<kind>-<name>.yaml`.

    Raises ChartError where Helm refuses a chart, LocalError where there is no Helm.
    """
    files = {path: data for env in environments for path, data in _objects(tree, env).items()}
    return RenderedTree(Files.of(dict(sorted(files.items()))), {})


def _objects(tree: RenderedTree, environment: str) -> dict[str, bytes]:
    try:
        found = helm.manifests(chart_files(tree, environment))
    except helm.HelmRefusal as refusal:
        raise ChartError(f"chart {environment}: Helm refuses it: {refusal}") from refusal
    return {
        f"{CHARTS}/{environment}/{item['kind'].lower()}-{item['metadata']['name']}.yaml": _text(item) for item in found
    }


def _text(item: helm.Manifest) -> bytes:
    return f"# {NOTICE}\n{yaml.dump(item)}".encode()
