"""The project guard: no chart drops an AppProject that Argo CD would delete while apps use it. Pure.

Argo CD waits with such a deletion until no Application uses the project, and the sync of the chart waits with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from generator.charts.layout import Chart
from generator.charts.values_file import VALUES_FILE, split_values
from generator.errors import RefusedError
from generator.registry.uniqueness import helm_values_key

if TYPE_CHECKING:
    from generator.charts.chart_folder import ChartFolder
    from generator.registry.registry import Registry

_CREATES = "\n      createProject: true\n"
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
    for (name, project), apps in _group_by_project(registry, before.inventory.applications).items():
        user = used.get((registry.environments[name].argocd, project))
        if user and (name, project) not in created and _is_deleted_with_its_chart(before, apps):
            raise RefusedError(
                f"the chart of {name} no longer creates project {project}, and {user} uses it: "
                "Argo CD would wait for ever to delete the project",
                remedy=f"set handOver = true in [environments.{name}], publish, let Argo CD sync that, and make this "
                "change then; remove handOver in the end",
            )


def _group_by_project(
    registry: Registry, applications: Mapping[str, Mapping[str, str]]
) -> dict[tuple[str, str], list[tuple[str, Chart]]]:
    """The apps, each with its chart, by environment and project."""
    found = defaultdict(list)
    for key, identity in applications.items():
        environment, _, app = key.partition("/")
        if environment in registry.environments:
            chart = Chart(environment, identity.get("shard", ""))
            found[environment, identity.get("project", "")].append((app, chart))
    return found


def _is_deleted_with_its_chart(before: ChartFolder, apps: list[tuple[str, Chart]]) -> bool:
    """Whether the charts of these apps, which share a project, create it, and Argo CD may delete it."""
    values = {chart: f"{chart.folder}/{VALUES_FILE}" for _, chart in apps}
    templates = [f"{chart.folder}/templates/{app}.yaml" for app, chart in apps]
    files = before.read_files([*values.values(), *templates])
    blocks = {chart: split_values(files[path]).apps for chart, path in values.items() if path in files}
    creates = any(_CREATES in f"{blocks.get(chart, {}).get(helm_values_key(app), '')}\n" for app, chart in apps)
    texts = [files[path].decode("utf-8", "replace") for path in templates if path in files]
    return creates and not any(mark in text for text in texts for mark in _KEEPS)
