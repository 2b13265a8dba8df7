"""From a registry's text to the objects that Helm makes of its charts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generator.charts.layout import Chart, group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from generator.helm import engine as helm
from generator.helm import environment_objects as yielded
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry, read_registry_from
from generator.registry.registry import Registry

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SAMPLE = ROOT / "apps.toml"
SHARED_HUB = DATA / "registries" / "valid" / "shared-hub.toml"
_REPOSITORY = 'repository = "https://github.com/acme/workloads.git"'
Objects = dict[tuple[str, str], dict[str, Any]]


def registry_of(text: str) -> Registry:
    """The registry in `text`. Raises RegistryError."""
    return read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


def tree_of(text: str) -> RenderedTree:
    return render_plan(plan_charts(registry_of(text)))


def tree_at(path: Path) -> RenderedTree:
    return render_plan(plan_charts(read_registry(path)))


def chart_of(tree: RenderedTree, environment: str) -> dict[str, bytes]:
    """The files of one chart by path below its root."""
    return group_by_chart(tree.files)[Chart(environment)]


def objects(chart: Mapping[str, bytes], values: Mapping[str, Any] | None = None) -> Objects:
    """What Helm makes of a chart, by kind and name; one name twice is an error."""
    return _by_name(helm.render_chart(chart, values))


def _by_name(found: list[dict[str, Any]]) -> Objects:
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(by_name) == len(found), "an object is rendered twice"
    return by_name


def sharded(text: str, shards: str) -> str:
    """The registry in `text` with every environment divided: `shards` as it stands in TOML."""
    assert "[workloads]" not in text or "repository" not in text
    head, mark, rest = text.partition("[environments.")
    workloads = "" if "[workloads]" in head else "[workloads]\n"
    head = head.replace("[workloads]\n", f"[workloads]\n{_REPOSITORY}\n") if not workloads else head
    divided = re.sub(r"^(\[environments\.[a-z]+\])$", rf"\1\nshards = {shards}", mark + rest, flags=re.MULTILINE)
    return head + (f"{workloads}{_REPOSITORY}\n\n" if workloads else "") + divided


def through_parent(
    charts: Mapping[Chart, Mapping[str, bytes]], environment: str, values: Mapping[str, Any] | None = None
) -> tuple[Objects, Objects]:
    """What Helm makes of an environment's own chart, and of all shards below it with what that hands them."""
    found = list(yielded.render_environment_objects(charts, environment, values))
    above = [item for chart, items in found if not chart.shard for item in items]
    below = [item for chart, items in found if chart.shard for item in items]
    return _by_name(above), _by_name(below)


def problems_of(error: BaseException) -> str:
    return "\n".join(str(problem) for problem in getattr(error, "problems", ()))
