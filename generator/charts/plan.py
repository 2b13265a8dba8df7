"""Plan the charts of a registry: everything that the files will contain, as plain data. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.charts import yaml
from generator.charts.app_projects import (
    APPLICATION_WAVE,
    CONFIRM_DELETION,
    FINALIZER,
    NO_FINALIZER,
    USUAL_SYNC_POLICY,
    ShardsPlan,
    build_project_manifests,
    compute_project_fields,
    find_project_wave,
    plan_shards,
)
from generator.charts.former_destinations import FormerDestination, find_former_destinations
from generator.charts.inventory import Inventory
from generator.charts.layout import Chart, OutputLocation
from generator.charts.team_namespaces import TeamNamespacesPlan, plan_team_namespaces
from generator.registry.effective import SOURCE_KEYS
from generator.registry.metadata_rules import SYNC_OPTIONS_ANNOTATION
from generator.registry.shards import find_app_shard
from generator.registry.team_namespaces import list_team_namespaces
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
#: A value of the annotation `argocd.argoproj.io/sync-options`.
_PREVENT_DELETION = "Delete=false,Prune=false"
#: Fields of an app that its entry in values.yaml has only if they are set.
_OPTIONAL_FIELDS = ("annotations", "labels", "spec", "ignoreDifferences", "info", "revisionHistoryLimit")


class ProjectMember(NamedTuple):
    """An app of a project, or a former destination, with what the template that renders the AppProject needs.

    With `keeps_project`, the AppProject outlives the chart: another one takes the app over, or has apps of it.
    """

    key: str
    namespace: str
    own_destination: bool
    by_name: bool
    keeps_project: bool


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
class EnvironmentPlan:
    """One environment's charts: its apps by name, the identity of each Application, and the other values.

    `settings` are the values outside `spec`; `projects` the AppProject fields that apps do not imply, by chart.
    `shards` is None where one chart has all the apps, `namespaces` where no namespace has settings.
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
    namespaces: TeamNamespacesPlan | None


@dataclass(frozen=True)
class ChartPlan:
    """The plan of every chart, the plain AppProjects by path, and `former_destinations` with the day since when."""

    environments: tuple[EnvironmentPlan, ...]
    projects: Mapping[str, Mapping[str, Any]]
    former_destinations: Mapping[FormerDestination, str]


def plan_charts(
    registry: Registry,
    location: OutputLocation | None = None,
    before: Inventory | None = None,
    today: date | None = None,
) -> ChartPlan:
    """Plan the charts of every environment. Argo CD reads them at `location`, by default where the registry says.

    `before` is the inventory of the charts that this replaces: projects keep what its Applications may still need
    until Argo CD has synced (see `find_former_destinations`, also for `today`).
    """
    apps = {name: registry.list_effective_apps(name) for name in registry.environments}
    at = location or OutputLocation(registry.workloads.repository or "", registry.workloads.path)
    identities = {
        env.name: {app.app: _inventory_entry(registry, env, app) for app in apps[env.name]}
        for env in registry.environments.values()
    }
    applications = {f"{name}/{app}": found for name, of in identities.items() for app, found in of.items()}
    namespaces = list_team_namespaces(registry)
    former = find_former_destinations(registry, before or Inventory(), applications, today, namespaces)
    environments = tuple(
        _plan_environment(
            registry,
            env,
            apps[env.name],
            identities[env.name],
            _group_by_project(registry, env, apps, former),
            at,
            plan_team_namespaces(registry, env, namespaces.get(env.name, {}), former, at),
        )
        for env in registry.environments.values()
    )
    return ChartPlan(environments, build_project_manifests(registry, apps, former), former)


class _Elsewhere(NamedTuple):
    """By project, what an AppProject permits beyond the apps of its environment: for apps of other environments of the
    same Argo CD, and at former destinations. Nothing if the environment creates no projects."""

    apps: Mapping[str, list[AppInEnvironment]]
    former: Mapping[str, list[FormerDestination]]


def _group_by_project(
    registry: Registry,
    env: Environment,
    apps: Mapping[str, list[EffectiveApp]],
    former: Iterable[FormerDestination],
) -> _Elsewhere:
    found = _Elsewhere(defaultdict(list), defaultdict(list))
    if not any(map(env.creates_project, apps[env.name])):
        return found
    for other in registry.environments.values():
        if other.argocd == env.argocd and other is not env:
            for app in apps[other.name]:
                found.apps[app.project].append((app, other))
    for each in former:
        if registry.environments[each.environment].argocd == env.argocd:
            found.former[each.project].append(each)
    return found


def _plan_environment(
    registry: Registry,
    env: Environment,
    apps: list[EffectiveApp],
    identities: Mapping[str, Mapping[str, str]],
    elsewhere: _Elsewhere,
    location: OutputLocation,
    namespaces: TeamNamespacesPlan | None,
) -> EnvironmentPlan:
    by_project: dict[str, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_project[app.project].append(app)
    destination = {"name": env.cluster} if env.cluster else {"server": env.server or IN_CLUSTER_SERVER}
    extra, of = {}, {}
    for name, members in by_project.items():
        former = elsewhere.former.get(name, ())
        # Those in the environment's own cluster follow an override of it, as the destinations of apps do.
        near = [each for each in former if each.environment == env.name and each.destination == destination]
        others, kept = elsewhere.apps.get(name, []), [each for each in former if each not in near]
        extra[name] = compute_project_fields(registry, name, env.argocd_settings, members, others, kept)
        planned_members = [_plan_project_member(env, app, is_shared=bool(others)) for app in members]
        planned_members += [_plan_former_member(each) for each in near]
        of[members[0].app] = tuple(planned_members)
    planned = tuple(plan_app(env, app, of.get(app.app, ())) for app in apps)
    projects: dict[Chart, dict[str, Mapping[str, Any]]] = {one.chart: {} for one in planned}
    for one in sorted(planned, key=lambda app: app.project):
        if extra[one.project]:
            projects[one.chart][one.project] = extra[one.project]
    return EnvironmentPlan(
        env.name,
        env.argocd_settings,
        _environment_settings(env),
        destination,
        projects,
        planned,
        identities,
        find_project_wave(apps),
        plan_shards(registry, env, location) if env.shards else None,
        namespaces,
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


def _plan_project_member(env: Environment, app: EffectiveApp, *, is_shared: bool) -> ProjectMember:
    return ProjectMember(
        key=helm_values_key(app.app),
        namespace=app.namespace,
        own_destination=_has_own_destination(app),
        by_name=_names_cluster(app, env),
        keeps_project=is_shared or env.hands_over(app.app),
    )


def _plan_former_member(former: FormerDestination) -> ProjectMember:
    return ProjectMember(
        key=f"former {former.namespace}",
        namespace=former.namespace,
        own_destination=False,
        by_name="name" in former.destination,
        keeps_project=False,
    )


def _has_own_destination(app: EffectiveApp) -> bool:
    return "server" in app.fields or "cluster" in app.fields


def _names_cluster(app: EffectiveApp, env: Environment) -> bool:
    return app_destination(app, env)[0] == "name"


def plan_app(env: Environment, app: EffectiveApp, members: tuple[ProjectMember, ...] = ()) -> AppPlan:
    """Plan one Application; `members` are the apps of the AppProject that its template renders."""
    app, handed_over = _apply_retirement(app) if app.app in env.retired else app, env.hands_over(app.app)
    fields = app.fields
    sync_options = _PREVENT_DELETION if handed_over else CONFIRM_DELETION if env.policy.confirm_deletion else ""
    own_sync_policy = fields["syncPolicy"] != USUAL_SYNC_POLICY
    return AppPlan(
        chart=Chart(env.name, find_app_shard(env, app.team, app.project)),
        name=app.app,
        key=helm_values_key(app.app),
        application=app.application,
        project=app.project,
        namespace=app.namespace,
        wave=fields.get("syncWave", APPLICATION_WAVE),
        finalizer=NO_FINALIZER if handed_over else _FINALIZERS[fields["finalizer"]],
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
    values: dict[str, Any] = {"createProject": env.creates_project(app)}
    for key, name in (("name", app.application), ("project", app.project), ("namespace", app.namespace)):
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
        # Argo CD drops an empty list from the live Application, which then would stay out of sync.
        values["syncPolicy"] = {key: value for key, value in fields["syncPolicy"].items() if value != []}
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
