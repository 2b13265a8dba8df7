"""Show the desired, the synced and the healthy revision of an app. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from generator.argocd.revisions import shorten_commit
from generator.live.health import describe_age, find_healthy_since
from generator.live.registry_state import LiveRegistry
from generator.promotion.history import History
from generator.promotion.times import format_age
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment

UNKNOWN, NONE = "unknown", "-"


class LiveRevisions(NamedTuple):
    """The revision that Argo CD last synced for an app, and the same if it is healthy there; `state` says the rest.

    `synced` and `healthy` are `unknown` if the Application was not seen, and `-` if there is no such revision.
    """

    synced: str
    healthy: str
    state: str
    sync_status: str = "Unknown"
    health_status: str = "Unknown"
    healthy_since: datetime | None = None

    def to_json_object(self) -> dict[str, Any]:
        """Return them as JSON data: null for what is unknown, or is not there."""
        shown = [None if each in (UNKNOWN, NONE) else each for each in (self.synced, self.healthy)]
        since = self.healthy_since.isoformat() if self.healthy_since else None
        verdict = {"sync": self.sync_status, "health": self.health_status, "healthySince": since, "text": self.state}
        return {"synced": shown[0], "healthy": shown[1], **verdict}


def find_live_revisions(
    live: LiveRegistry, environment: Environment, app: EffectiveApp, history: History, now: datetime
) -> LiveRevisions:
    """Find what Argo CD says of an app in an environment; asks no repository."""
    found = live.find(environment, app, now)
    if found.application is None:
        shown = UNKNOWN if found.exists is None else NONE
        return LiveRevisions(shown, shown, found.reason)
    application = found.application
    is_synced, is_healthy = application.sync_status == "Synced", application.health_status == "Healthy"
    deployed = application.revisions if is_synced else application.deployed_revisions
    indexes = [index for index, source in enumerate(app.deployed_sources) if source in app.pinned_sources] or [0]
    commit = deployed[indexes[0]] if indexes[0] < len(deployed) else ""
    synced = _format_revision(
        commit, app, history, is_desired=is_synced and app.revision == _read_target(application.spec, indexes[0])
    )
    since = find_healthy_since(application) if is_healthy else None
    health = f"{application.health_status} for {format_age(now - since)}" if since else application.health_status
    parts = [application.sync_status, health, *application.errors, describe_age(application, now, live.max_age)]
    state = ", ".join(part for part in parts if part)
    return LiveRevisions(
        synced,
        synced if is_healthy and is_synced else NONE,
        state,
        application.sync_status,
        application.health_status,
        since,
    )


def _read_target(spec: Any, index: int) -> str:
    sources = spec.get("sources") or [spec.get("source") or (spec.get("sourceHydrator") or {}).get("drySource") or {}]
    return str(sources[index].get("targetRevision", "HEAD")) if index < len(sources) else ""


def _format_revision(commit: str, app: EffectiveApp, history: History, *, is_desired: bool) -> str:
    """A commit with its tag, if that is known from its pin or from the targetRevision of its Application."""
    if not commit:
        return NONE
    tag = history.commit_tags.get((app.app, commit), "") or (app.revision if is_desired else "")
    return shorten_commit(commit) if tag in ("", commit) else f"{tag} ({shorten_commit(commit)})"
