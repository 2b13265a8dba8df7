"""`Book` and `History` at a moment → `Site`: what the pages say, as plain data. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from generator.promotion.history import History, Move, short
from generator.promotion.matrix import Row, Wait, told_matrix, waits
from generator.promotion.pins import Ask
from generator.promotion.promote import Facts
from generator.registry.book import Book
from generator.registry.effective import EffectiveApp, follows
from generator.registry.model import Freeze
from generator.registry.registry import Environment
from generator.site.measured import Delivery, delivery

#: What a cell can be, and what the reader sees of it: one state a cell, the first that applies.
STATES = {
    "blocked": "blocked",
    "held": "held",
    "frozen": "frozen",
    "behind": "behind",
    "retired": "retired",
    "current": "up to date",
    "absent": "not running",
}
#: The states of what is to be brought forward, the ones that somebody looks for.
OPEN = ("blocked", "held", "frozen", "behind")


@dataclass(frozen=True)
class Cell:
    """An app in an environment: `revision` as people read it, `exact` as Argo CD does.

    `remark` says what it is behind, `reasons` every rule that keeps it from going on.
    """

    environment: str
    state: str = "absent"
    revision: str = ""
    exact: str = ""
    pinned: bool = False
    since: datetime | None = None
    remark: str = ""
    reasons: tuple[str, ...] = ()


class Source(NamedTuple):
    """Where manifests come from; `revision` only where it is not the app's; `environments` where it is so."""

    repository: str
    what: str
    revision: str
    environments: tuple[str, ...]


@dataclass(frozen=True)
class AppView:
    """One app with a cell for every environment."""

    name: str
    team: str
    description: str
    owners: Sequence[str]
    cells: tuple[Cell, ...]
    sources: tuple[Source, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class EnvironmentView:
    """One environment; `frozen` is the freeze that is on."""

    environment: Environment
    promotes_to: tuple[str, ...]
    frozen: Freeze | None
    cells: tuple[tuple[AppView, Cell], ...]

    @property
    def name(self) -> str:
        return self.environment.name

    @property
    def waiting(self) -> list[tuple[AppView, Cell]]:
        """What is to be brought forward."""
        return [(app, cell) for app, cell in self.cells if cell.state in OPEN]


@dataclass(frozen=True)
class Site:
    """Everything that the pages say."""

    book: Book
    history: History
    moment: datetime
    apps: tuple[AppView, ...]
    environments: tuple[EnvironmentView, ...]
    delivery: Delivery

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many cells are in each state."""
        return Counter(cell.state for app in self.apps for cell in app.cells)


def site(book: Book, history: History, moment: datetime, ask: Ask) -> Site:
    """The site of a registry as it is at `moment`; `ask` is not asked, for no repository is."""
    names = tuple(book.registry.environments)
    found = {(wait.environment, wait.app): wait for wait in waits(book, names, Facts(history, moment, ask))}
    moves: dict[str, list[Move]] = {}
    for move in history.moves:
        moves.setdefault(move.app, []).append(move)
    frozen = {name: _frozen(env, moment) for name, env in book.registry.environments.items()}
    apps = tuple(_app(row, book, found, moves.get(row.app, [])) for row in told_matrix(book, history))
    environments = tuple(_environment(book, apps, name, number, frozen[name]) for number, name in enumerate(names))
    return Site(book, history, moment, apps, environments, delivery(book.registry, history, moment))


def _app(
    row: Row,
    book: Book,
    found: Mapping[tuple[str, str], Wait],
    moves: list[Move],
) -> AppView:
    declared, team = book.registry.apps[row.app], book.registry.teams[row.team]
    cells = tuple(
        _cell(row, env, row.runs.get(name), found.get((name, row.app)))
        for name, env in book.registry.environments.items()
    )
    owners = team.owners or book.registry.workloads.owners
    described = str(declared.get("description", ""))
    return AppView(row.app, row.team, described, owners, cells, tuple(_sources(row)), tuple(reversed(moves)))


def _cell(row: Row, env: Environment, app: EffectiveApp | None, wait: Wait | None) -> Cell:
    held = env.holds.get(row.app)
    if app is None:
        return Cell(env.name, "held" if held else "absent", reasons=(f"hold: {held}",) if held else ())
    reasons = [str(refusal) for refusal in wait.refusals] if wait else []
    if held and not wait:
        reasons.append(f"hold: {held}")
    if row.app in env.retired and not any(reason.startswith("retired: ") for reason in reasons):
        reasons.append(f"retired: {env.retired[row.app]}")
    return Cell(
        env.name,
        _state(row.app, env, wait),
        row.tags.get(env.name) or short(app.revision),
        app.revision,
        app.pin is not None,
        row.since.get(env.name),
        f"{wait.behind}: {wait.revision}" if wait else "",
        tuple(reasons),
    )


def _state(app: str, env: Environment, wait: Wait | None) -> str:
    """One state, the one that has to go first: a hold outlasts a freeze, and a freeze most soak times."""
    if app in env.retired:
        return "retired"
    if app in env.holds:
        return "held"
    if wait is None:
        return "current"
    rules = {refusal.rule for refusal in wait.refusals}
    return "frozen" if "freeze" in rules else "blocked" if rules else "behind"


def _sources(row: Row) -> Iterator[Source]:
    """Each source once, with the environments that read it."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for name, app in row.runs.items():
        for key in _read(app):
            places.setdefault(key, []).append(name)
    for key, names in places.items():
        yield Source(*key, tuple(names) if len(names) < len(row.runs) else ())


def _read(app: EffectiveApp) -> Iterator[tuple[str, str, str]]:
    hydrator = app.fields.get("sourceHydrator", {})
    parts: list[dict[str, Any]] = app.sources or [hydrator[key] for key in ("drySource",) if key in hydrator]
    own = app.fields["sources"] if app.several else [{}] * len(parts)
    for part, said in zip(parts, own, strict=True):
        what = f"chart {part['chart']}" if "chart" in part else str(part.get("path", ""))
        revision = str(part.get("targetRevision", "")) if app.several and not follows(said) else ""
        yield str(part.get("repoURL", "")), what, revision


def _frozen(env: Environment, moment: datetime) -> Freeze | None:
    return next((freeze for freeze in env.policy.freeze if freeze.from_ <= moment < freeze.until), None)


def _environment(
    book: Book, apps: tuple[AppView, ...], name: str, number: int, frozen: Freeze | None
) -> EnvironmentView:
    environments = book.registry.environments
    above = tuple(other for other, env in environments.items() if name in env.promotes_from)
    cells = tuple((app, app.cells[number]) for app in apps if app.cells[number].exact)
    return EnvironmentView(environments[name], above, frozen, cells)
