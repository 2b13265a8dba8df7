"""Registry → `ChartPlan`: everything the files will say, as plain data, before any text is made. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from generator.charts.layout import SHARDS, Chart, Location
from generator.charts.projects import FINALIZER, PROJECT_WAVE, Running, manifests, project_fields, shards_manifest
from generator.registry.effective import BUILT_IN, SOURCE_KEYS, EffectiveApp
from generator.registry.references import helm_key, server_of
from generator.registry.registry import IN_CLUSTER, Environment, Registry
from generator.registry.shards import shard_of

APPLICATION_WAVE = PROJECT_WAVE + 1
_FINALIZERS = {
    "foreground": FINALIZER,
    "background": f"{FINALIZER}/background",
    "none": None,
}
#: What Argo CD is told of an object by `argocd.argoproj.io/sync-options`.
_ASK, _LEAVE = "Delete=confirm,Prune=confirm", "Delete=false,Prune=false"
#: Fields of an Application's spec that are carried as they are.
_CARRIED_SPEC = ("ignoreDifferences", "info", "revisionHistoryLimit")
#: What else of an app's fields a template reads only where it is there, in the order of their names.
_BLOCKS = ("annotations", "labels", "spec")
#: Fields of a source that do not stand in the contract, whose fields are read one by one.
_SOURCE_BLOCKS = tuple(key for key in SOURCE_KEYS if key not in ("repoURL", "path", "targetRevision", "helm"))


class Member(NamedTuple):
    """An app of a project, as the template that renders the project has to know it."""

    key: str
    namespace: str
    own_destination: bool
    handed_over: bool


@dataclass(frozen=True)
class AppPlan:
    """One Application: what its template is made from, and its entry in values.yaml.

    `form` is how it names its sources; the `blocks` are what its template reads besides the contract;
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
    members: tuple[Member, ...]
    values: Mapping[str, Any]

    def read_by_template(self) -> tuple[Any, ...]:
        """All that the template is made from: plans that are equal in it have one text."""
        return (self.key, self.application, self.project, self.namespace, *self._marks(), self.members)

    def shape(self) -> tuple[Any, ...]:
        """All that the template is made from but the app's own names."""
        # The project of one app is told by the app's names, that of several by theirs.
        members = self.members if len(self.members) > 1 else tuple(one.handed_over for one in self.members)
        return (*self._marks(), members)

    def _marks(self) -> tuple[Any, ...]:
        marks = self.own_destination, self.wave, self.finalizer, self.sync_options, self.form
        return (*marks, self.source_blocks, self.spec_blocks, self.blocks)


@dataclass(frozen=True)
class ShardsPlan:
    """What the chart above an environment's shards says of them, and their AppProject as a plain manifest.

    `values` may be overridden by a bootstrap; `sync_options` is what each shard's Application tells Argo CD.
    """

    values: Mapping[str, Any]
    sync_options: str
    project: Mapping[str, Any]


@dataclass(frozen=True)
class EnvironmentPlan:
    """One environment's charts: its apps by name, the identity of each Application, and what else values.yaml says.

    `settings` are the values beside `spec`; `projects` what projects say beyond their apps, by chart and name.
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
    """Every chart, and the plain AppProject manifests by project name."""

    argocd_namespace: str
    project_namespace: str
    environments: tuple[EnvironmentPlan, ...]
    projects: Mapping[str, Mapping[str, Any]]


def plan(registry: Registry, location: Location | None = None) -> ChartPlan:
    """The charts of every environment, which Argo CD finds at `location`: by default where the registry says."""
    apps = {name: registry.effective_apps(name) for name in registry.environments}
    at = location or Location(registry.workloads.repository or "", registry.workloads.path)
    environments = tuple(
        _environment(registry, env, apps[env.name], _elsewhere(registry, env, apps), at)
        for env in registry.environments.values()
    )
    namespaces = registry.argocd.namespace, registry.argocd.project_namespace or registry.argocd.namespace
    return ChartPlan(*namespaces, environments, manifests(registry, apps))


def _elsewhere(
    registry: Registry, env: Environment, apps: Mapping[str, list[EffectiveApp]]
) -> Mapping[str, list[Running]]:
    """By project, apps of the other environments of the same Argo CD, where this environment creates projects."""
    found: dict[str, list[Running]] = defaultdict(list)
    for other in registry.environments.values() if env.create_projects else ():
        if other.argocd == env.argocd and other is not env:
            for app in apps[other.name]:
                found[app.project].append((app, other))
    return found


def _environment(
    registry: Registry,
    env: Environment,
    apps: list[EffectiveApp],
    elsewhere: Mapping[str, list[Running]],
    location: Location,
) -> EnvironmentPlan:
    by_project: dict[str, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_project[app.project].append(app)
    extra = {
        name: project_fields(registry, name, members, elsewhere.get(name, [])) for name, members in by_project.items()
    }
    of = {members[0].app: tuple(_member(env, app) for app in members) for members in by_project.values()}
    planned = tuple(_app(env, app, bool(extra[app.project]), of.get(app.app, ())) for app in apps)
    projects: dict[Chart, dict[str, Mapping[str, Any]]] = {one.chart: {} for one in planned}
    for one in sorted(planned, key=lambda app: app.project):
        if extra[one.project]:
            projects[one.chart][one.project] = extra[one.project]
    return EnvironmentPlan(
        env.name,
        _settings(registry, env),
        {"name": env.cluster} if env.cluster else {"server": env.server or IN_CLUSTER},
        projects,
        planned,
        {app.app: _account(registry, env, app) for app in apps},
        _shards(registry, env, location) if env.shards else None,
    )


def _shards(registry: Registry, env: Environment, location: Location) -> ShardsPlan:
    values = {
        "createProject": True,
        "repoURL": location.repository,
        "targetRevision": registry.workloads.branch,
        "path": location / f"{SHARDS}/{env.name}",
        # Applications are objects of the cluster that Argo CD itself runs in, wherever what they deploy goes.
        "server": IN_CLUSTER,
        "syncPolicy": {"automated": {"prune": True}},
    }
    return ShardsPlan(
        values, _ASK if env.policy.confirm_deletion else "", shards_manifest(registry, env, location.repository)
    )


def _account(registry: Registry, env: Environment, app: EffectiveApp) -> dict[str, str]:
    """An Application as the record of generated files tells of it."""
    told = {**identity(registry, env, app), "revision": app.revision}
    if env.hands_over(app.app):
        told["handOver"] = "true"
    return {**told, "retired": env.retired[app.app]} if app.app in env.retired else told


def identity(registry: Registry, env: Environment, app: EffectiveApp) -> dict[str, str]:
    """What makes an Application the one that it is: changed, the workload is deleted and made anew."""
    field, value = server_of(app, env)
    shard = shard_of(env, app.team, app.project)
    return {
        "name": app.app + env.name_suffix,
        "argocdNamespace": registry.argocd.namespace,
        "project": app.project,
        "cluster": f"{field}:{value}",
        "namespace": app.namespace,
        **({"shard": shard} if shard else {}),
    }


def _member(env: Environment, app: EffectiveApp) -> Member:
    return Member(helm_key(app.app), app.namespace, _has_own_destination(app), env.hands_over(app.app))


def _has_own_destination(app: EffectiveApp) -> bool:
    return "server" in app.fields or "cluster" in app.fields


def _app(env: Environment, app: EffectiveApp, project_fields: bool, members: tuple[Member, ...]) -> AppPlan:
    app, handed_over = _let_go(app) if app.app in env.retired else app, env.hands_over(app.app)
    fields = app.fields
    blocks = [key for key in _BLOCKS if fields.get(key)]
    if fields["syncPolicy"] != BUILT_IN["syncPolicy"]:
        blocks.append("syncPolicy")
    spec_blocks = tuple([key for key in _CARRIED_SPEC if fields.get(key) not in (None, [], {})])
    return AppPlan(
        chart=Chart(env.name, shard_of(env, app.team, app.project)),
        name=app.app,
        key=helm_key(app.app),
        application=app.app + env.name_suffix,
        project=app.project,
        namespace=app.namespace,
        wave=fields.get("syncWave", APPLICATION_WAVE),
        finalizer=None if handed_over else _FINALIZERS[fields.get("finalizer", "foreground")],
        sync_options=_LEAVE if handed_over else _ASK if env.policy.confirm_deletion else "",
        own_destination=_has_own_destination(app),
        form=_form(app),
        source_blocks=tuple([key for key in _SOURCE_BLOCKS if key in fields]),
        spec_blocks=spec_blocks,
        blocks=frozenset([*blocks, "project"] if project_fields else blocks),
        members=members,
        values=_app_values(env, app, [*blocks, *spec_blocks]),
    )


def _let_go(app: EffectiveApp) -> EffectiveApp:
    """A retired app: still there, but neither pruning nor, when it goes, taking its workload with it."""
    policy = dict(app.fields["syncPolicy"])
    if "automated" in policy:
        policy["automated"] = {**policy["automated"], "prune": False}
    return replace(app, fields={**app.fields, "syncPolicy": policy, "finalizer": "none"})


def _form(app: EffectiveApp) -> str:
    return "sourceHydrator" if "sourceHydrator" in app.fields else "sources" if app.several else "source"


def _app_values(env: Environment, app: EffectiveApp, blocks: Iterable[str]) -> dict[str, Any]:
    fields, form = app.fields, _form(app)
    values: dict[str, Any] = {"createProject": bool(fields.get("createProject", env.create_projects))}
    names = ("name", app.app + env.name_suffix), ("project", app.project), ("namespace", app.namespace)
    for key, name in names:
        if name != app.app:
            values[key] = name
    if _has_own_destination(app):
        field, value = server_of(app, env)
        values["destination"] = {field: value}
    if form == "source":
        for key in SOURCE_KEYS:
            if key in fields:
                values[key] = fields[key]
    else:
        values[form] = app.sources if form == "sources" else fields[form]
    values.update({key: fields[key] for key in blocks})
    return values


def _settings(registry: Registry, env: Environment) -> dict[str, Any]:
    return {
        "argoNamespace": registry.argocd.namespace,
        "argoProjectNamespace": registry.argocd.project_namespace or registry.argocd.namespace,
        "destinationServer": "",
        "labels": dict(env.labels),
    }
