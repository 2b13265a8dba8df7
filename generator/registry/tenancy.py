"""Validate tenancy: a team's repositories, namespaces and projects belong to that team only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from generator.argocd.strings import quoted_excerpt
from generator.argocd.urls import OPT_IN_SCHEMES, grant_covers_url, repository_key, url_scheme
from generator.registry.application_rules import Finding
from generator.registry.effective import EffectiveApp, Layer
from generator.registry.model import ArgoCD, Team
from generator.toml.document import KeyPath


class TeamFinding(NamedTuple):
    """A problem of the repositories or namespaces of a team; `path` is relative to `teams`."""

    path: KeyPath
    text: str
    refused: bool = True


def reserved_namespaces(argocd: ArgoCD) -> frozenset[str]:
    """The namespaces of Argo CD, which no team may own. Names that start with `kube-` are reserved too."""
    return frozenset({argocd.namespace, argocd.project_namespace or argocd.namespace})


def team_ownership_problems(
    teams: Mapping[str, Team], argocd: ArgoCD, schemes: frozenset[str]
) -> Iterator[TeamFinding]:
    """Yield the problems of the repositories and namespaces that the teams own."""
    reserved = reserved_namespaces(argocd)
    namespaces: dict[str, str] = {}
    repositories: dict[str, str] = {}
    for name, team in teams.items():
        for index, namespace in enumerate(team.namespaces):
            at: KeyPath = (name, "namespaces", index)
            if _is_reserved_namespace(namespace, reserved):
                yield TeamFinding(at, f'namespace "{namespace}" belongs to the platform, to no team: remove it')
            yield from _shared_ownership_problems(namespaces, namespace, name, at, f'namespace "{namespace}"')
        for index, url in enumerate(team.repositories):
            at = (name, "repositories", index)
            if url_scheme(url) in OPT_IN_SCHEMES - schemes:
                yield TeamFinding(
                    at, f"{quoted_excerpt(url)}: {url_scheme(url)} is allowed only by allowSchemes in the root file"
                )
            yield from _shared_ownership_problems(
                repositories, repository_key(url), name, at, f"repository {quoted_excerpt(url)}"
            )


def _is_reserved_namespace(namespace: str, reserved: frozenset[str]) -> bool:
    return namespace in reserved or namespace.startswith("kube-")


def _shared_ownership_problems(
    owner_by_key: dict[str, str], key: str, team: str, path: KeyPath, resource: str
) -> Iterator[TeamFinding]:
    other = owner_by_key.setdefault(key, team)
    if other != team:
        yield TeamFinding(path, f'{resource} is team "{other}"\'s already: two teams never share one')


def find_privilege_violations(app_layer: Layer, name: str, team: Team) -> Iterator[Finding]:
    """Yield each use of a privileged field that the root file does not allow the app's team."""
    layers: list[tuple[KeyPath, Layer]] = [((), app_layer)]
    layers += [(("environments", env), layer) for env, layer in app_layer.get("environments", {}).items()]
    for at, layer in layers:
        for path, what in _used_privileges(layer):
            if what not in team.allow:
                yield Finding((*at, *path), f'needs teams.{name}.allow = ["{what}"] in the root file', True)


def _used_privileges(layer: Layer) -> Iterator[tuple[KeyPath, str]]:
    for key, what in (("spec", "spec"), ("plugin", "plugin"), ("server", "destination"), ("cluster", "destination")):
        if key in layer:
            yield (key,), what
    for index, source in enumerate(layer.get("sources", ())):
        if "plugin" in source:
            yield ("sources", index, "plugin"), "plugin"
    if "plugin" in layer.get("sourceHydrator", {}).get("drySource", {}):
        yield ("sourceHydrator", "drySource", "plugin"), "plugin"


class TenancyValidator:
    """Validates that apps use only what their team owns."""

    def __init__(self, teams: Mapping[str, Team], argocd: ArgoCD, shard_projects: Collection[str] = ()) -> None:
        self._teams = teams
        self._shard_projects = shard_projects
        self._reserved_namespaces = reserved_namespaces(argocd)
        self._namespaces_by_team = {name: frozenset(team.namespaces) for name, team in teams.items()}
        self._owner_by_repository = {
            repository_key(grant): name for name, team in teams.items() for grant in team.repositories
        }

    def find_violations(self, app: EffectiveApp) -> Iterator[Finding]:
        """Yield everything that `app` uses and its team does not own."""
        if app.project == "default":
            text = 'project "default" allows everything to everybody: name a project of its own'
            yield Finding(("project",), text, True)
        if app.project in self._shard_projects:
            text = f'project "{app.project}" is that of the shards, which may write Applications: name another one'
            yield Finding(("project",), text, True)
        yield from self._namespace_violations(app.team, ("namespace",), app.namespace)
        for path, namespace in _tool_namespaces(app):
            yield from self._namespace_violations(app.team, path, namespace)
        for path, url in _app_source_urls(app):
            yield from self._repository_violations(app.team, path, url)

    def _namespace_violations(self, team: str, path: KeyPath, namespace: str) -> Iterator[Finding]:
        if _is_reserved_namespace(namespace, self._reserved_namespaces):
            yield Finding(path, f'namespace "{namespace}" belongs to the platform, to no team', True)
        elif namespace not in self._namespaces_by_team[team]:
            yield Finding(path, f'"{namespace}" is not in the namespaces of team "{team}"', True)

    def _repository_violations(self, team: str, path: KeyPath, url: str) -> Iterator[Finding]:
        if not any(grant_covers_url(grant, url) for grant in self._teams[team].repositories):
            yield Finding(path, f'{quoted_excerpt(url)} is not in the repositories of team "{team}"', True)
            return
        owner = self._team_owning_repository(repository_key(url))
        if owner != team:
            yield Finding(path, f'{quoted_excerpt(url)} is team "{owner}"\'s: two teams never share a repository', True)

    def _team_owning_repository(self, key: str) -> str:
        """The team with the most specific grant, which takes precedence over the prefix of another team."""
        while key not in self._owner_by_repository:
            key = key.rstrip("/").rpartition("/")[0] + "/"
        return self._owner_by_repository[key]


def _tool_namespaces(app: EffectiveApp) -> Iterator[tuple[KeyPath, str]]:
    """Yield the namespaces that Helm or Kustomize writes into the manifests."""
    dry = app.fields.get("sourceHydrator", {}).get("drySource")
    parts: list[tuple[KeyPath, Layer]] = [(("sourceHydrator", "drySource"), dry)] if dry else []
    parts += [
        (("sources", index) if app.has_multiple_sources else (), source) for index, source in enumerate(app.sources)
    ]
    for at, part in parts:
        for tool in ("helm", "kustomize"):
            namespace = part.get(tool, {}).get("namespace")
            if namespace:
                yield (*at, tool, "namespace"), namespace


def _app_source_urls(app: EffectiveApp) -> Iterator[tuple[KeyPath, str]]:
    for index, source in enumerate(app.sources):
        if "repoURL" in source:
            yield ("sources", index, "repoURL") if app.has_multiple_sources else ("repoURL",), source["repoURL"]
    for name in ("drySource", "syncSource"):
        part = app.fields.get("sourceHydrator", {}).get(name, {})
        if "repoURL" in part:
            yield ("sourceHydrator", name, "repoURL"), part["repoURL"]
