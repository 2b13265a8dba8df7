"""Find the dangers of changed AppProjects, and of Applications that change theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.argocd.permissions import (
    PermissionChange,
    find_narrowed_permissions,
    find_widened_permissions,
    is_destination_permitted,
    is_repository_permitted,
    normalize_git_url,
)
from generator.diff import applications as argocd
from generator.diff.compare import Manifest, ObjectDifference, find_nested_value, object_key
from generator.diff.context import Danger, EnvironmentContext


def find_project_dangers(difference: ObjectDifference, context: EnvironmentContext) -> Iterator[Danger]:
    """List the dangers of an AppProject that changes or leaves its chart."""
    name, before, after = difference.key.name, difference.before, difference.after
    if before is None:
        return
    if after is None:
        yield from _find_project_deletion(name, before, context)
        return
    users, former = context.users_after.get(name, []), context.users_before.get(name, [])
    for change in find_widened_permissions(before, after):
        if not (_is_needed(change, users) and _follows_its_apps(name, change.field, before, after, context)):
            yield Danger("widens-project", str(change))
    for change in find_narrowed_permissions(before, after):
        kept = change.field == "destinations" and {"project": name, **change.entry} in context.kept_destinations
        was_needed = kept or _is_needed(change, former)
        if not was_needed or _is_needed(change, users):
            yield Danger("narrows-project", str(change))


def _follows_its_apps(name: str, field: str, before: Manifest, after: Manifest, context: EnvironmentContext) -> bool:
    """Whether a project's list changes only because its own apps changed, so that no other app gains.

    Then it gains no more than what no app needs any more; that may stay for a while.
    """
    old, new = (
        {
            context.apps.get(object_key(user), str(find_nested_value(user, "metadata", "name")))
            for user in users.get(name, [])
        }
        for users in (context.users_before, context.users_after)
    )
    others = {user.partition("/")[2] for user in context.other_users.get(name, ())}
    entries = [list(find_nested_value(item, "spec", field) or ()) for item in (before, after)]
    gained = [entry for entry in entries[1] if entry not in entries[0]]
    users = context.users_after.get(name, [])
    unneeded = [entry for entry in entries[0] if not _is_needed(PermissionChange(field, "-", entry), users)]
    return len(old | new | others) == 1 or (old == new and len(gained) <= len(unneeded))


def _find_project_deletion(name: str, before: Manifest, context: EnvironmentContext) -> Iterator[Danger]:
    using = [
        *(str(find_nested_value(user, "metadata", "name")) for user in context.users_after.get(name, [])),
        *context.other_users.get(name, ()),
    ]
    if using:
        yield Danger(
            "deletes-project-in-use",
            f"used by {', '.join(using)}: syncs fail, and the deletion waits until no app uses the project",
        )
        return
    staying = {key.name for key in context.after if key.kind == "Application"}
    names = (str(find_nested_value(user, "metadata", "name")) for user in context.users_before.get(name, []))
    leaving = [each for each in names if each in staying]
    if leaving and "PruneLast=true" not in argocd.read_own_sync_options(before) and argocd.list_finalizers(before):
        yield Danger(
            "deletes-project-in-use",
            f"the sync waits for this deletion before it moves {', '.join(leaving)} to another project, and hangs: "
            "delete the project in a later change",
        )


def find_project_switch(before: Manifest, after: Manifest, context: EnvironmentContext) -> Iterator[Danger]:
    """Compare the permissions of the old and the new project of an Application."""
    names = argocd.read_project_name(before), argocd.read_project_name(after)
    old, new = context.projects_before.get(names[0]), context.projects_after.get(names[1])
    if names[0] == names[1] or old is None or new is None:
        return
    gained = [change for change in find_widened_permissions(old, new) if not _is_needed(change, [after])]
    if gained:
        yield Danger("widens-project", f"project {' → '.join(names)}: {'; '.join(map(str, gained))}")
    denied = [text for text in _list_denied(after, new) if text not in _list_denied(before, old)]
    if denied:
        yield Danger("narrows-project", f"project {' → '.join(names)} does not permit {', '.join(denied)}")


def _is_needed(change: PermissionChange, users: list[Manifest]) -> bool:
    """Whether a permission is exactly what one of the Applications uses."""
    if change.field == "sourceRepos":
        url = normalize_git_url(str(change.entry))
        return any(
            normalize_git_url(str(source.get("repoURL"))) == url
            for user in users
            for source in argocd.list_sources(user)
        )
    if change.field == "destinations" and isinstance(change.entry, Mapping):
        wanted = {name: change.entry.get(name) for name in ("server", "name", "namespace")}
        return any({name: argocd.read_destination(user).get(name) for name in wanted} == wanted for user in users)
    return False


def _list_denied(application: Manifest, project: Manifest) -> list[str]:
    """What an Application uses and its project does not permit."""
    spec = find_nested_value(project, "spec") or {}
    urls = [str(source.get("repoURL")) for source in argocd.list_sources(application)]
    denied = [url for url in urls if not is_repository_permitted(url, spec)]
    place = argocd.read_destination(application)
    return denied if is_destination_permitted(place, spec) else [*denied, f"namespace {place.get('namespace')}"]
