"""Follow a published change until Argo CD has it: every changed Application as published, Synced and Healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from generator.errors import GeneratorError
from generator.live.applications import ApplicationKey
from generator.live.registry_state import LiveRegistry
from generator.registry.registry import Environment, Registry

#: Seconds between two reads.
INTERVAL_SECONDS = 5.0


class FollowedApp(NamedTuple):
    """An app that was published into an environment, or out of it."""

    environment: str
    app: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.app}"


class Clock(NamedTuple):
    """The time, and a way to let some of it pass."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]


def follow(
    registry: Registry,
    apps: Sequence[FollowedApp],
    open_live: Callable[[], LiveRegistry],
    limit: timedelta,
    clock: Clock,
    report: Callable[[str], None],
) -> dict[FollowedApp, str]:
    """Read the live state again and again, until every app is there or the time is over.

    Returns what is missing, by app: nothing once Argo CD has all of it. `report` is called whenever that changes.
    """
    end, before = clock.now() + limit, dict[FollowedApp, str]()
    while True:
        missing = find_missing(registry, apps, open_live(), clock.now())
        if missing != before and missing:
            report(f"waiting for {len(missing)} of {len(apps)} apps: {_describe_first(missing)}")
        before = missing
        if not missing or clock.now() >= end:
            return missing
        clock.sleep(min(INTERVAL_SECONDS, max(0.0, (end - clock.now()).total_seconds())))


def find_missing(
    registry: Registry, apps: Iterable[FollowedApp], live: LiveRegistry, now: datetime
) -> dict[FollowedApp, str]:
    """Find what Argo CD does not have yet of the apps, each with the first term that is not met."""
    found = {}
    for each in apps:
        environment = registry.environments.get(each.environment)
        reason = _find_reason(registry, environment, each.app, live, now) if environment else ""
        if reason:
            found[each] = reason
    return found


def _find_reason(registry: Registry, environment: Environment, name: str, live: LiveRegistry, now: datetime) -> str:
    app = registry.find_effective_app(environment.name, name)
    if app is None:
        return _find_remains(registry, environment, name, live, now)
    unmet = live.check_health(environment, app, {app.revision}, now).unmet
    return str(unmet[0]) if unmet else ""


def _find_remains(registry: Registry, environment: Environment, name: str, live: LiveRegistry, now: datetime) -> str:
    """Why a removed app is not known to be gone."""
    known = name in registry.apps
    application = registry.build_effective_app(name, environment.name, None).application if known else name
    try:
        state = live.sources.read(environment)
    except GeneratorError as error:
        return error.message
    key = ApplicationKey(environment.argocd_settings.namespace, application)
    if key in state.applications:
        return f"the Application {application} still exists"
    return state.explain_unseen(now, live.max_age)


def _describe_first(missing: dict[FollowedApp, str]) -> str:
    app, reason = next(iter(missing.items()))
    return f"{app}: {reason}"
