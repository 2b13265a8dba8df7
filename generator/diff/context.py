"""The dangers by name, and what is known of an environment on both sides of a change. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from generator.diff import applications as argocd
from generator.diff.compare import AppsByApplication, Manifest, ObjectsByKey

#: The title of each danger by its machine-readable name, gravest first.
DANGERS = {
    "deletes-workload": "deletes a running workload",
    "orphans-workload": "leaves a workload unmanaged",
    "recreates-workload": "deletes and recreates a workload",
    "deletes-project-in-use": "deletes a project that apps use",
    "may-delete-resources": "may delete what the old source named",
    "narrows-project": "narrows a project: apps may stop syncing",
    "widens-project": "widens a project",
    "follows-branch": "follows a branch",
    "lowers-namespace-limits": "limits what runs in a namespace",
    "grants-namespace-access": "grants access to a namespace",
    "turns-on-automation": "lets Argo CD act by itself",
    "changes-finalizer": "changes what a deletion removes",
}


class Danger(NamedTuple):
    """One danger: its name in `DANGERS`, and its description."""

    name: str
    text: str


@dataclass(frozen=True)
class EnvironmentContext:
    """What else is known of an environment on both sides of a change.

    `before` and `after` are its objects. `pin` is its pin policy; `pinned_before` and `pinned_after` are the apps whose
    pin in its list sets a source, each with the source's location. `retired_before` and `retired_after` are its
    retired apps, `shards` the Applications of its shards, and `apps` the names of the apps by Application.
    `other_users` are the Applications of other environments that use AppProjects of this chart, by project.
    `kept_destinations` are those that projects kept for apps that had left them, each with its `project`.
    """

    before: ObjectsByKey = field(default_factory=dict)
    after: ObjectsByKey = field(default_factory=dict)
    pin: str = "any"
    pinned_before: frozenset[tuple[str, str]] = frozenset()
    pinned_after: frozenset[tuple[str, str]] = frozenset()
    retired_before: frozenset[str] = frozenset()
    retired_after: frozenset[str] = frozenset()
    shards: frozenset[str] = frozenset()
    apps: AppsByApplication = field(default_factory=dict)
    other_users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept_destinations: Sequence[Mapping[str, str]] = ()

    @cached_property
    def users_before(self) -> Mapping[str, list[Manifest]]:
        """The Applications of each project, before the change."""
        return _group_by_project(self.before)

    @cached_property
    def users_after(self) -> Mapping[str, list[Manifest]]:
        """The Applications of each project, after the change."""
        return _group_by_project(self.after)

    @cached_property
    def projects_before(self) -> Mapping[str, Manifest]:
        """The AppProjects by name, before the change."""
        return {key.name: item for key, item in self.before.items() if key.kind == "AppProject"}

    @cached_property
    def projects_after(self) -> Mapping[str, Manifest]:
        """The AppProjects by name, after the change."""
        return {key.name: item for key, item in self.after.items() if key.kind == "AppProject"}


def _group_by_project(objects: ObjectsByKey) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for key, item in objects.items():
        if key.kind == "Application":
            found.setdefault(argocd.read_project_name(item), []).append(item)
    return found
