"""The matrix of apps and environments that `workloads status` shows, and the pending promotions."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from generator.promotion.history import History, shorten_commit
from generator.promotion.policy import Refusal
from generator.promotion.promote import PromotionContext, PromotionOrder, PromotionStep, check_step_offline, start_step
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment, Registry

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
        """Return the cells of `environments` that run the app as JSON data."""
        return {
            env: self._build_json_cell(env, app) for env in environments if (app := self.apps_by_environment.get(env))
        }

    def _build_json_cell(self, env: str, app: EffectiveApp) -> dict[str, Any]:
        cell: dict[str, Any] = {"revision": app.revision, "pinned": app.pin is not None}
        cell |= {"tag": self.tags[env]} if self.tags.get(env) else {}
        cell |= {"since": self.running_since[env].isoformat()} if env in self.running_since else {}
        return {**cell, "retired": True} if env in self.retired_environments else cell


def build_matrix(registry: Registry) -> list[MatrixRow]:
    """Build a row for every app, sorted by name, including apps that run nowhere."""
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


@functools.lru_cache(maxsize=1024)  # Many apps change in one commit and so have the same age.
def format_age(elapsed: timedelta) -> str:
    """Format a duration in minutes, hours or days: 12m, 5h, 30d."""
    minutes = max(0, int(elapsed.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // 1440}d"


@dataclass(frozen=True)
class PendingPromotion:
    """An app whose revision differs from its source environment, and why it cannot be promoted now.

    `revisions_behind` is the number of revisions that it is behind; None if unknown.
    """

    environment: str
    app: str
    team: str
    current_revision: str
    source_environment: str
    source_revision: str
    revisions_behind: int | None
    refusals: tuple[Refusal, ...]

    @property
    def behind_summary(self) -> str:
        """The text `behind test`, with the number of revisions if more than one."""
        return f"behind {self.source_environment}" + (
            f" by {self.revisions_behind}" if self.revisions_behind and self.revisions_behind > 1 else ""
        )

    def to_json_object(self) -> dict[str, Any]:
        """Return the pending promotion as JSON data."""
        refusals = [
            {"rule": each.rule, "text": each.text, "ready": each.ready_at.isoformat() if each.ready_at else None}
            for each in self.refusals
        ]
        names = {"app": self.app, "environment": self.environment, "team": self.team}
        ways = {
            "runs": self.current_revision,
            "behind": self.source_environment,
            "by": self.revisions_behind,
            "revision": self.source_revision,
        }
        return {**names, **ways, "blocked": bool(self.refusals), "refusals": refusals}


def find_pending_promotions(
    editable: EditableRegistry, environments: Iterable[str], context: PromotionContext
) -> Iterator[PendingPromotion]:
    """Find the pending promotions of each environment, sorted by app name.

    Queries no repository; therefore apps whose source environment follows a branch are left out.
    """
    for name in environments:
        environment = editable.registry.environments[name]
        order = PromotionOrder((), name)
        for app in sorted(listing.app for listing in environment.listings) if environment.promotes_from else ():
            step = start_step(editable, environment, app, order, context.now)
            if step.wanted is None or step.wanted.wanted_kind == "branch":
                continue
            step = check_step_offline(editable, environment, step, order, context)
            if step.wanted is not None:
                yield _build_pending_promotion(editable, environment, step, context.history)


def _build_pending_promotion(
    editable: EditableRegistry, environment: Environment, step: PromotionStep, history: History
) -> PendingPromotion:
    here = editable.registry.find_effective_app(environment.name, step.app_name)
    wanted = step.wanted
    if here is None or wanted is None:
        raise AssertionError(f"{step.app_name} waits for nothing in {environment.name}")
    tag = editable.pinned_tag(environment.name, step.app_name)
    source = wanted.app.environment
    return PendingPromotion(
        environment.name,
        step.app_name,
        here.team,
        tag or shorten_commit(here.revision),
        source,
        wanted.tag or shorten_commit(wanted.revision),
        history.count_changes_since(source, step.app_name, {here.revision, tag}),
        step.refusals,
    )
