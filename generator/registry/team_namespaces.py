"""Find the namespaces that a chart gives a quota, limits, access or a network policy, and validate those settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from generator.registry.grants import is_reserved_namespace, reserved_namespaces
from generator.registry.metadata_rules import metadata_problems
from generator.registry.problems import suggest_name
from generator.registry.uniqueness import app_destination

if TYPE_CHECKING:
    from generator.registry.builder import RegistryBuilder
    from generator.registry.effective import EffectiveApp
    from generator.registry.model import ArgoCDSettings, SharedNamespace, Team
    from generator.registry.namespace_settings import EnvironmentNamespaceSettings, NamespaceSettings
    from generator.registry.registry import Environment, Registry
    from generator.toml.document import KeyPath

    #: The settings of each namespace, by environment.
    NamespacesByEnvironment = Mapping[str, Mapping[str, NamespaceSettings]]


def list_team_namespaces(registry: Registry) -> NamespacesByEnvironment:
    """The namespaces with settings that each chart deploys; the first of several environments has a namespace."""
    if not any(map(_has_settings, (*registry.teams.values(), *registry.namespaces.values()))):
        return {}
    found: dict[str, dict[str, NamespaceSettings]] = {}
    taken = set()
    for env in registry.environments.values():
        apps = registry.list_effective_apps(env.name)
        for namespace, settings in _find_settings(env, apps, registry.teams, registry.namespaces, registry.argocd):
            place = env.argocd, app_cluster(env), namespace
            if place not in taken:
                taken.add(place)
                found.setdefault(env.name, {})[namespace] = settings
    return found


def app_cluster(env: Environment) -> tuple[str, str]:
    """The cluster of an environment, as a pair of Argo CD's field and its value."""
    return ("name", env.cluster) if env.cluster else ("server", (env.server or "").rstrip("/"))


def _has_settings(owner: EnvironmentNamespaceSettings) -> bool:
    keys = {"quota", "limits", "access", "network_policy", "namespace_labels"}
    return bool(owner.environments) or not keys.isdisjoint(owner.model_fields_set)


def _find_settings(
    env: Environment,
    apps: Iterable[EffectiveApp],
    teams: Mapping[str, Team],
    shared: Mapping[str, SharedNamespace],
    argocd: ArgoCDSettings,
) -> Iterator[tuple[str, NamespaceSettings]]:
    """Yield the namespaces of apps in the environment's own cluster, in order, each with its settings."""
    reserved = reserved_namespaces(argocd)
    used = {
        app.namespace: shared.get(app.namespace) or teams[app.team]
        for app in apps
        if not {"server", "cluster"} & app.fields.keys()
    }
    for namespace in sorted(used):
        settings = used[namespace].find_settings(env.name)
        if settings.model_fields_set and namespace != "default" and not is_reserved_namespace(namespace, reserved):
            yield namespace, settings


def describe_settings(settings: NamespaceSettings) -> Iterator[str]:
    """Describe what a namespace gets, a line for each kind of object."""
    if settings.quota:
        yield "quota: " + ", ".join(f"{name} {amount}" for name, amount in settings.quota.items())
    if settings.limits:
        yield "limits: " + ", ".join(item.type for item in settings.limits)
    for role, groups in sorted((settings.access or {}).items()):
        if groups:
            yield f"{role}: {', '.join(groups)}"
    if settings.network_policy not in (None, "none"):
        yield f"network policy: {settings.network_policy}"
    if settings.namespace_labels:
        yield "labels: " + ", ".join(f"{key}={value}" for key, value in settings.namespace_labels.items())


def validate_team_namespaces(builder: RegistryBuilder) -> None:
    """Report settings that are not valid, or that differ between environments which share a namespace."""
    settings = builder.settings
    owners: dict[KeyPath, Team | SharedNamespace] = {("teams", name): team for name, team in builder.teams.items()}
    owners |= {("namespaces", name): namespace for name, namespace in settings.namespaces.items()}
    if not any(map(_has_settings, owners.values())):
        return
    known = builder.declared_names["environments"]
    for at, owner in owners.items():
        for layer_at, layer in (
            ((), owner),
            *((("environments", name), one) for name, one in owner.environments.items()),
        ):
            for path, code, text in metadata_problems(layer.namespace_labels or {}, "labels"):
                place = (*at, *layer_at, "namespaceLabels", *path)
                builder.add_root_problem(place, code, text)
        for name in owner.environments:
            if name not in known and builder.is_complete:
                text = f"unknown environment{suggest_name(name, known)}"
                builder.add_root_problem((*at, "environments", name), "WL2109", text)
    _validate_each_namespace(builder)


def _validate_each_namespace(builder: RegistryBuilder) -> None:
    first: dict[tuple[object, ...], tuple[str, NamespaceSettings]] = {}
    for name in builder.environments:
        env = builder.build_environment(name)
        apps = [app for (where, _), app in builder.effective_by_listing.items() if where == name]
        shared = builder.settings.namespaces
        for namespace, settings in _find_settings(env, apps, builder.teams, shared, builder.settings.argocd):
            other, its = first.setdefault((env.argocd, app_cluster(env), namespace), (name, settings))
            if its != settings:
                text = f'namespace "{namespace}" is also in {other}, in the same cluster, with other settings'
                remedy = "use another namespace, or remove the settings for one environment"
                builder.add_root_problem(("environments", name), "WL2206", f"{text}: {remedy}")
        _note_namespaces_without_settings(builder, env, apps)


def _note_namespaces_without_settings(builder: RegistryBuilder, env: Environment, apps: Iterable[EffectiveApp]) -> None:
    """Note the namespaces that do not get the settings of the teams that use them."""
    for app in apps:
        if builder.root is None or not builder.teams[app.team].find_settings(env.name).model_fields_set:
            continue
        shared, at = builder.settings.namespaces.get(app.namespace), ("namespaces", app.namespace)
        if shared and not shared.find_settings(env.name).model_fields_set:
            teams = " and ".join(shared.teams)
            text = f"is shared by {teams}: it has the settings in this table alone, and none of a team"
            builder.report.add_note(builder.root, at, text)
        elif not shared and {"server", "cluster"} & app.fields.keys():
            where = app_destination(app, env)[1]
            text = (
                f"{app.app} of {env.name} runs in cluster {where}: its namespace there does not get the team's settings"
            )
            builder.report.add_note(builder.root, ("teams", app.team), text)
