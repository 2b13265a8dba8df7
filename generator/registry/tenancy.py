"""Who may use what: a team's repositories, namespaces and projects are its own and nobody else's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from generator.registry.effective import EffectiveApp, Layer
from generator.registry.model import ArgoCD, Team
from generator.registry.rules import Finding
from generator.registry.text import shown
from generator.registry.toml import Path
from generator.registry.urls import OPEN_SCHEMES, grants, repository_key, scheme_of


class Owned(NamedTuple):
    """A problem of what a team claims: `path` below `teams`."""

    path: Path
    text: str
    refused: bool = True


def reserved_namespaces(argocd: ArgoCD) -> frozenset[str]:
    """The namespaces of Argo CD itself, which are nobody's; so is everything that begins with `kube-`."""
    return frozenset({argocd.namespace, argocd.project_namespace or argocd.namespace})


def claims(teams: Mapping[str, Team], argocd: ArgoCD, schemes: frozenset[str]) -> Iterator[Owned]:
    """What is wrong with what the teams own, each by itself and against each other."""
    reserved = reserved_namespaces(argocd)
    namespaces: dict[str, str] = {}
    repositories: dict[str, str] = {}
    for name, team in teams.items():
        for index, namespace in enumerate(team.namespaces):
            at: Path = (name, "namespaces", index)
            if _is_reserved(namespace, reserved):
                yield Owned(at, f'namespace "{namespace}" belongs to the platform, to no team: remove it')
            yield from _once(namespaces, namespace, name, at, f'namespace "{namespace}"')
        for index, url in enumerate(team.repositories):
            at = (name, "repositories", index)
            if scheme_of(url) in OPEN_SCHEMES - schemes:
                yield Owned(at, f"{shown(url)}: {scheme_of(url)} is allowed only by allowSchemes in the root file")
            yield from _once(repositories, repository_key(url), name, at, f"repository {shown(url)}")


def _is_reserved(namespace: str, reserved: frozenset[str]) -> bool:
    return namespace in reserved or namespace.startswith("kube-")


def _once(taken: dict[str, str], key: str, team: str, at: Path, what: str) -> Iterator[Owned]:
    other = taken.setdefault(key, team)
    if other != team:
        yield Owned(at, f'{what} is team "{other}"\'s already: two teams never share one')


def privileges(declared: Layer, name: str, team: Team) -> Iterator[Finding]:
    """What an app's own entry uses that the root file has to allow its team, by path below the app."""
    layers: list[tuple[Path, Layer]] = [((), declared)]
    layers += [(("environments", env), layer) for env, layer in declared.get("environments", {}).items()]
    for at, layer in layers:
        for path, what in _privileged(layer):
            if what not in team.allow:
                yield Finding((*at, *path), f'needs teams.{name}.allow = ["{what}"] in the root file', True)


def _privileged(layer: Layer) -> Iterator[tuple[Path, str]]:
    for key, what in (("spec", "spec"), ("plugin", "plugin"), ("server", "destination"), ("cluster", "destination")):
        if key in layer:
            yield (key,), what
    for index, source in enumerate(layer.get("sources", ())):
        if "plugin" in source:
            yield ("sources", index, "plugin"), "plugin"
    if "plugin" in layer.get("sourceHydrator", {}).get("drySource", {}):
        yield ("sourceHydrator", "drySource", "plugin"), "plugin"


class Tenancy:
    """Judges apps against what their team owns."""

    def __init__(self, teams: Mapping[str, Team], argocd: ArgoCD, shard_projects: Collection[str] = ()) -> None:
        self._teams = teams
        self._shard_projects = shard_projects
        self._reserved = reserved_namespaces(argocd)
        self._namespaces = {name: frozenset(team.namespaces) for name, team in teams.items()}
        self._owners = {repository_key(grant): name for name, team in teams.items() for grant in team.repositories}

    def judge(self, app: EffectiveApp) -> Iterator[Finding]:
        """What `app` uses that is not its team's."""
        if app.project == "default":
            text = 'project "default" allows everything to everybody: name a project of its own'
            yield Finding(("project",), text, True)
        if app.project in self._shard_projects:
            text = f'project "{app.project}" is that of the shards, which may write Applications: name another one'
            yield Finding(("project",), text, True)
        yield from self._namespace(app.team, ("namespace",), app.namespace)
        for path, namespace in _rendered_for(app):
            yield from self._namespace(app.team, path, namespace)
        for path, url in _urls(app):
            yield from self._repository(app.team, path, url)

    def _namespace(self, team: str, path: Path, namespace: str) -> Iterator[Finding]:
        if _is_reserved(namespace, self._reserved):
            yield Finding(path, f'namespace "{namespace}" belongs to the platform, to no team', True)
        elif namespace not in self._namespaces[team]:
            yield Finding(path, f'"{namespace}" is not in the namespaces of team "{team}"', True)

    def _repository(self, team: str, path: Path, url: str) -> Iterator[Finding]:
        if not any(grants(grant, url) for grant in self._teams[team].repositories):
            yield Finding(path, f'{shown(url)} is not in the repositories of team "{team}"', True)
            return
        owner = self._owner(repository_key(url))
        if owner != team:
            yield Finding(path, f'{shown(url)} is team "{owner}"\'s: two teams never share a repository', True)

    def _owner(self, key: str) -> str:
        """The team with the most specific grant: a prefix does not reach into what another team owns by name."""
        while key not in self._owners:
            key = key.rstrip("/").rpartition("/")[0] + "/"
        return self._owners[key]


def _rendered_for(app: EffectiveApp) -> Iterator[tuple[Path, str]]:
    """Namespaces that a tool is told to write into the manifests."""
    dry = app.fields.get("sourceHydrator", {}).get("drySource")
    parts: list[tuple[Path, Layer]] = [(("sourceHydrator", "drySource"), dry)] if dry else []
    parts += [(("sources", index) if app.several else (), source) for index, source in enumerate(app.sources)]
    for at, part in parts:
        for tool in ("helm", "kustomize"):
            namespace = part.get(tool, {}).get("namespace")
            if namespace:
                yield (*at, tool, "namespace"), namespace


def _urls(app: EffectiveApp) -> Iterator[tuple[Path, str]]:
    for index, source in enumerate(app.sources):
        if "repoURL" in source:
            yield ("sources", index, "repoURL") if app.several else ("repoURL",), source["repoURL"]
    for name in ("drySource", "syncSource"):
        part = app.fields.get("sourceHydrator", {}).get(name, {})
        if "repoURL" in part:
            yield ("sourceHydrator", name, "repoURL"), part["repoURL"]
