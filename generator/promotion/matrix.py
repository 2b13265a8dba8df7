"""`Registry` → the matrix of apps by environments, and what in it waits for a promotion. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from generator.promotion.history import History, short
from generator.promotion.policy import Refusal
from generator.promotion.promote import Facts, Promotion, Step, judged_offline, wanted_step
from generator.registry.book import Book
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment, Registry

#: What the matrix shows where an app does not run.
ABSENT = "-"


@dataclass(frozen=True)
class Row:
    """One app: by environment, what runs there; the tag of a commit, and since when, as far as they are known."""

    app: str
    team: str
    runs: Mapping[str, EffectiveApp]
    tags: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()

    def shown(self, environment: str, now: datetime | None = None) -> str:
        """A cell: the revision or its tag, commits shortened, behind @ where the promotion list pins it; its age."""
        app = self.runs.get(environment)
        if app is None:
            return ABSENT
        revision = self.tags.get(environment) or short(app.revision)
        known = self.since.get(environment) if now else None
        parts = [f"@{revision}" if app.pin is not None else revision]
        parts += [age(now - known)] if now and known else []
        return " ".join([*parts, *(["retired"] if environment in self.retired else [])])

    def as_data(self, environments: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The cells of `environments` where the app runs, for programs."""
        return {env: self._cell(env, app) for env in environments if (app := self.runs.get(env))}

    def _cell(self, env: str, app: EffectiveApp) -> dict[str, Any]:
        cell: dict[str, Any] = {"revision": app.revision, "pinned": app.pin is not None}
        cell |= {"tag": self.tags[env]} if self.tags.get(env) else {}
        cell |= {"since": self.since[env].isoformat()} if env in self.since else {}
        return {**cell, "retired": True} if env in self.retired else cell


def matrix(registry: Registry) -> list[Row]:
    """Every app by name, also one that runs nowhere."""
    runs: dict[str, dict[str, EffectiveApp]] = {name: {} for name in sorted(registry.apps)}
    for env in registry.environments:
        for app in registry.effective_apps(env):
            runs[app.app][env] = app
    return [Row(name, str(registry.apps[name]["team"]), cells) for name, cells in runs.items()]


def told_matrix(book: Book, history: History) -> list[Row]:
    """The matrix with the tags that the lists tell and, by what is committed, since when each app runs."""
    return [_told(row, book, history) for row in matrix(book.registry)]


def _told(row: Row, book: Book, history: History) -> Row:
    tags = {env: book.tag(env, row.app) for env, app in row.runs.items() if app.pin is not None}
    stays = {env: history.stay(env, row.app, app.revision) for env, app in row.runs.items()}
    retired = frozenset(env for env in row.runs if row.app in book.registry.environments[env].retired)
    since = {env: stay.since for env, stay in stays.items() if stay and stay.until is None}
    return Row(row.app, row.team, row.runs, tags, since, retired)


@functools.lru_cache(maxsize=1024)  # Most apps came with a few commits.
def age(passed: timedelta) -> str:
    """How long ago, in the largest unit that tells: 12m, 5h, 30d."""
    minutes = max(0, int(passed.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // 1440}d"


@dataclass(frozen=True)
class Wait:
    """An app that runs another revision below than in an environment, and why it may not come there now.

    `by` is how many revisions behind it is, None where that is not known.
    """

    environment: str
    app: str
    team: str
    runs: str
    source: str
    revision: str
    by: int | None
    refusals: tuple[Refusal, ...]

    @property
    def behind(self) -> str:
        """`behind test`, with the number of revisions where there is more than one."""
        return f"behind {self.source}" + (f" by {self.by}" if self.by and self.by > 1 else "")

    def as_data(self) -> dict[str, Any]:
        """For programs."""
        refusals = [
            {"rule": each.rule, "text": each.text, "ready": each.ready.isoformat() if each.ready else None}
            for each in self.refusals
        ]
        names = {"app": self.app, "environment": self.environment, "team": self.team}
        ways = {"runs": self.runs, "behind": self.source, "by": self.by, "revision": self.revision}
        return {**names, **ways, "blocked": bool(self.refusals), "refusals": refusals}


def waits(book: Book, environments: Iterable[str], facts: Facts) -> Iterator[Wait]:
    """What waits in each environment, by name.

    No repository is asked, so it is not known how far an app is behind a branch, and not told.
    """
    for name in environments:
        environment = book.registry.environments[name]
        order = Promotion((), name)
        for app in sorted(listing.app for listing in environment.listings) if environment.promotes_from else ():
            step = wanted_step(book, environment, app, order, facts.now)
            if step.wanted is None or step.wanted.kind == "branch":
                continue
            step = judged_offline(book, environment, step, order, facts)
            if step.wanted is not None:
                yield _wait(book, environment, step, facts.history)


def _wait(book: Book, environment: Environment, step: Step, history: History) -> Wait:
    here = book.registry.effective_app(environment.name, step.name)
    wanted = step.wanted
    if here is None or wanted is None:
        raise AssertionError(f"{step.name} waits for nothing in {environment.name}")
    tag = book.tag(environment.name, step.name)
    source = wanted.app.environment
    return Wait(
        environment.name,
        step.name,
        here.team,
        tag or short(here.revision),
        source,
        wanted.tag or short(wanted.revision),
        history.moves_since(source, step.name, {here.revision, tag}),
        step.refusals,
    )
