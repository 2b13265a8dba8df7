"""Tear down an environment in a live cluster, step by step; each step is verified, and one that is done is skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from generator.argocd.urls import is_same_repository
from generator.charts.layout import Chart
from generator.cluster.kubectl import Kubectl, KubectlError, KubernetesObject
from generator.cluster.teardown import (
    APPLICATIONS,
    PROJECTS,
    WITHOUT_WORKLOAD,
    TeardownChoices,
    TeardownPlan,
    TeardownStep,
    plan_teardown,
)
from generator.errors import ConflictError, RefusedError
from generator.registry.registry import Registry

_TERMINATE = '{"status":{"operationState":{"phase":"Terminating"}}}'
_POLL_SECONDS = 1.0
_TRACKING_ID, _TRACKING_LABEL = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"
_Objects = Mapping[str, KubernetesObject]


def prepare_teardown(registry: Registry, environment: str, choices: TeardownChoices, kubectl: Kubectl) -> TeardownPlan:
    """Plan the teardown of what a cluster has of an environment.

    Raises RefusedError if its objects belong to something else, or if others use its projects or would recreate it.
    """
    namespace, project_namespace = registry.environments[environment].argocd_settings.namespaces
    live = kubectl.list_objects(APPLICATIONS, namespace)
    found = choices.parent or next(iter(_find_parents(registry, environment, live)), "")
    plan = plan_teardown(registry, environment, choices._replace(parent=found))
    others = [name for name, item in live.items() if _find_tracker(item) in plan.parents]
    others = sorted({*others} - {*plan.parents, *plan.applications})
    plan = _add_unlisted(plan, others, keep_workloads=choices.keep_workloads)
    _refuse_foreign_parent(registry, plan, live)
    _refuse_foreign_objects(plan, live, kubectl.list_objects(PROJECTS, project_namespace))
    _refuse_other_users(plan, live)
    return plan


def _find_parents(registry: Registry, environment: str, live: _Objects) -> Iterator[str]:
    """Yield the Applications that deploy the chart of an environment."""
    repository = registry.workloads.repository
    for name, item in live.items():
        source = item["spec"].get("source") or {}
        parts = str(source.get("path", "")).strip("/").split("/")
        if "/".join(parts[-2:]) == Chart(environment).folder and (
            repository is None or is_same_repository(source.get("repoURL", ""), repository)
        ):
            yield name


def _find_tracker(item: KubernetesObject) -> str:
    """The Application that deploys an object, as Argo CD notes it; empty for none."""
    metadata = item["metadata"]
    tracker, colon, _ = str((metadata.get("annotations") or {}).get(_TRACKING_ID, "")).partition(":")
    return tracker if colon else str((metadata.get("labels") or {}).get(_TRACKING_LABEL, ""))


def _add_unlisted(plan: TeardownPlan, names: list[str], *, keep_workloads: bool) -> TeardownPlan:
    """Add Applications that the chart deploys and the registry does not list; they keep the finalizers they have."""
    if not names:
        return plan
    title = "Delete Applications of the chart that apps.toml does not list"
    patch = WITHOUT_WORKLOAD if keep_workloads else None
    step = TeardownStep(title, APPLICATIONS, plan.argocd_namespaces[0], tuple(names), patch)
    return replace(plan, applications=(*plan.applications, *names), steps=(*plan.steps[:2], step, *plan.steps[2:]))


def _refuse_foreign_parent(registry: Registry, plan: TeardownPlan, live: _Objects) -> None:
    parent = plan.parents[0]
    if parent not in live:
        return
    if parent not in _find_parents(registry, plan.environment, live):
        raise RefusedError(
            "WL4201",
            f"Application {parent} does not deploy the chart of {plan.environment}",
            remedy="check --context and --parent",
        )
    owners = [f"{owner['kind']} {owner['name']}" for owner in live[parent]["metadata"].get("ownerReferences") or ()]
    tracker = _find_tracker(live[parent])
    if tracker in live and _is_automated(live[tracker]):
        owners.append(f"Application {tracker}")
    if owners:
        raise RefusedError(
            "WL4202",
            f"{owners[0]} would recreate Application {parent}",
            remedy=f"remove {parent} from it first, without deleting what {parent} deploys",
        )


def _refuse_foreign_objects(plan: TeardownPlan, live: _Objects, projects: _Objects) -> None:
    """Raise RefusedError if another Application, or none, deploys what would be deleted."""
    expected = [("Application", name, live[name]) for name in plan.applications if name in live]
    expected += [("AppProject", name, projects[name]) for name in plan.projects if name in projects]
    for kind, name, item in expected:
        tracker = _find_tracker(item)
        if tracker not in plan.parents and (kind == "Application" or tracker):
            by = f"Application {tracker}" if tracker else "no Application"
            raise RefusedError(
                "WL4201",
                f"{kind} {name} is deployed by {by}, and not by {plan.parents[0]}",
                remedy=f"check --context; if {tracker} deployed the chart of {plan.environment}: --parent {tracker}"
                if tracker
                else "check --context; if it belongs to this environment, delete it by hand",
            )


def _refuse_other_users(plan: TeardownPlan, live: _Objects) -> None:
    own = {*plan.parents, *plan.applications}
    users = [f"{name} uses {item['spec'].get('project')}" for name, item in live.items()
             if name not in own and item["spec"].get("project") in plan.projects]  # fmt: skip
    if users:
        more = f", and {len(users) - 3} more" if len(users) > 3 else ""
        raise RefusedError(
            "WL4203",
            f"Applications outside of {plan.environment} use its projects: {', '.join(sorted(users)[:3])}{more}",
            remedy="tear down their environments first, or have another environment create the projects",
        )


def _is_automated(item: KubernetesObject) -> bool:
    automated = (item["spec"].get("syncPolicy") or {}).get("automated")
    return automated is not None and automated.get("enabled") is not False


def _phase(item: KubernetesObject) -> str:
    return str(((item.get("status") or {}).get("operationState") or {}).get("phase", ""))


class TeardownRun:
    """Performs a plan. `report` gets a line for each step; `seconds` is how long one may take."""

    def __init__(self, plan: TeardownPlan, kubectl: Kubectl, report: Callable[[str], None], seconds: float) -> None:
        self._plan = plan
        self._kubectl = kubectl
        self._report = report
        self._seconds = seconds

    def perform(self) -> None:
        """Perform every step, and verify in the end that nothing came back. Raises ConflictError."""
        for number, step in enumerate(self._plan.steps, 1):
            done = self._perform_step(step)
            self._report(f"{number}. {step.title}: {', '.join(done) if done else 'nothing to do'}")
        for step in self._plan.steps:
            if step.deletes and (left := sorted(self._list_present(step))):
                raise ConflictError(
                    "WL4202",
                    f"{', '.join(left)} came back: something else creates it",
                    remedy="find out what (see metadata.managedFields), stop that, and run this again",
                )

    def _list_present(self, step: TeardownStep) -> dict[str, KubernetesObject]:
        live = self._kubectl.list_objects(step.kind, step.namespace)
        return {name: live[name] for name in step.names if name in live}

    def _perform_step(self, step: TeardownStep) -> list[str]:
        """Perform a step on what is still there, wait until it is done, and return the names."""
        present = self._list_present(step)
        going = {name for name, item in present.items() if "deletionTimestamp" in item["metadata"]}
        pending = list(present) if step.deletes else [name for name, item in present.items() if _is_automated(item)]
        # An object that is being deleted takes no new finalizer, but may lose those it has.
        patched = [
            name
            for name in pending
            if (name not in going or step.patch is WITHOUT_WORKLOAD) and _needs_patch(present[name], step.patch)
        ]
        self._run(step.list_patches(patched))
        self._run(
            step.list_deletions([name for name in pending if name not in going], "--wait=false", "--ignore-not-found")
        )
        self._wait(step)
        return pending

    def _run(self, commands: Iterable[tuple[str, ...]]) -> None:
        for args in commands:
            try:
                self._kubectl.run(*args)
            except KubectlError as error:
                name = self._plan.environment
                if f"'workloads-guard-{name}'" not in error.message:
                    raise
                remedy = f"delete the guard: workloads guard {name} | kubectl delete -f -"
                raise RefusedError("WL4207", error.message, remedy=remedy) from None

    def _wait(self, step: TeardownStep) -> None:
        until = time.monotonic() + self._seconds
        while left := self._list_unfinished(step):
            if time.monotonic() > until:
                raise ConflictError(
                    "WL4204",
                    f"after {self._seconds:.0f} seconds, this step is not done: {step.title}\n"
                    + "\n".join(f"  {name}: {_describe(item)}" for name, item in sorted(left.items())),
                    remedy="see why, and run this again: it continues from here",
                )
            time.sleep(_POLL_SECONDS)

    def _list_unfinished(self, step: TeardownStep) -> dict[str, KubernetesObject]:
        present = self._list_present(step)
        if step.deletes:
            return present
        running = {name: item for name, item in present.items() if _phase(item) in ("Running", "Terminating")}
        for name, item in running.items():
            if _phase(item) == "Running":
                self._kubectl.run("patch", step.kind, name, "-n", step.namespace, "--type=merge", "-p", _TERMINATE)
        return {**running, **{name: item for name, item in present.items() if _is_automated(item)}}


def _needs_patch(item: KubernetesObject, patch: Mapping[str, Any] | None) -> bool:
    """Whether a patch of finalizers changes anything; a patch of anything else does."""
    if patch is None or "metadata" not in patch:
        return True
    return bool((item["metadata"].get("finalizers") or None) != patch["metadata"]["finalizers"])


def _describe(item: KubernetesObject) -> str:
    """Why an object is still there, as it says itself."""
    status: Mapping[str, Any] = item.get("status") or {}
    texts = [str(condition.get("message", "")) for condition in status.get("conditions") or ()]
    finalizers = ", ".join(item["metadata"].get("finalizers") or ())
    return "; ".join(filter(None, [*texts, f"finalizers {finalizers}" if finalizers else _phase(item)])) or "is there"
