"""Two sides of an environment's one chart → as much of each as can differ: what Helm has to render. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from generator.charts.files import digest
from generator.charts.layout import SHARDS, Chart, is_suite, template_of
from generator.charts.values import Values, differing, is_sum, parts_of
from generator.registry.references import helm_key
from generator.review.sides import RENDERED, Side

Files = Mapping[str, bytes]
_VALUES = "values.yaml"
_SHARED = ("Chart.yaml", ".helmignore", "values.schema.json")


def narrowed(base: Side, head: Side, environment: str, paths: Iterable[str]) -> tuple[Files, Files] | None:
    """The chart on both sides with the projects that `paths`, which differ, touch; None where any object may differ.

    A template of ours reads nothing but what all apps share and what its project's apps say. So whatever differs
    has to be as the record has it; the rest is what `head` has, which the generator just wrote.
    """
    sides = (_Chart(base, environment), _Chart(head, environment))
    paths = [path for path in paths if not is_suite(path)]
    if not all(one.whole and one.written(paths) and is_sum(one.values, one.text) for one in sides):
        return None
    touched = _touched(sides, paths)
    if touched is None:
        return None
    before, after = (one.only(*touched, paths) for one in sides)
    return before, after


def _touched(sides: tuple[_Chart, _Chart], paths: Iterable[str]) -> tuple[set[str], set[str]] | None:
    """The apps and the projects in which the sides may differ, None where these are not all that may."""
    before, after = (one.values for one in sides)
    apps = {found[1] for path in paths if (found := template_of(path))}
    others = [path for path in paths if not template_of(path) and path != sides[0].path(_VALUES)]
    by_key = {helm_key(app): app for one in sides for app in one.projects}
    keys = differing(before.apps, after.apps)
    if others or before.head != after.head or not keys <= by_key.keys():
        return None
    apps |= {by_key[key] for key in keys}
    return _with_projects(sides, apps, differing(before.projects, after.projects))


def _with_projects(
    sides: tuple[_Chart, _Chart], apps: set[str], projects: set[str]
) -> tuple[set[str], set[str]] | None:
    """Apps and projects with all that is of the same project on either side, None where an app is of none."""
    while True:
        homes = [{one.projects[app] for app in apps if app in one.projects} for one in sides]
        projects = projects.union(*homes)
        wider = {app for one in sides for app, project in one.projects.items() if project in projects}
        if not apps <= wider:
            return None
        if apps == wider:
            return apps, projects
        apps = wider


class _Chart:
    """An environment's chart on one side, and the project of each of its apps."""

    def __init__(self, side: Side, environment: str) -> None:
        self._side = side
        self._environment = environment

    @property
    def whole(self) -> bool:
        """Whether all apps of the environment are in this chart."""
        shards = f"{SHARDS}/{self._environment}/"
        return self.path(_VALUES) in self._side.ids and not any(path.startswith(shards) for path in self._side.ids)

    def path(self, below: str) -> str:
        """Where a file of the chart is."""
        return f"{Chart(self._environment).folder}/{below}"

    def written(self, paths: Iterable[str]) -> bool:
        """Whether those of the files that are there are as the generator wrote them."""
        found = self._side.contents([path for path in paths if path in self._side.ids])
        return all(digest(data) == self._side.digests.get(path) for path, data in found.items())

    @cached_property
    def text(self) -> bytes:
        """The bytes of values.yaml."""
        path = self.path(_VALUES)
        return self._side.contents([path])[path]

    @cached_property
    def values(self) -> Values:
        """The parts of values.yaml."""
        return parts_of(self.text)

    @cached_property
    def projects(self) -> Mapping[str, str]:
        """The project of each app."""
        prefix = f"{self._environment}/"
        told = self._side.applications.items()
        return {key.removeprefix(prefix): str(of.get("project")) for key, of in told if key.startswith(prefix)}

    def only(self, apps: set[str], projects: set[str], differing: Iterable[str]) -> Files:
        """The chart's files by path below its folder, with these of its apps and projects.

        A template that differs and is not ours may read whatever it likes, and gets all values.
        """
        paths = {self.path(name): name for name in (*_SHARED, *(f"templates/{app}.yaml" for app in sorted(apps)))}
        found = self._side.contents([path for path in paths if path in self._side.ids])
        foreign = self._side.origin != RENDERED and any(path in found for path in differing)
        values = self.text if foreign else self._only_values(apps, projects)
        return {**{paths[path]: data for path, data in found.items()}, _VALUES: values}

    def _only_values(self, apps: set[str], projects: set[str]) -> bytes:
        keys = {helm_key(app) for app in apps}
        values = Values(
            self.values.head,
            {name: block for name, block in self.values.projects.items() if name in projects},
            {key: block for key, block in self.values.apps.items() if key in keys},
        )
        return values.text.encode()
