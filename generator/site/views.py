"""The content of the site pages as plain data, for a registry and its history at a moment. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from generator.argocd.revisions import shorten_commit
from generator.live.registry_state import LiveRegistry
from generator.live.revisions import LiveRevisions, find_live_revisions
from generator.promotion.direction import Direction
from generator.promotion.history import History, RevisionChange
from generator.promotion.metrics import DeliveryMetrics, compute_delivery_metrics, list_deployments
from generator.promotion.pins import RemoteLookup
from generator.promotion.policy import PromotionContext
from generator.promotion.status import MatrixRow, PendingPromotion, build_matrix_with_history, find_pending_promotions
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp
from generator.registry.interpolation import Interpolation
from generator.registry.model import Freeze
from generator.registry.registry import Environment, Registry
from generator.registry.team_namespaces import describe_settings, list_team_namespaces
from generator.site.links import SiteLinks

#: The label of each cell state; a cell has the first state that applies.
CELL_STATES = {
    "blocked": "blocked",
    "held": "held",
    "frozen": "frozen",
    "behind": "ready",
    "ahead": "ahead",
    "differs": "differs",
    "retired": "retired",
    "current": "up to date",
    "absent": "not deployed",
}
#: The states that need somebody, most urgent first.
ATTENTION_STATES = ("blocked", "behind", "ahead", "differs", "held", "frozen")
#: The states of cells that wait for a promotion.
OPEN_STATES = ("blocked", "held", "frozen", "behind")
#: The number of whole weeks before the moment that are measured.
DELIVERY_WEEKS = 13


@dataclass(frozen=True)
class Cell:
    """An app in an environment: `revision` as people read it, `exact` as Argo CD reads it.

    `remark` compares it with its source environment, `reasons` lists every rule that blocks its promotion.
    `application` is the name of its Application, `interpolations` are its strings that were filled in.
    """

    environment: str
    state: str = "absent"
    revision: str = ""
    exact: str = ""
    pinned: bool = False
    since: datetime | None = None
    remark: str = ""
    reasons: tuple[str, ...] = ()
    application: str = ""
    interpolations: tuple[Interpolation, ...] = ()


class Event(NamedTuple):
    """What happened to an app in an environment, as `kind` says in words: a change of its revision or of a hold."""

    kind: str
    environment: str
    app: str
    happened_at: datetime
    author: str
    commit: str
    text: str
    old_revision: str | None = None
    new_revision: str | None = None
    overrides: tuple[str, ...] = ()


class AppSource(NamedTuple):
    """A source of an app; `revision` only if it differs from the app's, `environments` only if not all use it."""

    repository: str
    path_or_chart: str
    revision: str
    environments: tuple[str, ...]


@dataclass(frozen=True)
class AppView:
    """One app, with a cell for each environment, and its history, newest first.

    `repository` has the revisions that its environments list; empty if they are not Git revisions.
    """

    name: str
    team: str
    description: str
    owners: Sequence[str]
    cells: tuple[Cell, ...]
    sources: tuple[AppSource, ...]
    events: tuple[Event, ...]
    repository: str = ""

    @property
    def urgency(self) -> int:
        """The place of its most urgent state in ATTENTION_STATES, or the number of those."""
        found = (ATTENTION_STATES.index(cell.state) for cell in self.cells if cell.state in ATTENTION_STATES)
        return min(found, default=len(ATTENTION_STATES))

    @property
    def changed_at(self) -> datetime | None:
        """When something last happened to it."""
        return self.events[0].happened_at if self.events else None


@dataclass(frozen=True)
class EnvironmentView:
    """One environment; `active_freeze` is the freeze that is in force.

    `namespaces` are those that its chart gives a quota, limits, access or a network policy, each in words.
    """

    environment: Environment
    promotes_to: tuple[str, ...]
    active_freeze: Freeze | None
    cells: tuple[tuple[AppView, Cell], ...]
    namespaces: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.environment.name

    @property
    def waiting(self) -> list[tuple[AppView, Cell]]:
        """The apps that wait for a promotion into this environment."""
        return [(app, cell) for app, cell in self.cells if cell.state in OPEN_STATES]


@dataclass(frozen=True)
class DeploymentWeek:
    """The deployments of seven days from `begin`, and how many of them were rolled back."""

    begin: datetime
    deployments: int
    failures: int


@dataclass(frozen=True)
class Delivery:
    """The measures of teams and deployed apps, and the deployments by week, oldest first."""

    since: datetime
    until: datetime
    measures: tuple[DeliveryMetrics, ...]
    weeks: tuple[DeploymentWeek, ...]

    @property
    def teams(self) -> list[DeliveryMetrics]:
        """The measures of teams with deployments, most deployments first."""
        found = [each for each in self.measures if not each.app and each.deployments]
        return sorted(found, key=lambda each: (-each.deployments, each.team))


@dataclass(frozen=True)
class Site:
    """The content of all pages. `live` is what Argo CD has, by environment and app; empty if nobody asked."""

    editable: EditableRegistry
    history: History
    moment: datetime
    apps: tuple[AppView, ...]
    environments: tuple[EnvironmentView, ...]
    delivery: Delivery
    events: tuple[Event, ...]
    links: SiteLinks
    live: Mapping[tuple[str, str], LiveRevisions] = field(default_factory=dict)

    @cached_property
    def app_count_by_state(self) -> Mapping[str, int]:
        """The number of apps that are in each state somewhere; a state without apps has no entry."""
        return Counter(state for app in self.apps for state in {cell.state for cell in app.cells})

    @cached_property
    def attention(self) -> Mapping[str, list[tuple[AppView, Cell]]]:
        """The apps in each state that needs somebody, most urgent state first; a state without apps has no entry."""
        found = {
            state: [(app, cell) for app in self.apps for cell in app.cells if cell.state == state]
            for state in ATTENTION_STATES
        }
        return {state: cells for state, cells in found.items() if cells}


def build_site(
    editable: EditableRegistry,
    history: History,
    moment: datetime,
    remotes: RemoteLookup,
    links: SiteLinks,
    live: LiveRegistry | None = None,
) -> Site:
    """Build the site of a registry at `moment`; `remotes` are queried only to check the health of live Applications."""
    context = PromotionContext(history, moment, remotes, live)
    names = tuple(editable.registry.environments)
    found = {(wait.environment, wait.app): wait for wait in find_pending_promotions(editable, names, context)}
    events = list_events(history)
    by_app: dict[str, list[Event]] = {}
    for event in events:
        by_app.setdefault(event.app, []).append(event)
    rows = build_matrix_with_history(editable, history)
    apps = tuple(_build_app_view(row, editable, found, by_app.get(row.app, [])) for row in rows)
    numbered = enumerate(names)
    environments = tuple(_build_environment_view(editable, apps, name, number, moment) for number, name in numbered)
    delivery = measure_delivery(editable.registry, history, moment)
    running = {} if live is None else _find_live_revisions(editable.registry, live, context)
    return Site(editable, history, moment, apps, environments, delivery, events, links, running)


def _find_live_revisions(
    registry: Registry, live: LiveRegistry, context: PromotionContext
) -> dict[tuple[str, str], LiveRevisions]:
    return {
        (name, app.app): find_live_revisions(live, environment, app, context.history, context.now)
        for name, environment in registry.environments.items()
        for app in registry.list_effective_apps(name)
    }


def list_events(history: History) -> tuple[Event, ...]:
    """List all changes of revisions and holds, newest first."""
    moved = [_describe_revision_change(change, history) for change in history.revision_changes]
    held = [
        Event(
            "held" if change.new_note else "no longer held",
            *(change.environment, change.app, change.changed_at, change.author, change.commit),
            change.new_note or change.subject,
        )
        for change in history.hold_changes
    ]
    events = sorted([*moved, *held], key=lambda event: event.happened_at)
    return tuple(events[::-1])


def _describe_revision_change(change: RevisionChange, history: History) -> Event:
    kind = "rolled back" if change in history.rollbacks else "changed"
    if change.new_revision is None:
        kind = "removed"
    elif change.old_revision is None:
        kind = "added"
    return Event(
        kind,
        *(change.environment, change.app, change.changed_at, change.author, change.commit),
        change.reason or change.subject,
        change.old_revision,
        change.new_revision,
        change.overrides,
    )


def _build_app_view(
    row: MatrixRow,
    editable: EditableRegistry,
    pending_promotions: Mapping[tuple[str, str], PendingPromotion],
    events: list[Event],
) -> AppView:
    declared, team = editable.registry.apps[row.app], editable.registry.teams[row.team]
    cells = tuple(
        _build_cell(row, env, row.apps_by_environment.get(name), pending_promotions.get((name, row.app)))
        for name, env in editable.registry.environments.items()
    )
    owners = team.owners or editable.registry.workloads.owners
    described = str(declared.get("description", ""))
    sources = tuple(_list_app_sources(row))
    return AppView(row.app, row.team, described, owners, cells, sources, tuple(events), _find_repository(row))


def _find_repository(row: MatrixRow) -> str:
    """The Git repository whose revisions the environments list; empty if they list something else."""
    pinned = [source for app in row.apps_by_environment.values() for source in app.pinned_sources]
    return str(pinned[0].get("repoURL", "")) if pinned and "chart" not in pinned[0] else ""


def _build_cell(
    row: MatrixRow, env: Environment, app: EffectiveApp | None, pending_promotion: PendingPromotion | None
) -> Cell:
    held = env.holds.get(row.app)
    if app is None:
        return Cell(env.name, "held" if held else "absent", reasons=(f"hold: {held}",) if held else ())
    reasons = [str(refusal) for refusal in pending_promotion.refusals] if pending_promotion else []
    if held and not pending_promotion:
        reasons.append(f"hold: {held}")
    if row.app in env.retired and not any(reason.startswith("retired: ") for reason in reasons):
        reasons.append(f"retired: {env.retired[row.app]}")
    return Cell(
        env.name,
        _cell_state(row.app, env, pending_promotion),
        row.tags.get(env.name) or shorten_commit(app.revision),
        app.revision,
        app.pin is not None,
        row.running_since.get(env.name),
        f"{pending_promotion.comparison}: {pending_promotion.source_revision}" if pending_promotion else "",
        tuple(reasons),
        app.app + env.name_suffix,
        app.interpolations,
    )


def _cell_state(app: str, env: Environment, pending_promotion: PendingPromotion | None) -> str:
    """The state of a cell: the blocker that lasts longest. A hold outlasts a freeze, a freeze most soak times."""
    if app in env.retired:
        return "retired"
    if app in env.holds:
        return "held"
    if pending_promotion is None:
        return "current"
    if pending_promotion.direction is not Direction.AHEAD:
        return "ahead" if pending_promotion.direction is Direction.BEHIND else "differs"
    rules = {refusal.rule for refusal in pending_promotion.refusals}
    return "frozen" if "freeze" in rules else "blocked" if rules else "behind"


def _list_app_sources(row: MatrixRow) -> Iterator[AppSource]:
    """List each source of an app once, with the environments that use it."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for name, app in row.apps_by_environment.items():
        for key in _read_source_keys(app):
            places.setdefault(key, []).append(name)
    for key, names in places.items():
        yield AppSource(*key, tuple(names) if len(names) < len(row.apps_by_environment) else ())


def _read_source_keys(app: EffectiveApp) -> Iterator[tuple[str, str, str]]:
    """The repository, the chart or path, and the revision of its own, of each source of an app."""
    for source in app.deployed_sources:
        what = f"chart {source['chart']}" if "chart" in source else str(source.get("path", ""))
        revision = str(source.get("targetRevision", "")) if source in app.fixed_sources else ""
        yield str(source.get("repoURL", "")), what, revision


def _build_environment_view(
    editable: EditableRegistry, apps: tuple[AppView, ...], name: str, column: int, moment: datetime
) -> EnvironmentView:
    environments = editable.registry.environments
    freezes = environments[name].policy.freeze
    active = next((freeze for freeze in freezes if freeze.from_ <= moment < freeze.until), None)
    above = tuple(other for other, env in environments.items() if name in env.promotes_from)
    cells = tuple((app, app.cells[column]) for app in apps if app.cells[column].exact)
    namespaces = list_team_namespaces(editable.registry).get(name, {})
    described = {namespace: list(describe_settings(settings)) for namespace, settings in namespaces.items()}
    return EnvironmentView(environments[name], above, active, cells, described)


def measure_delivery(registry: Registry, history: History, until: datetime) -> Delivery:
    """Measure the deployments into final environments in the weeks before `until`."""
    since = until - timedelta(weeks=DELIVERY_WEEKS)
    found = compute_delivery_metrics(registry, history, since, until)
    all_of_them = [each for app in registry.apps for each in list_deployments(registry, history, app)]
    weeks = []
    for number in range(DELIVERY_WEEKS):
        begin = since + timedelta(weeks=number)
        mine = [each for each in all_of_them if begin <= each.deployed_at < begin + timedelta(weeks=1)]
        weeks.append(DeploymentWeek(begin, len(mine), sum(each.time_to_restore is not None for each in mine)))
    return Delivery(since, until, tuple(each for each in found if not each.app or each.deployments), tuple(weeks))
