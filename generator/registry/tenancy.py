"""Validate tenancy: a team's repositories, namespaces and projects belong to that team only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from generator.argocd.strings import quoted_excerpt
from generator.argocd.urls import OPT_IN_SCHEMES, grant_covers_url, repository_key, url_scheme
from generator.argocd.versions import NAMED_KINDS_SINCE, major_minor
from generator.registry.effective import EffectiveApp, Layer
from generator.registry.files import file_entry_problem, filter_by_pattern, is_file_pattern
from generator.registry.problems import Finding
from generator.registry.shards import is_bootstrap_name
from generator.toml.document import KeyPath

if TYPE_CHECKING:
    from generator.registry.model import ArgoCD, RootFile, Team

_POD_SECURITY_LEVEL = "pod-security.kubernetes.io/enforce"
#: Values of labels that weaken nothing. An older version of a level forbids less.
_HARMLESS_POD_SECURITY = {
    _POD_SECURITY_LEVEL: ("baseline", "restricted"),
    f"{_POD_SECURITY_LEVEL}-version": ("latest",),
}
#: Prefixes of other namespace labels and annotations that decide what a cluster lets pods do.
_POD_SECURITY_PREFIXES = frozenset({"security.openshift.io", "openshift.io", "admission.gatekeeper.sh"})


def reserved_namespaces(argocd: ArgoCD) -> frozenset[str]:
    """The namespaces of Argo CD, which are reserved for platform teams, as are those that start with `kube-`."""
    return frozenset({argocd.namespace, argocd.project_namespace or argocd.namespace})


def team_ownership_problems(
    teams: Mapping[str, Team], settings: RootFile, root_name: str, environments: Collection[str]
) -> Iterator[Finding]:
    """Yield the problems of what the root file grants to the teams, with paths relative to `teams`."""
    reserved = reserved_namespaces(settings.argocd)
    owners: dict[tuple[str, str], str] = {}
    for name, team in teams.items():
        for index, entry in enumerate(team.files):
            wrong = file_entry_problem(entry, root_name) or _uncovered_file_problem(entry, settings.include)
            if wrong:
                yield Finding((name, "files", index), wrong)
        for index, namespace in enumerate(team.namespaces):
            if _is_reserved_namespace(namespace, reserved) and not team.platform:
                text = f'namespace "{namespace}" is reserved for teams with platform = true: remove it'
                yield Finding((name, "namespaces", index), text, True)
        for index, project in enumerate(team.projects):
            wrong = _reserved_project_problem(project, team, environments)
            if wrong:
                yield Finding((name, "projects", index), wrong, True)
        for index, url in enumerate(team.repositories):
            if url_scheme(url) in OPT_IN_SCHEMES - set(settings.allow_schemes):
                text = f'{quoted_excerpt(url)} needs allowSchemes = ["{url_scheme(url)}"] in the root file'
                yield Finding((name, "repositories", index), text, True)
        yield from _shared_ownership_problems(owners, name, team)


def _uncovered_file_problem(entry: str, include: Collection[str]) -> str | None:
    if is_file_pattern(entry) or entry in include or any(filter_by_pattern(pattern, [entry]) for pattern in include):
        return None
    return f"{quoted_excerpt(entry)} is not included: add it to include"


def _reserved_project_problem(project: str, team: Team, environments: Collection[str]) -> str | None:
    if is_bootstrap_name(project, environments):
        return f'project "{project}" is reserved for the charts of the environments: choose another name'
    if project == "default" and not team.platform:
        return 'project "default" is reserved for teams with platform = true, because it allows everything: choose another name'  # noqa: E501
    return None


def _is_reserved_namespace(namespace: str, reserved: frozenset[str]) -> bool:
    return namespace in reserved or namespace.startswith("kube-")


def _shared_ownership_problems(owners: dict[tuple[str, str], str], name: str, team: Team) -> Iterator[Finding]:
    """Yield what an earlier team has too; `owners` is the first team of each kind of grant and value."""
    kinds = {"files": "file", "namespaces": "namespace", "projects": "project", "repositories": "repository"}
    for key, kind in kinds.items():
        for index, value in enumerate(getattr(team, key)):
            other = owners.setdefault((key, repository_key(value) if kind == "repository" else value), name)
            if other != name:
                text = f'{kind} {quoted_excerpt(value)} belongs to team "{other}": remove it from one of the two teams'
                yield Finding((name, key, index), text, True)


def find_privilege_violations(app_layer: Layer, name: str, team: Team, argocd_version: str) -> Iterator[Finding]:
    """Yield each use of a privileged field that the root file does not allow the app's team."""
    for path, privilege in find_privileges(app_layer, argocd_version):
        if privilege not in team.allow:
            text = f'is not allowed for team "{name}": add "{privilege}" to teams.{name}.allow in the root file'
            yield Finding(path, text, True)


def find_privileges(app_layer: Layer, argocd_version: str) -> Iterator[tuple[KeyPath, str]]:
    """Yield the privileged fields of an app and its overrides, and what `allow` calls them."""
    layers: list[tuple[KeyPath, Layer]] = [((), app_layer)]
    layers += [(("environments", env), layer) for env, layer in app_layer.get("environments", {}).items()]
    for at, layer in layers:
        for path, privilege in (*_source_privileges(layer), *_sync_policy_privileges(layer, argocd_version)):
            yield (*at, *path), privilege


def _source_privileges(layer: Layer) -> Iterator[tuple[KeyPath, str]]:
    """Yield the privileged fields of an app and its sources, and what `allow` calls them."""
    for key, privilege in (("spec", "spec"), ("server", "destination"), ("cluster", "destination")):
        if key in layer:
            yield (key,), privilege
    sources: list[tuple[KeyPath, Layer]] = [((), layer)]
    sources += [(("sources", index), source) for index, source in enumerate(layer.get("sources", ()))]
    sources += [(("sourceHydrator", "drySource"), layer.get("sourceHydrator", {}).get("drySource", {}))]
    for at, source in sources:
        if "plugin" in source:
            yield (*at, "plugin"), "plugin"
        if source.get("helm", {}).get("passCredentials"):
            # Argo CD would send the repository's password to whatever host the chart's URL names.
            yield (*at, "helm", "passCredentials"), "pass-credentials"


def _sync_policy_privileges(layer: Layer, argocd_version: str) -> Iterator[tuple[KeyPath, str]]:
    policy = layer.get("syncPolicy", {})
    if major_minor(argocd_version) < NAMED_KINDS_SINCE:
        # An older AppProject cannot allow one Namespace: it would allow all of them.
        for index, option in enumerate(policy.get("syncOptions", ())):
            if option == "CreateNamespace=true":
                yield ("syncPolicy", "syncOptions", index), "create-namespace"
    for kind, table in policy.get("managedNamespaceMetadata", {}).items():
        for key, value in table.items():
            weakens = value not in _HARMLESS_POD_SECURITY.get(key, (value,))
            if weakens or key.partition("/")[0] in _POD_SECURITY_PREFIXES:
                yield ("syncPolicy", "managedNamespaceMetadata", kind, key), "pod-security"


class TenancyValidator:
    """Validates that apps use only what their team owns."""

    def __init__(
        self, teams: Mapping[str, Team], argocd: ArgoCD, team_by_app: Mapping[str, str], environments: Collection[str]
    ) -> None:
        self._teams = teams
        self._team_by_app = team_by_app
        self._environments = environments
        self._reserved_namespaces = reserved_namespaces(argocd)
        self._namespaces_by_team = {name: frozenset(team.namespaces) for name, team in teams.items()}
        self._owner_by_project = {project: name for name, team in teams.items() for project in team.projects}
        grants = ((grant, name) for name, team in teams.items() for grant in team.repositories)
        self._owner_by_repository = {repository_key(grant): name for grant, name in grants}

    def find_violations(self, app: EffectiveApp) -> Iterator[Finding]:
        """Yield everything that `app` uses and its team does not own."""
        wrong = self._project_problem(app.team, app.project)
        if wrong:
            yield Finding(("project",), wrong, True)
        yield from self._namespace_violations(app.team, ("namespace",), app.namespace)
        hydrator = app.fields.get("sourceHydrator", {})
        parts = ((("sourceHydrator", name), hydrator.get(name, {})) for name in ("drySource", "syncSource"))
        for at, source in (*app.sources_with_paths(), *parts):
            for tool in ("helm", "kustomize"):
                # Helm or Kustomize writes this namespace into the manifests.
                namespace = source.get(tool, {}).get("namespace")
                if namespace:
                    yield from self._namespace_violations(app.team, (*at, tool, "namespace"), namespace)
            if "repoURL" in source:
                yield from self._repository_violations(app.team, (*at, "repoURL"), source["repoURL"])

    def _project_problem(self, team: str, project: str) -> str | None:
        """Why a team may not use a project: it has those named like its apps, and those granted to it."""
        reserved = _reserved_project_problem(project, self._teams[team], self._environments)
        owner = self._owner_by_project.get(project, self._team_by_app.get(project))
        if reserved or owner == team or project == "default":
            return reserved
        if owner is not None:
            return f'project "{project}" belongs to team "{owner}": choose another project'
        return (
            f'project "{project}" is not granted to team "{team}": '
            f"add it to teams.{team}.projects in the root file, or name the project like an app of the team"
        )

    def _namespace_violations(self, team: str, path: KeyPath, namespace: str) -> Iterator[Finding]:
        if _is_reserved_namespace(namespace, self._reserved_namespaces) and not self._teams[team].platform:
            text = f'namespace "{namespace}" is reserved for teams with platform = true: choose another namespace'
            yield Finding(path, text, True)
        elif namespace not in self._namespaces_by_team[team]:
            text = f'namespace "{namespace}" is not granted to team "{team}": add it to teams.{team}.namespaces in the root file'  # noqa: E501
            yield Finding(path, text, True)

    def _repository_violations(self, team: str, path: KeyPath, url: str) -> Iterator[Finding]:
        if not any(grant_covers_url(grant, url) for grant in self._teams[team].repositories):
            text = f'{quoted_excerpt(url)} is not granted to team "{team}": add it to teams.{team}.repositories in the root file'  # noqa: E501
            yield Finding(path, text, True)
            return
        owner = self._team_owning_repository(repository_key(url))
        if owner != team:
            text = f'belongs to team "{owner}", whose grant is more specific: use another repository'
            yield Finding(path, f"{quoted_excerpt(url)} {text}", True)

    def _team_owning_repository(self, key: str) -> str:
        """The team with the most specific grant, which takes precedence over the prefix of another team."""
        while key not in self._owner_by_repository:
            key = key.rstrip("/").rpartition("/")[0] + "/"
        return self._owner_by_repository[key]
