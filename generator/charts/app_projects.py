"""Build the AppProjects of a registry, for one environment, over all environments and for shards. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.argocd.versions import NAMED_KINDS_SINCE, major_minor
from generator.charts.layout import SHARDS_FOLDER, OutputLocation, project_path
from generator.registry.effective import BUILT_IN_DEFAULTS
from generator.registry.shards import bootstrap_name
from generator.registry.uniqueness import app_destination

if TYPE_CHECKING:
    from generator.charts.former_destinations import FormerDestination
    from generator.registry.effective import EffectiveApp
    from generator.registry.model import ArgoCD
    from generator.registry.registry import Environment, Registry

    #: An app, and the environment that it runs in.
    AppInEnvironment = tuple[EffectiveApp, Environment]


#: An AppProject is created before, and deleted after, its Applications; below this wave if they are in an earlier one.
PROJECT_WAVE, APPLICATION_WAVE = 1, 2
FINALIZER, NO_FINALIZER = "resources-finalizer.argocd.argoproj.io", "none"
#: The policy that the Applications of a chart have unless values.yaml gives them one of their own.
USUAL_SYNC_POLICY = BUILT_IN_DEFAULTS[1]["syncPolicy"]
#: Sync options of an AppProject. Argo CD deletes it after everything else: until its last Application is gone or has
#: another project, its finalizer holds up the sync. Options of one that Applications of another chart need.
PROJECT_OPTIONS, KEPT_PROJECT_OPTIONS = "PruneLast=true", "Delete=false,Prune=false"


#: The value of the annotation `argocd.argoproj.io/sync-options` with which a deletion waits for a confirmation.
CONFIRM_DELETION = "Delete=confirm,Prune=confirm"


@dataclass(frozen=True)
class ShardsPlan:
    """An environment's shards: their values in the parent chart, and their AppProject as a plain manifest.

    `values` may be overridden by a bootstrap; `sync_options` is an annotation of each shard's Application.
    """

    values: Mapping[str, Any]
    sync_options: str
    project_path: str
    project: Mapping[str, Any]


def compute_project_fields(
    registry: Registry,
    name: str,
    argocd: ArgoCD,
    members: list[EffectiveApp],
    apps_elsewhere: list[AppInEnvironment],
    former_destinations: Iterable[FormerDestination] = (),
) -> dict[str, Any]:
    """The AppProject fields beyond the repositories and destinations of its apps in this environment.

    `apps_elsewhere` are the project's apps in other environments that share the AppProject.
    """
    fields = dict(registry.projects.get(name, {}))
    repositories = [url for app, _ in apps_elsewhere for url in app.repositories]
    destinations = [_app_destination(app, env) for app, env in apps_elsewhere]
    destinations += [{"namespace": each.namespace, **each.destination} for each in former_destinations]
    fields = _add_sources_and_destinations(fields, repositories, destinations)
    if argocd.is_eks_capability:
        fields["sourceNamespaces"] = [argocd.namespace]
    every_app = [*members, *(app for app, _ in apps_elsewhere)]
    if any(registry.teams[app.team].platform for app in every_app):
        fields.setdefault("clusterResourceWhitelist", [{"group": "*", "kind": "*"}])
        return fields
    created = {app.namespace for app in every_app if creates_namespace(app)}
    return _allow_namespaces(fields, sorted(created), argocd.version) if created else fields


def _add_sources_and_destinations(
    fields: dict[str, Any], repositories: list[str], destinations: list[dict[str, str]]
) -> dict[str, Any]:
    if repositories or "sourceRepos" in fields:
        fields["sourceRepos"] = sorted({*fields.get("sourceRepos", ()), *repositories})
    if destinations or "destinations" in fields:
        fields["destinations"] = _sort_distinct([*fields.get("destinations", ()), *destinations])
    return fields


def _sort_distinct(values: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return sorted({tuple(sorted(value.items())): value for value in values}.values(), key=lambda v: sorted(v.items()))


def creates_namespace(app: EffectiveApp) -> bool:
    """Whether Argo CD creates the app's namespace, which the AppProject must then allow."""
    return "CreateNamespace=true" in app.fields.get("syncPolicy", {}).get("syncOptions", ())


def _allow_namespaces(fields: dict[str, Any], namespaces: Iterable[str], argocd_version: str) -> dict[str, Any]:
    """Whitelist the namespaces that Argo CD creates, by name where its version can.

    An absent cluster whitelist denies every cluster-scoped kind, Namespace included.
    """
    kind = {"group": "", "kind": "Namespace"}
    named = major_minor(argocd_version) >= NAMED_KINDS_SINCE
    needed = [{**kind, "name": namespace} for namespace in namespaces] if named else [kind]
    allowed = fields.get("clusterResourceWhitelist", [])
    missing = [] if kind in allowed else [entry for entry in needed if entry not in allowed]
    return {**fields, "clusterResourceWhitelist": [*missing, *allowed]} if missing else fields


def _app_destination(app: EffectiveApp, env: Environment) -> dict[str, str]:
    field, value = app_destination(app, env)
    return {"namespace": app.namespace, field: value}


def build_project_manifests(
    registry: Registry, apps: Mapping[str, list[EffectiveApp]], former_destinations: Collection[FormerDestination]
) -> dict[str, Mapping[str, Any]]:
    """Build the manifest, for `kubectl apply`, of each AppProject that an app uses, by its path.

    `apps` are the apps of each environment. A manifest permits what they need in all environments together, but for
    those of an Argo CD with settings of its own.
    """
    used: dict[tuple[str, str], list[AppInEnvironment]] = defaultdict(list)
    for name, members in apps.items():
        env = registry.environments[name]
        for app in members:
            if app.project != "default":
                used[registry.find_own_argocd(env), app.project].append((app, env))
    return {
        project_path(argocd, name): _build_project_manifest(registry, name, members, former_destinations)
        for (argocd, name), members in sorted(used.items())
    }


def _build_project_manifest(
    registry: Registry, name: str, members: list[AppInEnvironment], former_destinations: Iterable[FormerDestination]
) -> dict[str, Any]:
    argocd, environments = members[0][1].argocd_settings, {env.name for _, env in members}
    former = [each for each in former_destinations if each.project == name and each.environment in environments]
    spec = compute_project_fields(registry, name, argocd, [], members, former)
    return _wrap_project_spec(argocd, name, spec, find_project_wave(app for app, _ in members))


def find_project_wave(apps: Iterable[EffectiveApp]) -> int:
    """The sync wave of AppProjects, which is below that of every one of their apps."""
    return min([PROJECT_WAVE, *(int(app.fields["syncWave"]) - 1 for app in apps if "syncWave" in app.fields)])


def _wrap_project_spec(argocd: ArgoCD, name: str, spec: Mapping[str, Any], wave: int = PROJECT_WAVE) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": name,
            "namespace": argocd.namespaces[1],
            **({"labels": spec["labels"]} if "labels" in spec else {}),
            "annotations": {
                "argocd.argoproj.io/sync-options": PROJECT_OPTIONS,
                "argocd.argoproj.io/sync-wave": str(wave),
            },
            "finalizers": [FINALIZER],
        },
        "spec": {key: value for key, value in spec.items() if key != "labels"},
    }


def build_shards_project(env: Environment, repository: str) -> dict[str, Any]:
    """Build the AppProject of an environment's shards."""
    return _wrap_project_spec(env.argocd_settings, bootstrap_name(env.name), build_app_of_apps_spec(env, repository))


def build_app_of_apps_spec(env: Environment, repository: str, namespaces: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of an AppProject that permits one repository and only Applications and AppProjects.

    They may be in Argo CD's namespaces, and in `namespaces`.
    """
    (field, cluster), argocd = env.argocd_destination, env.argocd_settings
    return {
        **({"sourceNamespaces": [argocd.namespace]} if argocd.is_eks_capability else {}),
        "sourceRepos": [repository],
        "destinations": [
            {field: cluster, "namespace": namespace} for namespace in sorted({*argocd.namespaces, *namespaces})
        ],
        "namespaceResourceWhitelist": [
            {"group": "argoproj.io", "kind": kind} for kind in ("AppProject", "Application")
        ],
    }


def plan_shards(registry: Registry, env: Environment, location: OutputLocation) -> ShardsPlan:
    """Plan the shards of an environment, which Argo CD reads at a location."""
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
        CONFIRM_DELETION if env.policy.confirm_deletion else "",
        project_path(registry.find_own_argocd(env), bootstrap_name(env.name)),
        build_shards_project(env, location.repository),
    )
