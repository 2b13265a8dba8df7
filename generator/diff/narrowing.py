"""Narrow both sides of an unsharded chart to the part that can differ, so that Helm renders less. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from generator.charts.file_set import sha256_hex
from generator.charts.layout import HELPERS_FILE, SHARDS_FOLDER, Chart, is_unittest_suite, parse_template_path
from generator.charts.values_file import ValuesParts, find_differing_keys, is_exact_split, split_values
from generator.diff.sides import REGISTRY_ORIGIN, Side
from generator.registry.uniqueness import helm_values_key

ChartContents = Mapping[str, bytes]
_VALUES_FILE = "values.yaml"
_SHARED_FILES = ("Chart.yaml", ".helmignore", "values.schema.json", HELPERS_FILE)


def narrow_to_changes(
    base: Side, head: Side, environment: str, differing_paths: Iterable[str]
) -> tuple[ChartContents, ChartContents] | None:
    """Narrow the chart on both sides to the projects that `differing_paths` affect; None if any object may differ.

    A generated template reads only what all apps share and what its project's apps set. So every differing file
    must match the inventory; the other files are as in `head`, which was just generated.
    """
    sides = (_ChartSide(base, environment), _ChartSide(head, environment))
    differing_paths = [path for path in differing_paths if not is_unittest_suite(path)]
    if not all(
        one.is_unsharded and one.is_generated(differing_paths) and is_exact_split(one.values_blocks, one.values_bytes)
        for one in sides
    ):
        return None
    touched = _find_affected_projects(sides, differing_paths)
    if touched is None:
        return None
    before, after = (one.select_files(*touched, differing_paths) for one in sides)
    return before, after


def _find_affected_projects(
    sides: tuple[_ChartSide, _ChartSide], differing_paths: Iterable[str]
) -> tuple[set[str], set[str]] | None:
    """Find the apps and projects that may differ; None if anything else may differ too."""
    before, after = (one.values_blocks for one in sides)
    apps = {found[1] for path in differing_paths if (found := parse_template_path(path))}
    others = [
        path
        for path in differing_paths
        if not parse_template_path(path) and path != sides[0].chart_file_path(_VALUES_FILE)
    ]
    by_key = {helm_values_key(app): app for one in sides for app in one.project_by_app}
    keys = find_differing_keys(before.apps, after.apps)
    if others or before.head != after.head or not keys <= by_key.keys():
        return None
    apps |= {by_key[key] for key in keys}
    return _expand_to_projects(sides, apps, find_differing_keys(before.projects, after.projects))


def _expand_to_projects(
    sides: tuple[_ChartSide, _ChartSide], apps: set[str], projects: set[str]
) -> tuple[set[str], set[str]] | None:
    """Add all apps of the same projects on either side; None if an app has no project."""
    while True:
        homes = [{one.project_by_app[app] for app in apps if app in one.project_by_app} for one in sides]
        projects = projects.union(*homes)
        wider = {app for one in sides for app, project in one.project_by_app.items() if project in projects}
        if not apps <= wider:
            return None
        if apps == wider:
            return apps, projects
        apps = wider


class _ChartSide:
    """An environment's chart on one side of the comparison."""

    def __init__(self, side: Side, environment: str) -> None:
        self._side = side
        self._environment = environment

    @property
    def is_unsharded(self) -> bool:
        """Whether the environment has no shards, so that this chart holds all its apps."""
        shards = f"{SHARDS_FOLDER}/{self._environment}/"
        return self.chart_file_path(_VALUES_FILE) in self._side.blob_ids and not any(
            path.startswith(shards) for path in self._side.blob_ids
        )

    def chart_file_path(self, relative_path: str) -> str:
        """The path of a chart file below the output folder."""
        return f"{Chart(self._environment).folder}/{relative_path}"

    def is_generated(self, paths: Iterable[str]) -> bool:
        """Whether the existing files among `paths` are unchanged since they were generated."""
        found = self._side.read_files([path for path in paths if path in self._side.blob_ids])
        return all(sha256_hex(data) == self._side.generated_digests.get(path) for path, data in found.items())

    @cached_property
    def values_bytes(self) -> bytes:
        """The bytes of values.yaml."""
        path = self.chart_file_path(_VALUES_FILE)
        return self._side.read_files([path])[path]

    @cached_property
    def values_blocks(self) -> ValuesParts:
        """The blocks of values.yaml by project and app."""
        return split_values(self.values_bytes)

    @cached_property
    def project_by_app(self) -> Mapping[str, str]:
        """The project of each app, from the inventory."""
        prefix = f"{self._environment}/"
        told = self._side.applications.items()
        return {key.removeprefix(prefix): str(of.get("project")) for key, of in told if key.startswith(prefix)}

    def select_files(self, apps: set[str], projects: set[str], differing_paths: Iterable[str]) -> ChartContents:
        """Select the chart's files for the given apps and projects, by path below the chart folder.

        A foreign template that differs may read any value, so it gets all of them.
        """
        paths = {
            self.chart_file_path(name): name
            for name in (*_SHARED_FILES, *(f"templates/{app}.yaml" for app in sorted(apps)))
        }
        found = self._side.read_files([path for path in paths if path in self._side.blob_ids])
        foreign = self._side.origin != REGISTRY_ORIGIN and any(path in found for path in differing_paths)
        values = self.values_bytes if foreign else self._select_values(apps, projects)
        return {**{paths[path]: data for path, data in found.items()}, _VALUES_FILE: values}

    def _select_values(self, apps: set[str], projects: set[str]) -> bytes:
        keys = {helm_values_key(app) for app in apps}
        values = ValuesParts(
            self.values_blocks.head,
            {name: block for name, block in self.values_blocks.projects.items() if name in projects},
            {key: block for key, block in self.values_blocks.apps.items() if key in keys},
        )
        return values.full_text.encode()
