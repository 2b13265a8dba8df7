"""Prove what an imported registry renders: compare each Application and AppProject with the original."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from generator.argocd.permissions import (
    find_narrowed_permissions,
    find_widened_permissions,
    is_destination_permitted,
    is_repository_permitted,
)
from generator.charts.layout import group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.helm.environment_objects import render_environment_objects
from generator.importing.applications import comparable_application, list_differences, sync_wave
from generator.importing.environments import ImportedApplication, ImportedEnvironment
from generator.registry.registry import Registry

Object = dict[str, Any]


class FieldChange(NamedTuple):
    """A field of an Application that the registry's chart sets to another value; None stands for no value."""

    field: str
    before: Any
    after: Any


class Compared(NamedTuple):
    """An object of the source, and the fields that differ in what the registry renders; none if it is equal."""

    kind: str
    environment: str
    name: str
    file: str
    line: int
    changes: tuple[FieldChange, ...]


def prove_import(registry: Registry, environments: Mapping[str, ImportedEnvironment]) -> list[Compared]:
    """Render the registry's charts, and compare each Application and AppProject with the one that it was made from.

    Raises HelmRefusal if Helm refuses a chart.
    """
    charts = group_by_chart(render_plan(plan_charts(registry)).files)
    compared: list[Compared] = []
    for name, env in environments.items():
        objects = [item for _, items in render_environment_objects(charts, name) for item in items]
        compared += _compare_applications(registry, env, _by_name(objects, "Application"))
        compared += _compare_projects(env, _by_name(objects, "AppProject"))
    return compared


def find_changed_applications(before: Registry, after: Registry) -> Iterator[str]:
    """Yield the Applications, as `ENVIRONMENT/NAME`, that `after` renders otherwise than `before`."""
    rendered = [group_by_chart(render_plan(plan_charts(registry)).files) for registry in (before, after)]
    for env in before.environments:
        old, new = (
            _by_name((item for _, items in render_environment_objects(charts, env) for item in items), "Application")
            for charts in rendered
        )
        yield from (f"{env}/{name}" for name in old if new.get(name) != old[name])


def _by_name(objects: Iterable[Object], kind: str) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def _compare_projects(env: ImportedEnvironment, rendered: Mapping[str, Object]) -> Iterator[Compared]:
    """Compare what the AppProjects permit, which decides whether an Application of theirs may sync."""
    for name, manifest in env.projects.items():
        if name in rendered:
            changes = tuple(_compare_permissions(manifest.body, rendered[name]))
            yield Compared("AppProject", env.name, name, manifest.file, manifest.line, changes)
    source = next(iter(env.applications.values())).manifest
    for name in sorted(rendered.keys() - env.projects.keys()):
        change = FieldChange("AppProject", None, "created by the chart, and not by the source")
        yield Compared("AppProject", env.name, name, source.file, source.line, (change,))


def _compare_permissions(before: Object, after: Object) -> Iterator[FieldChange]:
    spec = before.get("spec") or {}
    for change in find_widened_permissions(before, after):
        covered = (change.field == "sourceRepos" and is_repository_permitted(str(change.entry), spec)) or (
            change.field == "destinations" and is_destination_permitted(change.entry or {}, spec)
        )
        if not covered:
            yield FieldChange("permits more", None, str(change))
    for change in find_narrowed_permissions(before, after):
        yield FieldChange("permits less", str(change), None)


def _compare_applications(
    registry: Registry, env: ImportedEnvironment, rendered: Mapping[str, Object]
) -> Iterator[Compared]:
    kept = {name: app for name, app in env.applications.items() if name in rendered}
    before = _rank_waves({name: app.manifest.body for name, app in kept.items()})
    after = _rank_waves({name: rendered[name] for name in kept})
    for name, app in kept.items():
        changes = [*_compare_application(registry, env.name, app, rendered[name])]
        if before[name] != after[name]:
            changes.append(FieldChange("sync wave, by order", before[name], after[name]))
        yield Compared("Application", env.name, name, app.manifest.file, app.manifest.line, tuple(changes))


def _rank_waves(bodies: Mapping[str, Object]) -> dict[str, int]:
    """The place of each Application in the order of the sync waves, from 1."""
    waves = sorted({sync_wave(body) for body in bodies.values()})
    return {name: waves.index(sync_wave(body)) + 1 for name, body in bodies.items()}


def _compare_application(
    registry: Registry, environment: str, app: ImportedApplication, rendered: Object
) -> Iterator[FieldChange]:
    namespace = registry.argocd.find_instance(registry.environments[environment].argocd).namespace
    before = comparable_application(app.manifest.body, namespace)
    for path, old, new in list_differences(before, comparable_application(rendered, namespace)):
        yield FieldChange(path, old, new)
