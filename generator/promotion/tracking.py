"""Update tracked apps to their newest revision in the first environments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from generator.argocd.permissions import matches_glob
from generator.argocd.revisions import SemanticVersion, parse_tag
from generator.argocd.version_ranges import parse_version_range
from generator.errors import NetworkError, UsageError
from generator.promotion.app_edits import RegistryEdit, find_listed_app, require_app
from generator.promotion.pins import RemoteLookup, list_pinned_repositories
from generator.promotion.policy import PromotionContext
from generator.promotion.promote import PromotionRequest, promote_apps
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp

_MAX_SKIPPED_TAGS = 3
_ORDER_NAMES = {"semver": "semantic versions", "calver": "calendar versions", "date": "dates"}


class NewestTag(NamedTuple):
    """The newest tag, or None, and the tags that match the pattern but are no versions."""

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
    """Update tracked apps (those named, or all) to the newest revision in their repositories.

    Updates only first environments, and skips apps that a hold or freeze blocks. Raises UsageError for an app that is
    not tracked.
    """
    tracked = _list_tracked_apps(editable, apps)
    places = [env for env, table in editable.registry.environments.items() if not table.promotes_from]
    running = [app for env in places for name in tracked if (app := find_listed_app(editable, env, name))]
    context.remotes.prefetch_refs(url for app in running for url in list_pinned_repositories(app)[:1])
    told: list[str] = []
    found = {(app.environment, app.app): _find_newest_revision(editable, app, context.remotes, told) for app in running}
    told += [f"{name}: is in no first environment" for name in tracked if name not in {app.app for app in running}]
    after = RegistryEdit(editable, "")
    for env in places:
        revisions = {name: revision for (place, name), revision in found.items() if place == env and revision}
        after = _promote_to_newest(after, env, revisions, context)
    return replace(after, messages=(*after.messages, *dict.fromkeys(told)))


def _list_tracked_apps(editable: EditableRegistry, apps: tuple[str, ...]) -> list[str]:
    for name in apps:
        require_app(editable, name)
        if "track" not in editable.registry.apps[name]:
            raise UsageError(f"{name} is not tracked", remedy=f'apps.{name}.track = {{ tags = "v*" }} makes it so')
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


def _find_newest_revision(
    editable: EditableRegistry, app: EffectiveApp, remotes: RemoteLookup, messages: list[str]
) -> str | None:
    """Find the newest revision of an app; None, with a message, if there is none or a newer one already runs."""
    track = editable.registry.apps[app.app]["track"]
    urls = list_pinned_repositories(app)
    if not urls:
        messages.append(f"{app.app}: has no git repository whose revision a list could pin")
        return None
    try:
        refs = remotes.read_refs(urls[0])
    except NetworkError as error:
        messages.append(f"waits: {app.app}: network: {error.message}")
        return None
    if "branch" in track:
        found = refs.branches.get(track["branch"])
    else:
        found = _find_newest_tag(app.app, track, refs.tags, messages)
    if found is None:
        what = f"branch {track['branch']}" if "branch" in track else f"tag for {_format_tracking(track)}"
        messages.append(f"{app.app}: {urls[0]} has no {what}")
        return None
    return None if "branch" not in track and _runs_newer_version(editable, app, track, found, messages) else found


def _find_newest_tag(app: str, track: dict[str, Any], tags: Iterable[str], messages: list[str]) -> str | None:
    """Find the newest tag that an app tracks; report the tags that match its pattern but are no versions."""
    allowed = parse_version_range(track["semver"]) if "semver" in track else None
    order = track.get("order", "semver")
    found = find_newest_tag(tags, track["tags"], order, allowed.allows if allowed else None)
    if found.skipped:
        names = ", ".join(found.skipped[:_MAX_SKIPPED_TAGS])
        more = len(found.skipped) - _MAX_SKIPPED_TAGS
        suffix = f" and {more} more" if more > 0 else ""
        messages.append(f"{app}: skipped tags that are no {_ORDER_NAMES[order]}: {names}{suffix}")
    return found.tag


def _runs_newer_version(
    editable: EditableRegistry, app: EffectiveApp, track: dict[str, Any], newest_tag: str, messages: list[str]
) -> bool:
    """Return whether an app already runs a newer version than `newest_tag`."""
    there = editable.pinned_tag(app.environment, app.app) or app.revision
    now, then = (parse_tag(tag, track["tags"], track.get("order", "semver")) for tag in (there, newest_tag))
    if now is None or then is None or not then < now:
        return False
    messages.append(f"{app.app}: {app.environment} runs {there}, newer than {newest_tag} of {_format_tracking(track)}")
    return True


def _format_tracking(track: dict[str, Any]) -> str:
    return " ".join(str(track[key]) for key in ("tags", "semver", "order") if key in track)
