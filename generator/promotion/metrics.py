"""The four DORA metrics of each app and team, from the history. A rollback counts as a failed change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from generator.promotion.history import History, RevisionChange
from generator.registry.registry import Environment, Registry


@dataclass(frozen=True)
class Deployment:
    """A revision deployed to a final environment; `lead_time` is the time since it ran in a first environment.

    `time_to_restore` is the time until it was rolled back; None if it was not.
    """

    app: str
    deployed_at: datetime
    lead_time: timedelta | None
    time_to_restore: timedelta | None


@dataclass(frozen=True)
class DeliveryMetrics:
    """The DORA metrics of an app, or of a whole team if `app` is empty, over a period.

    `overridden` is the number of changes for which a policy rule was overridden.
    """

    team: str
    app: str
    deployments: int
    per_week: float
    lead_time: timedelta | None
    failures: int
    time_to_restore: timedelta | None
    overridden: int = 0

    @property
    def failure_rate(self) -> float | None:
        """The share of deployments that were rolled back; None without deployments."""
        return self.failures / self.deployments if self.deployments else None

    def to_json_object(self) -> dict[str, Any]:
        """Return the metrics as JSON data, with times in seconds."""
        rate = self.failure_rate
        return {
            "team": self.team,
            "app": self.app or None,
            "deployments": self.deployments,
            "perWeek": round(self.per_week, 3),
            "leadTime": _to_whole_seconds(self.lead_time),
            "failures": self.failures,
            "failureRate": None if rate is None else round(rate, 3),
            "timeToRestore": _to_whole_seconds(self.time_to_restore),
            "overridden": self.overridden,
        }


def compute_delivery_metrics(
    registry: Registry, history: History, since: datetime, until: datetime
) -> list[DeliveryMetrics]:
    """Compute the metrics of every team, each followed by its apps, for deployments to final environments."""
    deployments = [
        d for app in registry.apps for d in list_deployments(registry, history, app) if since <= d.deployed_at < until
    ]
    weeks = max((until - since) / timedelta(weeks=1), 1e-9)
    found = []
    for team in registry.teams:
        apps = sorted(app for app, layer in registry.apps.items() if layer["team"] == team)
        own = {app: [each for each in deployments if each.app == app] for app in apps}
        overridden = {app: _count_overridden(history, app, since, until) for app in apps}
        whole = _summarize_deployments(team, "", [each for app in apps for each in own[app]], weeks)
        found.append(replace(whole, overridden=sum(overridden.values())))
        found += [
            replace(_summarize_deployments(team, app, own[app], weeks), overridden=overridden[app]) for app in apps
        ]
    return found


def _count_overridden(history: History, app: str, since: datetime, until: datetime) -> int:
    """Count the changes of an app, in any environment, for which a policy rule was overridden."""
    changes = history.filter_changes(app, since=since)
    return sum(bool(change.overrides) for change in changes if change.changed_at < until)


def _summarize_deployments(team: str, app: str, deployments: list[Deployment], weeks: float) -> DeliveryMetrics:
    leads = [each.lead_time for each in deployments if each.lead_time is not None]
    restored = [each.time_to_restore for each in deployments if each.time_to_restore is not None]
    count = len(deployments)
    return DeliveryMetrics(
        team,
        app,
        count,
        count / weeks,
        _compute_median_duration(leads),
        len(restored),
        _compute_median_duration(restored),
    )


def _compute_median_duration(times: list[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(time.total_seconds() for time in times)) if times else None


def _to_whole_seconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds())


def list_deployments(registry: Registry, history: History, app: str) -> list[Deployment]:
    """List an app's deployments to final environments (those that no other promotes from).

    Neither rollbacks nor the revision with which an app is onboarded in an environment count.
    """
    environments = registry.environments
    below = {source for env in environments.values() for source in env.promotes_from}
    found: list[Deployment] = []
    for env in environments.keys() - below:
        firsts = _find_first_run_times(history, app, _find_first_environments(environments, env) - {env})
        found += _derive_deployments(history, app, history.filter_changes(app, env), firsts)
    return sorted(found, key=lambda deployment: deployment.deployed_at)


def _find_first_environments(environments: Mapping[str, Environment], name: str) -> set[str]:
    """Find the first environments from which promotions reach an environment."""
    sources = environments[name].promotes_from
    return (
        {first for source in sources for first in _find_first_environments(environments, source)} if sources else {name}
    )


def _find_first_run_times(history: History, app: str, environments: Iterable[str]) -> dict[str, datetime]:
    """Find when each revision first ran in any of the environments."""
    found: dict[str, datetime] = {}
    for env in environments:
        for change in history.filter_changes(app, env):
            if change.new_revision is not None:
                name = _shared_revision_name(history, app, change.new_revision)
                found[name] = min(change.changed_at, found.get(name, change.changed_at))
    return found


def _derive_deployments(
    history: History, app: str, revision_changes: list[RevisionChange], first_run_times: Mapping[str, datetime]
) -> Iterable[Deployment]:
    way: list[tuple[str, RevisionChange]] = []
    # By change, as several changes that were pushed together have the same time.
    restored: dict[RevisionChange, timedelta] = {}
    deployed: list[tuple[str, RevisionChange]] = []
    for change in revision_changes:
        if change.new_revision is None:
            continue
        names = [name for name, _ in way]
        name = _shared_revision_name(history, app, change.new_revision)
        if name not in names:
            if way:  # The first revision is that with which the app was onboarded.
                deployed.append((name, change))
            way.append((name, change))
            continue
        back = names.index(name)
        restored.update({undone: change.changed_at - undone.changed_at for _, undone in way[back + 1 :]})
        del way[back + 1 :]
    for name, change in deployed:
        first = first_run_times.get(name)
        lead = change.changed_at - first if first is not None and first <= change.changed_at else None
        yield Deployment(app, change.changed_at, lead, restored.get(change))


def _shared_revision_name(history: History, app: str, revision: str) -> str:
    """Return a name for a revision that is the same in every environment: the tag of a pinned commit if known."""
    return history.commit_tags.get((app, revision), revision)
