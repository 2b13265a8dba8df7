"""Registry → `ChartPlan`: everything the files will say, as plain data, before any text is made. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from generator.registry.effective import BUILT_IN, SOURCE_KEYS, EffectiveApp
from generator.registry.references import helm_key, server_of
from generator.registry.registry import IN_CLUSTER, Environment, Registry

#: An AppProject exists before, and is deleted after, the Applications in it.
PROJECT_WAVE, APPLICATION_WAVE = 1, 2
_FINALIZERS = {
    "foreground": "resources-finalizer.argocd.argoproj.io",
    "background": "resources-finalizer.argocd.argoproj.io/background",
    "none": None,
}
#: Fields of an Application's spec that are carried as they are.
_CARRIED_SPEC = ("ignoreDifferences", "info", "revisionHistoryLimit")
#: Fields of a source that stand in the contract, and so are read one by one.
_CONTRACT = ("repoURL", "path", "targetRevision", "helm")


class Member(NamedTuple):
    """An app of a project, as the template that renders the project has to know it."""

    key: str
    namespace: str
    own_destination: bool


@dataclass(frozen=True)
class AppPlan:
    """One Application: what its template is made from, and its entry in values.yaml.

    `form` is how it names its sources; the `blocks` are what its template reads besides the contract;
    `members` are the apps, this one among them, whose AppProject this template renders (none where
    another app of the project does).
    """

    name: str
    key: str
    application: str
    project: str
    namespace: str
    wave: int
    finalizer: str | None
    confirm: bool
    own_destination: bool
    form: str
    source_blocks: tuple[str, ...]
    spec_blocks: tuple[str, ...]
    blocks: frozenset[str]
    members: tuple[Member, ...]
    values: Mapping[str, Any]

    def read_by_template(self) -> tuple[Any, ...]:
        """All that the template is made from: plans that are equal in it have one text."""
        names = self.name, self.key, self.application, self.project, self.namespace, self.own_destination
        marks = self.wave, self.finalizer, self.confirm, self.form, self.source_blocks, self.spec_blocks, self.blocks
        return (*names, *marks, self.members)


@dataclass(frozen=True)
class EnvironmentPlan:
    """One chart: its apps by name, the identity of each Application, and what else its values.yaml says.

    `settings` are the values beside `spec`; `projects` what projects say beyond their apps, by name.
    """

    name: str
    settings: Mapping[str, Any]
    destination: Mapping[str, str]
    projects: Mapping[str, Mapping[str, Any]]
    apps: tuple[AppPlan, ...]
    applications: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class ChartPlan:
    """Every chart, and the plain AppProject manifests by project name."""

    argocd_namespace: str
    project_namespace: str
    environments: tuple[EnvironmentPlan, ...]
    projects: Mapping[str, Mapping[str, Any]]


def plan(registry: Registry) -> ChartPlan:
    """The charts of every environment."""
    apps = {name: registry.effective_apps(name) for name in registry.environments}
    environments = tuple(
        _environment(registry, env, apps[env.name], _elsewhere(registry, env, apps))
        for env in registry.environments.values()
    )
    namespaces = registry.argocd.namespace, registry.argocd.project_namespace or registry.argocd.namespace
    return ChartPlan(*namespaces, environments, _manifests(registry, apps))


def _elsewhere(
    registry: Registry, env: Environment, apps: Mapping[str, list[EffectiveApp]]
) -> list[tuple[EffectiveApp, Environment]]:
    """Apps of the other environments of the same Argo CD, whose projects may be this environment's to create."""
    if not env.create_projects:
        return []
    others = [o for o in registry.environments.values() if o.argocd == env.argocd and o is not env]
    return [(app, other) for other in others for app in apps[other.name]]


def _environment(
    registry: Registry,
    env: Environment,
    apps: list[EffectiveApp],
    elsewhere: list[tuple[EffectiveApp, Environment]],
) -> EnvironmentPlan:
    by_project: dict[str, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_project[app.project].append(app)
    extra = {name: _project_fields(registry, name, members, elsewhere) for name, members in by_project.items()}
    of = {members[0].app: tuple(map(_member, members)) for members in by_project.values()}
    return EnvironmentPlan(
        env.name,
        _settings(registry, env),
        {"name": env.cluster} if env.cluster else {"server": env.server or IN_CLUSTER},
        {name: extra[name] for name in sorted(extra) if extra[name]},
        tuple(_app(env, app, bool(extra[app.project]), of.get(app.app, ())) for app in apps),
        {app.app: _account(registry, env, app) for app in apps},
    )


def _account(registry: Registry, env: Environment, app: EffectiveApp) -> dict[str, str]:
    """An Application as the record of generated files tells of it."""
    told = {**identity(registry, env, app), "revision": app.revision}
    return {**told, "retired": env.retired[app.app]} if app.app in env.retired else told


def identity(registry: Registry, env: Environment, app: EffectiveApp) -> dict[str, str]:
    """What makes an Application the one that it is: changed, the workload is deleted and made anew."""
    field, value = server_of(app, env)
    return {
        "name": app.app + env.name_suffix,
        "argocdNamespace": registry.argocd.namespace,
        "project": app.project,
        "cluster": f"{field}:{value}",
        "namespace": app.namespace,
    }


def _member(app: EffectiveApp) -> Member:
    return Member(helm_key(app.app), app.namespace, _has_own_destination(app))


def _has_own_destination(app: EffectiveApp) -> bool:
    return "server" in app.fields or "cluster" in app.fields


def _app(env: Environment, app: EffectiveApp, project_fields: bool, members: tuple[Member, ...]) -> AppPlan:
    app = _handed_over(app) if app.app in env.retired else app
    fields = app.fields
    blocks = {key for key in ("labels", "annotations", "spec") if fields.get(key)}
    blocks |= {"syncPolicy"} if fields["syncPolicy"] != BUILT_IN["syncPolicy"] else set()
    spec_blocks = tuple(key for key in _CARRIED_SPEC if fields.get(key) not in (None, [], {}))
    return AppPlan(
        name=app.app,
        key=helm_key(app.app),
        application=app.app + env.name_suffix,
        project=app.project,
        namespace=app.namespace,
        wave=fields.get("syncWave", APPLICATION_WAVE),
        finalizer=_FINALIZERS[fields.get("finalizer", "foreground")],
        confirm=env.policy.confirm_deletion,
        own_destination=_has_own_destination(app),
        form=_form(app),
        source_blocks=tuple(key for key in SOURCE_KEYS if key in fields and key not in _CONTRACT),
        spec_blocks=spec_blocks,
        blocks=frozenset(blocks | ({"project"} if project_fields else set())),
        members=members,
        values=_app_values(env, app, [*sorted(blocks), *spec_blocks]),
    )


def _handed_over(app: EffectiveApp) -> EffectiveApp:
    """A retired app: still there, but neither pruning nor, when it goes, taking its workload with it."""
    policy = dict(app.fields["syncPolicy"])
    if "automated" in policy:
        policy["automated"] = {**policy["automated"], "prune": False}
    return replace(app, fields={**app.fields, "syncPolicy": policy, "finalizer": "none"})


def _form(app: EffectiveApp) -> str:
    return next((form for form in ("sourceHydrator", "sources") if form in app.fields), "source")


def _app_values(env: Environment, app: EffectiveApp, blocks: Iterable[str]) -> dict[str, Any]:
    fields, form = app.fields, _form(app)
    values: dict[str, Any] = {"createProject": bool(fields.get("createProject", env.create_projects))}
    names = {"name": app.app + env.name_suffix, "project": app.project, "namespace": app.namespace}
    values.update({key: name for key, name in names.items() if name != app.app})
    if _has_own_destination(app):
        field, value = server_of(app, env)
        values["destination"] = {field: value}
    if form == "source":
        values.update({key: fields[key] for key in SOURCE_KEYS if key in fields})
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


def _project_fields(
    registry: Registry,
    name: str,
    members: list[EffectiveApp],
    elsewhere: list[tuple[EffectiveApp, Environment]],
) -> dict[str, Any]:
    """What a project says beyond its members' repositories and destinations in this environment."""
    fields = dict(registry.projects.get(name, {}))
    others = [(app, env) for app, env in elsewhere if app.project == name]
    repositories = [url for app, _ in others for url in app.repositories]
    destinations = [_destination(app, env) for app, env in others]
    fields = _widened(fields, repositories, destinations)
    if any(creates_namespace(app) for app in [*members, *(app for app, _ in others)]):
        fields = _allowing_namespace(fields)
    return fields


def _widened(fields: dict[str, Any], repositories: list[str], destinations: list[dict[str, str]]) -> dict[str, Any]:
    if repositories or "sourceRepos" in fields:
        fields["sourceRepos"] = sorted({*fields.get("sourceRepos", ()), *repositories})
    if destinations or "destinations" in fields:
        fields["destinations"] = _distinct([*fields.get("destinations", ()), *destinations])
    return fields


def _distinct(values: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return sorted({tuple(sorted(value.items())): value for value in values}.values(), key=lambda v: sorted(v.items()))


def creates_namespace(app: EffectiveApp) -> bool:
    """Whether Argo CD creates the app's namespace, which its project then has to allow."""
    return "CreateNamespace=true" in app.fields.get("syncPolicy", {}).get("syncOptions", ())


def _allowing_namespace(fields: dict[str, Any]) -> dict[str, Any]:
    # An absent cluster whitelist denies every cluster-scoped kind, Namespace included.
    namespace = {"group": "", "kind": "Namespace"}
    allowed = fields.get("clusterResourceWhitelist", [])
    return fields if namespace in allowed else {**fields, "clusterResourceWhitelist": [namespace, *allowed]}


def _destination(app: EffectiveApp, env: Environment) -> dict[str, str]:
    field, value = server_of(app, env)
    return {"namespace": app.namespace, field: value}


def _manifests(registry: Registry, apps: Mapping[str, list[EffectiveApp]]) -> dict[str, Mapping[str, Any]]:
    """Every project over all environments, as a manifest that `kubectl apply` takes."""
    used: dict[str, list[tuple[EffectiveApp, Environment]]] = defaultdict(list)
    for name, members in apps.items():
        for app in members:
            used[app.project].append((app, registry.environments[name]))
    return {name: _manifest(registry, name, members) for name, members in sorted(used.items())}


def _manifest(registry: Registry, name: str, members: list[tuple[EffectiveApp, Environment]]) -> dict[str, Any]:
    fields = _project_fields(registry, name, [], members)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": name,
            "namespace": registry.argocd.project_namespace or registry.argocd.namespace,
            "annotations": {"argocd.argoproj.io/sync-wave": str(PROJECT_WAVE)},
            "finalizers": [_FINALIZERS["foreground"]],
        },
        "spec": fields,
    }
