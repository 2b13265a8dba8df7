"""Render the charts to plain Kubernetes manifests, one file for each object, for other tools to read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from generator.charts import yaml
from generator.charts.layout import NOTICE, Chart, group_by_chart
from generator.charts.render import RenderedTree
from generator.helm import engine as helm
from generator.helm.environment_objects import render_environment_objects
from generator.helm.verify import ChartError

if TYPE_CHECKING:
    from generator.helm.environment_objects import ChartFiles


def render_manifest_files(tree: RenderedTree, environments: Iterable[str]) -> RenderedTree:
    """Render each object of the environments' charts to `argo-app-of-apps/<env>/<kind>-<name>.yaml`.

    Raises ChartError if Helm refuses a chart, LocalError if Helm is not installed.
    """
    charts = group_by_chart(tree.files)
    files = {path: data for env in environments for path, data in _render_object_files(charts, env).items()}
    return RenderedTree(dict(sorted(files.items())), {})


def _render_object_files(charts: ChartFiles, environment: str) -> dict[str, bytes]:
    try:
        found = [item for _, items in render_environment_objects(charts, environment) for item in items]
    except helm.HelmRefusal as refusal:
        raise ChartError("WL7001", f"chart {environment}: Helm refuses it: {refusal}") from refusal
    folder = Chart(environment).folder
    return {
        f"{folder}/{item['kind'].lower()}-{item['metadata']['name']}.yaml": _format_manifest(item) for item in found
    }


def _format_manifest(item: helm.Manifest) -> bytes:
    return f"# {NOTICE}\n{yaml.dump(item)}".encode()
