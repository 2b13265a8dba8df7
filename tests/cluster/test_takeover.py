"""The steps of `workloads import --plan`, on a live Argo CD: nothing is deleted, also if they end after any of them.

Run it as tests/cluster/test_argocd.py says.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.argocd import IN_CLUSTER, NAMESPACE, repository
from tests.cluster.live_registry import Clusters
from tests.git.remotes import Web, git, web_serving
from tests.workspace import environment, isolate, spawn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_REFRESH = '{"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}'
_STEP = re.compile(r"(?m)^(\d+)\. (.*):\n((?:   .*\n?)*)")
_COUNT = 20
#: Every fifth Application syncs by hand, and never did.
_MANUAL = _COUNT // 5
_CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: workload\nversion: 0.1.0\n",
    "chart/templates/workload.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: '{{ .Release.Name }}' }\ndata: { a: b }\n"
    ),
}


class OldAppOfApps:
    """Twenty Applications and two AppProjects that an app of apps made by hand deploys; names begin with `prefix`."""

    def __init__(self, clusters: Clusters, folder: Path, url: str, prefix: str) -> None:
        self.clusters, self.folder, self.url, self.prefix = clusters, folder, url, prefix
        self.work = folder / "registry"
        self.root = f"{prefix}-old"

    def start(self) -> None:
        repository(self.folder / "apps.git", _CHART)
        objects = [*self._projects(), *(self._application(number) for number in range(_COUNT))]
        files = {f"apps/{index}.json": json.dumps(item) for index, item in enumerate(objects)}
        repository(self.folder / "old.git", files)
        repository(self.folder / "workloads.git", {})
        self.clusters.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.prefix}})
        source = {"repoURL": f"{self.url}/old.git", "targetRevision": "main", "path": "apps"}
        spec: dict[str, Any] = {"project": "default", "source": source, **_HERE}
        self.clusters.apply(self._manifest("Application", self.root, spec))
        self.wait(lambda found: _count_synced(found) == _COUNT - _MANUAL + 1)

    def _projects(self) -> Iterator[dict[str, Any]]:
        for color in ("red", "blue"):
            permitted: dict[str, Any] = {"sourceRepos": [f"{self.url}/apps.git"]}
            permitted |= {"destinations": [{"server": IN_CLUSTER, "namespace": self.prefix}]}
            yield self._manifest("AppProject", f"{self.prefix}-{color}", permitted)

    def _application(self, number: int) -> dict[str, Any]:
        automated = {"prune": number % 2 == 0, "selfHeal": number % 3 == 0}
        spec = {
            "project": f"{self.prefix}-{'red' if number % 2 else 'blue'}",
            "source": {"repoURL": f"{self.url}/apps.git", "targetRevision": "main", "path": "chart"},
            "destination": {"server": IN_CLUSTER, "namespace": self.prefix},
            "syncPolicy": {} if number % 5 == 4 else {"automated": automated},
        }
        return self._manifest("Application", f"{self.prefix}-{number:02}", spec, number % 4 < 2)

    def _manifest(self, kind: str, name: str, spec: dict[str, Any], finalizer: bool = True) -> dict[str, Any]:
        finalizers = {"finalizers": [_FINALIZER]} if finalizer and kind == "Application" else {}
        metadata = {"name": name, "namespace": NAMESPACE, **finalizers}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    def own(self, kind: str, namespace: str = NAMESPACE) -> dict[str, dict[str, Any]]:
        items = self.clusters.items(kind, "-n", namespace)
        return {item["metadata"]["name"]: item for item in items if item["metadata"]["name"].startswith(self.prefix)}

    def identities(self) -> dict[str, str]:
        """The identity of every Application, AppProject and workload, without the parents."""
        found = {}
        for kind in ("applications.argoproj.io", "appprojects.argoproj.io", "configmaps"):
            for name, item in self.own(kind, self.prefix if kind == "configmaps" else NAMESPACE).items():
                if name != self.root and "dev-" not in name:
                    found[f"{kind}/{name}"] = item["metadata"]["uid"]
        return found

    def wait(self, is_so: Any, seconds: float = 240) -> None:
        until = time.monotonic() + seconds
        while True:
            items = self.clusters.items("applications.argoproj.io", "-n", NAMESPACE)
            found = {item["metadata"]["name"]: item.get("status", {}).get("sync", {}).get("status") for item in items}
            if is_so({name: state for name, state in found.items() if self.prefix in name}):
                return
            assert time.monotonic() < until, {name: state for name, state in found.items() if state != "Synced"}
            time.sleep(3)

    def dump(self) -> dict[str, Any]:
        kinds = ("applications.argoproj.io", "appprojects.argoproj.io")
        return {
            "apiVersion": "v1",
            "kind": "List",
            "items": [item for kind in kinds for item in self.own(kind).values()],
        }

    def shell(self, command: str) -> str:
        """Run a command of the plan, in which `workloads` is this one."""
        workloads = f'workloads() {{ "{sys.executable}" -m generator "$@"; }}\n'
        env = environment() | {"KUBECONFIG": self.clusters.kubeconfigs[""], "PATH": os.environ["PATH"]}
        done = subprocess.run(
            ["bash", "-c", workloads + command], cwd=self.work, env=env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() + (f"\n{done.stderr}" if done.returncode and done.stderr else "")

    def stop(self) -> None:
        for kind in ("applications.argoproj.io", "appprojects.argoproj.io"):
            for name in [name for name in self._all_names(kind) if self.prefix in name]:
                patch = ("-n", NAMESPACE, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
                self.clusters.kubectl("patch", kind, name, *patch, check=False)
                self.clusters.kubectl("delete", kind, name, "-n", NAMESPACE, "--wait=false", check=False)
        self.clusters.kubectl("delete", "namespace", self.prefix, "--wait=false", check=False)

    def _all_names(self, kind: str) -> list[str]:
        return [item["metadata"]["name"] for item in self.clusters.items(kind, "-n", NAMESPACE)]


_HERE = {
    "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
    "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
}


def _count_synced(found: dict[str, str | None]) -> int:
    return sum(state == "Synced" for state in found.values())


@pytest.fixture
def old(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OldAppOfApps]:
    host = os.environ.get("WORKLOADS_TEST_ARGOCD")
    if not host:
        pytest.skip("no Argo CD: WORKLOADS_TEST_ARGOCD names no address under which it reaches this machine")
    isolate(tmp_path / "home", monkeypatch)
    clusters = Clusters.from_environment(cluster.kube_config_path)
    (tmp_path / "repositories").mkdir()
    with web_serving(Web(), tmp_path / "repositories", host) as url:
        found = OldAppOfApps(clusters, tmp_path / "repositories", url, f"t{secrets.token_hex(3)}")
        try:
            found.start()
            yield found
        finally:
            found.stop()


def read_steps(plan: str) -> list[tuple[str, list[str], str, str]]:
    """The steps of a printed plan: title, commands, check, and what that prints."""
    steps = []
    for _, title, body in _STEP.findall(plan):
        lines = [line.strip() for line in body.splitlines()]
        at = next(index for index, line in enumerate(lines) if line.startswith("check: "))
        commands = [line for line in lines[:at] if not line.startswith("or: ")]
        expected = lines[at + 1].removeprefix("prints ").replace("nothing", "")
        steps.append((title, commands, lines[at].removeprefix("check: "), expected))
    return steps


def test_every_application_changes_its_parent_and_nothing_is_deleted(old: OldAppOfApps) -> None:
    env = f"{old.prefix}-dev"
    git(old.folder, "clone", "-q", f"{old.url}/workloads.git", str(old.work))
    (old.work / "live.json").write_text(json.dumps(old.dump()))
    (old.work / "apps.toml").write_text('version = 2\nallowSchemes = ["http"]\n')
    done = spawn("import", "--merge", f"{env}=live.json", cwd=old.work)
    assert done.code == 0, done.err
    git(old.work, "add", "apps.toml")
    git(old.work, "commit", "-q", "-m", "import")
    git(old.work, "push", "-q", "origin", "HEAD:main")
    assert (published := spawn("publish", cwd=old.work)).code == 0, published.err
    plan = spawn("import", "--plan", f"{env}=live.json", cwd=old.work)
    assert plan.code == 0, plan.err
    before, steps = old.identities(), read_steps(plan.out)
    assert len(before) == 2 * _COUNT - _MANUAL + 2
    for number, (title, _, check, expected) in enumerate(steps):
        # Whoever ends here starts again from the first step: what is done already does no harm.
        for command in [command for step in steps[: number + 1] for command in step[1]]:
            old.shell(command)
        until = time.monotonic() + 200
        while (found := old.shell(check)) != expected and time.monotonic() < until:
            old.shell(f"kubectl patch application {env}-applications -n {NAMESPACE} --type=merge -p '{_REFRESH}'")
            time.sleep(3)
        assert found == expected, (title, found)
        assert old.identities() == before, title
    assert old.root not in old.own("applications.argoproj.io")
    # The new parent goes on alone.
    old.wait(lambda found: _count_synced(found) == _COUNT - _MANUAL + 1)
    assert old.identities() == before
