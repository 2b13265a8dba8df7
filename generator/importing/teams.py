"""Propose the teams of imported apps, and what each of them is granted. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from generator.argocd.urls import repository_key

Table = dict[str, Any]
PLATFORM_TEAM = "platform"
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


def make_name(text: str) -> str:
    """Turn a text into a DNS label that begins with a letter."""
    name = _NOT_IN_NAME.sub("-", text.lower()).strip("-")[:50].strip("-")
    return name if name[:1].isalpha() else f"x-{name}".rstrip("-")


def propose_teams(tables: Mapping[str, Iterable[Table]]) -> dict[str, str]:
    """The team of each app: its project's name.

    Apps in project "default" are the platform team's, because only that team may use it. Apps with a project of their
    own are the team of their repository's owner. `tables` are the app's tables in its environments.
    """
    users: dict[str, set[str]] = defaultdict(set)
    for app, found in tables.items():
        for table in found:
            users[table["project"]].add(app)
    return {app: _propose_team(app, next(iter(found)), users) for app, found in tables.items()}


def _propose_team(app: str, table: Table, users: Mapping[str, set[str]]) -> str:
    project = table["project"]
    if project == "default":
        return PLATFORM_TEAM
    if users[project] == {app} and project == app:
        return make_name(_repository_owner(_first_repository(table))) or PLATFORM_TEAM
    return make_name(project)


def _first_repository(table: Table) -> str:
    return next((source["repoURL"] for source in _list_sources(table) if source.get("repoURL")), "")


def _repository_owner(url: str) -> str:
    """The owner in a repository's URL: `acme` of `https://github.com/acme/shop.git`."""
    parts = repository_key(url).rstrip("/").split("/")
    return parts[-2] if len(parts) > 2 else parts[-1]


def grant_what_apps_use(
    teams: Mapping[str, str], tables: Mapping[str, Iterable[Table]], argocd_namespaces: Collection[str]
) -> dict[str, Table]:
    """The tables `[teams]` that grant each team exactly what its apps use. `teams` is the team of each app."""
    used: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for app, found in tables.items():
        for table in found:
            grants = used[teams[app]]
            grants["repositories"].update(_list_repositories(table))
            grants["namespaces"].update(_list_namespaces(table))
            grants["projects"].add(table["project"])
    apps_of = {team: {app for app, own in teams.items() if own == team} for team in used}
    return {team: _team_table(grants, apps_of[team], argocd_namespaces) for team, grants in sorted(used.items())}


def _team_table(grants: Mapping[str, set[str]], apps: set[str], argocd_namespaces: Collection[str]) -> Table:
    reserved = any(name.startswith("kube-") or name in argocd_namespaces for name in grants["namespaces"])
    table: Table = {"platform": True} if reserved or "default" in grants["projects"] else {}
    projects = grants["projects"] - apps - {"default"}
    granted = {"repositories": grants["repositories"], "namespaces": grants["namespaces"], "projects": projects}
    return table | {key: sorted(values) for key, values in granted.items() if values}


def _list_sources(table: Table) -> list[Table]:
    return [table, *table.get("sources", ()), *table.get("sourceHydrator", {}).values()]


def _list_repositories(table: Table) -> set[str]:
    # A grant that ends with "/" is a prefix.
    return {source["repoURL"].rstrip("/") for source in _list_sources(table) if source.get("repoURL")}


def _list_namespaces(table: Table) -> set[str]:
    tools = (source.get(tool, {}) for source in _list_sources(table) for tool in ("helm", "kustomize"))
    return {table["namespace"], *(tool["namespace"] for tool in tools if tool.get("namespace"))}


def find_shared(teams: Mapping[str, Table], key: str) -> dict[str, list[str]]:
    """The values of a grant that several teams have, each with those teams; in any spelling of a repository's URL."""
    users: dict[str, dict[str, None]] = defaultdict(dict)
    identify = repository_key if key == "repositories" else str
    for name, table in teams.items():
        for value in table.get(key, ()):
            users[identify(value)][name] = None
    values = sorted({value for table in teams.values() for value in table.get(key, ())})
    return {value: list(users[identify(value)]) for value in values if len(users[identify(value)]) > 1}
