"""List the changes between two registries by team. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.registry.registry import Registry
from generator.toml.document import format_key_path

if TYPE_CHECKING:
    from generator.registry.editable import EditableRegistry

#: The `team` of changes that belong to the root file and to no team.
ROOT_TEAM = ""
#: Sections of the root file that hold named tables; a change names the table.
_SECTIONS_OF_NAMED_TABLES = ("credentials", "environments", "teams", "projects", "repositories", "namespaces")
_ABSENT: Any = object()


class Change(NamedTuple):
    """One change: `kind` is app, environment, project or decision; `team` is ROOT_TEAM for root settings."""

    team: str
    kind: str
    name: str
    change: str


def list_registry_changes(old: EditableRegistry | None, new: EditableRegistry) -> list[Change]:
    """List everything that differs, ordered by team; `old` is None if there was no registry."""
    before = old.registry if old else None
    changes = {
        *_app_changes(before, new.registry),
        *_promotion_list_changes(before, new.registry),
        *_project_changes(before, new.registry),
    }
    settings = _changed_entries(_flatten_root_settings(old), _flatten_root_settings(new))
    changes |= {Change(ROOT_TEAM, "decision", path, _describe_change(was, now)) for path, was, now in settings}
    return sorted(changes)


def changes_outside_team(changes: list[Change], team: str) -> list[Change]:
    """Return the changes that belong to another team than `team`, or to the root settings."""
    return [change for change in changes if change.team != team]


def _teams_by_app(registry: Registry | None) -> dict[str, str]:
    return {name: str(app["team"]) for name, app in registry.apps.items()} if registry else {}


def _owning_teams(before: Registry | None, after: Registry, app: str) -> set[str]:
    """The teams of an app before and after: both must approve a transfer."""
    return {teams[app] for teams in (_teams_by_app(before), _teams_by_app(after)) if app in teams}


def _describe_change(old: object, new: object) -> str:
    return "added" if old is _ABSENT else "removed" if new is _ABSENT else "changed"


def _changed_entries(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if before != after:
            yield name, before, after


def _app_changes(before: Registry | None, after: Registry) -> Iterator[Change]:
    for name, old, new in _changed_entries(before.apps if before else {}, after.apps):
        for team in _owning_teams(before, after, name):
            yield Change(team, "app", name, _describe_change(old, new))


def _revisions_by_entry(registry: Registry | None) -> dict[str, str]:
    """The pin of each promotion list entry, keyed by `environment: app`."""
    environments = registry.environments.values() if registry else ()
    return {f"{env.name}: {listing.app}": listing.pin or "its own" for env in environments for listing in env.listings}


def _promotion_list_changes(before: Registry | None, after: Registry) -> Iterator[Change]:
    for place, old, new in _changed_entries(_revisions_by_entry(before), _revisions_by_entry(after)):
        change = f"{old} → {new}" if _describe_change(old, new) == "changed" else _describe_change(old, new)
        for team in _owning_teams(before, after, place.partition(": ")[2]):
            yield Change(team, "environment", place, change)


def _teams_by_project(registry: Registry | None) -> dict[str, str]:
    """The team of each project that an app uses in any environment."""
    names = registry.environments if registry else ()
    return {app.project: app.team for name in names for app in (registry.list_effective_apps(name) if registry else ())}


def _project_changes(before: Registry | None, after: Registry) -> Iterator[Change]:
    old_users, new_users = _teams_by_project(before), _teams_by_project(after)
    for name, old, new in _changed_entries(old_users, new_users):
        for team in {team for team in (old, new) if team is not _ABSENT}:
            yield Change(team, "project", name, _describe_change(old, new))


def _flatten_root_settings(editable: EditableRegistry | None) -> dict[str, Any]:
    """The root settings by key: everything except apps and promotion lists."""
    found: dict[str, Any] = {}
    root: Mapping[str, Any] = editable.documents[editable.root].data if editable else {}
    for section, value in root.items():
        if section in _SECTIONS_OF_NAMED_TABLES:
            for name, table in value.items():
                own = {key: inner for key, inner in table.items() if (section, key) != ("environments", "apps")}
                found[format_key_path((section, name))] = own
        elif section != "apps":
            found[section] = value
    return found
