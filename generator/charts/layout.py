"""Where every generated file lies below the output folder, and which chart a path belongs to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

CHARTS = "argo-app-of-apps"
SHARDS = "argo-app-shards"
PROJECTS = "argo-app-projects"
#: The template, and its suite, of the Applications that shards are: no app can have this name.
PARENT = "app_of_apps"
_TEMPLATE = re.compile(r"templates/([^/]+)\.yaml")
_V = TypeVar("_V")


class Chart(NamedTuple):
    """A chart by what it is of: an environment, or one shard of it."""

    environment: str
    shard: str = ""

    @property
    def folder(self) -> str:
        """Where the chart lies."""
        return f"{SHARDS}/{self.environment}/{self.shard}" if self.shard else f"{CHARTS}/{self.environment}"

    @classmethod
    def at(cls, folder: str) -> Chart:
        """The chart of a folder that `folder` gave."""
        return cls(*folder.split("/")[1:])

    def __str__(self) -> str:
        return f"{self.environment}, shard {self.shard}" if self.shard else self.environment


class Location(NamedTuple):
    """Where Argo CD finds the output folder: a repository, and the path in it."""

    repository: str
    path: str

    def __truediv__(self, below: str) -> str:
        """The path of what is below the output folder."""
        return below if self.path in ("", ".") else f"{self.path}/{below}"


class Place(NamedTuple):
    """A file by the chart that it is in, and its path below the chart's folder."""

    chart: Chart
    path: str


def place_of(path: str) -> Place | None:
    """Where a file of a chart is; None for a path in no chart."""
    top, _, rest = path.partition("/")
    if top not in (CHARTS, SHARDS):
        return None
    environment, _, below = rest.partition("/")
    shard, _, below = below.partition("/") if top == SHARDS else ("", "", below)
    return Place(Chart(environment, shard), below) if below else None


def is_suite(path: str) -> bool:
    """Whether a file is a chart's suite, which Helm has no use for."""
    place = place_of(path)
    return place is not None and place.path.startswith("tests/")


def by_chart(files: Mapping[str, _V]) -> dict[Chart, dict[str, _V]]:
    """What is known of files by path, as what is known of each chart's files by path below its folder."""
    found: dict[Chart, dict[str, _V]] = {}
    for path, value in files.items():
        place = place_of(path)
        if place:
            found.setdefault(place.chart, {})[place.path] = value
    return found


def template_of(path: str) -> tuple[str, str] | None:
    """The environment and the app of an app's template, None for any other path."""
    place = place_of(path)
    found = _TEMPLATE.fullmatch(place.path) if place else None
    return (place.chart.environment, found[1]) if place and found and found[1] != PARENT else None
