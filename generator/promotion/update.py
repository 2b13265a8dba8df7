"""`Book` → `Book` with tracked apps at their newest revision, in the environments where promotion begins. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from generator.errors import NetworkError, UsageError
from generator.promotion.operations import Edited, known_app, runs
from generator.promotion.pins import Ask, repositories
from generator.promotion.promote import Facts, Promotion, promote
from generator.registry.book import Book
from generator.registry.effective import EffectiveApp
from generator.registry.versions import bare, newest, parse_range, version


def update(book: Book, apps: tuple[str, ...], facts: Facts) -> Edited:
    """Move tracked apps (of those named, or all) to the newest revision that their repositories have.

    Only environments that are promoted from no other are moved, and what holds or freezes forbid waits. Raises
    UsageError for an app that is not tracked.
    """
    tracked = _tracked(book, apps)
    places = [env for env, table in book.registry.environments.items() if not table.promotes_from]
    running = [app for env in places for name in tracked if (app := runs(book, env, name))]
    facts.ask.prepare(url for app in running for url in repositories(app)[:1])
    told: list[str] = []
    found = {(app.environment, app.app): _newest(book, app, facts.ask, told) for app in running}
    told += [f"{name}: runs where no promotion begins" for name in tracked if name not in {app.app for app in running}]
    after = Edited(book, "")
    for env in places:
        revisions = {name: revision for (place, name), revision in found.items() if place == env and revision}
        after = _moved(after, env, revisions, facts)
    return replace(after, told=(*after.told, *dict.fromkeys(told)))


def _tracked(book: Book, apps: tuple[str, ...]) -> list[str]:
    for name in apps:
        known_app(book, name)
        if "track" not in book.registry.apps[name]:
            raise UsageError(f"{name} is not tracked", remedy=f'apps.{name}.track = {{ tags = "v*" }} makes it so')
    return sorted(apps or (name for name, app in book.registry.apps.items() if "track" in app))


def _moved(before: Edited, environment: str, revisions: dict[str, str], facts: Facts) -> Edited:
    if not revisions:
        return before
    order = Promotion(tuple(sorted(revisions)), environment, revisions=revisions, ready=True)
    edited = promote(before.book, order, facts)
    told = [line for line in edited.told if not line.endswith(" has it already")]
    subject = "; ".join(part for part in (before.subject, edited.subject) if part)
    return Edited(edited.book, subject, (), (*before.told, *told))


def _newest(book: Book, app: EffectiveApp, ask: Ask, told: list[str]) -> str | None:
    """The newest revision of an app; None, with a line for the user, where there is none or it is older than now's."""
    track = book.registry.apps[app.app]["track"]
    urls = repositories(app)
    if not urls:
        told.append(f"{app.app}: has no git repository whose revision a list could pin")
        return None
    try:
        refs = ask.refs(urls[0])
    except NetworkError as error:
        told.append(f"waits: {app.app}: network: {error.message}")
        return None
    found = refs.branches.get(track["branch"]) if "branch" in track else _newest_tag(track, refs.tags)
    if found is None:
        what = f"branch {track['branch']}" if "branch" in track else f"tag for {_shown(track)}"
        told.append(f"{app.app}: {urls[0]} has no {what}")
        return None
    return None if "branch" not in track and _is_newer(book, app, track, found, told) else found


def _newest_tag(track: dict[str, Any], tags: Iterable[str]) -> str | None:
    return newest(tags, track["tags"], parse_range(track["semver"]) if "semver" in track else None)


def _is_newer(book: Book, app: EffectiveApp, track: dict[str, Any], found: str, told: list[str]) -> bool:
    """Whether an app already runs a newer version than the newest that it tracks."""
    there = book.tag(app.environment, app.app) or app.revision
    now, then = version(bare(there, track["tags"])), version(bare(found, track["tags"]))
    if now is None or then is None or not then < now:
        return False
    told.append(f"{app.app}: {app.environment} runs {there}, newer than {found} of {_shown(track)}")
    return True


def _shown(track: dict[str, Any]) -> str:
    return " ".join(str(track[key]) for key in ("tags", "semver") if key in track)
