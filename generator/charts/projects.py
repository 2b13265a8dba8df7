"""Registry → the AppProjects: what each allows beyond its apps in one environment, and over all. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from generator.registry.effective import EffectiveApp
from generator.registry.references import server_of
from generator.registry.registry import IN_CLUSTER, Environment, Registry
from generator.registry.shards import shard_project

#: An AppProject exists before, and is deleted after, the Applications in it.
PROJECT_WAVE = 1
FINALIZER = "resources-finalizer.argocd.argoproj.io"
#: An app, and the environment that it runs in.
Running = tuple[EffectiveApp, Environment]


def project_fields(registry: Registry, name: str, members: list[EffectiveApp], others: list[Running]) -> dict[str, Any]:
    """What a project says beyond its members' repositories and destinations in this environment.

    `others` are apps of the project in other environments that it is created for too.
    """
    fields = dict(registry.projects.get(name, {}))
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


def manifests(registry: Registry, apps: Mapping[str, list[EffectiveApp]]) -> dict[str, Mapping[str, Any]]:
    """Every project over all environments, as a manifest that `kubectl apply` takes."""
    used: dict[str, list[Running]] = defaultdict(list)
    for name, members in apps.items():
        for app in members:
            used[app.project].append((app, registry.environments[name]))
    return {name: _manifest(registry, name, members) for name, members in sorted(used.items())}


def _manifest(registry: Registry, name: str, members: list[Running]) -> dict[str, Any]:
    return _object(registry, name, project_fields(registry, name, [], members))


def _object(registry: Registry, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": name,
            "namespace": registry.argocd.project_namespace or registry.argocd.namespace,
            "annotations": {"argocd.argoproj.io/sync-wave": str(PROJECT_WAVE)},
            "finalizers": [FINALIZER],
        },
        "spec": spec,
    }


def shards_manifest(registry: Registry, env: Environment, repository: str) -> dict[str, Any]:
    """The project of an environment's shards: Applications and AppProjects where Argo CD lives, and nothing else."""
    namespaces = {registry.argocd.namespace, registry.argocd.project_namespace or registry.argocd.namespace}
    spec = {
        "sourceRepos": [repository],
        "destinations": [{"server": IN_CLUSTER, "namespace": namespace} for namespace in sorted(namespaces)],
        "namespaceResourceWhitelist": [
            {"group": "argoproj.io", "kind": kind} for kind in ("AppProject", "Application")
        ],
    }
    return _object(registry, shard_project(env.name), spec)
