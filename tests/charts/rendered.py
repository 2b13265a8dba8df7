"""From a registry's text to the objects that Helm makes of its charts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generator.charts import helm
from generator.charts.layout import CHARTS
from generator.charts.plan import plan
from generator.charts.render import RenderedTree, render
from generator.registry.files import Tree
from generator.registry.read import read_from, read_registry
from generator.registry.registry import Registry

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SAMPLE = ROOT / "apps.toml"
SHARED_HUB = DATA / "registries" / "valid" / "shared-hub.toml"
Objects = dict[tuple[str, str], dict[str, Any]]


def registry_of(text: str) -> Registry:
    """The registry in `text`. Raises RegistryError."""
    return read_from(Tree({"apps.toml": text.encode()}), "apps.toml")


def tree_of(text: str) -> RenderedTree:
    return render(plan(registry_of(text)))


def tree_at(path: Path) -> RenderedTree:
    return render(plan(read_registry(path)))


def chart_of(tree: RenderedTree, environment: str) -> dict[str, bytes]:
    """The files of one chart by path below its root."""
    root = f"{CHARTS}/{environment}/"
    return {path.removeprefix(root): data for path, data in tree.files.items() if path.startswith(root)}


def objects(chart: Mapping[str, bytes], values: Mapping[str, Any] | None = None) -> Objects:
    """What Helm makes of a chart, by kind and name; one name twice is an error."""
    found = helm.manifests(chart, values)
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(by_name) == len(found), "an object is rendered twice"
    return by_name


def problems_of(error: BaseException) -> str:
    return "\n".join(str(problem) for problem in getattr(error, "problems", ()))
