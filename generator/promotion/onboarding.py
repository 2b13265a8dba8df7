"""Onboard a new app, or migrate an app to a new name or namespace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from generator.argocd.strings import MAX_APP_NAME_LENGTH, name_problem
from generator.argocd.urls import grant_covers_url, split_grant
from generator.errors import RefusedError, UsageError
from generator.git.messages import redact
from generator.promotion.app_edits import (
    RegistryEdit,
    format_pin,
    require_app,
)
from generator.promotion.pins import Pin, RemoteLookup, WantedRevision, choose_pin, suggest_revisions
from generator.promotion.times import format_day
from generator.registry.editable import EditableRegistry
from generator.registry.effective import AppContext, build_effective_app
from generator.registry.problems import require_known_name
from generator.registry.promotion_lists import ListEntry
from generator.registry.registry import Registry
from generator.registry.starter import build_environment_table


@dataclass(frozen=True)
class NewApp:
    """An app to onboard: its table in the registry, and the entries of promotion lists, each with its pin or None.

    Without `entries`, it is listed in the first environments.
    """

    name: str
    table: Mapping[str, Any]
    entries: Mapping[str, str | None] = field(default_factory=dict)

    def with_known_revision(self, remotes: RemoteLookup) -> NewApp:
        """The app at a revision that its Git repository has, by default the branch that is the default there.

        An app that is not one folder of one Git repository stays as it is. Raises RefusedError and NetworkError.
        """
        if "repoURL" not in self.table or "chart" in self.table:
            return self
        if "targetRevision" not in self.table:
            branch = remotes.read_refs(str(self.table["repoURL"])).default_branch
            return replace(self, table={**self.table, "targetRevision": branch})
        _refuse_unknown_revision(str(self.table["repoURL"]), str(self.table["targetRevision"]), remotes)
        return self


@dataclass(frozen=True)
class OnboardOptions:
    """What onboarding may add to the root file: teams and environments that are new, and grants that the apps need.

    `clusters` are those of new environments: the URL or ARN of a server, or a name; "" is Argo CD's own.
    """

    new_teams: bool = False
    new_environments: bool = False
    grants: bool = False
    clusters: Mapping[str, str] = field(default_factory=dict)


def onboard_apps(
    editable: EditableRegistry,
    new_apps: Sequence[NewApp],
    remotes: RemoteLookup | None,
    options: OnboardOptions,
) -> RegistryEdit:
    """Onboard apps in one edit. `remotes` is None if no repository may be queried.

    Raises UsageError for a name that is taken or a team or environment that is unknown, RefusedError for a revision
    that the repository does not have, NetworkError.
    """
    messages: list[str] = []
    if editable.registry.deprecation:
        messages.append(f"warning: {editable.registry.deprecation}")
    after = _with_environments(editable, new_apps, options, messages)
    for new_app in new_apps:
        _require_new_name(editable, new_app.name)
        after = _with_team_and_grants(after, new_app, options, messages)
        after = _with_new_app(after, new_app, remotes, messages)
    names = ", ".join(new_app.name for new_app in new_apps)
    places = dict.fromkeys(env for new_app in new_apps for env in _list_environments(editable, new_app))
    return RegistryEdit(after, f"add {names}: {', '.join(places)}", (), tuple(messages))


def _list_environments(editable: EditableRegistry, new_app: NewApp) -> Iterable[str]:
    return new_app.entries or [e for e, table in editable.registry.environments.items() if not table.promotes_from]


def _with_environments(
    editable: EditableRegistry, new_apps: Sequence[NewApp], options: OnboardOptions, messages: list[str]
) -> EditableRegistry:
    """The registry with the environments that are new. Raises UsageError for an unknown one without the option."""
    known = editable.registry.environments
    after = editable
    for env in dict.fromkeys(env for new_app in new_apps for env in _list_environments(editable, new_app)):
        if env not in known and options.new_environments:
            _require_valid_name(env, "environment")
            after = after.with_environment(env, build_environment_table(options.clusters.get(env, "")))
            messages.append(f"{env}: new environment")
        else:
            require_known_name(env, known, "environment", "--new-env creates it")
    if not known and after is editable:
        raise UsageError("WL1005", "there are no environments", remedy="create one: --env dev --new-env")
    return after


def _with_new_app(
    editable: EditableRegistry, new_app: NewApp, remotes: RemoteLookup | None, messages: list[str]
) -> EditableRegistry:
    new_app = new_app.with_known_revision(remotes) if remotes is not None else new_app
    after = editable.with_app(new_app.name, new_app.table, editable.choose_app_file(str(new_app.table.get("team"))))
    for env in _list_environments(editable, new_app):
        given = new_app.entries.get(env)
        pin = Pin(given) if given else _choose_first_pin(editable, new_app, env, remotes)
        after = after.with_entries(env, [ListEntry(new_app.name, *pin)])
        shown = format_pin(pin) if pin.revision else new_app.table.get("targetRevision", "HEAD")
        messages.append(f"{new_app.name}: new in {env}, {shown}")
    return after


def _with_team_and_grants(
    editable: EditableRegistry, new_app: NewApp, options: OnboardOptions, messages: list[str]
) -> EditableRegistry:
    """The registry with the app's team, and with what the team is not granted yet, as far as the options allow."""
    team = str(new_app.table.get("team", ""))
    known = editable.documents[editable.root].data.get("teams", {})
    if options.new_teams and team not in known:
        _require_valid_name(team, "team")
        messages.append(f"{team}: new team")
        editable = editable.with_team(team)
    else:
        require_known_name(team, known, "team", "--new-team creates it")
    if options.grants or team not in known:
        for key, value in _list_missing_grants(editable, team, new_app):
            messages.append(f"{team}: granted {value}")
            editable = editable.with_grant(team, key, value)
    return editable


def _list_missing_grants(editable: EditableRegistry, team: str, new_app: NewApp) -> Iterator[tuple[str, str]]:
    """What the app uses and its team is not granted, as the key of the team's table and a value of the list there."""
    root = editable.documents[editable.root].data
    table = root["teams"][team]
    shared = [each["url"] for each in root.get("repositories", {}).values() if team in each.get("teams", [team])]
    grants = [split_grant(grant) for grant in (*table.get("repositories", ()), *shared)]
    for url in _list_repositories(new_app.table):
        if not any(grant_covers_url(grant, url) for grant, _ in grants):
            yield "repositories", url
    namespace = str(new_app.table.get("namespace", editable.registry.defaults.get("namespace", new_app.name)))
    shared = [name for name, each in root.get("namespaces", {}).items() if team in each["teams"]]
    if not any(fnmatchcase(namespace, pattern) for pattern in (*table.get("namespaces", ()), *shared)):
        yield "namespaces", namespace


def _list_repositories(table: Mapping[str, Any]) -> Iterable[str]:
    hydrator = table.get("sourceHydrator", {})
    sources = [table, *table.get("sources", ()), hydrator.get("drySource", {}), hydrator.get("syncSource", {})]
    return dict.fromkeys(str(source["repoURL"]) for source in sources if "repoURL" in source)


def _require_valid_name(name: str, kind: str) -> None:
    if wrong := name_problem(name, 63):
        raise UsageError("WL1004", wrong, remedy=f"choose another name for the {kind}")


def _require_new_name(editable: EditableRegistry, name: str) -> None:
    if wrong := name_problem(name, MAX_APP_NAME_LENGTH):
        raise UsageError("WL1006", wrong, remedy="choose another name for the app")
    if name in editable.registry.apps:
        raise UsageError(
            "WL1006", f'app "{name}" already exists, in {editable.documents[editable.app_files[name]].name}'
        )


def _refuse_unknown_revision(repository: str, revision: str, remotes: RemoteLookup) -> None:
    refs = remotes.read_refs(repository)
    if refs.resolve_ref(revision) is None and not (
        re.fullmatch("[0-9a-f]{40,64}", revision) and remotes.has_commit(repository, revision)
    ):
        names = ", ".join([*list(refs.branches)[:5], *list(refs.tags)[-5:]])
        hint = suggest_revisions(revision, refs) or (f" (it has {names})" if names else "")
        raise RefusedError("WL3105", f"{redact(repository)} has no branch, tag or commit {revision}{hint}")


def _choose_first_pin(
    editable: EditableRegistry, new_app: NewApp, environment: str, remotes: RemoteLookup | None
) -> Pin:
    target = editable.registry.environments.get(environment)
    if target is None or target.policy.pin == "any" or remotes is None:
        return Pin(None)
    app = build_effective_app(editable.registry.base_layer, new_app.name, new_app.table, AppContext(environment), None)
    return choose_pin(WantedRevision(app, app.revision), target, "", remotes)


def suggest_app_fields(registry: Registry, name: str, team: str) -> Mapping[str, str]:
    """Suggest the `path` of a new app from the team's other apps, and `repository` if the team has only one."""
    own = {app: layer for app, layer in registry.apps.items() if layer["team"] == team}
    paths = Counter(str(layer["path"]).replace(app, name) for app, layer in own.items() if "path" in layer)
    found = {"path": paths.most_common(1)[0][0]} if paths else {}
    granted = registry.teams[team].repositories if team in registry.teams else []
    if len(granted) == 1:
        url, folder = split_grant(granted[0])
        found["repository"] = url + (f"{name}.git" if url.endswith("/") else "")
        if folder is not None:
            found.setdefault("path", f"{folder}/{name}")
    return found


def migrate_app(
    editable: EditableRegistry, old_name: str, new_name: str, namespace: str | None, now: datetime
) -> RegistryEdit:
    """Add `new_name` wherever `old_name` runs, and retire `old_name` there, without deleting a workload.

    Raises UsageError if `new_name` is taken or is no name of an app.
    """
    require_app(editable, old_name)
    _require_new_name(editable, new_name)
    places = [env for env in editable.registry.environments if editable.registry.find_effective_app(env, old_name)]
    after = editable.with_copied_app(old_name, new_name, namespace or _current_namespace(editable, old_name, places))
    for env in places:
        if item := editable.find_entry(env, old_name):
            after = after.with_entries(env, [item._replace(app=new_name)])
        notes = editable.registry.environments[env]
        if old_name in notes.holds:
            after = after.with_note(env, "holds", new_name, notes.holds[old_name])
        if old_name not in notes.retired:
            after = after.with_note(env, "retired", old_name, f"{format_day(now)} becomes {new_name}")
    steps = (
        f"1. publish this: {new_name} is created beside {old_name}, which no longer prunes or deletes its workload",
        f"2. when {new_name} is healthy in every environment, direct its users to it",
        *(f"{n}. workloads remove {old_name} --in {env}" for n, env in enumerate(reversed(places), 3)),
        f"{len(places) + 3}. workloads remove {old_name} --forget, and delete what it deployed and {new_name} did not take over",  # noqa: E501
    )
    return RegistryEdit(after, f"migrate {old_name} to {new_name}", (), steps)


def _current_namespace(editable: EditableRegistry, name: str, environments: list[str]) -> str:
    running = next((app for env in environments if (app := editable.registry.find_effective_app(env, name))), None)
    return running.namespace if running else str(editable.registry.apps[name].get("namespace", name))
