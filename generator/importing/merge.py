"""Import into a registry that exists: add what is new to it, and leave the rest as it is written. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from generator.argocd.urls import IN_CLUSTER_SERVER, grant_covers_url, repository_key, split_grant
from generator.errors import UsageError
from generator.importing.applications import restate_fields
from generator.importing.build import (
    AppTables,
    EmptyRegistry,
    EnvironmentSettings,
    ImportOptions,
    NewRegistry,
    Table,
    may_interpolate,
    name_shared_repository,
)
from generator.importing.environments import ONLY_ENVIRONMENT, ImportedEnvironment
from generator.importing.fold import FoldedApp, subtract
from generator.importing.interpolate import interpolate_environment
from generator.importing.manifests import NotTaken
from generator.importing.names import Keys, choose_keys
from generator.importing.teams import propose_teams
from generator.importing.write import format_team_file
from generator.registry.editable import EditableRegistry
from generator.registry.effective import AppContext, build_effective_app
from generator.registry.files import is_file_pattern
from generator.registry.promotion_lists import ListEntry
from generator.registry.registry import Environment, Registry

_TEAM = "{team}"
_SECTIONS = {
    "environments": "environment",
    "teams": "team",
    "projects": "project",
    "repositories": "shared repository",
    "namespaces": "shared namespace",
}


@dataclass(frozen=True)
class ExistingRegistry(EmptyRegistry):
    """A registry that an import adds to. `separate` are the Applications, by environment and name, that need an app of
    their own, because an app of this registry cannot express them.
    """

    registry: Registry
    separate: Collection[tuple[str, str]] = ()

    @cached_property
    def keys(self) -> Keys:
        """The apps by environment and name of the Application."""
        return {
            env: {app.application: app.app for app in self.registry.list_effective_apps(env)}
            for env in self.registry.environments
        }

    @cached_property
    def projects(self) -> Collection[str]:  # type: ignore[override]
        running = (app for env in self.registry.environments for app in self.registry.list_effective_apps(env))
        return {*self.registry.projects, *self.registry.argocd.existing_projects, *(app.project for app in running)}

    @cached_property
    def settings(self) -> Mapping[str, EnvironmentSettings]:  # type: ignore[override]
        return {name: _settings_of(env) for name, env in self.registry.environments.items()}

    @property
    def defaults(self) -> Table:  # type: ignore[override]
        return dict(self.registry.defaults)

    def argocd_table(self, environments: Mapping[str, ImportedEnvironment], options: ImportOptions) -> Table:
        return {"namespace": self.registry.argocd.namespace}

    def choose_keys(self, names: Mapping[str, Iterable[str]]) -> Keys:
        found = choose_keys({**names, "": self.registry.apps})
        return {env: self._separate_keys(env, found[env]) for env in names}

    def _separate_keys(self, environment: str, keys: Mapping[str, str]) -> dict[str, str]:
        """The keys without those of apps that the environment has already, or that need an app of their own."""
        listed = {*self.keys.get(environment, {}).values()}
        found = dict(keys)
        for name, key in keys.items():
            made, number = key, 2
            while made in listed or (made in self.registry.apps and (environment, name) in self.separate):
                made = f"{key}-{environment}" if made == key else f"{key}-{environment}-{number}"
                number += made.endswith(f"-{number}")
            found[name] = made
        return found

    def propose_teams(self, tables: Mapping[str, Sequence[Table]]) -> dict[str, str]:
        users: dict[str, Counter[str]] = {}
        for env in self.registry.environments:
            for app in self.registry.list_effective_apps(env):
                users.setdefault(app.project, Counter())[app.team] += 1
        granted = {project: name for name, team in self.registry.teams.items() for project in team.projects}
        own = {app: str(self.registry.apps[app]["team"]) for app in tables if app in self.registry.apps}
        by_project = {table["project"]: team for app, team in own.items() for table in tables[app]} | granted
        by_project |= {project: teams.most_common(1)[0][0] for project, teams in users.items()}
        proposed = propose_teams(tables)
        return {app: by_project.get(tables[app][0]["project"], team) for app, team in proposed.items()} | own

    def extend_apps(self, tables: AppTables, settings: Mapping[str, EnvironmentSettings]) -> dict[str, FoldedApp]:
        return {
            app: self._extend_app(app, by_env, settings) for app, by_env in tables.items() if app in self.registry.apps
        }

    def _extend_app(
        self, app: str, tables: Mapping[str, Table], settings: Mapping[str, EnvironmentSettings]
    ) -> FoldedApp:
        found = FoldedApp({})
        for env, table in tables.items():
            own = self._inherited_fields(app, env, settings[env])
            rest = subtract(_without_labels(table, settings[env].labels), own)
            pinned = "sources" not in own and isinstance(rest.get("targetRevision"), str)
            found.pins[env] = rest.pop("targetRevision") if pinned else None
            if rest:
                found.overrides[env] = rest
        return found

    def _inherited_fields(self, app: str, environment: str, settings: EnvironmentSettings) -> Table:
        """What an app would have in an environment that does not list it yet, in the form of an imported table."""
        known = self.registry.environments.get(environment)
        facts = dict(known.facts if known else {}) if self.registry.interpolate else None
        context = AppContext(environment, settings.suffix, facts)
        found = build_effective_app(self.registry.base_layer, app, self.registry.apps[app], context, None)
        key, value = settings.destination
        destination = {} if found.fields.keys() & {"server", "cluster"} else {key: value}
        return {"project": found.project, "namespace": found.namespace, **destination, **restate_fields(found.fields)}

    def write_placeholders(self, tables: AppTables) -> tuple[AppTables, dict[str, dict[str, str]]]:
        if not self.registry.interpolate or not may_interpolate(tables):
            return tables, {}
        return {app: interpolate_environment(by_env) for app, by_env in tables.items()}, {}

    def share_grants(self, grants: dict[str, Table]) -> dict[str, dict[str, Table]]:
        return {}


def _settings_of(environment: Environment) -> EnvironmentSettings:
    destination = ("cluster", environment.cluster) if environment.cluster else ("server", environment.server)
    return EnvironmentSettings(
        (destination[0], destination[1] or IN_CLUSTER_SERVER),
        dict(environment.labels),
        environment.name_suffix,
        environment.create_projects,
        "",
    )


def _without_labels(table: Table, implied: Mapping[str, str]) -> Table:
    """The table without the labels that its environment gives to all apps."""
    labels = {key: value for key, value in table.get("labels", {}).items() if implied.get(key) != value}
    rest = {key: value for key, value in table.items() if key != "labels"}
    return rest | ({"labels": labels} if labels else {})


def refuse_unnamed_environment(chosen: Collection[str], names: Collection[str], registry: Registry) -> None:
    """Raise UsageError if the source names no environment, and the registry has none of the usual name."""
    if ONLY_ENVIRONMENT in names and ONLY_ENVIRONMENT not in {*chosen, *registry.environments}:
        known = ", ".join(registry.environments)
        raise UsageError(
            "WL8006",
            f"the source does not say which environment it is; the registry has {known}",
            remedy=f"name it: ENV=SOURCE, for example {next(iter(registry.environments), 'dev')}=SOURCE",
        )


def select_new_applications(
    environments: Mapping[str, ImportedEnvironment], existing: ExistingRegistry
) -> dict[str, ImportedEnvironment]:
    """The environments with only those Applications that the registry does not have."""
    every = [app.translated.fields for env in environments.values() for app in env.applications.values()]
    if any("syncWave" in fields for fields in every):
        for fields in every:
            fields.setdefault("syncWave", 0)
    found = {
        name: replace(
            env,
            applications={
                app: found for app, found in env.applications.items() if app not in existing.keys.get(name, {})
            },
        )
        for name, env in environments.items()
    }
    return {name: env for name, env in found.items() if env.applications}


def drop_other_namespaces(environments: Mapping[str, ImportedEnvironment], registry: Registry) -> list[NotTaken]:
    """Drop the Applications that are not in the namespace of their environment's Argo CD, and list them."""
    dropped: list[NotTaken] = []
    for name, env in environments.items():
        if name not in registry.environments:
            continue
        namespace = registry.environments[name].argocd_settings.namespace
        for app, found in list(env.applications.items()):
            if found.translated.argocd_namespace not in ("", namespace):
                del env.applications[app]
                reason = f'is in namespace "{found.translated.argocd_namespace}", and the Argo CD of environment {name} in "{namespace}": import it as another environment, ENV=SOURCE'  # noqa: E501
                dropped.append(NotTaken(found.manifest.file, found.manifest.line, f"Application {app}", reason))
    return dropped


# The edit


def add_tables(editable: EditableRegistry, tables: NewRegistry) -> EditableRegistry:
    """Add the tables to the registry's files, in the style that they have."""
    for section in ("argocd.instances", "projects", "environments"):
        for name, table in tables.sections[section].items():
            if name not in _root_table(editable, *section.split(".")):
                editable = editable.with_table((*section.split("."), name), table)
    known = _root_table(editable, "argocd").get("existingProjects", ())
    if new := [each for each in tables.argocd.get("existingProjects", ()) if each not in known]:
        editable = editable.with_list(("argocd", "existingProjects"), add=new)
    own_files = {}
    for team, table in tables.sections["teams"].items():
        file = _team_file(editable, team)
        if team not in editable.registry.teams and file:
            own_files[team] = file
        editable = _with_team(editable, team, table)
    for team, file in own_files.items():
        editable = editable.with_new_file(file, format_team_file(tables, team))
    return _with_apps(editable, tables, own_files)


def _root_table(editable: EditableRegistry, *path: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = editable.documents[editable.root].data
    for key in path:
        table = table.get(key, {})
    return table


def _team_file(editable: EditableRegistry, team: str) -> str | None:
    """The file for the apps of a new team, if the root file includes one by the team's name."""
    names = (pattern.replace(_TEAM, team) for pattern in editable.registry.include if _TEAM in pattern)
    return next((name for name in names if not is_file_pattern(name) and name not in editable.documents), None)


def _with_apps(editable: EditableRegistry, tables: NewRegistry, own_files: Collection[str]) -> EditableRegistry:
    entries: dict[str, list[ListEntry]] = {env: [] for env in tables.listings}
    for app, folded in tables.extended.items():
        for env, pin in folded.pins.items():
            entries[env].append(ListEntry(app, pin))
            if env in folded.overrides:
                editable = editable.with_override(app, env, folded.overrides[env])
    added = {app: table for app, table in tables.apps.items() if table["team"] not in own_files}
    for app, table in added.items():
        editable = editable.with_app(app, table, editable.choose_app_file(table["team"]))
    for env, listed in tables.listings.items():
        pairs = (entry.partition("@") for entry in listed)
        entries[env] += [ListEntry(app, pin or None) for app, _, pin in pairs if app in added]
    for env, new in entries.items():
        editable = editable.with_entries(env, new) if new else editable
    return editable


def _with_team(editable: EditableRegistry, team: str, grants: Table) -> EditableRegistry:
    """The registry with a team that is granted what its apps use; what another team is granted is shared."""
    if team not in _root_table(editable, "teams"):
        only_new: Table = {key: grants[key] for key in ("platform", "projects", "allow") if key in grants}
        editable = editable.with_table(("teams", team), only_new)
    for url in grants.get("repositories", ()):
        editable = _with_repository(editable, team, url)
    for namespace in grants.get("namespaces", ()):
        editable = _with_namespace(editable, team, namespace)
    for key in ("projects", "allow"):
        own = _root_table(editable, "teams", team).get(key, ())
        if new := [value for value in grants.get(key, ()) if value not in own]:
            editable = editable.with_list(("teams", team, key), add=new)
    return editable


def _with_repository(editable: EditableRegistry, team: str, url: str) -> EditableRegistry:
    shared = _root_table(editable, "repositories")
    own = _root_table(editable, "teams", team).get("repositories", ())
    usable = [each["url"] for each in shared.values() if team in each.get("teams", (team,))]
    if any(grant_covers_url(split_grant(grant)[0], url) for grant in (*own, *usable)):
        return editable
    same = [name for name, each in shared.items() if repository_key(each["url"]) == repository_key(url)]
    if same:
        return editable.with_list(("repositories", same[0], "teams"), add=[team])
    owners = {
        owner: [each for each in table.get("repositories", ()) if repository_key(each) == repository_key(url)]
        for owner, table in _root_table(editable, "teams").items()
    }
    if owners[team] or not any(owners.values()):
        return editable.with_list(("teams", team, "repositories"), add=[url])
    for owner, granted in owners.items():
        if granted:
            editable = editable.with_list(("teams", owner, "repositories"), remove=granted)
    teams = [*(owner for owner, granted in owners.items() if granted), team]
    return editable.with_table(("repositories", name_shared_repository(url, shared)), {"url": url, "teams": teams})


def _with_namespace(editable: EditableRegistry, team: str, namespace: str) -> EditableRegistry:
    shared = _root_table(editable, "namespaces")
    if namespace in shared:
        add = [team] if team not in shared[namespace]["teams"] else []
        return editable.with_list(("namespaces", namespace, "teams"), add=add)
    if any(fnmatchcase(namespace, glob) for glob in _root_table(editable, "teams", team).get("namespaces", ())):
        return editable
    teams = _root_table(editable, "teams")
    owners = [owner for owner, table in teams.items() if namespace in table.get("namespaces", ())]
    if not owners:
        return editable.with_list(("teams", team, "namespaces"), add=[namespace])
    for owner in owners:
        editable = editable.with_list(("teams", owner, "namespaces"), remove=[namespace])
    return editable.with_table(("namespaces", namespace), {"teams": [*owners, team]})


def list_additions(before: EditableRegistry, after: EditableRegistry) -> Iterator[str]:
    """What an import changed in a registry, as lines for the person who reviews it."""
    old, new = (each.documents[each.root].data for each in (before, after))
    for section, noun in _SECTIONS.items():
        yield from (f"new {noun}: {name}" for name in new.get(section, {}) if name not in old.get(section, {}))
    for team, table in new.get("teams", {}).items():
        yield from _list_changed_grants(team, old.get("teams", {}).get(team, {}), table)
    for env, environment in after.registry.environments.items():
        listed = {app for other, app in before.entry_files if other == env}
        added = [listing.app for listing in environment.listings if listing.app not in listed]
        yield from (f"new in {env}: {app}" for app in added)


def _list_changed_grants(team: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if after.get("platform") and not before.get("platform"):
        yield f"team {team}: is a platform team"
    for key in ("repositories", "namespaces", "projects", "allow"):
        old, new = before.get(key, ()), after.get(key, ())
        yield from (f"team {team}: {key} has {value} now" for value in new if value not in old)
        yield from (f"team {team}: shares {value} now, in [{key}]" for value in old if value not in new)
