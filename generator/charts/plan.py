"""Plan the charts of a registry: everything that the files will contain, as plain data. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from generator.charts.app_projects import (
    FINALIZER,
    PROJECT_WAVE,
    AppInEnvironment,
    build_project_manifests,
    build_shards_project,
    compute_project_fields,
)
from generator.charts.layout import SHARDS_FOLDER, Chart, OutputLocation
from generator.registry.effective import BUILT_IN_DEFAULTS, SOURCE_KEYS, EffectiveApp
from generator.registry.registry import IN_CLUSTER_SERVER, Environment, Registry
from generator.registry.shards import find_app_shard
from generator.registry.uniqueness import app_destination, helm_values_key

APPLICATION_WAVE = PROJECT_WAVE + 1
_FINALIZERS = {
    "foreground": FINALIZER,
    "background": f"{FINALIZER}/background",
    "none": None,
}
#: Values of the annotation `argocd.argoproj.io/sync-options`.
_CONFIRM_DELETION, _PREVENT_DELETION = "Delete=confirm,Prune=confirm", "Delete=false,Prune=false"
#: Fields of an Application's spec that are copied unchanged.
_COPIED_SPEC_FIELDS = ("ignoreDifferences", "info", "revisionHistoryLimit")
#: Other fields of an app that its template reads only if they are set, in order of name.
_OPTIONAL_FIELDS = ("annotations", "labels", "spec")
#: Fields of a source that are read only if they are set, unlike those in the contract of values.yaml.
_OPTIONAL_SOURCE_FIELDS = tuple(key for key in SOURCE_KEYS if key not in ("repoURL", "path", "targetRevision", "helm"))


class ProjectMember(NamedTuple):
    """An app of a project, with what the template that renders the AppProject needs."""

    key: str
    namespace: str
    own_destination: bool
    handed_over: bool


@dataclass(frozen=True)
class AppPlan:
    """One Application: the inputs of its template, and its entry in values.yaml.

    `form` is the field that has its sources; `blocks` are the optional fields that its template reads;
    `members` are the apps, this one among them, whose AppProject this template renders (none where
    another app of the project does).
    """

    chart: Chart
    name: str
    key: str
    application: str
    project: str
    namespace: str
    wave: int
    finalizer: str | None
    sync_options: str
    own_destination: bool
    form: str
    source_blocks: tuple[str, ...]
    spec_blocks: tuple[str, ...]
    blocks: frozenset[str]
    members: tuple[ProjectMember, ...]
    values: Mapping[str, Any]

    def template_inputs(self) -> tuple[Any, ...]:
        """All inputs of the template: plans with equal inputs have the same text."""
        return (self.key, self.application, self.project, self.namespace, *self._nameless_inputs(), self.members)

    def template_shape(self) -> tuple[Any, ...]:
        """All inputs of the template except the app's own names."""
        # The AppProject of a single app depends on this app's names only, that of several on the names of all.
        members = self.members if len(self.members) > 1 else tuple(one.handed_over for one in self.members)
        return (*self._nameless_inputs(), members)

    def _nameless_inputs(self) -> tuple[Any, ...]:
        marks = self.own_destination, self.wave, self.finalizer, self.sync_options, self.form
        return (*marks, self.source_blocks, self.spec_blocks, self.blocks)


@dataclass(frozen=True)
class ShardsPlan:
    """An environment's shards: their values in the parent chart, and their AppProject as a plain manifest.

    `values` may be overridden by a bootstrap; `sync_options` is an annotation of each shard's Application.
    """

    values: Mapping[str, Any]
    sync_options: str
    project: Mapping[str, Any]


@dataclass(frozen=True)
class EnvironmentPlan:
    """One environment's charts: its apps by name, the identity of each Application, and the other values.

    `settings` are the values outside `spec`; `projects` the AppProject fields that apps do not imply, by chart.
    `shards` is None where one chart has all the apps.
    """

    name: str
    settings: Mapping[str, Any]
    destination: Mapping[str, str]
    projects: Mapping[Chart, Mapping[str, Mapping[str, Any]]]
    apps: tuple[AppPlan, ...]
    applications: Mapping[str, Mapping[str, str]]
    shards: ShardsPlan | None


@dataclass(frozen=True)
class ChartPlan:
    """The plan of every chart, and the plain AppProject manifests by project name."""

    argocd_namespace: str
    project_namespace: str
    environments: tuple[EnvironmentPlan, ...]
    projects: Mapping[str, Mapping[str, Any]]


def plan_charts(registry: Registry, location: OutputLocation | None = None) -> ChartPlan:
    """Plan the charts of every environment. Argo CD reads them at `location`, by default where the registry says."""
    apps = {name: registry.list_effective_apps(name) for name in registry.environments}
    at = location or OutputLocation(registry.workloads.repository or "", registry.workloads.path)
    environments = tuple(
        _plan_environment(registry, env, apps[env.name], _group_apps_elsewhere(registry, env, apps), at)
        for env in registry.environments.values()
    )
    namespaces = registry.argocd.namespace, registry.argocd.project_namespace or registry.argocd.namespace
    return ChartPlan(*namespaces, environments, build_project_manifests(registry, apps))


def _group_apps_elsewhere(
    registry: Registry, env: Environment, apps: Mapping[str, list[EffectiveApp]]
) -> Mapping[str, list[AppInEnvironment]]:
    """Apps of other environments of the same Argo CD, by project; empty if this environment creates no projects."""
    found: dict[str, list[AppInEnvironment]] = defaultdict(list)
    for other in registry.environments.values() if env.create_projects else ():
        if other.argocd == env.argocd and other is not env:
            for app in apps[other.name]:
                found[app.project].append((app, other))
    return found


def _plan_environment(
    registry: Registry,
    env: Environment,
    apps: list[EffectiveApp],
    apps_elsewhere: Mapping[str, list[AppInEnvironment]],
    location: OutputLocation,
) -> EnvironmentPlan:
    by_project: dict[str, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_project[app.project].append(app)
    extra = {
        name: compute_project_fields(registry, name, members, apps_elsewhere.get(name, []))
        for name, members in by_project.items()
    }
    of = {members[0].app: tuple(_plan_project_member(env, app) for app in members) for members in by_project.values()}
    planned = tuple(_plan_app(env, app, bool(extra[app.project]), of.get(app.app, ())) for app in apps)
    projects: dict[Chart, dict[str, Mapping[str, Any]]] = {one.chart: {} for one in planned}
    for one in sorted(planned, key=lambda app: app.project):
        if extra[one.project]:
            projects[one.chart][one.project] = extra[one.project]
    return EnvironmentPlan(
        env.name,
        _environment_settings(registry, env),
        {"name": env.cluster} if env.cluster else {"server": env.server or IN_CLUSTER_SERVER},
        projects,
        planned,
        {app.app: _inventory_entry(registry, env, app) for app in apps},
        _plan_shards(registry, env, location) if env.shards else None,
    )


def _plan_shards(registry: Registry, env: Environment, location: OutputLocation) -> ShardsPlan:
    values = {
        "createProject": True,
        "repoURL": location.repository,
        "targetRevision": registry.workloads.branch,
        "path": location / f"{SHARDS_FOLDER}/{env.name}",
        # Applications are in the cluster that Argo CD itself runs in, wherever their workloads run.
        "server": IN_CLUSTER_SERVER,
        "syncPolicy": {"automated": {"prune": True}},
    }
    return ShardsPlan(
        values,
        _CONFIRM_DELETION if env.policy.confirm_deletion else "",
        build_shards_project(registry, env, location.repository),
    )


def _inventory_entry(registry: Registry, env: Environment, app: EffectiveApp) -> dict[str, str]:
    """An Application's entry in the inventory."""
    told = {**application_identity(registry, env, app), "revision": app.revision}
    if env.hands_over(app.app):
        told["handOver"] = "true"
    return {**told, "retired": env.retired[app.app]} if app.app in env.retired else told


def application_identity(registry: Registry, env: Environment, app: EffectiveApp) -> dict[str, str]:
    """The fields that identify an Application: if one changes, the workload is deleted and recreated."""
    field, value = app_destination(app, env)
    shard = find_app_shard(env, app.team, app.project)
    return {
        "name": app.app + env.name_suffix,
        "argocdNamespace": registry.argocd.namespace,
        "project": app.project,
        "cluster": f"{field}:{value}",
        "namespace": app.namespace,
        **({"shard": shard} if shard else {}),
    }


def _plan_project_member(env: Environment, app: EffectiveApp) -> ProjectMember:
    return ProjectMember(helm_values_key(app.app), app.namespace, _has_own_destination(app), env.hands_over(app.app))


def _has_own_destination(app: EffectiveApp) -> bool:
    return "server" in app.fields or "cluster" in app.fields


def _plan_app(
    env: Environment, app: EffectiveApp, has_project_fields: bool, members: tuple[ProjectMember, ...]
) -> AppPlan:
    app, handed_over = _apply_retirement(app) if app.app in env.retired else app, env.hands_over(app.app)
    fields = app.fields
    blocks = [key for key in _OPTIONAL_FIELDS if fields.get(key)]
    if fields["syncPolicy"] != BUILT_IN_DEFAULTS["syncPolicy"]:
        blocks.append("syncPolicy")
    spec_blocks = tuple([key for key in _COPIED_SPEC_FIELDS if fields.get(key) not in (None, [], {})])
    return AppPlan(
        chart=Chart(env.name, find_app_shard(env, app.team, app.project)),
        name=app.app,
        key=helm_values_key(app.app),
        application=app.app + env.name_suffix,
        project=app.project,
        namespace=app.namespace,
        wave=fields.get("syncWave", APPLICATION_WAVE),
        finalizer=None if handed_over else _FINALIZERS[fields.get("finalizer", "foreground")],
        sync_options=_PREVENT_DELETION if handed_over else _CONFIRM_DELETION if env.policy.confirm_deletion else "",
        own_destination=_has_own_destination(app),
        form=_select_source_form(app),
        source_blocks=tuple([key for key in _OPTIONAL_SOURCE_FIELDS if key in fields]),
        spec_blocks=spec_blocks,
        blocks=frozenset([*blocks, "project"] if has_project_fields else blocks),
        members=members,
        values=_app_values(env, app, [*blocks, *spec_blocks]),
    )


def _apply_retirement(app: EffectiveApp) -> EffectiveApp:
    """A retired app: it no longer prunes, and deleting its Application keeps the workload."""
    policy = dict(app.fields["syncPolicy"])
    if "automated" in policy:
        policy["automated"] = {**policy["automated"], "prune": False}
    return replace(app, fields={**app.fields, "syncPolicy": policy, "finalizer": "none"})


def _select_source_form(app: EffectiveApp) -> str:
    return "sourceHydrator" if "sourceHydrator" in app.fields else "sources" if app.has_multiple_sources else "source"


def _app_values(env: Environment, app: EffectiveApp, blocks: Iterable[str]) -> dict[str, Any]:
    fields, form = app.fields, _select_source_form(app)
    values: dict[str, Any] = {"createProject": bool(fields.get("createProject", env.create_projects))}
    names = ("name", app.app + env.name_suffix), ("project", app.project), ("namespace", app.namespace)
    for key, name in names:
        if name != app.app:
            values[key] = name
    if _has_own_destination(app):
        field, value = app_destination(app, env)
        values["destination"] = {field: value}
    if form == "source":
        for key in SOURCE_KEYS:
            if key in fields:
                values[key] = fields[key]
    else:
        values[form] = app.sources if form == "sources" else fields[form]
    values.update({key: fields[key] for key in blocks})
    return values


def _environment_settings(registry: Registry, env: Environment) -> dict[str, Any]:
    return {
        "argoNamespace": registry.argocd.namespace,
        "argoProjectNamespace": registry.argocd.project_namespace or registry.argocd.namespace,
        "destinationServer": "",
        "labels": dict(env.labels),
    }
