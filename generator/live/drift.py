"""Find where a live Argo CD differs from the registry. Nothing that was not seen counts as missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from generator.argocd.urls import repository_key
from generator.charts.layout import CHARTS_FOLDER, SHARDS_FOLDER, OutputLocation
from generator.live.applications import ApplicationKey, LiveApplication, LiveState
from generator.live.expected import EditedField, build_expected_application, list_edited_fields
from generator.live.health import describe_age
from generator.live.registry_state import LiveRegistry
from generator.registry.registry import Environment, Registry

#: The kinds of deviations, in the order in which they are counted, and what each of them means.
KINDS = {
    "unregistered": "exists, and is not in the registry",
    "missing": "is in the registry, and does not exist",
    "edited": "has fields that are not what the chart renders",
    "out-of-sync": "is not what its sources say",
    "degraded": "does not work: Degraded, Missing or Unknown health",
    "error": "has an error that Argo CD reports, or a sync that failed",
    "deleting": "is being deleted",
    "stale": "has a verdict of Argo CD that is old",
    "unseen": "may exist: not all Applications were seen",
}
_WORKING_HEALTH = ("Healthy", "Progressing", "Suspended")


class Deviation(NamedTuple):
    """A way in which an Application is not as the registry says; `app` is empty for one that is not in it.

    `environment` is that of the app, or of the chart that the Application deploys; else empty.
    """

    kind: str
    environment: str
    app: str
    application: ApplicationKey
    text: str
    fields: tuple[EditedField, ...] = ()

    @property
    def name(self) -> str:
        """What it is about: `prod/billing`, or the name of an Application that is not in the registry."""
        return f"{self.environment}/{self.app}" if self.app else self.application.name

    def to_json_object(self) -> dict[str, Any]:
        """Return the deviation as JSON data."""
        return {
            "kind": self.kind,
            "environment": self.environment or None,
            "app": self.app or None,
            "application": self.application.name,
            "namespace": self.application.namespace,
            "text": self.text,
            "fields": [each._asdict() for each in self.fields],
        }


class Drift(NamedTuple):
    """All deviations in some environments, what was read for them, and the number of Applications in the registry."""

    deviations: tuple[Deviation, ...]
    states: tuple[LiveState, ...]
    applications: int

    @property
    def summary(self) -> str:
        """One line: `3 deviations in 12 Applications: 2 edited, 1 missing`."""
        apps = f"{self.applications} Application{'' if self.applications == 1 else 's'}"
        if not self.deviations:
            return f"{apps}: as the registry says"
        counts = Counter(each.kind for each in self.deviations)
        count = len(self.deviations)
        kinds = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
        return f"{count} deviation{'' if count == 1 else 's'} in {apps}: {kinds}"


def find_drift(
    registry: Registry, live: LiveRegistry, environments: Collection[str], location: OutputLocation, now: datetime
) -> Drift:
    """Compare environments with their live Argo CDs; the charts are at `location`.

    Raises what `LiveSources.read` raises.
    """
    chosen = [registry.environments[name] for name in environments]
    states = {id(state): state for environment in chosen for state in [live.sources.read(environment)]}
    found = [each for environment in chosen for each in _compare_environment(registry, environment, live, now)]
    known = {
        ApplicationKey(environment.argocd_settings.namespace, app.application)
        for environment in registry.environments.values()
        for app in registry.list_effective_apps(environment.name)
    }
    for state in states.values():
        for key in sorted(state.applications.keys() - known):
            other = state.applications[key]
            deployed = _find_deployed_environment(registry, other, location)
            if deployed is None:
                found.append(Deviation("unregistered", "", "", key, _describe_unregistered(other)))
            elif deployed in environments:
                found += _list_status_deviations(other, deployed, "", live, now)
    count = sum(len(environment.listings) for environment in chosen)
    return Drift(tuple(found), tuple(states.values()), count)


def _compare_environment(
    registry: Registry, environment: Environment, live: LiveRegistry, now: datetime
) -> Iterator[Deviation]:
    for app in registry.list_effective_apps(environment.name):
        found = live.find(environment, app, now)
        if found.application is None:
            key = ApplicationKey(environment.argocd_settings.namespace, app.application)
            kind = "unseen" if found.exists is None else "missing"
            yield Deviation(kind, environment.name, app.app, key, found.reason)
            continue
        key = found.application.key
        edited = tuple(list_edited_fields(build_expected_application(environment, app), found.application))
        if edited:
            names = ", ".join(each.field for each in edited)
            yield Deviation("edited", environment.name, app.app, key, names, edited)
        yield from _list_status_deviations(found.application, environment.name, app.app, live, now)


def _list_status_deviations(
    found: LiveApplication, environment: str, app: str, live: LiveRegistry, now: datetime
) -> Iterator[Deviation]:
    failed = found.operation_phase in ("Failed", "Error")
    errors = [
        *found.errors,
        *([f"the last sync is {found.operation_phase}: {found.operation_message}"] if failed else []),
    ]
    texts = {
        "out-of-sync": "" if found.sync_status == "Synced" else found.sync_status,
        "degraded": "" if found.health_status in _WORKING_HEALTH else _describe_health(found),
        "error": "; ".join(errors),
        "deleting": "it is being deleted" if found.is_being_deleted else "",
        "stale": describe_age(found, now, live.max_age),
    }
    for kind, text in texts.items():
        if text:
            yield Deviation(kind, environment, app, found.key, text)


def _describe_health(found: LiveApplication) -> str:
    return found.health_status + (f": {found.health_message}" if found.health_message else "")


def _describe_unregistered(found: LiveApplication) -> str:
    by = f", made by the Application {found.owner}" if found.owner else ""
    return f"project {found.spec.get('project') or 'default'}{by}"


def _find_deployed_environment(registry: Registry, found: LiveApplication, location: OutputLocation) -> str | None:
    """The environment whose chart, or a shard of it, an Application deploys."""
    for source in (found.spec.get("source") or {}, *(found.spec.get("sources") or ())):
        path, url = str(source.get("path", "")).strip("/"), str(source.get("repoURL", ""))
        for name in registry.environments if not location.repository or _is_same(url, location.repository) else ():
            if path == location / f"{CHARTS_FOLDER}/{name}" or path.startswith(location / f"{SHARDS_FOLDER}/{name}/"):
                return name
    return None


def _is_same(url: str, repository: str) -> bool:
    return repository_key(url) == repository_key(repository)
