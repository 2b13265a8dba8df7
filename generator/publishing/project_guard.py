"""The project guard: no chart drops an AppProject that Argo CD would delete while apps use it. Pure.

Argo CD waits with such a deletion until no Application uses the project, and the sync of the chart waits with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from generator.charts.layout import Chart
from generator.charts.values_file import VALUES_FILE, split_values
from generator.errors import RefusedError
from generator.registry.uniqueness import helm_values_key

if TYPE_CHECKING:
    from generator.charts.chart_folder import ChartFolder
    from generator.registry.registry import Registry

_CREATES = "\n      createProject: true\n"
#: Apps, each with its chart, by environment and project.
_AppsByProject = dict[tuple[str, str], list[tuple[str, Chart]]]
#: What a template says of a project that Argo CD does not delete; older charts have the second form.
_KEEPS = ('"keepProject" true', '"handedOver" true')


def refuse_dropped_projects(registry: Registry, before: ChartFolder) -> None:
    """Raise RefusedError if a chart of `before` creates a project that `registry` drops from it while apps use it.

    That is no problem where the chart says already that Argo CD must not delete the project.
    """
    used: dict[tuple[str, str], str] = {}
    created = set()
    for env in registry.environments.values():
        for app in registry.list_effective_apps(env.name):
            used.setdefault((env.argocd, app.project), f"{env.name}/{app.app}")
            if env.creates_project(app):
                created.add((env.name, app.project))
    applications = _group_by_project(registry, before.inventory.applications)
    users = {(name, project): used.get((registry.environments[name].argocd, project)) for name, project in applications}
    dropped = {key: apps for key, apps in applications.items() if users[key] and key not in created}
    for name, project in _list_deleted_projects(before, dropped):
        raise RefusedError(
            "WL4103",
            f"the chart of {name} no longer creates project {project}, and {users[name, project]} uses it: "
            "Argo CD would wait for ever to delete the project",
            remedy=f"set handOver = true in [environments.{name}], publish, let Argo CD sync that, and make this "
            "change then; remove handOver in the end",
        )


def _group_by_project(registry: Registry, applications: Mapping[str, Mapping[str, str]]) -> _AppsByProject:
    """The apps, each with its chart, by environment and project."""
    found: _AppsByProject = defaultdict(list)
    for key, identity in applications.items():
        environment, _, app = key.partition("/")
        if environment in registry.environments:
            chart = Chart(environment, identity.get("shard", ""))
            found[environment, identity.get("project", "")].append((app, chart))
    return found


def _list_deleted_projects(before: ChartFolder, apps_by_project: _AppsByProject) -> Iterator[tuple[str, str]]:
    """List the projects that the charts of these apps create and Argo CD may delete, by environment and name.

    The files of all projects are read at once: a chart of many apps is read and split a single time.
    """
    charts = {chart: f"{chart.folder}/{VALUES_FILE}" for apps in apps_by_project.values() for _, chart in apps}
    values = before.read_files(charts.values())
    blocks = {chart: split_values(values[path]).apps for chart, path in charts.items() if path in values}
    templates = {
        project: [f"{chart.folder}/templates/{app}.yaml" for app, chart in apps]
        for project, apps in apps_by_project.items()
        if any(_CREATES in f"{blocks.get(chart, {}).get(helm_values_key(app), '')}\n" for app, chart in apps)
    }
    files = before.read_files([path for paths in templates.values() for path in paths])
    for project, paths in templates.items():
        texts = [files[path].decode("utf-8", "replace") for path in paths if path in files]
        if not any(mark in text for text in texts for mark in _KEEPS):
            yield project
