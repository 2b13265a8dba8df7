"""The matrix of apps and environments that `workloads status` shows, and the pending promotions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from generator.argocd.revisions import shorten_commit
from generator.promotion.direction import Direction, compare_phrase
from generator.promotion.history import History, HoldChange
from generator.promotion.pins import WantedRevision
from generator.promotion.policy import PromotionContext
from generator.promotion.policy_rules import Hold, Refusal, parse_hold
from generator.promotion.promote import PromotionRequest, PromotionStep, StepDecider
from generator.promotion.times import format_age, format_time
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Registry

#: The cell text where an app does not run.
ABSENT = "-"


@dataclass(frozen=True)
class MatrixRow:
    """One app of the matrix: what runs in each environment, with its tag and start time where known."""

    app: str
    team: str
    apps_by_environment: Mapping[str, EffectiveApp]
    tags: Mapping[str, str] = field(default_factory=dict)
    running_since: Mapping[str, datetime] = field(default_factory=dict)
    retired_environments: frozenset[str] = frozenset()

    def format_cell(self, environment: str, now: datetime | None = None) -> str:
        """Format a cell: the revision or its tag, after @ if pinned, with its age if `now` is given."""
        app = self.apps_by_environment.get(environment)
        if app is None:
            return ABSENT
        revision = self.tags.get(environment) or shorten_commit(app.revision)
        known = self.running_since.get(environment) if now else None
        parts = [f"@{revision}" if app.pin is not None else revision]
        parts += [format_age(now - known)] if now and known else []
        return " ".join([*parts, *(["retired"] if environment in self.retired_environments else [])])

    def to_json_cells(self, environments: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return JSON data of the app in those `environments` that list it, by environment."""
        return {
            env: self._build_json_cell(env, app) for env in environments if (app := self.apps_by_environment.get(env))
        }

    def _build_json_cell(self, env: str, app: EffectiveApp) -> dict[str, Any]:
        cell: dict[str, Any] = {"revision": app.revision, "pinned": app.pin is not None}
        cell |= {"tag": self.tags[env]} if self.tags.get(env) else {}
        cell |= {"since": self.running_since[env].isoformat()} if env in self.running_since else {}
        return {**cell, "retired": True} if env in self.retired_environments else cell


def build_matrix(registry: Registry) -> list[MatrixRow]:
    """Build a row for every app, sorted by name, including apps that no environment lists."""
    runs: dict[str, dict[str, EffectiveApp]] = {name: {} for name in sorted(registry.apps)}
    for env in registry.environments:
        for app in registry.list_effective_apps(env):
            runs[app.app][env] = app
    return [MatrixRow(name, str(registry.apps[name]["team"]), cells) for name, cells in runs.items()]


def build_matrix_with_history(editable: EditableRegistry, history: History) -> list[MatrixRow]:
    """Build the matrix with the tags of pinned commits and, from the history, the start time of each revision."""
    return [_add_history(row, editable, history) for row in build_matrix(editable.registry)]


def _add_history(row: MatrixRow, editable: EditableRegistry, history: History) -> MatrixRow:
    tags = {
        env: editable.pinned_tag(env, row.app) for env, app in row.apps_by_environment.items() if app.pin is not None
    }
    stays = {
        env: history.find_last_run_interval(env, row.app, app.revision) for env, app in row.apps_by_environment.items()
    }
    retired = frozenset(
        env for env in row.apps_by_environment if row.app in editable.registry.environments[env].retired
    )
    since = {env: stay.since for env, stay in stays.items() if stay and stay.until is None}
    return MatrixRow(row.app, row.team, row.apps_by_environment, tags, since, retired)


@dataclass(frozen=True)
class PendingPromotion:
    """An app whose revision differs from its source environment, and why a schedule does not promote it now.

    `direction` is where the source's revision stands; `revisions_behind` is the number of revisions that the
    environment is behind, None if unknown. Without refusals, `promote --ready` moves the app.
    """

    environment: str
    app: str
    team: str
    current_revision: str
    source_environment: str
    source_revision: str
    revisions_behind: int | None
    refusals: tuple[Refusal, ...]
    direction: Direction = Direction.AHEAD

    @property
    def comparison(self) -> str:
        """How the environment compares with its source: `behind test by 2`, `ahead of test`, `differs from test`."""
        if not self.current_revision:
            return f"not yet promoted from {self.source_environment}"
        if self.direction is Direction.AHEAD:
            count = f" by {self.revisions_behind}" if self.revisions_behind and self.revisions_behind > 1 else ""
            return f"behind {self.source_environment}{count}"
        return compare_phrase(self.direction, self.source_environment)

    @property
    def summary(self) -> str:
        """One line: `billing: prod v1.0.0 is behind test (v1.2.0)`."""
        verb = "" if self.comparison.startswith("differs") else "is "
        parts = (f"{self.app}: {self.environment}", self.current_revision, f"{verb}{self.comparison}")
        return f"{' '.join(part for part in parts if part)} ({self.source_revision})"

    def to_json_object(self) -> dict[str, Any]:
        """Return the pending promotion as JSON data."""
        refusals = [
            {"rule": each.rule, "text": each.text, "ready": each.ready_at.isoformat() if each.ready_at else None}
            for each in self.refusals
        ]
        names = {"app": self.app, "environment": self.environment, "team": self.team}
        comparison = {
            "runs": self.current_revision,
            "behind": self.source_environment,
            "by": self.revisions_behind,
            "revision": self.source_revision,
            "direction": str(self.direction),
        }
        return {**names, **comparison, "blocked": bool(self.refusals), "refusals": refusals}


def find_pending_promotions(
    editable: EditableRegistry, environments: Iterable[str], context: PromotionContext
) -> Iterator[PendingPromotion]:
    """Find what each environment has not promoted from its source, sorted by app name: exactly the apps without
    refusals are those that `promote --ready` moves.

    Queries no repository; so a tag that is missing or has moved there is not known yet. Apps whose source follows a
    branch are left out: a schedule never promotes them.
    """
    for name in environments:
        environment = editable.registry.environments[name]
        if environment.promotes_from:
            request = PromotionRequest((), (name,), ready_only=True)
            for step in StepDecider(editable, environment, request, context).decide_without_network():
                if step.wanted is not None and not step.follows_branch:
                    yield _build_pending_promotion(editable, step, step.wanted, context.history)


def _build_pending_promotion(
    editable: EditableRegistry, step: PromotionStep, wanted: WantedRevision, history: History
) -> PendingPromotion:
    environment, source = step.environment.name, wanted.app.environment
    here = editable.registry.find_effective_app(environment, step.app_name)
    tag = editable.pinned_tag(environment, step.app_name) if here else ""
    return PendingPromotion(
        environment,
        step.app_name,
        wanted.app.team,
        tag or shorten_commit(here.revision) if here else "",
        source,
        wanted.tag or shorten_commit(wanted.revision),
        history.count_changes_since_run(source, step.app_name, {here.revision, tag}) if here else None,
        step.refusals,
        step.direction,
    )


@dataclass(frozen=True)
class ListedHold:
    """A hold of an app in an environment, as `status` lists it; `start` is None if it is not committed."""

    environment: str
    app: str
    hold: Hold
    start: HoldChange | None = None

    def describe(self, now: datetime) -> str:
        """One line: `billing: held in prod: "2026-11-16 pen test", by Ada on 2026-11-16 10:00 UTC in 0c1d2e3f4`."""
        ended = "" if self.hold.is_active(now) else " (this hold has ended)"
        start = self.start
        who = f", by {start.author} on {format_time(start.changed_at)} in {start.commit[:9]}" if start else ""
        return f'{self.app}: held in {self.environment}: "{self.hold.note}"{who}{ended}'

    def to_json_object(self, now: datetime) -> dict[str, Any]:
        """Return the hold as JSON data."""
        until = self.hold.until.isoformat() if self.hold.until else None
        start = self.start
        return {
            "app": self.app,
            "environment": self.environment,
            "note": self.hold.note,
            "reason": self.hold.reason,
            "until": until,
            "active": self.hold.is_active(now),
            "since": start.changed_at.isoformat() if start else None,
            "who": start.author if start else None,
            "commit": start.commit if start else None,
        }


def list_holds(
    registry: Registry, environments: Iterable[str], apps: Collection[str], history: History
) -> list[ListedHold]:
    """List the holds of some apps in some environments, whether or not an app is behind."""
    return [
        ListedHold(name, app, parse_hold(note), history.find_hold_start(name, app, note))
        for name in environments
        for app, note in sorted(registry.environments[name].holds.items())
        if app in apps
    ]
