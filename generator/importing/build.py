"""Build the tables of a new registry from the imported environments. Pure."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.charts.app_projects import APPLICATION_WAVE
from generator.importing.applications import translate_project
from generator.importing.environments import ImportedEnvironment, most_frequent
from generator.importing.facts import choose_facts, use_facts
from generator.importing.fold import FoldedApp, choose_defaults, fold_app, without_defaults
from generator.importing.interpolate import has_placeholder, interpolate_environment
from generator.importing.names import Keys, choose_keys, find_name_suffix
from generator.importing.teams import find_shared, grant_what_apps_use, make_name, propose_teams
from generator.registry.tenancy import find_privileges

Table = dict[str, Any]
#: The tables of an app by environment.
AppTables = dict[str, dict[str, Table]]
#: The keys of an app in the order in which people read them; the others follow.
_FIRST_KEYS = [
    "team",
    "name",
    "project",
    "namespace",
    "server",
    "cluster",
    "repoURL",
    "path",
    "chart",
    "targetRevision",
]
_LAST_KEY = "environments"
#: The usual namespace of Argo CD.
_ARGOCD_NAMESPACE = "argocd"


@dataclass(frozen=True)
class ImportOptions:
    """What the user decides: Argo CD's version, the teams of apps, and how projects are treated.

    `team_globs` are globs of app names, each with its team; the first that matches decides. With `own_projects`, each
    app in project "default" gets a project of its own.
    """

    argocd_version: str
    team_globs: Sequence[tuple[str, str]] = ()
    own_projects: bool = False


@dataclass(frozen=True)
class NewRegistry:
    """The tables of a new registry: each section by name, the apps, and the promotion list of each environment.

    `keys` are the keys of the apps by environment and name of the Application. Of a registry that exists already, these
    are the tables to add to it; `extended` is what its own apps need in more environments.
    """

    argocd: Table
    defaults: Table
    sections: Mapping[str, Mapping[str, Table]]
    apps: Mapping[str, Table]
    listings: Mapping[str, list[str]]
    interpolate: bool
    keys: Keys
    extended: Mapping[str, FoldedApp] = field(default_factory=dict)


class EnvironmentSettings(NamedTuple):
    """What the apps of an environment share.

    `destination` is the key of its cluster in the registry, and the value. `instance` names its Argo CD if that is in
    another namespace than the usual one; it is "" otherwise.
    """

    destination: tuple[str, str]
    labels: Table
    suffix: str
    creates_projects: bool
    instance: str


class EmptyRegistry:
    """What the registry that an import adds to has decided already: nothing."""

    #: The projects that are known, and the settings and the `[defaults]` that stay.
    projects: Collection[str] = ()
    settings: Mapping[str, EnvironmentSettings] = {}
    defaults: Table | None = None

    def argocd_table(self, environments: Mapping[str, ImportedEnvironment], options: ImportOptions) -> Table:
        """The table `[argocd]`."""
        namespaces = (env.argocd_namespace for env in environments.values() for _ in env.applications)
        namespace = most_frequent(each for each in namespaces if each)
        return {"version": options.argocd_version, "namespace": namespace or _ARGOCD_NAMESPACE}

    def choose_keys(self, names: Mapping[str, Iterable[str]]) -> Keys:
        """The keys of the apps by environment and name of the Application."""
        return choose_keys(names)

    def propose_teams(self, tables: Mapping[str, Sequence[Table]]) -> dict[str, str]:
        """The team of each app that no option decides."""
        return propose_teams(tables)

    def extend_apps(self, tables: AppTables, settings: Mapping[str, EnvironmentSettings]) -> dict[str, FoldedApp]:
        """What the apps that the registry has already need in more environments."""
        return {}

    def write_placeholders(self, tables: AppTables) -> tuple[AppTables, dict[str, dict[str, str]]]:
        """Write what differs by environment alone once, and return the facts of the environments that this needs."""
        if not may_interpolate(tables):
            return tables, {}
        facts = choose_facts(tables)
        used = use_facts(tables, facts)
        return {app: interpolate_environment(by_env) for app, by_env in used.items()}, facts

    def share_grants(self, grants: dict[str, Table]) -> dict[str, dict[str, Table]]:
        """Move what several teams use from their tables into `[repositories]` and `[namespaces]`."""
        return _shared_sections(grants)


def build_tables(
    environments: Mapping[str, ImportedEnvironment], options: ImportOptions, registry: EmptyRegistry
) -> NewRegistry:
    """Fold the Applications of all environments into tables to add to a registry."""
    argocd = registry.argocd_table(environments, options)
    keys = registry.choose_keys({name: env.applications for name, env in environments.items()})
    settings = {
        name: registry.settings.get(name) or _settings_of(env, keys[name], argocd["namespace"])
        for name, env in environments.items()
    }
    settings = _separate_instances(settings, environments)
    tables = _group_by_app(environments, keys, settings)
    if options.own_projects:
        _give_own_projects(tables)
    elsewhere = _find_projects_elsewhere(tables, environments, settings, registry.projects)
    if elsewhere:
        argocd["existingProjects"] = elsewhere
    complete = {app: list(by_env.values()) for app, by_env in tables.items()}
    teams = {app: _choose_team(app, options, proposed) for app, proposed in registry.propose_teams(complete).items()}
    reserved = {argocd["namespace"], *(env.argocd_namespace for env in environments.values())}
    grants = grant_what_apps_use(teams, complete, reserved)
    projects = {table["project"] for found in complete.values() for table in found} - {*registry.projects}

    extended = registry.extend_apps(tables, settings)
    new_tables = {app: by_env for app, by_env in tables.items() if app not in extended}
    short, facts = registry.write_placeholders(_without_implied_fields(new_tables, settings))
    defaults, folded = _fold_apps(short, registry.defaults)
    apps = {app: _app_table(teams[app], one) for app, one in folded.items()}
    _grant_privileges(grants, apps, options.argocd_version)
    new_settings = {name: one for name, one in settings.items() if name not in registry.settings}
    return NewRegistry(
        argocd,
        defaults,
        {
            "argocd.instances": {
                one.instance: {"namespace": environments[name].argocd_namespace}
                for name, one in new_settings.items()
                if one.instance
            },
            **registry.share_grants(grants),
            "environments": {name: _environment_table(one, facts.get(name, {})) for name, one in new_settings.items()},
            "teams": grants,
            "projects": _project_tables(environments, projects),
        },
        apps,
        {
            name: [_list_entry(app, one.pins[name]) for app, one in folded.items() if name in one.pins]
            for name in settings
        },
        interpolate=may_interpolate(tables) and has_placeholder(apps),
        keys=keys,
        extended=extended,
    )


def _settings_of(env: ImportedEnvironment, keys: Mapping[str, str], usual_namespace: str) -> EnvironmentSettings:
    namespace = env.argocd_namespace or usual_namespace
    instance = namespace if namespace != usual_namespace else ""
    pairs = (_destination(app.translated.fields) for app in env.applications.values())
    destination = most_frequent(pairs) or ("server", IN_CLUSTER_SERVER)
    return EnvironmentSettings(destination, _common_labels(env), find_name_suffix(keys), bool(env.projects), instance)


def _separate_instances(
    settings: Mapping[str, EnvironmentSettings], environments: Mapping[str, ImportedEnvironment]
) -> dict[str, EnvironmentSettings]:
    """The settings with an Argo CD for each environment where two would have Applications of one name in it."""
    names = Counter((settings[env].instance, app) for env, one in environments.items() for app in one.applications)
    shared = {instance for (instance, _), count in names.items() if instance and count > 1}
    return {env: one._replace(instance=env) if one.instance in shared else one for env, one in settings.items()}


def _without_implied_fields(tables: AppTables, settings: Mapping[str, EnvironmentSettings]) -> AppTables:
    """The tables without what the apps' names and environments imply, sorted by app."""
    _state_sync_waves(tables)
    return {
        app: {env: _without_implied(app, table, settings[env]) for env, table in by_env.items()}
        for app, by_env in sorted(tables.items())
    }


def _fold_apps(tables: AppTables, defaults: Table | None) -> tuple[Table, dict[str, FoldedApp]]:
    if defaults is None:
        defaults = choose_defaults([table for by_env in tables.values() for table in by_env.values()])
    implied = {"syncWave": APPLICATION_WAVE, **defaults}
    return defaults, {app: without_defaults(fold_app(by_env), implied) for app, by_env in tables.items()}


def _grant_privileges(grants: dict[str, Table], apps: Mapping[str, Table], argocd_version: str) -> None:
    for table in apps.values():
        privileges = {privilege for _, privilege in find_privileges(table, argocd_version)}
        if privileges:
            team = grants[table["team"]]
            team["allow"] = sorted({*team.get("allow", ()), *privileges})


def _group_by_app(
    environments: Mapping[str, ImportedEnvironment], keys: Keys, settings: Mapping[str, EnvironmentSettings]
) -> AppTables:
    """The table of each Application by the app's key and the environment, with its name where they do not imply it."""
    tables: AppTables = {}
    for env in environments.values():
        for name, app in env.applications.items():
            key = keys[env.name][name]
            own_name = {} if name == key + settings[env.name].suffix else {"name": name}
            tables.setdefault(key, {})[env.name] = {**own_name, **_with_nulls(app.translated.fields)}
    return tables


def _with_nulls(value: Any) -> Any:
    """The data with what stands for null in TOML, which has none."""
    if value is None:
        return {"null": True}
    if isinstance(value, dict):
        return {key: _with_nulls(inner) for key, inner in value.items()}
    return [_with_nulls(inner) for inner in value] if isinstance(value, list) else value


def may_interpolate(tables: AppTables) -> bool:
    """Whether no text has what would be read as a placeholder."""
    return not any(has_placeholder(table) for by_env in tables.values() for table in by_env.values())


def _choose_team(app: str, options: ImportOptions, proposed: str) -> str:
    return next((team for glob, team in options.team_globs if fnmatch.fnmatchcase(app, glob)), proposed)


def _find_projects_elsewhere(
    tables: AppTables,
    environments: Mapping[str, ImportedEnvironment],
    settings: Mapping[str, EnvironmentSettings],
    known: Collection[str],
) -> list[str]:
    """The projects that a source with AppProjects uses and does not create: the new chart leaves them alone too."""
    found: set[str] = set()
    for by_env in tables.values():
        for env, table in by_env.items():
            created = {"default", *environments[env].projects, *known}
            if settings[env].creates_projects and table["project"] not in created and "createProject" not in table:
                found.add(table["project"])
                table["createProject"] = False
    return sorted(found)


def _give_own_projects(tables: AppTables) -> None:
    for app, by_env in tables.items():
        for table in by_env.values():
            if table["project"] == "default":
                table |= {"project": app, "createProject": True}


def _destination(table: Table) -> tuple[str, str]:
    return ("cluster", table["cluster"]) if table.get("cluster") else ("server", table["server"])


def _state_sync_waves(tables: AppTables) -> None:
    """Where one app has a sync wave, state that of every app; without any, all are in one wave anyway."""
    every = [table for by_env in tables.values() for table in by_env.values()]
    if any("syncWave" in table for table in every):
        for table in every:
            table.setdefault("syncWave", 0)


def _common_labels(env: ImportedEnvironment) -> Table:
    """The labels that all Applications of an environment have."""
    each = [app.translated.fields.get("labels", {}).items() for app in env.applications.values()]
    return {key: value for key, value in each[0] if all((key, value) in labels for labels in each)}


def _without_implied(app: str, table: Table, settings: EnvironmentSettings) -> Table:
    """The app's table without what its name and its environment imply."""
    found = {key: value for key, value in table.items() if not (key in ("project", "namespace") and value == app)}
    if _destination(table) == settings.destination:
        found.pop("server", None)
        found.pop("cluster", None)
    if found.get("targetRevision") == "HEAD":
        del found["targetRevision"]
    own_labels = {key: value for key, value in found.pop("labels", {}).items() if key not in settings.labels}
    return found | ({"labels": own_labels} if own_labels else {})


def _environment_table(settings: EnvironmentSettings, facts: Mapping[str, str]) -> Table:
    key, value = settings.destination
    optional = {
        "argocd": settings.instance,
        "nameSuffix": settings.suffix,
        "labels": settings.labels,
        "facts": facts,
        "createProjects": settings.creates_projects,
    }
    return {key: value, **{name: given for name, given in optional.items() if given}}


def _project_tables(environments: Mapping[str, ImportedEnvironment], used: set[str]) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for env in environments.values():
        for name, manifest in env.projects.items():
            if name in used:
                found.setdefault(name, translate_project(manifest.body))
    return dict(sorted(found.items()))


def _shared_sections(grants: dict[str, Table]) -> dict[str, dict[str, Table]]:
    """Move what several teams use from their tables into `[repositories]` and `[namespaces]`."""
    repositories, namespaces = find_shared(grants, "repositories"), find_shared(grants, "namespaces")
    for table in grants.values():
        _drop_shared(table, "repositories", repositories)
        _drop_shared(table, "namespaces", namespaces)
    return {
        "repositories": _name_shared_repositories(repositories),
        "namespaces": {name: {"teams": teams} for name, teams in namespaces.items()},
    }


def _drop_shared(table: Table, key: str, shared: Collection[str]) -> None:
    kept = [value for value in table.pop(key, ()) if value not in shared]
    if kept:
        table[key] = kept


def _name_shared_repositories(repositories: Mapping[str, list[str]]) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for url, teams in repositories.items():
        found[name_shared_repository(url, found)] = {"url": url, "teams": teams}
    return found


def name_shared_repository(url: str, taken: Collection[str]) -> str:
    """A name for a shared repository that is not taken: the last part of its URL."""
    base = make_name(url.rstrip("/").rpartition("/")[2].removesuffix(".git"))
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _app_table(team: str, app: FoldedApp) -> Table:
    """The app's table with its keys in the order in which people read them."""
    overrides = {env: _ordered(table) for env, table in app.overrides.items()}
    return _ordered({"team": team, **app.common, **({"environments": overrides} if overrides else {})})


def _ordered(table: Table) -> Table:
    rest = [key for key in table if key not in (*_FIRST_KEYS, _LAST_KEY)]
    return {key: table[key] for key in (*_FIRST_KEYS, *rest, _LAST_KEY) if key in table}


def _list_entry(app: str, pin: str | None) -> str:
    return f"{app}@{pin}" if pin else app
