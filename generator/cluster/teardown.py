"""Plan how to delete an environment from its Argo CD, in the order in which nothing comes back or stays behind. Pure.

A parent that heals itself recreates its Applications: it stops, and goes first, alone. An AppProject goes after the
last Application that uses it, and a namespace after what runs in it.
"""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.charts.app_projects import APPLICATION_WAVE, FINALIZER
from generator.errors import RefusedError
from generator.registry.grants import is_reserved_namespace, reserved_namespaces
from generator.registry.shards import (
    bootstrap_name,
    find_app_shard,
    root_project_name,
    shard_application_name,
    team_namespaces_name,
)
from generator.registry.team_namespaces import list_team_namespaces
from generator.registry.uniqueness import app_destination

if TYPE_CHECKING:
    from generator.registry.effective import EffectiveApp
    from generator.registry.registry import Environment, Registry

APPLICATIONS, PROJECTS, NAMESPACES = "applications.argoproj.io", "appprojects.argoproj.io", "namespaces"
_STOP: Mapping[str, Any] = {"spec": {"syncPolicy": {"automated": None}}}
WITHOUT_WORKLOAD: Mapping[str, Any] = {"metadata": {"finalizers": None}}
WITH_WORKLOAD: Mapping[str, Any] = {"metadata": {"finalizers": [FINALIZER]}}
_STOP_TITLE = "Stop the automated sync of the Application that deploys the chart, so that nothing comes back"
_PARENTS_TITLE = "Delete that Application, and not what it deploys"
#: Names in one printed or executed command.
_NAMES_PER_COMMAND = 50


@dataclass(frozen=True)
class TeardownStep:
    """Objects of one kind that are patched, and then deleted unless the step only stops their automated sync."""

    title: str
    kind: str
    namespace: str
    names: tuple[str, ...]
    patch: Mapping[str, Any] | None = None
    deletes: bool = True

    def list_patches(self, names: Iterable[str]) -> Iterator[tuple[str, ...]]:
        """The arguments of the kubectl commands that patch these objects."""
        if self.patch is not None:
            text = json.dumps(self.patch, separators=(",", ":"))
            yield from (("patch", *each, "--type=merge", "-p", text) for each in self._select(names))

    def list_deletions(self, names: Iterable[str], *options: str) -> Iterator[tuple[str, ...]]:
        """The arguments of the kubectl commands that delete these objects."""
        if self.deletes:
            yield from (("delete", *each, *options) for each in self._select(names))

    def _select(self, names: Iterable[str]) -> Iterator[tuple[str, ...]]:
        where, every = (("-n", self.namespace) if self.namespace else ()), list(names)
        for start in range(0, len(every), _NAMES_PER_COMMAND):
            yield (self.kind, *every[start : start + _NAMES_PER_COMMAND], *where)

    @property
    def check(self) -> tuple[str, ...]:
        """The arguments of the kubectl command that shows whether the step is done."""
        columns = "NAME:.metadata.name,AUTOMATED:.spec.syncPolicy.automated,OPERATION:.status.operationState.phase"
        form = () if self.deletes else ("-o", f"custom-columns={columns}")
        few = self.names if len(self.names) <= _NAMES_PER_COMMAND else ()
        where = ("-n", self.namespace) if self.namespace else ()
        return ("get", self.kind, *few, *where, "--ignore-not-found", *form)

    @property
    def expected(self) -> str:
        """What the check prints once the step is done."""
        if not self.deletes:
            return "AUTOMATED is <none>, and OPERATION is not Running"
        return "prints nothing" if len(self.names) <= _NAMES_PER_COMMAND else "prints none of them"


@dataclass(frozen=True)
class TeardownPlan:
    """The steps for an environment, and what they leave behind.

    `parents` are the Applications that deploy the environment's chart and those of its shards; `applications` are
    those of its apps, `projects` the AppProjects of its charts. `used_elsewhere` are other environments by project.
    """

    environment: str
    argocd_namespaces: tuple[str, str]
    parents: tuple[str, ...]
    applications: tuple[str, ...]
    projects: tuple[str, ...]
    steps: tuple[TeardownStep, ...]
    used_elsewhere: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


class TeardownChoices(NamedTuple):
    """What the user chooses. `parent` is the Application that deploys the environment's chart, if its name is known."""

    keep_workloads: bool = False
    delete_namespaces: bool = False
    parent: str = ""


def plan_teardown(registry: Registry, environment: str, choices: TeardownChoices) -> TeardownPlan:
    """Plan the teardown of an environment. Raises RefusedError while it hands apps over to other charts."""
    env, apps = registry.environments[environment], registry.list_effective_apps(environment)
    if any(env.hands_over(app.app) for app in apps):
        raise RefusedError(
            "WL4205",
            f"{environment} hands apps over to another chart (handOver)",
            remedy="finish that first: publish the next step, and let Argo CD sync it",
        )
    namespace, project_namespace = env.argocd_settings.namespaces
    own = choices.parent or bootstrap_name(environment)
    shards = sorted({find_app_shard(env, app.team, app.project) for app in apps} - {""})
    below = [shard_application_name(environment, shard) for shard in shards]
    made = {bootstrap_name(environment), root_project_name(environment)}
    if environment in list_team_namespaces(registry):
        below.append(team_namespaces_name(environment))
        made.add(team_namespaces_name(environment))
    parents = (own, *below)
    projects = tuple(sorted({app.project for app in apps if env.creates_project(app)} | made))
    namespaces, notes = _list_namespaces(registry, env, apps)
    others = sorted({app.project for app in apps} - {*projects, "default"})
    notes += [f"project {name}: its chart does not create it" for name in others]
    steps = [
        TeardownStep(_STOP_TITLE, APPLICATIONS, namespace, parents, _STOP, deletes=False),
        TeardownStep(_PARENTS_TITLE, APPLICATIONS, namespace, parents, WITHOUT_WORKLOAD),
        *_plan_applications(env, apps, keep_workloads=choices.keep_workloads),
        TeardownStep("Delete the projects", PROJECTS, project_namespace, projects),
    ]
    if namespaces and choices.delete_namespaces:
        title = "Delete the namespaces, with everything in them"
        steps.append(TeardownStep(title, NAMESPACES, "", tuple(namespaces)))
    elif namespaces:
        notes += [f"namespace {name}: --delete-namespaces deletes it" for name in namespaces]
    return TeardownPlan(
        environment,
        (namespace, project_namespace),
        parents,
        tuple(app.application for app in apps),
        projects,
        tuple(steps),
        _find_other_users(registry, env, projects),
        tuple(notes),
    )


def _plan_applications(
    env: Environment, apps: Iterable[EffectiveApp], *, keep_workloads: bool
) -> Iterator[TeardownStep]:
    """Yield the steps that delete the Applications: the latest sync wave first, as Argo CD itself does."""
    by_wave: dict[int, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_wave[int(app.fields.get("syncWave", APPLICATION_WAVE))].append(app)
    namespace = env.argocd_settings.namespaces[0]
    for wave in sorted(by_wave, reverse=True):
        of_wave = f" of sync wave {wave}" if len(by_wave) > 1 else ""
        kept = tuple(app.application for app in by_wave[wave] if keep_workloads or app.app in env.retired)
        deleted = tuple(app.application for app in by_wave[wave] if app.application not in kept)
        if deleted:
            title = f"Delete the Applications{of_wave} and their workloads"
            yield TeardownStep(title, APPLICATIONS, namespace, deleted, WITH_WORKLOAD)
        if kept:
            which = "" if keep_workloads else "retired "
            title = f"Delete the {which}Applications{of_wave}, and keep their workloads"
            yield TeardownStep(title, APPLICATIONS, namespace, kept, WITHOUT_WORKLOAD)


def _find_other_users(registry: Registry, env: Environment, projects: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The other environments of the same Argo CD whose apps use projects of this one, by project."""
    users: dict[str, dict[str, None]] = defaultdict(dict)
    for other in registry.environments.values():
        if other.argocd == env.argocd and other is not env:
            for app in registry.list_effective_apps(other.name):
                users[app.project][other.name] = None
    return {project: tuple(users[project]) for project in projects if project in users}


def _list_namespaces(registry: Registry, env: Environment, apps: Iterable[EffectiveApp]) -> tuple[list[str], list[str]]:
    """The namespaces in Argo CD's own cluster that nothing else needs, and why each other one stays."""
    found, notes = [], []
    reserved, needed = reserved_namespaces(registry.argocd), _list_needed_namespaces(registry, env)
    for namespace, cluster in sorted({(app.namespace, app_destination(app, env)) for app in apps}):
        if namespace == "default" or is_reserved_namespace(namespace, reserved):
            notes.append(f"namespace {namespace}: it is reserved")
        elif (namespace, cluster) in needed:
            notes.append(f"namespace {namespace}: {needed[namespace, cluster]}")
        elif cluster != env.argocd_destination:
            notes.append(f"namespace {namespace}: it is in cluster {cluster[1]}; delete it there")
        else:
            found.append(namespace)
    return found, notes


def _list_needed_namespaces(registry: Registry, env: Environment) -> dict[tuple[str, tuple[str, str]], str]:
    """Why a namespace in a cluster is needed: for workloads of other environments, and of retired apps."""
    needed = {}
    for other in registry.environments.values():
        same_clusters = other.argocd == env.argocd
        for app in registry.list_effective_apps(other.name):
            at = app.namespace, app_destination(app, other)
            if other is env and app.app in env.retired:
                needed[at] = f"the workload of {app.app} stays there, which is retired"
            elif other is not env and (same_clusters or IN_CLUSTER_SERVER not in at[1]):
                needed[at] = f"{other.name} uses it"
    return needed


def format_plan(plan: TeardownPlan, start: tuple[str, ...]) -> Iterator[str]:
    """The plan as text: each step with its commands and its check. `start` is that of every kubectl command."""
    for number, step in enumerate(plan.steps, 1):
        yield f"{number}. {step.title}:"
        for args in (*step.list_patches(step.names), *step.list_deletions(step.names)):
            yield f"   {shlex.join([*start, *args])}"
        yield f"   check: {shlex.join([*start, *step.check])}"
        yield f"          {step.expected}"
    if plan.notes:
        yield "These stay:"
        yield from (f"   {note}" for note in plan.notes)
