"""Validate tenancy: a team's repositories, namespaces and projects belong to that team only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from generator.argocd.strings import quoted_excerpt
from generator.argocd.urls import OPT_IN_SCHEMES, url_scheme
from generator.argocd.versions import NAMED_KINDS_SINCE, major_minor
from generator.registry.effective import EffectiveApp
from generator.registry.files import file_entry_problem, filter_by_pattern, is_file_pattern
from generator.registry.findings import Finding
from generator.registry.grants import (
    NamespaceGrants,
    RepositoryGrants,
    is_in_granted_folder,
    is_reserved_namespace,
    reserved_namespaces,
)
from generator.registry.problems import suggest_name
from generator.registry.shards import is_bootstrap_name
from generator.registry.source_tables import Layer, list_file_references, list_source_tables
from generator.toml.document import KeyPath

if TYPE_CHECKING:
    from generator.registry.model import RootFile, Team

_POD_SECURITY_LEVEL = "pod-security.kubernetes.io/enforce"
#: Values of labels that weaken nothing. An older version of a level forbids less.
_HARMLESS_POD_SECURITY = {
    _POD_SECURITY_LEVEL: ("baseline", "restricted"),
    f"{_POD_SECURITY_LEVEL}-version": ("latest",),
}
#: Prefixes of other namespace labels and annotations that decide what a cluster lets pods do.
_POD_SECURITY_PREFIXES = frozenset({"security.openshift.io", "openshift.io", "admission.gatekeeper.sh"})


def team_ownership_problems(
    teams: Mapping[str, Team], settings: RootFile, root_name: str, environments: Collection[str]
) -> Iterator[Finding]:
    """Yield the problems of what the root file grants to the teams and shares between them."""
    reserved = reserved_namespaces(settings.argocd)
    owners: dict[tuple[str, str], str] = {}
    for name, team in teams.items():
        yield from (
            finding._replace(path=("teams", name, *finding.path))
            for finding in _team_problems(team, settings, root_name, environments, reserved)
        )
        yield from _shared_ownership_problems(owners, name, team)
    yield from RepositoryGrants(teams, settings.repositories).find_overlaps()
    yield from NamespaceGrants(teams, settings.namespaces).find_overlaps()
    yield from _sharing_problems(teams, settings, reserved)


def _team_problems(
    team: Team, settings: RootFile, root_name: str, environments: Collection[str], reserved: frozenset[str]
) -> Iterator[Finding]:
    """Yield the problems of what one team is granted, with paths relative to its table."""
    for index, entry in enumerate(team.files):
        wrong = file_entry_problem(entry, root_name) or _uncovered_file_problem(entry, settings.include)
        if wrong:
            yield Finding(("files", index), "WL2006", wrong)
    for index, namespace in enumerate(team.namespaces):
        if is_reserved_namespace(namespace, reserved) and not team.platform:
            text = f'namespace "{namespace}" is reserved for teams with platform = true: remove it'
            yield Finding(("namespaces", index), "WL3202", text)
    for index, project in enumerate(team.projects):
        wrong = _reserved_project_problem(project, team, environments)
        if wrong:
            yield Finding(("projects", index), "WL3203", wrong)
    for index, url in enumerate(team.repositories):
        yield from _scheme_problems(("repositories", index), url, settings)


def _scheme_problems(path: KeyPath, url: str, settings: RootFile) -> Iterator[Finding]:
    if url_scheme(url) in OPT_IN_SCHEMES - set(settings.allow_schemes):
        text = f'{quoted_excerpt(url)} needs allowSchemes = ["{url_scheme(url)}"] in the root file'
        yield Finding(path, "WL3209", text)


def _sharing_problems(teams: Mapping[str, Team], settings: RootFile, reserved: frozenset[str]) -> Iterator[Finding]:
    """Yield the problems of shared repositories and namespaces."""
    users: list[tuple[KeyPath, list[str]]] = []
    for name, repository in settings.repositories.items():
        yield from _scheme_problems(("repositories", name, "url"), repository.url, settings)
        users.append((("repositories", name, "teams"), repository.teams or []))
    for name, namespace in settings.namespaces.items():
        users.append((("namespaces", name, "teams"), namespace.teams))
        for index, team in enumerate(namespace.teams):
            if team in teams and is_reserved_namespace(name, reserved) and not teams[team].platform:
                text = f'namespace "{name}" is reserved for teams with platform = true: remove "{team}"'
                yield Finding(("namespaces", name, "teams", index), "WL3202", text)
    for path, names in users:
        for index, team in enumerate(names):
            if team not in teams:
                yield Finding(
                    (*path, index), "WL2109", f"unknown team {quoted_excerpt(team)}{suggest_name(team, teams)}"
                )


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


def _shared_ownership_problems(owners: dict[tuple[str, str], str], name: str, team: Team) -> Iterator[Finding]:
    """Yield what an earlier team has too; `owners` is the first team of each kind of grant and value."""
    for key in ("files", "projects"):
        for index, value in enumerate(getattr(team, key)):
            other = owners.setdefault((key, value), name)
            if other != name:
                shown = f"{key[:-1]} {quoted_excerpt(value)}"
                text = f'{shown} belongs to team "{other}": remove it from one of the two teams'
                yield Finding(("teams", name, key, index), "WL3206", text)


def find_privilege_violations(app_layer: Layer, name: str, team: Team, argocd_version: str) -> Iterator[Finding]:
    """Yield each use of a privileged field that the root file does not allow the app's team."""
    for path, privilege in find_privileges(app_layer, argocd_version):
        if privilege not in team.allow:
            text = f'is not allowed for team "{name}": add "{privilege}" to teams.{name}.allow in the root file'
            yield Finding(path, "WL3205", text)


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
    for at, source in list_source_tables(layer):
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
    """Validates that apps use only what their team owns; `data` is the root file as written."""

    def __init__(
        self,
        teams: Mapping[str, Team],
        settings: RootFile,
        team_by_app: Mapping[str, str],
        environments: Collection[str],
        data: Mapping[str, Any],
    ) -> None:
        self._teams = teams
        self._team_by_app = team_by_app
        self._environments = environments
        self._reserved_namespaces = reserved_namespaces(settings.argocd)
        self._namespaces = NamespaceGrants(teams, settings.namespaces)
        self._repositories = RepositoryGrants(teams, settings.repositories, data)
        self._owner_by_project = {project: name for name, team in teams.items() for project in team.projects}

    def find_violations(self, app: EffectiveApp) -> Iterator[Finding]:
        """Yield everything that `app` uses and its team does not own."""
        wrong = self._project_problem(app.team, app.project)
        if wrong:
            yield Finding(("project",), "WL3203", wrong)
        yield from self._namespace_violations(app.team, ("namespace",), app.namespace)
        sources = dict(app.sources_with_paths())
        hydrator = app.fields.get("sourceHydrator", {})
        for name in ("drySource", "syncSource"):
            if name in hydrator:
                # Argo CD writes to the repository that it reads, unless the sync source has another one.
                sources["sourceHydrator", name] = {"repoURL": hydrator["drySource"]["repoURL"], **hydrator[name]}
        for at, source in sources.items():
            for tool in ("helm", "kustomize"):
                # Helm or Kustomize writes this namespace into the manifests.
                namespace = source.get(tool, {}).get("namespace")
                if namespace:
                    yield from self._namespace_violations(app.team, (*at, tool, "namespace"), namespace)
            if "repoURL" in source:
                yield from self._repositories.find_violations(app.team, at, source, source["repoURL"])
        yield from self._referenced_file_violations(app.team, sources)

    def _referenced_file_violations(self, team: str, sources: Mapping[KeyPath, Layer]) -> Iterator[Finding]:
        """Yield the files that a source reads from another one, outside of the folders that the team is granted."""
        urls = {source["ref"]: source["repoURL"] for source in sources.values() if "ref" in source}
        for at, source in sources.items() if urls else ():
            for file in list_file_references(source):
                folders = self._repositories.find_folders(team, urls[file.ref]) if file.ref in urls else None
                if folders is not None and not is_in_granted_folder(file.folder, file.path, folders):
                    remedy = f'use a path below {" or ".join(folders)}, which team "{team}" is granted'
                    yield Finding((*at, *file.key), "WL3204", f"{quoted_excerpt(file.text)} is not granted: {remedy}")

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
        if is_reserved_namespace(namespace, self._reserved_namespaces) and not self._teams[team].platform:
            text = f'namespace "{namespace}" is reserved for teams with platform = true: choose another namespace'
            yield Finding(path, "WL3202", text)
        elif not self._namespaces.is_granted(namespace, team):
            text = f'namespace "{namespace}" is not granted to team "{team}": add it to teams.{team}.namespaces in the root file'  # noqa: E501
            yield Finding(path, "WL3202", text)
