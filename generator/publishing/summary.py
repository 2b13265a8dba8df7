"""Summarize a chart change: the affected apps and the commit message. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from generator import __version__
from generator.argocd.revisions import shorten_commit
from generator.charts.layout import parse_chart_path, parse_template_path
from generator.charts.values_file import find_differing_keys, split_values
from generator.git.commit_plan import is_workloads_commit, read_trailers
from generator.registry.uniqueness import helm_values_key

if TYPE_CHECKING:
    from generator.charts.change_set import ChangeSet
    from generator.charts.chart_folder import ChartFolder
    from generator.charts.inventory import Inventory
    from generator.git.push import PublishResult
    from generator.promotion.app_edits import RegistryEdit
    from generator.publishing.removal_guard import Removal
    from generator.registry.registry import Registry

REGISTRY_COMMIT_TRAILER = "Registry-Commit: "
APPS_CHANGED_TRAILER, APPS_REMOVED_TRAILER = "Apps-Changed: ", "Apps-Removed: "


@dataclass(frozen=True)
class PublishedPullRequest:
    """A pull request's branch and URL; without a `url`, the `command` that opens it by hand."""

    branch: str
    url: str = ""
    created: bool = False
    command: str = ""


class RevisionMove(NamedTuple):
    """An app whose revision changes in an environment; None before it is added, or after it is removed."""

    environment: str
    app: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        before, after = (shorten_commit(each) if each else "" for each in (self.before, self.after))
        move = f"{before} → {after}" if before and after else f"new, at {after}" if after else f"removed, was {before}"
        return f"{self.environment}/{self.app}: {move}"


def list_revision_moves(before: Registry, after: Registry) -> tuple[RevisionMove, ...]:
    """List the apps that change their revision, or enter or leave an environment, in the order of `after`."""
    names = dict.fromkeys((*after.environments, *before.environments))
    return tuple(
        RevisionMove(name, app, was.get(app), now.get(app))
        for name in names
        for was, now in [(_revisions_in(before, name), _revisions_in(after, name))]
        for app in dict.fromkeys((*now, *was))
        if was.get(app) != now.get(app)
    )


def _revisions_in(registry: Registry, environment: str) -> dict[str, str]:
    listed = registry.list_effective_apps(environment) if environment in registry.environments else ()
    return {app.app: app.revision for app in listed}


@dataclass
class PublishSummary:
    """What the last proposed commit changes. `apps_by_environment` lists the affected apps.

    `registry` is the commit of the edit, where the registry is in another repository than the charts.
    """

    changes: ChangeSet | None = None
    removals: tuple[Removal, ...] = ()
    apps_by_environment: Mapping[str, list[str]] = field(default_factory=dict)
    edit: RegistryEdit | None = None
    pull_request: PublishedPullRequest | None = None
    override_trailers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    moves: tuple[RevisionMove, ...] = ()
    registry: PublishResult | None = None


def find_touched_apps(change: ChangeSet, before: ChartFolder, environment_order: Iterable[str]) -> dict[str, list[str]]:
    """List, by environment, the apps whose Application, template or values change; deleted environments come last."""
    found: dict[str, set[str]] = {}
    for env, app in (
        *_changed_identities(before.inventory, change.inventory),
        *_changed_templates(change),
        *_apps_with_changed_values(change, before),
    ):
        found.setdefault(env, set()).add(app)
    known = [env for env in environment_order if env in found]
    return {env: sorted(found[env]) for env in (*known, *sorted(found.keys() - set(known)))}


def _changed_identities(before: Inventory, after: Inventory) -> Iterator[tuple[str, str]]:
    one, other = before.applications, after.applications
    yield from (_split_app_key(key) for key, identity in one.items() if other.get(key) != identity)
    yield from (_split_app_key(key) for key in other if key not in one)


def _split_app_key(key: str) -> tuple[str, str]:
    env, _, app = key.partition("/")
    return env, app


def _changed_templates(change: ChangeSet) -> Iterator[tuple[str, str]]:
    for path in (*change.added, *change.changed, *change.removed):
        found = parse_template_path(path)
        if found:
            yield found


def _apps_with_changed_values(change: ChangeSet, before: ChartFolder) -> Iterator[tuple[str, str]]:
    """Yield the apps whose entry in a chart's values.yaml changes."""
    keys = before.inventory.applications.keys() | change.inventory.applications.keys()
    for path, data in change.changed.items():
        place = parse_chart_path(path)
        if place is None or place.path != "values.yaml":
            continue
        env, current = place.chart.environment, before.read_files([path]).get(path, b"")
        touched = find_differing_keys(split_values(current).apps, split_values(data).apps)
        apps = (key.removeprefix(f"{env}/") for key in keys if key.startswith(f"{env}/")) if touched else ()
        yield from ((env, app) for app in apps if helm_values_key(app) in touched)


def format_commit_message(summary: PublishSummary, registry_commit: str) -> str:
    """Format the commit message. `parse_registry_commit` is empty if the commit itself contains the registry."""
    edited = summary.edit
    subject = edited.subject if edited and edited.subject else _commit_subject(summary.apps_by_environment)
    trailers = dict.fromkeys((*(edited.trailers if edited else ()), *summary.override_trailers))
    lines = [subject, "", *trailers, f"Generated-By: workloads {__version__}"]
    if registry_commit:
        lines.append(f"{REGISTRY_COMMIT_TRAILER}{registry_commit}")
    changed = [f"{env}/{app}" for env, apps in summary.apps_by_environment.items() for app in apps]
    gone = [removal.key for removal in summary.removals]
    lines += [
        f"{trailer}{_join_names(keys)}"
        for trailer, keys in ((APPS_CHANGED_TRAILER, changed), (APPS_REMOVED_TRAILER, gone))
        if keys
    ]
    return "\n".join(lines) + "\n"


def _commit_subject(apps_by_environment: Mapping[str, list[str]]) -> str:
    names = sorted({name for apps in apps_by_environment.values() for name in apps})
    if not names:
        return "update generated files"
    shown = ", ".join(names) if len(names) <= 3 else f"{len(names)} apps"
    return f"update {shown}: {', '.join(apps_by_environment)}"


def _join_names(keys: list[str], limit: int = 50) -> str:
    return ", ".join(keys[:limit]) + (f" and {len(keys) - limit} more" if len(keys) > limit else "")


def parse_registry_commit(commit_message: str) -> str:
    """Parse the registry commit from the trailer of a workloads commit's message; empty if it has none."""
    trailers = read_trailers(commit_message) if is_workloads_commit(commit_message) else []
    named = [line for line in trailers if line.startswith(REGISTRY_COMMIT_TRAILER)]
    return named[-1][len(REGISTRY_COMMIT_TRAILER) :].strip().removesuffix("-dirty") if named else ""
