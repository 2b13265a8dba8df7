"""Onboard a new app, or migrate an app to a new name or namespace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from generator.argocd.strings import MAX_APP_NAME_LENGTH, name_problem
from generator.argocd.urls import split_grant
from generator.errors import RefusedError, UsageError
from generator.git.messages import redact
from generator.promotion.app_edits import (
    RegistryEdit,
    format_pin,
    require_app,
    require_environment,
)
from generator.promotion.pins import Pin, RemoteLookup, WantedRevision, choose_pin, suggest_revisions
from generator.promotion.times import format_day
from generator.registry.editable import EditableRegistry
from generator.registry.effective import AppContext, build_base_layer, build_effective_app
from generator.registry.problems import require_known_name
from generator.registry.promotion_lists import ListEntry
from generator.registry.registry import Registry


@dataclass(frozen=True)
class NewApp:
    """An app to onboard. Without a `revision` it follows the repository's default branch."""

    name: str
    team: str
    repository: str
    path: str
    revision: str | None = None
    namespace: str | None = None

    @property
    def table_values(self) -> dict[str, str]:
        """The app's table in the registry."""
        given = {
            "team": self.team,
            "repoURL": self.repository,
            "path": self.path,
            "targetRevision": self.revision,
            "namespace": self.namespace if self.namespace != self.name else None,
        }
        return {key: value for key, value in given.items() if value is not None}


def onboard_app(
    editable: EditableRegistry, new_app: NewApp, environments: tuple[str, ...], remotes: RemoteLookup | None
) -> RegistryEdit:
    """Onboard an app into environments, by default the first environments.

    `remotes` is None if no repository may be queried. Raises UsageError for a name that is taken or a team or
    environment that is unknown, RefusedError for a revision that the repository does not have, NetworkError.
    """
    _require_new_name(editable, new_app.name)
    require_known_name(new_app.team, editable.registry.teams, "team")
    places = environments or tuple(e for e, table in editable.registry.environments.items() if not table.promotes_from)
    for env in places:
        require_environment(editable, env)
    if remotes is not None and new_app.revision is None:
        new_app = replace(new_app, revision=remotes.read_refs(new_app.repository).default_branch)
    elif remotes is not None:
        _refuse_unknown_revision(new_app, remotes)
    after = editable.with_app(new_app.name, new_app.table_values, _choose_app_file(editable, new_app.team))
    messages = []
    for env in places:
        pin = _choose_first_pin(editable, new_app, env, remotes)
        after = after.with_entries(env, [ListEntry(new_app.name, *pin)])
        messages.append(
            f"{new_app.name}: new in {env}, {format_pin(pin) if pin.revision else new_app.revision or 'HEAD'}"
        )
    return RegistryEdit(after, f"add {new_app.name}: {', '.join(places)}", (), tuple(messages))


def _require_new_name(editable: EditableRegistry, name: str) -> None:
    if wrong := name_problem(name, MAX_APP_NAME_LENGTH):
        raise UsageError(wrong, remedy="choose another name for the app")
    if name in editable.registry.apps:
        raise UsageError(f'app "{name}" already exists, in {editable.documents[editable.app_files[name]].name}')


def _refuse_unknown_revision(new_app: NewApp, remotes: RemoteLookup) -> None:
    refs = remotes.read_refs(new_app.repository)
    revision = new_app.revision or "HEAD"
    if refs.resolve_ref(revision) is None and not (
        re.fullmatch("[0-9a-f]{40,64}", revision) and remotes.has_commit(new_app.repository, revision)
    ):
        names = ", ".join([*list(refs.branches)[:5], *list(refs.tags)[-5:]])
        hint = suggest_revisions(revision, refs) or (f" (it has {names})" if names else "")
        raise RefusedError(f"{redact(new_app.repository)} has no branch, tag or commit {revision}{hint}")


def _choose_first_pin(
    editable: EditableRegistry, new_app: NewApp, environment: str, remotes: RemoteLookup | None
) -> Pin:
    if editable.registry.environments[environment].policy.pin == "any" or remotes is None:
        return Pin(None)
    base = build_base_layer(editable.registry.defaults)
    app = build_effective_app(base, new_app.name, new_app.table_values, AppContext(environment), None)
    return choose_pin(WantedRevision(app, app.revision), editable.registry.environments[environment], "", remotes)


def _choose_app_file(editable: EditableRegistry, team: str) -> str:
    """Choose the file that holds most of the team's apps; the root file if the team has no apps."""
    counts = Counter(file for app, file in editable.app_files.items() if editable.registry.apps[app]["team"] == team)
    return counts.most_common(1)[0][0] if counts else editable.root


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
