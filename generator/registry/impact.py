"""Two registries → what a change from one to the other touches, and whose that is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from generator.registry.book import Book
from generator.registry.registry import Registry
from generator.registry.toml import dotted

#: Who owns what no team does.
ROOT = ""
#: Sections of the root file whose tables each have a name, so that a change names the one it is about.
_NAMED = ("environments", "teams", "projects")
_NOTHING: Any = object()


class Touch(NamedTuple):
    """One thing that changes: `kind` is app, environment, project or decision; `team` is ROOT for the root's own."""

    team: str
    kind: str
    name: str
    change: str


def impact(old: Book | None, new: Book) -> list[Touch]:
    """Everything that differs, in the order of teams; `old` is None where there was no registry."""
    before = old.registry if old else None
    touches = {
        *_apps(before, new.registry),
        *_lists(before, new.registry),
        *_projects(before, new.registry),
        *_decisions(_root(old), _root(new)),
    }
    return sorted(touches)


def foreign(touches: list[Touch], team: str) -> list[Touch]:
    """What of a change is not the team's own."""
    return [touch for touch in touches if touch.team != team]


def _root(book: Book | None) -> Mapping[str, Any]:
    return book.documents[book.root].data if book else {}


def _teams(registry: Registry | None) -> dict[str, str]:
    return {name: str(app["team"]) for name, app in registry.apps.items()} if registry else {}


def _owners(before: Registry | None, after: Registry, app: str) -> set[str]:
    """The team of an app before and after: who gives an app away needs the other's word too."""
    return {teams[app] for teams in (_teams(before), _teams(after)) if app in teams}


def _change(old: object, new: object) -> str:
    return "added" if old is _NOTHING else "removed" if new is _NOTHING else "changed"


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, _NOTHING), new.get(name, _NOTHING)
        if before != after:
            yield name, before, after


def _apps(before: Registry | None, after: Registry) -> Iterator[Touch]:
    for name, old, new in _differing(before.apps if before else {}, after.apps):
        for team in _owners(before, after, name):
            yield Touch(team, "app", name, _change(old, new))


def _running(registry: Registry | None) -> dict[str, str]:
    """The revision of each entry of each promotion list, by `environment: app`."""
    environments = registry.environments.values() if registry else ()
    return {f"{env.name}: {listing.app}": listing.pin or "its own" for env in environments for listing in env.listings}


def _lists(before: Registry | None, after: Registry) -> Iterator[Touch]:
    for place, old, new in _differing(_running(before), _running(after)):
        change = f"{old} → {new}" if _change(old, new) == "changed" else _change(old, new)
        for team in _owners(before, after, place.partition(": ")[2]):
            yield Touch(team, "environment", place, change)


def _used(registry: Registry | None) -> dict[str, str]:
    """The team of each project that some app in some environment has."""
    names = registry.environments if registry else ()
    return {app.project: app.team for name in names for app in (registry.effective_apps(name) if registry else ())}


def _projects(before: Registry | None, after: Registry) -> Iterator[Touch]:
    old_users, new_users = _used(before), _used(after)
    for name, old, new in _differing(old_users, new_users):
        for team in {team for team in (old, new) if team is not _NOTHING}:
            yield Touch(team, "project", name, _change(old, new))


def _decisions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Touch]:
    """What only the root file says: everything but the apps and the promotion lists."""
    old, new = _flat(before), _flat(after)
    for path, was, now in _differing(old, new):
        yield Touch(ROOT, "decision", path, _change(was, now))


def _flat(root: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section, value in root.items():
        if section in _NAMED:
            found |= {dotted((section, name)): _own(section, table) for name, table in value.items()}
        elif section != "apps":
            found[section] = value
    return found


def _own(section: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    lists = ("apps",) if section == "environments" else ()
    return {key: value for key, value in table.items() if key not in lists}
