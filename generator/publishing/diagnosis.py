"""Check what the other commands need here: Git, Helm, the registry, the checkout, and access to the repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from generator.argocd.versions import unknown_version_problem
from generator.artifacts.artifact_versions import AppRemotes
from generator.errors import GeneratorError
from generator.git.checkout import Checkout, missing_checkout_remedy
from generator.git.config import GitConfig
from generator.git.runner import GitRunner
from generator.git.working_branch import WorkingBranch, read_working_branch
from generator.helm.engine import render_chart
from generator.registry.registry import Registry
from generator.registry.version_sources import VersionSource, list_version_sources
from generator.working_registry import WorkingRegistry


class DiagnosisResult(NamedTuple):
    """The result of one check: `level` is ok, warning or error; `hint` says how to fix it."""

    level: str
    subject: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.subject}: {self.text}"


def diagnose(working: WorkingRegistry, *, offline: bool) -> Iterator[DiagnosisResult]:
    """Yield the result of each check, those that others depend on first; with `offline`, no remote is queried."""
    yield _try_check(
        "git", lambda: DiagnosisResult("ok", "git", GitRunner(Path("/")).check_output("version").decode().strip())
    )
    yield _try_check("helm", _diagnose_helm)
    registry = None
    try:
        registry = working.read()
        yield DiagnosisResult(
            "ok", "registry", f"{working.path}: {len(registry.apps)} apps in {len(registry.environments)} environments"
        )
    except GeneratorError as error:
        yield DiagnosisResult("error", "registry", error.message, error.remedy or "run workloads check")
    checkout = working.checkout
    if checkout is None:
        text = f"{working.path.parent} is not in a Git repository"
        yield DiagnosisResult("warning", "checkout", text, missing_checkout_remedy())
    else:
        try:
            yield from _diagnose_checkout(checkout, registry.workloads.branch if registry else "main")
        except GeneratorError as error:
            yield DiagnosisResult("error", "checkout", error.message, error.remedy or "run git fsck there")
        yield from _diagnose_working_branch(checkout.top, registry)
    if registry is not None:
        yield _diagnose_argocd_version(registry)
        if not offline:
            yield from _diagnose_remotes(checkout, registry)


def _try_check(subject: str, check: Callable[[], DiagnosisResult]) -> DiagnosisResult:
    try:
        return check()
    except GeneratorError as error:
        return DiagnosisResult("error", subject, error.message, error.remedy)


def _diagnose_helm() -> DiagnosisResult:
    render_chart({"Chart.yaml": b"apiVersion: v2\nname: doctor\nversion: 0.1.0\n"})
    return DiagnosisResult("ok", "helm", "the Helm engine renders charts")


def _diagnose_checkout(checkout: Checkout, branch: str) -> Iterator[DiagnosisResult]:
    if checkout.is_shallow():
        hint = "git fetch --unshallow"
        yield DiagnosisResult(
            "warning", "checkout", "its history is cut off, so soak times and history are incomplete", hint
        )
    fetched = checkout.resolve_commit(f"refs/remotes/origin/{branch}")
    if fetched is None:
        yield DiagnosisResult(
            "warning", "checkout", f"the workloads branch {branch} was never fetched", "git fetch origin"
        )
    elif behind := checkout.describe_missing_commits(branch):
        yield DiagnosisResult("warning", "checkout", behind, "git pull")
    else:
        yield DiagnosisResult("ok", "checkout", f"up to date with origin/{branch} as it was last fetched")


def _diagnose_working_branch(top: Path, registry: Registry | None) -> Iterator[DiagnosisResult]:
    try:
        state = read_working_branch(top)
    except GeneratorError as error:
        yield DiagnosisResult("error", "branch", error.message, error.remedy)
        return
    yield _describe_branch(state)
    if "origin" not in state.remotes and not (registry and registry.workloads.repository):
        others = f" (only {', '.join(state.remotes)})" if state.remotes else ""
        hint = "run git remote add origin URL, or set workloads.repository in the registry"
        yield DiagnosisResult("warning", "remote", f"there is no remote origin to publish to{others}", hint)


def _describe_branch(state: WorkingBranch) -> DiagnosisResult:
    changes = "with uncommitted changes" if state.has_changes else "without uncommitted changes"
    if state.branch is None:
        hint = "before you commit, run git switch BRANCH"
        return DiagnosisResult("warning", "branch", f"no branch is checked out (HEAD is detached), {changes}", hint)
    upstream = f"which tracks {state.upstream}" if state.upstream else "which tracks no remote branch"
    return DiagnosisResult("ok", "branch", f"on {state.branch}, {upstream}, {changes}")


def _diagnose_argocd_version(registry: Registry) -> DiagnosisResult:
    versions = dict.fromkeys(env.argocd_settings.version for env in registry.environments.values())
    for problem in filter(None, map(unknown_version_problem, versions)):
        text, _, hint = problem.partition(": ")
        return DiagnosisResult("warning", "argocd", text, hint)
    return DiagnosisResult(
        "ok", "argocd", f"charts are for Argo CD {' and '.join(versions) or registry.argocd.version}"
    )


def _diagnose_remotes(checkout: Checkout | None, registry: Registry) -> Iterator[DiagnosisResult]:
    remotes = AppRemotes(lambda: checkout.git_config if checkout else GitConfig())
    workloads = registry.workloads.repository or (checkout.origin_url() if checkout else None)
    wanted = {VersionSource("git", workloads): "workloads repository"} if workloads else {}
    for env in registry.environments:
        for app in registry.list_effective_apps(env):
            wanted.update({source: f"app {app.app}" for source in list_version_sources(app) if source not in wanted})
    remotes.prefetch_refs(source.location for source in wanted if source.kind == "git")
    remotes.prefetch_versions(source for source in wanted if source.kind != "git")
    unreadable = 0
    for source, user in wanted.items():
        try:
            _ = remotes.read_refs(source.location) if source.kind == "git" else remotes.read_versions(source)
        except GeneratorError as error:
            unreadable += 1
            # Argo CD has credentials of its own for charts and images.
            level = "error" if source.kind == "git" else "warning"
            yield DiagnosisResult(level, "access", f"{user}: {error.message}", error.remedy)
    if not unreadable:
        yield DiagnosisResult("ok", "access", f"{len(wanted)} repositories can be read")
