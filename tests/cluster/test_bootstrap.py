"""What `workloads bootstrap` prints starts a live Argo CD on the sample's chart, and on nothing else."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.argocd import NAMESPACE, repository
from tests.cluster.conftest import ARGOCD_HOST
from tests.cluster.live_registry import Clusters
from tests.git.remotes import Web, git, web_serving
from tests.workspace import ROOT, isolate, spawn

pytestmark = pytest.mark.cluster
APPS = {"ecsdemo-crystal", "ecsdemo-frontend", "ecsdemo-nodejs"}
ROOT_APPLICATION, ROOT_PROJECT = "dev-applications", "dev-applications-root"


class Sample:
    """The sample's registry and charts in a repository that Argo CD reads; `foreign` is another one."""

    def __init__(self, clusters: Clusters, folder: Path, url: str) -> None:
        self.clusters = clusters
        self.url = f"{url}/workloads.git"
        self.foreign = f"{url}/foreign.git"
        registry = (ROOT / "apps.toml").read_text()
        registry = registry.replace("[workloads]\n", f'[workloads]\nrepository = "{self.url}"\n')
        registry = registry.replace("version = 1\n", 'version = 1\nallowSchemes = ["http"]\n', 1)
        for name in ("workloads", "foreign"):
            repository(folder / f"{name}.git", {"apps.toml": registry})
            self.work = folder / f"{name}-work"
            assert spawn("render", cwd=self.work).code == 0
            self.push(folder / f"{name}.git")
        self.work = folder / "workloads-work"
        self.bare = folder / "workloads.git"

    def push(self, bare: Path) -> None:
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", "charts")
        git(self.work, "push", "-q", str(bare), "HEAD:main")

    def bootstrap(self, *options: str) -> str:
        """What the command prints."""
        done = spawn("bootstrap", "dev", "--no-prune", *options, cwd=self.work)
        assert done.code == 0, done
        return done.out

    def apply(self, text: str, *options: str) -> str:
        """Give text to `kubectl apply`."""
        return self.clusters.kubectl("apply", *options, "-f", "-", data=text)

    def names(self, kind: str) -> set[str]:
        return {item["metadata"]["name"] for item in self.clusters.items(kind, "-n", NAMESPACE)}

    def root(self) -> dict[str, Any]:
        """The root Application, after Argo CD has looked again."""
        refresh = '{"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}'
        self.clusters.kubectl("patch", "application", ROOT_APPLICATION, "-n", NAMESPACE, "--type=merge", "-p", refresh)
        wait = "jsonpath={.metadata.annotations.argocd\\.argoproj\\.io/refresh}=hard"
        self.clusters.kubectl(
            "wait", f"application/{ROOT_APPLICATION}", "-n", NAMESPACE, f"--for={wait}", "--timeout=1s", check=False
        )
        return next(
            item
            for item in self.clusters.items("applications", "-n", NAMESPACE)
            if item["metadata"]["name"] == ROOT_APPLICATION
        )

    def wait(self, path: str, value: str) -> None:
        """Wait until a field of the root Application has a value."""
        self.root()
        self.clusters.kubectl(
            "wait",
            f"application/{ROOT_APPLICATION}",
            "-n",
            NAMESPACE,
            f"--for=jsonpath={path}={value}",
            "--timeout=90s",
        )

    def stop(self) -> None:
        """Delete the root first: it brings nothing back without itself."""
        for kind, names in (
            ("application", [ROOT_APPLICATION, *APPS]),
            ("appproject", [ROOT_PROJECT, *APPS]),
        ):
            for name in names:
                self.clusters.kubectl("delete", kind, name, "-n", NAMESPACE, "--wait=false", check=False)
                patch = '{"metadata": {"finalizers": null}}'
                self.clusters.kubectl("patch", kind, name, "-n", NAMESPACE, "--type=merge", "-p", patch, check=False)


@pytest.fixture
def sample(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sample]:
    host = os.environ.get(ARGOCD_HOST)
    if not host:
        pytest.skip(f"no Argo CD: {ARGOCD_HOST} names no address under which it reaches this machine")
    isolate(tmp_path / "home", monkeypatch)
    folder = tmp_path / "repositories"
    folder.mkdir()
    with web_serving(Web(), folder, host) as url:
        started = Sample(Clusters.from_environment(cluster.kube_config_path), folder, url)
        try:
            yield started
        finally:
            started.stop()


def test_the_api_server_takes_the_manifests(sample: Sample) -> None:
    said = sample.apply(sample.bootstrap("--for", "manifest", "--set", "labels.owner=me"), "--dry-run=server")
    assert said.splitlines() == [
        f"appproject.argoproj.io/{ROOT_PROJECT} created (server dry run)",
        f"application.argoproj.io/{ROOT_APPLICATION} created (server dry run)",
    ]


def test_the_chart_of_the_sample_becomes_applications(sample: Sample) -> None:
    sample.apply(sample.bootstrap("--for", "manifest", "--set", "labels.owner=me"))
    sample.wait("{.status.operationState.phase}", "Succeeded")
    assert sample.names("applications") >= APPS
    assert sample.names("appprojects") >= APPS
    labels = [item["metadata"]["labels"] for item in sample.clusters.items("applications", "-l", "owner=me", "-A")]
    assert len(labels) == len(APPS)


def test_a_foreign_repository_is_refused(sample: Sample) -> None:
    sample.apply(
        sample.bootstrap("--for", "manifest").replace(f'repoURL: "{sample.url}"', f'repoURL: "{sample.foreign}"')
    )
    sample.wait("{.status.conditions[0].type}", "InvalidSpecError")
    assert f"application repo {sample.foreign} is not permitted in project" in str(
        sample.root()["status"]["conditions"]
    )
    assert not sample.names("applications") & APPS


def test_a_deployment_in_the_chart_is_refused(sample: Sample) -> None:
    template = sample.work / "multi-repo" / "argo-app-of-apps" / "dev" / "templates" / "foreign.yaml"
    template.write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: foreign, namespace: argocd }\n"
        "spec: { selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: b } },"
        " spec: { containers: [{ name: a, image: a }] } } }\n"
    )
    sample.push(sample.bare)
    sample.apply(sample.bootstrap("--for", "manifest"))
    refused: list[str] = []
    until = time.monotonic() + 90
    while not refused and time.monotonic() < until:
        results = (sample.root().get("status", {}).get("operationState") or {}).get("syncResult") or {}
        refused = [each["message"] for each in results.get("resources", ()) if each.get("status") == "SyncFailed"]
        time.sleep(1)
    assert refused == [f"resource apps:Deployment is not permitted in project {ROOT_PROJECT}"]
    assert "foreign" not in sample.names("deployments")


def test_the_argocd_cli_creates_the_same(sample: Sample, tmp_path: Path) -> None:
    server = os.environ.get("ARGOCD_SERVER")
    if not server:
        pytest.skip("ARGOCD_SERVER and ARGOCD_AUTH_TOKEN do not name an API server of Argo CD")
    script = sample.bootstrap("--for", "argocd", "--set", "labels.owner=it's `$(id)` ${x}")
    settings = {**os.environ, "ARGOCD_OPTS": "--plaintext"}
    subprocess.run(["sh", "-e", "-c", script], env=settings, cwd=tmp_path, check=True)
    assert ROOT_PROJECT in sample.names("appprojects")
    values = sample.root()["spec"]["source"]["helm"]["valuesObject"]
    assert values == {"labels": {"owner": "it's `$(id)` ${x}"}}
