"""The paths of generated files below the output folder, and the chart that a path belongs to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

CHARTS_FOLDER = "argo-app-of-apps"
SHARDS_FOLDER = "argo-app-shards"
PROJECTS_FOLDER = "argo-app-projects"
#: The name of the template, and of its suite, that renders the shards' Applications: no app can have it.
SHARDS_TEMPLATE = "app_of_apps"
#: The template that holds what the templates of a chart's apps share.
HELPERS_FILE = "templates/_helpers.tpl"
#: The suite of what overrides change in every app's template: no app can have its name.
OVERRIDES_SUITE = "every_app"
_NAME = r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?"
#: Every path that the generator can write: those of charts, of plain AppProjects, and of `render --manifests`.
_GENERATED_PATH = re.compile(
    rf"""\.gitattributes | {PROJECTS_FOLDER}/{_NAME}\.yaml
    | (?: {CHARTS_FOLDER}/{_NAME} | {SHARDS_FOLDER}/{_NAME}/{_NAME} ) /
      (?: Chart\.yaml | values\.yaml | values\.schema\.json | \.helmignore | README\.md | {re.escape(HELPERS_FILE)}
        | templates/(?: {_NAME} | {SHARDS_TEMPLATE} )\.yaml
        | tests/(?: {_NAME} | {SHARDS_TEMPLATE} | {OVERRIDES_SUITE} )_test\.yaml
        | (?: application | appproject )-{_NAME}\.yaml )""",
    re.VERBOSE,
)
_TEMPLATE_PATH = re.compile(r"templates/([^/]+)\.yaml")
_V = TypeVar("_V")


class Chart(NamedTuple):
    """The chart of an environment, or of one of its shards."""

    environment: str
    shard: str = ""

    @property
    def folder(self) -> str:
        """The chart's path below the output folder."""
        return (
            f"{SHARDS_FOLDER}/{self.environment}/{self.shard}" if self.shard else f"{CHARTS_FOLDER}/{self.environment}"
        )

    @classmethod
    def from_folder(cls, folder: str) -> Chart:
        """Parse a chart's `folder`."""
        return cls(*folder.split("/")[1:])

    def __str__(self) -> str:
        return f"{self.environment}, shard {self.shard}" if self.shard else self.environment


class OutputLocation(NamedTuple):
    """The output folder as Argo CD reads it: a repository, and a path in it."""

    repository: str
    path: str

    def __truediv__(self, subpath: str) -> str:
        """The path in the repository of a path below the output folder."""
        return subpath if self.path in ("", ".") else f"{self.path}/{subpath}"


class ChartPath(NamedTuple):
    """A file's chart, and its path below the chart's folder."""

    chart: Chart
    path: str


def is_generated_path(path: str) -> bool:
    """Whether the generator can write a file of this path below its output folder."""
    return _GENERATED_PATH.fullmatch(path) is not None


def parse_chart_path(path: str) -> ChartPath | None:
    """Split a path into its chart and the path in the chart; None if it is in no chart."""
    top, _, rest = path.partition("/")
    if top not in (CHARTS_FOLDER, SHARDS_FOLDER):
        return None
    environment, _, below = rest.partition("/")
    shard, _, below = below.partition("/") if top == SHARDS_FOLDER else ("", "", below)
    return ChartPath(Chart(environment, shard), below) if below else None


def is_unittest_suite(path: str) -> bool:
    """Whether a file is a chart's helm-unittest suite, which Helm does not read."""
    place = parse_chart_path(path)
    return place is not None and place.path.startswith("tests/")


def group_by_chart(files: Mapping[str, _V]) -> dict[Chart, dict[str, _V]]:
    """Group a mapping by path into one mapping for each chart, by path below the chart's folder."""
    found: dict[Chart, dict[str, _V]] = {}
    for path, value in files.items():
        place = parse_chart_path(path)
        if place:
            found.setdefault(place.chart, {})[place.path] = value
    return found


def parse_template_path(path: str) -> tuple[str, str] | None:
    """The environment and app of an app's template path; None for any other path."""
    place = parse_chart_path(path)
    found = _TEMPLATE_PATH.fullmatch(place.path) if place else None
    return (place.chart.environment, found[1]) if place and found and found[1] != SHARDS_TEMPLATE else None
