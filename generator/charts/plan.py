"""Plan the charts of a registry: everything that the files will contain, as plain data. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.charts import yaml
from generator.charts.app_projects import (
    APPLICATION_WAVE,
    FINALIZER,
    NO_FINALIZER,
    build_project_manifests,
    build_shards_project,
    compute_project_fields,
    find_project_wave,
)
from generator.charts.layout import SHARDS_FOLDER, Chart, OutputLocation, project_path
from generator.registry.effective import BUILT_IN_DEFAULTS, SOURCE_KEYS
from generator.registry.metadata_rules import SYNC_OPTIONS_ANNOTATION
from generator.registry.shards import bootstrap_name, find_app_shard
from generator.registry.uniqueness import app_destination, helm_values_key

if TYPE_CHECKING:
    from generator.charts.app_projects import AppInEnvironment
    from generator.registry.effective import EffectiveApp
    from generator.registry.model import ArgoCD
    from generator.registry.registry import Environment, Registry

_FINALIZERS = {
    "foreground": FINALIZER,
    "background": f"{FINALIZER}/background",
    "none": NO_FINALIZER,
}
#: Values of the annotation `argocd.argoproj.io/sync-options`.
_CONFIRM_DELETION, _PREVENT_DELETION = "Delete=confirm,Prune=confirm", "Delete=false,Prune=false"
#: Fields of an app that its entry in values.yaml has only if they are set.
_OPTIONAL_FIELDS = ("annotations", "labels", "spec", "ignoreDifferences", "info", "revisionHistoryLimit")


class ProjectMember(NamedTuple):
    """An app of a project, with what the template that renders the AppProject needs."""

    key: str
    namespace: str
    own_destination: bool
    by_name: bool
    handed_over: bool


@dataclass(frozen=True)
class AppPlan:
    """One Application: the inputs of its template, and its entry in values.yaml.

    `form` is the field that has its sources; `by_name` is true where the registry gives its cluster by name;
    `finalizer` is `none` or a finalizer; `members` are the apps, this one among them, whose AppProject this template
    renders (none where another app of the project does).
    """

    chart: Chart
    name: str
    key: str
    application: str
    project: str
    namespace: str
    wave: int
    finalizer: str
    sync_options: str
    own_destination: bool
    by_name: bool
    own_sync_policy: bool
    form: str
    members: tuple[ProjectMember, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class ShardsPlan:
    """An environment's shards: their values in the parent chart, and their AppProject as a plain manifest.

    `values` may be overridden by a bootstrap; `sync_options` is an annotation of each shard's Application.
    """

    values: Mapping[str, Any]
    sync_options: str
    project_path: str
    project: Mapping[str, Any]


@dataclass(frozen=True)
class EnvironmentPlan:
    """One environment's charts: its apps by name, the identity of each Application, and the other values.

    `settings` are the values outside `spec`; `projects` the AppProject fields that apps do not imply, by chart.
    `shards` is None where one chart has all the apps.
    """

    name: str
    argocd: ArgoCD
    settings: Mapping[str, Any]
    destination: Mapping[str, str]
    projects: Mapping[Chart, Mapping[str, Mapping[str, Any]]]
    apps: tuple[AppPlan, ...]
    applications: Mapping[str, Mapping[str, str]]
    project_wave: int
    shards: ShardsPlan | None


@dataclass(frozen=True)
class ChartPlan:
    """The plan of every chart, and the plain AppProject manifests by path."""

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
    return ChartPlan(environments, build_project_manifests(registry, apps))


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
        name: compute_project_fields(registry, name, env.argocd_settings, members, apps_elsewhere.get(name, []))
        for name, members in by_project.items()
    }
    of = {members[0].app: tuple(_plan_project_member(env, app) for app in members) for members in by_project.values()}
    planned = tuple(_plan_app(env, app, of.get(app.app, ())) for app in apps)
    projects: dict[Chart, dict[str, Mapping[str, Any]]] = {one.chart: {} for one in planned}
    for one in sorted(planned, key=lambda app: app.project):
        if extra[one.project]:
            projects[one.chart][one.project] = extra[one.project]
    return EnvironmentPlan(
        env.name,
        env.argocd_settings,
        _environment_settings(env),
        {"name": env.cluster} if env.cluster else {"server": env.server or IN_CLUSTER_SERVER},
        projects,
        planned,
        {app.app: _inventory_entry(registry, env, app) for app in apps},
        find_project_wave(apps),
        _plan_shards(registry, env, location) if env.shards else None,
    )


def _plan_shards(registry: Registry, env: Environment, location: OutputLocation) -> ShardsPlan:
    field, cluster = env.argocd_destination
    values = {
        "createProject": True,
        "repoURL": location.repository,
        "targetRevision": registry.workloads.branch,
        "path": location / f"{SHARDS_FOLDER}/{env.name}",
        # Applications are in the cluster that Argo CD itself runs in, wherever their workloads run.
        field: cluster,
        "syncPolicy": {"automated": {"prune": True}},
    }
    return ShardsPlan(
        values,
        _CONFIRM_DELETION if env.policy.confirm_deletion else "",
        project_path(registry.find_own_argocd(env), bootstrap_name(env.name)),
        build_shards_project(env, location.repository),
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
        "name": app.application,
        "argocdNamespace": env.argocd_settings.namespace,
        "project": app.project,
        "cluster": f"{field}:{value}",
        "namespace": app.namespace,
        **({"shard": shard} if shard else {}),
    }


def _plan_project_member(env: Environment, app: EffectiveApp) -> ProjectMember:
    return ProjectMember(
        key=helm_values_key(app.app),
        namespace=app.namespace,
        own_destination=_has_own_destination(app),
        by_name=_names_cluster(app, env),
        handed_over=env.hands_over(app.app),
    )


def _has_own_destination(app: EffectiveApp) -> bool:
    return "server" in app.fields or "cluster" in app.fields


def _names_cluster(app: EffectiveApp, env: Environment) -> bool:
    return app_destination(app, env)[0] == "name"


def _plan_app(env: Environment, app: EffectiveApp, members: tuple[ProjectMember, ...]) -> AppPlan:
    app, handed_over = _apply_retirement(app) if app.app in env.retired else app, env.hands_over(app.app)
    fields = app.fields
    sync_options = _PREVENT_DELETION if handed_over else _CONFIRM_DELETION if env.policy.confirm_deletion else ""
    own_sync_policy = fields["syncPolicy"] != BUILT_IN_DEFAULTS["syncPolicy"]
    return AppPlan(
        chart=Chart(env.name, find_app_shard(env, app.team, app.project)),
        name=app.app,
        key=helm_values_key(app.app),
        application=app.application,
        project=app.project,
        namespace=app.namespace,
        wave=fields.get("syncWave", APPLICATION_WAVE),
        finalizer=NO_FINALIZER if handed_over else _FINALIZERS[fields.get("finalizer", "foreground")],
        sync_options=_merge_sync_options(sync_options, fields.get("annotations", {}).get(SYNC_OPTIONS_ANNOTATION, "")),
        own_destination=_has_own_destination(app),
        by_name=_names_cluster(app, env),
        own_sync_policy=own_sync_policy,
        form=_select_source_form(app),
        members=members,
        values=_app_values(env, app, own_sync_policy, writes_sync_options=bool(sync_options)),
    )


def _merge_sync_options(generated: str, own: str) -> str:
    """The options of an Application itself: the generated ones, and its own ones for other things."""
    keys = {option.partition("=")[0] for option in generated.split(",")}
    kept = [option.strip() for option in own.split(",") if option.partition("=")[0].strip() not in keys]
    return ",".join([generated, *filter(None, kept)]) if generated else ""


def _apply_retirement(app: EffectiveApp) -> EffectiveApp:
    """A retired app: it no longer prunes, and deleting its Application keeps the workload."""
    policy = dict(app.fields["syncPolicy"])
    if "automated" in policy:
        policy["automated"] = {**policy["automated"], "prune": False}
    return replace(app, fields={**app.fields, "syncPolicy": policy, "finalizer": "none"})


def _select_source_form(app: EffectiveApp) -> str:
    return "sourceHydrator" if "sourceHydrator" in app.fields else "sources" if app.has_multiple_sources else "source"


def _app_values(
    env: Environment, app: EffectiveApp, own_sync_policy: bool, *, writes_sync_options: bool
) -> dict[str, Any]:
    fields, form = app.fields, _select_source_form(app)
    values: dict[str, Any] = {"createProject": app.creates_project(by_default=env.create_projects)}
    names = ("name", app.application), ("project", app.project), ("namespace", app.namespace)
    for key, name in names:
        if name != app.app:
            values[key] = name
    if _has_own_destination(app):
        field, value = app_destination(app, env)
        values["destination"] = {field: value}
    if form == "source":
        source = _write_nulls_as_text(fields)
        values.update({key: source[key] for key in SOURCE_KEYS if key in source})
    elif form == "sources":
        values[form] = [_write_nulls_as_text(source) for source in app.sources]
    else:
        values[form] = {**fields[form], "drySource": _write_nulls_as_text(fields[form]["drySource"])}
    if own_sync_policy:
        values["syncPolicy"] = fields["syncPolicy"]
    values.update({key: fields[key] for key in _OPTIONAL_FIELDS if fields.get(key) not in (None, [], {})})
    if writes_sync_options and SYNC_OPTIONS_ANNOTATION in values.get("annotations", {}):
        values["annotations"] = {
            key: value for key, value in values["annotations"].items() if key != SYNC_OPTIONS_ANNOTATION
        }
    return values


def _write_nulls_as_text(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """A source whose Helm values have nulls, with the values as text: Helm drops nulls from a chart's values.yaml."""
    values = source.get("helm", {}).get("valuesObject")
    if not _has_null(values):
        return source
    helm = {key: value for key, value in source["helm"].items() if key != "valuesObject"}
    return {**source, "helm": {**helm, "values": yaml.dump(values)}}


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(inner is None or _has_null(inner) for inner in value.values())
    return isinstance(value, list) and any(inner is None or _has_null(inner) for inner in value)


def _environment_settings(env: Environment) -> dict[str, Any]:
    argocd = env.argocd_settings
    return {
        "argoNamespace": argocd.namespaces[0],
        "argoProjectNamespace": argocd.namespaces[1],
        # The managed Argo CD of EKS needs its own namespace there, and another Argo CD must not have it.
        **({"sourceNamespaces": [argocd.namespace]} if argocd.is_eks_capability else {}),
        "destinationServer": "",
        "labels": dict(env.labels),
    }
