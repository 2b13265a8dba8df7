"""`History` → the four DORA measures of each app and team, with a rollback as the sign of a failed change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from generator.promotion.history import History, Move
from generator.registry.registry import Environment, Registry


@dataclass(frozen=True)
class Deployment:
    """A revision that came into a last environment; `lead` is how long after it came into a first one.

    `restored` is how long after it was rolled back, None where it was not.
    """

    app: str
    when: datetime
    lead: timedelta | None
    restored: timedelta | None


@dataclass(frozen=True)
class Measures:
    """The measures of an app or (`app` empty) of a whole team, over a time."""

    team: str
    app: str
    deployments: int
    per_week: float
    lead_time: timedelta | None
    failures: int
    time_to_restore: timedelta | None

    @property
    def failure_rate(self) -> float | None:
        """The share of deployments that were rolled back."""
        return self.failures / self.deployments if self.deployments else None

    def as_data(self) -> dict[str, Any]:
        """For programs; times in seconds."""
        rate = self.failure_rate
        return {
            "team": self.team,
            "app": self.app or None,
            "deployments": self.deployments,
            "perWeek": round(self.per_week, 3),
            "leadTime": _seconds(self.lead_time),
            "failures": self.failures,
            "failureRate": None if rate is None else round(rate, 3),
            "timeToRestore": _seconds(self.time_to_restore),
        }


def measures(registry: Registry, history: History, since: datetime, until: datetime) -> list[Measures]:
    """The measures of every team, each followed by those of its apps, of what came into last environments in a time."""
    deployments = [
        d for app in registry.apps for d in deployments_of(registry, history, app) if since <= d.when < until
    ]
    weeks = max((until - since) / timedelta(weeks=1), 1e-9)
    found = []
    for team in registry.teams:
        apps = sorted(app for app, layer in registry.apps.items() if layer["team"] == team)
        own = {app: [each for each in deployments if each.app == app] for app in apps}
        found.append(_measured(team, "", [each for app in apps for each in own[app]], weeks))
        found += [_measured(team, app, own[app], weeks) for app in apps]
    return found


def _measured(team: str, app: str, deployments: list[Deployment], weeks: float) -> Measures:
    leads = [each.lead for each in deployments if each.lead is not None]
    restored = [each.restored for each in deployments if each.restored is not None]
    count = len(deployments)
    return Measures(team, app, count, count / weeks, _middle(leads), len(restored), _middle(restored))


def _middle(times: list[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(time.total_seconds() for time in times)) if times else None


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds())


def deployments_of(registry: Registry, history: History, app: str) -> list[Deployment]:
    """What of an app came into last environments, those that no other is promoted from; rollbacks are none."""
    environments = registry.environments
    below = {source for env in environments.values() for source in env.promotes_from}
    found: list[Deployment] = []
    for env in environments.keys() - below:
        firsts = _arrivals(history, app, _first(environments, env) - {env})
        found += _deployments(history, app, history.of(app, env), firsts)
    return sorted(found, key=lambda deployment: deployment.when)


def _first(environments: Mapping[str, Environment], name: str) -> set[str]:
    """The environments that everything which comes into one starts in."""
    sources = environments[name].promotes_from
    return {first for source in sources for first in _first(environments, source)} if sources else {name}


def _arrivals(history: History, app: str, environments: Iterable[str]) -> dict[str, datetime]:
    """When each revision came into one of the environments for the first time."""
    found: dict[str, datetime] = {}
    for env in environments:
        for move in history.of(app, env):
            if move.after is not None:
                name = _name(history, app, move.after)
                found[name] = min(move.when, found.get(name, move.when))
    return found


def _deployments(history: History, app: str, moves: list[Move], firsts: Mapping[str, datetime]) -> Iterable[Deployment]:
    way: list[tuple[str, datetime]] = []
    restored: dict[datetime, timedelta] = {}
    deployed: list[tuple[str, datetime]] = []
    for move in moves:
        if move.after is None:
            continue
        names = [name for name, _ in way]
        name = _name(history, app, move.after)
        if name not in names:
            deployed.append((name, move.when))
            way.append((name, move.when))
            continue
        back = names.index(name)
        restored.update({when: move.when - when for _, when in way[back + 1 :]})
        del way[back + 1 :]
    for name, when in deployed:
        first = firsts.get(name)
        lead = when - first if first is not None and first <= when else None
        yield Deployment(app, when, lead, restored.get(when))


def _name(history: History, app: str, revision: str) -> str:
    """What a revision is called in every environment: the tag where its commit came from one."""
    return history.tags.get((app, revision), revision)
