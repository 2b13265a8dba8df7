"""Update tracked apps to their newest revision in the first environments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from generator.argocd.permissions import matches_glob
from generator.argocd.revisions import SemanticVersion, parse_tag
from generator.argocd.version_ranges import parse_version_range
from generator.errors import NetworkError, UsageError
from generator.promotion.app_edits import RegistryEdit, require_app
from generator.promotion.pins import RemoteLookup
from generator.promotion.policy import PromotionContext
from generator.promotion.promote import PromotionRequest, promote_apps
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp
from generator.registry.version_sources import VersionSource, find_version_source

_MAX_SKIPPED_TAGS = 3
_ORDER_NAMES = {"semver": "semantic versions", "calver": "calendar versions", "date": "dates"}


class NewestTag(NamedTuple):
    """The newest tag, or None, and the tags that match the pattern but are not versions."""

    tag: str | None
    skipped: tuple[str, ...]


def find_newest_tag(
    tags: Iterable[str], pattern: str, order: str, allows: Callable[[SemanticVersion], bool] | None
) -> NewestTag:
    """Find the newest tag that matches `pattern` and that a range allows; without a range, no pre-release."""
    newest: tuple[Any, str] | None = None
    skipped = []
    for tag in sorted(tags):
        if not matches_glob(tag, pattern):
            continue
        key = parse_tag(tag, pattern, order)
        if key is None:
            skipped.append(tag)
        elif isinstance(key, SemanticVersion) and not (allows(key) if allows else key.is_release):
            continue
        elif newest is None or newest[0] <= key:
            newest = key, tag
    return NewestTag(newest[1] if newest else None, tuple(skipped))


def update_tracked_apps(editable: EditableRegistry, apps: tuple[str, ...], context: PromotionContext) -> RegistryEdit:
    """Update tracked apps (those named, or all) to the newest revision or version where theirs are listed.

    Updates only first environments, and skips apps that a hold or freeze blocks. Raises UsageError for an app that is
    not tracked.
    """
    tracked = _list_tracked_apps(editable, apps)
    places = [env for env, table in editable.registry.environments.items() if not table.promotes_from]
    running = [app for env in places for name in tracked if (app := editable.registry.find_effective_app(env, name))]
    search = _VersionSearch(editable, context.remotes)
    search.prefetch(running)
    found = {(app.environment, app.app): search.find_newest(app) for app in running}
    told = [*search.list_messages(), *_report_unlisted(tracked, running)]
    after = RegistryEdit(editable, "")
    for env in places:
        revisions = {name: revision for (place, name), revision in found.items() if place == env and revision}
        after = _promote_to_newest(after, env, revisions, context)
    return replace(after, messages=(*after.messages, *told))


def _report_unlisted(tracked: list[str], running: list[EffectiveApp]) -> list[str]:
    return [f"{name}: is in no first environment" for name in tracked if name not in {app.app for app in running}]


def _list_tracked_apps(editable: EditableRegistry, apps: tuple[str, ...]) -> list[str]:
    for name in apps:
        require_app(editable, name)
        if "track" not in editable.registry.apps[name]:
            raise UsageError(
                "WL1107", f"{name} is not tracked", remedy=f'apps.{name}.track = {{ tags = "v*" }} makes it so'
            )
    return sorted(apps or (name for name, app in editable.registry.apps.items() if "track" in app))


def _promote_to_newest(
    previous_edit: RegistryEdit, environment: str, revisions: dict[str, str], context: PromotionContext
) -> RegistryEdit:
    if not revisions:
        return previous_edit
    request = PromotionRequest(tuple(sorted(revisions)), (environment,), app_revisions=revisions, ready_only=True)
    edited = promote_apps(previous_edit.editable, request, context)
    told = [line for line in edited.messages if not line.endswith(" is already up to date")]
    subject = "; ".join(part for part in (previous_edit.subject, edited.subject) if part)
    return RegistryEdit(edited.editable, subject, (), (*previous_edit.messages, *told))


class _VersionSearch:
    """Finds the newest revision or version of apps, and collects what the user should know."""

    def __init__(self, editable: EditableRegistry, remotes: RemoteLookup) -> None:
        self._editable, self._remotes = editable, remotes
        self._messages: dict[str, None] = {}
        self._apps_by_error: dict[str, list[str]] = {}

    def prefetch(self, apps: Iterable[EffectiveApp]) -> None:
        """Read the sources of several apps at once."""
        sources = [source for app in apps if (source := find_version_source(app))]
        self._remotes.prefetch_refs(source.location for source in sources if source.kind == "git")
        self._remotes.prefetch_versions(source for source in sources if source.kind != "git")

    def list_messages(self) -> list[str]:
        """List the messages, each once; an error names every app that it stops."""
        errors = [f"waits: {', '.join(dict.fromkeys(apps))}: network: {e}" for e, apps in self._apps_by_error.items()]
        return [*self._messages, *errors]

    def find_newest(self, app: EffectiveApp) -> str | None:
        """Find the newest revision of an app; None, with a message, if there is none or a newer one already runs."""
        source = find_version_source(app)
        if source is None:
            self._add(f"{app.app}: has no field that a list could pin to a newer version")
            return None
        try:
            found = self._find_in(app, source)
        except NetworkError as error:
            hint = f"; {error.remedy}" if error.remedy else ""
            self._apps_by_error.setdefault(f"{error.message}{hint}", []).append(app.app)
            return None
        if found is None:
            what = f"branch {app.track['branch']}" if "branch" in app.track else f"tag for {_format_tracking(app)}"
            self._add(f"{app.app}: {source.location} has no {what}")
            return None
        return None if "branch" not in app.track and self._runs_newer_version(app, found) else found

    def _find_in(self, app: EffectiveApp, source: VersionSource) -> str | None:
        if source.kind != "git":
            return self._find_newest_tag(app, self._remotes.read_versions(source))
        refs = self._remotes.read_refs(source.location)
        if "branch" in app.track:
            return refs.branches.get(app.track["branch"])
        return self._find_newest_tag(app, refs.tags)

    def _find_newest_tag(self, app: EffectiveApp, tags: Iterable[str]) -> str | None:
        """Find the newest tag that an app tracks; report the tags that match its pattern but are not versions."""
        allowed = parse_version_range(app.track["semver"]) if "semver" in app.track else None
        found = find_newest_tag(tags, _pattern(app), app.version_order, allowed.allows if allowed else None)
        if found.skipped:
            names = ", ".join(found.skipped[:_MAX_SKIPPED_TAGS])
            more = len(found.skipped) - _MAX_SKIPPED_TAGS
            suffix = f" and {more} more" if more > 0 else ""
            self._add(f"{app.app}: skipped tags that are not {_ORDER_NAMES[app.version_order]}: {names}{suffix}")
        return found.tag

    def _runs_newer_version(self, app: EffectiveApp, newest_tag: str) -> bool:
        """Whether an app already runs a newer version than `newest_tag`."""
        there = self._editable.pinned_tag(app.environment, app.app) or app.revision
        now, then = (parse_tag(tag, _pattern(app), app.version_order) for tag in (there, newest_tag))
        if now is None or then is None or not then < now:
            return False
        self._add(f"{app.app}: {app.environment} runs {there}, newer than {newest_tag} of {_format_tracking(app)}")
        return True

    def _add(self, message: str) -> None:
        self._messages[message] = None


def _pattern(app: EffectiveApp) -> str:
    return str(app.track.get("tags", "*"))


def _format_tracking(app: EffectiveApp) -> str:
    return " ".join(str(app.track[key]) for key in ("tags", "semver", "order") if key in app.track)
