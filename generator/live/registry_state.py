"""Find the live Application of each app of a registry, and check its health; each Argo CD is read once in a command."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from generator.argocd.revisions import CONTENT_ID_PATTERN
from generator.charts.layout import CHARTS_FOLDER, SHARDS_FOLDER
from generator.errors import GeneratorError
from generator.live.applications import ApplicationKey, LiveApplication, LiveState
from generator.live.expected import build_expected_application, list_edited_fields
from generator.live.health import describe_age, find_healthy_since, find_unmet_terms
from generator.live.sources import LiveSources
from generator.promotion.pins import RemoteLookup
from generator.promotion.policy_rules import HealthVerdict, UnmetTerm
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment
from generator.registry.version_sources import find_version_source

_CHART_PATH = re.compile(rf"(?:^|/)(?:{CHARTS_FOLDER}|{SHARDS_FOLDER})/([^/]+)")


class Found(NamedTuple):
    """A live Application, or None with the reason: `exists` is False where it is known not to be there."""

    application: LiveApplication | None
    reason: str = ""
    exists: bool | None = True


@dataclass(frozen=True)
class LiveRegistry:
    """What runs of a registry: `remotes` says which commit a branch or tag is, `max_age` when a verdict is old."""

    sources: LiveSources
    remotes: RemoteLookup
    max_age: timedelta

    def find(self, environment: Environment, app: EffectiveApp, now: datetime) -> Found:
        """Find the live Application of an app."""
        try:
            state = self.sources.read(environment)
        except GeneratorError as error:
            return Found(None, error.message, None)
        key = ApplicationKey(environment.argocd_settings.namespace, app.application)
        live = state.applications.get(key)
        if live is not None:
            return Found(live)
        unseen = state.explain_unseen(now, self.max_age)
        if unseen:
            return Found(None, f"{app.application} was not seen: {unseen}", None)
        return Found(None, f"there is no Application {app.application} in the namespace {key.namespace}", False)

    def check_health(
        self, environment: Environment, app: EffectiveApp, revision_names: Collection[str], now: datetime
    ) -> HealthVerdict:
        """Check that an app is healthy in an environment at the registry's revision, and since when."""
        found = self.find(environment, app, now)
        if found.application is None:
            return HealthVerdict((UnmetTerm("seen", found.reason),))
        other = _find_other_environment(self.sources.read(environment), found.application, environment)
        if other:
            text = f"the chart of {other} deploys it, so this is not the Argo CD of {environment.name}"
            return HealthVerdict((UnmetTerm("seen", text),))
        try:
            commits = dict(self._list_commits(app, revision_names))
        except GeneratorError as error:
            return HealthVerdict((UnmetTerm("commit", f"the commit of {app.revision} is not known: {error.message}"),))
        expected = build_expected_application(environment, app)
        unmet = find_unmet_terms(found.application, expected, commits, now, self.max_age)
        return HealthVerdict(tuple(unmet), find_healthy_since(found.application))

    def find_difference(self, environment: Environment, app: EffectiveApp, now: datetime) -> str | None:
        """Describe how the live Application differs from what the chart renders; "" if it does not, None if unknown.

        That it does not counts only if Argo CD's verdict is not old.
        """
        found = self.find(environment, app, now)
        if found.application is None:
            return None if found.exists is None else ""
        edited = list_edited_fields(build_expected_application(environment, app), found.application)
        differences = ", ".join(f"{each.field} is {each.live}" for each in edited)
        return differences or describe_age(found.application, now, self.max_age)

    def _list_commits(self, app: EffectiveApp, names: Collection[str]) -> Iterator[tuple[int, Collection[str]]]:
        """Yield, for each source whose revision a pin sets, its index and the commits that it may be synced to."""
        for index, source in enumerate(app.deployed_sources):
            if source in app.pinned_sources:
                yield index, self._resolve(app, source, str(source.get("targetRevision", "HEAD")), names)

    def _resolve(
        self, app: EffectiveApp, source: Mapping[str, object], revision: str, names: Collection[str]
    ) -> Collection[str]:
        if CONTENT_ID_PATTERN.fullmatch(revision):
            return {revision}
        if "chart" in source:
            return {revision, revision.removeprefix("v")}
        url = str(source["repoURL"])
        if url.startswith("oci://"):
            artifact = find_version_source(app)
            digest = self.remotes.resolve_digest(artifact, revision) if artifact else None
            return {digest} if digest else set()
        refs = self.remotes.read_refs(url)
        # A branch moves on: it must be at what is promoted, if that is not the branch itself.
        promoted = {name for name in names if name != revision} if app.revision_kind == "branch" else set()
        commits = {name for name in promoted if CONTENT_ID_PATTERN.fullmatch(name)}
        return commits or {commit for name in promoted or {revision} if (commit := refs.resolve_ref(name))}


def _find_other_environment(state: LiveState, live: LiveApplication, environment: Environment) -> str:
    """The environment whose chart deploys an Application, if it is known to be another one."""
    owner = state.find_owner(live)
    path = str((owner.spec.get("source") or {}).get("path") or "") if owner else ""
    found = _CHART_PATH.search(path)
    return found[1] if found and found[1] != environment.name else ""
