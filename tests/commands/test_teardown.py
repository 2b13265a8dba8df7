"""`workloads teardown` against a model of an API server, whose Argo CD acts at every call."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator.cluster import run_teardown
from generator.cluster.kubectl import Kubectl, KubectlError
from generator.errors import NetworkError
from tests.workspace import REGISTRY, ROOT, Run, in_terminal

_FINALIZER = "resources-finalizer.argocd.argoproj.io"


def _application(name: str, parent: str = "", project: str = "", **metadata: Any) -> dict[str, Any]:
    tracking = {"argocd.argoproj.io/tracking-id": f"{parent}:argoproj.io/Application:argocd/{name}"}
    return {
        "metadata": {"name": name, "finalizers": [_FINALIZER], "annotations": tracking if parent else {}, **metadata},
        "spec": {"project": project or name},
    }


def _parent(environment: str, name: str = "") -> dict[str, Any]:
    item = _application(name or f"{environment}-applications", project="default")
    item["spec"]["source"] = {"path": f"multi-repo/argo-app-of-apps/{environment}", "repoURL": "https://example.org/w"}
    item["spec"]["syncPolicy"] = {"automated": {"prune": True, "selfHeal": True}}
    return item


class Cluster:
    """An API server and its Argo CD: a parent that heals itself recreates its Applications, a finalizer cascades.

    After `calls_left` changes, it does not answer.
    """

    def __init__(self) -> None:
        parent, apps = "dev-applications", ("billing", "ledger")
        self.applications = {parent: _parent("dev"), **{name: _application(name, parent) for name in apps}}
        self.projects: dict[str, Any] = {name: {"metadata": {"name": name}, "spec": {}} for name in apps}
        self.namespaces: dict[str, Any] = {name: {"metadata": {"name": name}} for name in (*apps, "other")}
        self.stuck: set[str] = set()
        self.calls: list[tuple[str, ...]] = []
        self.calls_left = 1000
        self.deleted_workloads: list[str] = []
        self._first = copy.deepcopy(self.applications)

    def run(self, kubectl: Kubectl, *args: str) -> str:
        """Do what kubectl does, and what Argo CD then does."""
        words = [arg for arg in args if not arg.startswith("--")]
        if "-n" in words:
            at = words.index("-n")
            del words[at : at + 2]
        verb, kind, *names = words
        objects = {"applications.argoproj.io": self.applications, "appprojects.argoproj.io": self.projects}.get(
            kind, self.namespaces
        )
        if verb == "get":
            return json.dumps({"items": list(objects.values())})
        self.calls.append(args)
        self.calls_left -= 1
        if self.calls_left < 0:
            raise NetworkError("WL5301", "kubectl: i/o timeout")
        if verb == "patch":
            patch, names = json.loads(names[-1]), names[:-2]
        for name in names:
            if verb == "patch":
                _merge(objects[name], patch)
            else:
                objects[name]["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z"
        self._act()
        return ""

    def _act(self) -> None:
        for name in [name for name, item in self.applications.items() if "deletionTimestamp" in item["metadata"]]:
            if name not in self.stuck and self.applications.pop(name)["metadata"].get("finalizers"):
                self.deleted_workloads.append(name)
        used = {item["spec"]["project"] for item in self.applications.values()}
        for objects in (self.projects, self.namespaces):
            for name in [name for name, item in objects.items() if "deletionTimestamp" in item["metadata"]]:
                if objects is self.namespaces or name not in used:
                    del objects[name]
        for name, item in self._first.items():
            parent = self.applications.get(run_teardown._find_tracker(item))
            if parent and run_teardown._is_automated(parent):
                self.applications.setdefault(name, copy.deepcopy(item))


def _merge(into: dict[str, Any], patch: dict[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(Kubectl, "run", lambda self, *args: found.run(self, *args))
    monkeypatch.setattr(run_teardown, "_POLL_SECONDS", 0.0)
    return found


_RUN = ("teardown", "dev", "--run", "--confirm", "dev")


def test_the_printed_steps_are_in_order_and_name_commands_and_checks(workloads: Run, place: Path) -> None:
    done = workloads("teardown", "dev", "--delete-namespaces", "--context", "hub", cwd=place)
    assert done.code == 0
    deleted = [line.split()[3:5] for line in done.out.splitlines() if " delete " in line]
    assert deleted == [
        ["applications.argoproj.io", "dev-applications"],
        ["applications.argoproj.io", "billing"],
        ["appprojects.argoproj.io", "billing"],
        ["namespaces", "billing"],
    ]
    assert done.out.count("   check: kubectl --context=hub get ") == 5


def test_nothing_is_left_and_nothing_else_is_touched(workloads: Run, place: Path, cluster: Cluster) -> None:
    done = workloads(*_RUN, "--delete-namespaces", cwd=place)
    assert (done.code, cluster.applications, cluster.projects) == (0, {}, {})
    assert (list(cluster.namespaces), cluster.deleted_workloads) == (["other"], ["billing", "ledger"])
    assert "3. Delete the Applications and their workloads: billing, ledger" in done.out


@pytest.mark.parametrize("calls", range(7))
def test_a_run_that_was_interrupted_anywhere_continues(
    workloads: Run, place: Path, cluster: Cluster, calls: int
) -> None:
    cluster.calls_left = calls
    assert workloads(*_RUN, "--delete-namespaces", cwd=place).code == (8 if calls < 6 else 0)
    cluster.calls_left = 1000
    assert workloads(*_RUN, "--delete-namespaces", cwd=place).code == 0
    assert (cluster.applications, cluster.projects, list(cluster.namespaces)) == ({}, {}, ["other"])
    assert cluster.deleted_workloads == ["billing", "ledger"]


def test_workloads_and_namespaces_are_kept_on_request(workloads: Run, place: Path, cluster: Cluster) -> None:
    done = workloads(*_RUN, "--keep-workloads", cwd=place)
    assert (done.code, cluster.applications, cluster.deleted_workloads) == (0, {}, [])
    assert list(cluster.namespaces) == ["billing", "ledger", "other"]


def test_the_workload_and_namespace_of_a_retired_app_stay(workloads: Run, place: Path, cluster: Cluster) -> None:
    retired = '[environments.dev.retired]\nledger = "2026-11-28"\n'
    (place / "apps.toml").write_text(REGISTRY.replace("[environments.test]", f"{retired}[environments.test]"))
    done = workloads(*_RUN, "--delete-namespaces", cwd=place)
    assert (done.code, cluster.deleted_workloads, list(cluster.namespaces)) == (0, ["billing"], ["ledger", "other"])


def test_applications_that_the_registry_does_not_list_keep_their_finalizers(
    workloads: Run, place: Path, cluster: Cluster
) -> None:
    cluster.applications["retired-before"] = _application("retired-before", "dev-applications", finalizers=[])
    cluster.applications["foreign"] = _application("foreign", "dev-applications")
    assert workloads(*_RUN, cwd=place).code == 0
    assert (cluster.applications, cluster.deleted_workloads) == ({}, ["foreign", "billing", "ledger"])


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda found: found.applications.update(web=_application("web", "x", "billing")),
         "Applications outside of dev use its projects: web uses billing"),
        (lambda found: found.applications.update(billing=_application("billing", "prod-applications")),
         "Application billing is deployed by Application prod-applications, and not by dev-applications"),
        (lambda found: found.applications.update(billing=_application("billing")),
         "Application billing is deployed by no Application"),
        (lambda found: found.applications["dev-applications"]["spec"]["source"].update(path="prod"),
         "Application dev-applications does not deploy the chart of dev"),
        (lambda found: found.applications["dev-applications"]["metadata"].update(
            ownerReferences=[{"kind": "ApplicationSet", "name": "all"}]),
         "ApplicationSet all would recreate Application dev-applications"),
        (lambda found: found.projects["billing"]["metadata"].update(
            annotations={"argocd.argoproj.io/tracking-id": "hub:argoproj.io/AppProject:argocd/billing"}),
         "AppProject billing is deployed by Application hub"),
    ],
)  # fmt: skip
def test_what_belongs_to_something_else_is_not_deleted(
    workloads: Run, place: Path, cluster: Cluster, change: Callable[[Cluster], object], refusal: str
) -> None:
    change(cluster)
    done = workloads(*_RUN, cwd=place)
    assert (done.code, refusal in done.err, cluster.calls) == (4, True, [])


def test_the_parent_is_found_by_its_source_and_by_name_after_it_is_gone(
    workloads: Run, place: Path, cluster: Cluster
) -> None:
    cluster.applications.clear()
    cluster.applications["root"] = _parent("dev", "root")
    cluster.applications.update({name: _application(name, "root") for name in ("billing", "ledger")})
    cluster.calls_left = 3
    assert workloads(*_RUN, cwd=place).code == 8
    cluster.calls_left = 1000
    refused = workloads(*_RUN, cwd=place)
    assert (refused.code, "if root deployed the chart of dev: --parent root" in refused.err) == (4, True)
    assert workloads(*_RUN, "--parent", "root", cwd=place).code == 0
    assert cluster.applications == {}


def test_a_step_that_does_not_end_says_why(workloads: Run, place: Path, cluster: Cluster) -> None:
    cluster.stuck.add("ledger")
    cluster.applications["ledger"]["status"] = {"conditions": [{"message": "cluster east is not configured"}]}
    done = workloads(*_RUN, "--timeout", "1", cwd=place)
    assert done.code == 6
    assert f"  ledger: cluster east is not configured; finalizers {_FINALIZER}" in done.err


def test_a_guard_in_the_cluster_is_named(
    workloads: Run, place: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kubectl: Kubectl, *args: str) -> str:
        if args[0] == "delete":
            raise KubectlError("WL5301", "kubectl: ValidatingAdmissionPolicy 'workloads-guard-dev' denied request")
        return cluster.run(kubectl, *args)

    monkeypatch.setattr(Kubectl, "run", refuse)
    done = workloads(*_RUN, cwd=place)
    assert (done.code, "hint: delete the guard: workloads guard dev | kubectl delete -f -" in done.err) == (4, True)


def test_the_application_of_the_namespaces_is_deleted_without_them(workloads: Run, place: Path) -> None:
    text = REGISTRY.replace("[teams.payments]", "[teams.payments]\nquota = { pods = 9 }")
    (place / "apps.toml").write_text(text)
    done = workloads("teardown", "dev", cwd=place)
    name = "dev-applications-team-namespaces"
    applications, projects = (
        next(line for line in done.out.splitlines() if f"delete {kind}.argoproj.io" in line)
        for kind in ("applications", "appprojects")
    )
    assert f"dev-applications {name} " in applications
    assert f" {name} " in projects


def test_nothing_is_deleted_without_confirmation(workloads: Run, place: Path, cluster: Cluster) -> None:
    done = workloads("teardown", "dev", "--run", cwd=place)
    assert (done.code, done.last) == (5, "nothing was deleted")
    assert workloads("teardown", "dev", "--run", "--confirm", "prod", cwd=place).code == 2
    assert cluster.calls == []


def test_a_terminal_is_asked_for_the_name(place: Path, tmp_path: Path) -> None:
    (tmp_path / "kubectl").write_text("#!/bin/sh\necho '{\"items\": []}'\n")
    (tmp_path / "kubectl").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    shown = in_terminal("teardown", "dev", "--run", cwd=place, columns=200, typed="de\n", code=5, PATH=path)
    assert "Type dev to delete it" in shown
    shown = in_terminal("teardown", "dev", "--run", cwd=place, columns=200, typed="dev\n", PATH=path)
    assert "4. Delete the projects: nothing to do" in shown


def test_apps_that_are_handed_over_are_not_deleted(workloads: Run, place: Path, cluster: Cluster) -> None:
    (place / "apps.toml").write_text(
        REGISTRY.replace("createProjects = true", "createProjects = true\nhandOver = true")
    )
    done = workloads(*_RUN, cwd=place)
    assert (done.code, "dev hands apps over" in done.err, cluster.calls) == (4, True, [])


def test_an_environment_whose_projects_others_use_is_to_go_last(workloads: Run, place: Path) -> None:
    text = REGISTRY.replace('promotesFrom = ["dev"]', 'promotesFrom = ["dev"]\nargocd = "hub"\nnameSuffix = "-test"')
    (place / "apps.toml").write_text(text.replace("createProjects = true", 'createProjects = true\nargocd = "hub"'))
    done = workloads("teardown", "dev", cwd=place)
    assert "warning: tear down dev last: its chart creates project billing, which test uses too" in done.err
    assert "namespace billing: test uses it" in done.out


def test_the_page_shows_real_output(workloads: Run, place: Path, cluster: Cluster) -> None:
    page = (ROOT / "docs" / "clean-up.md").read_text()
    blocks = re.findall(r"```console\n\$ workloads (.*)\n([^`]*)```", page)
    assert len(blocks) == 3
    for command, shown in blocks:
        done = workloads(*command.split(), cwd=place)
        assert done.out + done.err == shown


def test_an_error_of_kubectl_names_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "kubectl"
    log = "E1128 11:14:04.120345 1 memcache.go:265] denied"
    program.write_text(f"#!/bin/sh\necho '{log}' >&2\necho denied >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(KubectlError, match=r"^kubectl get: denied$"):
        Kubectl().list_objects("pods", "argocd")
