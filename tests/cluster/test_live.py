"""A live Argo CD: what drift finds, which rights a read needs, and promotions that wait for health."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from generator.artifacts.http_client import fetch
from generator.commands import options
from generator.helm.engine import parse_values
from tests.cluster.argocd import NAMESPACE
from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import REVISIONS, Clusters, LiveRegistry
from tests.workspace import ROOT, Done, Run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
V1, V2, V3 = REVISIONS


class Stage:
    """A registry with dev, test and prod in one Argo CD; `workloads` runs in this process, at the time of its clock."""

    def __init__(self, start_live: StartLive, run: Run, monkeypatch: pytest.MonkeyPatch, **policies: Any) -> None:
        self.prefix = f"w{secrets.token_hex(3)}"
        self.web, self.api = f"{self.prefix}-web", f"{self.prefix}-api"
        self.skip = timedelta()
        self._run = run
        self.live: LiveRegistry = start_live(self._tables(policies), self.prefix)
        monkeypatch.setattr(options, "datetime", SimpleNamespace(now=lambda zone: datetime.now(UTC) + self.skip))
        monkeypatch.setenv("WORKLOADS_LIVE", "kubeconfig")
        monkeypatch.setenv("WORKLOADS_LIVE_MAX_AGE", "100h")

    def _tables(self, policies: dict[str, Any]) -> dict[str, Any]:
        apps, names = (self.web, self.api), ("dev", "test", "prod")
        environments: dict[str, Any] = {}
        for before, name in zip(("", *names), names, strict=False):
            listed = [f"{app}@{V1}" for app in apps]
            environments[name] = {
                "argocd": "live",
                "nameSuffix": f"-{name}",
                "createProjects": name == "dev",
                "apps": listed,
            }
            environments[name] |= {"promotesFrom": [before]} if before else {}
            environments[name]["policy"] = {"maxRemovals": 9, **policies.get(name, {})}
        namespaces = [f"{app}-{name}" for app in apps for name in names]
        tables = {
            app: {
                "team": "red",
                "path": "pod",
                "targetRevision": V1,
                "syncPolicy": {"automated": {"prune": True}},
                "environments": {name: {"namespace": f"{app}-{name}"} for name in names},
            }
            for app in apps
        }
        teams = {"red": {"namespaces": namespaces}}
        return {"version": 2, "allowSchemes": ["http"], "environments": environments, "teams": teams, "apps": tables}

    def run(self, *args: str) -> Done:
        """Run `workloads` in the checkout of the registry, and have that up to date again."""
        done = self._run(*args, cwd=self.live.work)
        self.live.pull()
        return done

    def ok(self, *args: str) -> str:
        done = self.run(*args)
        assert done.code == 0, done.err
        return done.out

    def ready(self, environment: str) -> str:
        """Run the schedule for an environment; what it says."""
        return self.ok("promote", "--ready", "--to", environment, "--publish")

    def pin(self, environment: str, app: str) -> str:
        """The revision that an environment lists for an app."""
        entries = (entry.partition("@") for entry in self.live.tables["environments"][environment]["apps"])
        return next(str(pin) for name, _, pin in entries if name == app)

    def refresh_until(self, application: str, is_so: Any) -> None:
        self.live.wait_until(lambda: is_so(self.live.application(application).get("status", {})))


@pytest.fixture
def kubeconfig(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("KUBECONFIG", cluster.kube_config_path)
    return str(cluster.kube_config_path)


def test_ten_deviations_made_by_hand_are_found_and_none_is_invented(
    start_live: StartLive, workloads: Run, monkeypatch: pytest.MonkeyPatch, kubeconfig: str
) -> None:
    stage = Stage(start_live, workloads, monkeypatch)
    live, web, api = stage.live, stage.web, stage.api
    # Other tests may have Applications there too.
    others = stage.run("drift", "--json").out
    assert {each["kind"] for each in json.loads(others)["deviations"]} <= {"unregistered"}
    copy = live.application(f"{web}-dev")
    by_hand = {"apiVersion": copy["apiVersion"], "kind": "Application", "spec": {**copy["spec"], "syncPolicy": {}}}
    clusters = Clusters({"": kubeconfig})
    for name in (f"{stage.prefix}-parent-dev", f"{stage.prefix}-parent-test", f"{stage.prefix}-parent-prod"):
        live.patch(name, {"spec": {"syncPolicy": None}})
    clusters.apply({**by_hand, "metadata": {"name": f"{stage.prefix}-by-hand", "namespace": NAMESPACE}})
    live.patch(f"{web}-test", {"spec": {"source": {"targetRevision": V2}}})
    live.patch(f"{web}-prod", {"spec": {"syncPolicy": {"automated": {"selfHeal": True}}}})
    live.patch(f"{api}-prod", {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io/background"]}})
    live.patch(f"{api}-prod", {"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}})
    live.patch(f"{web}-dev", {"spec": {"destination": {"namespace": f"{web}-test"}}})
    clusters.kubectl("delete", "application", f"{api}-dev", "-n", NAMESPACE, "--cascade=orphan", "--wait=false")
    live.pod_health[f"{api}-test"] = "Degraded"
    clusters.kubectl("delete", "configmap", f"{api}-test", "-n", f"{api}-test")
    stage.refresh_until(f"{api}-test", lambda status: status["health"]["status"] == "Degraded")
    stage.refresh_until(f"{web}-test", lambda status: status["sync"]["comparedTo"]["source"]["targetRevision"] == V2)
    stage.refresh_until(f"{web}-dev", lambda status: status["sync"]["status"] == "OutOfSync")
    found = json.loads(stage.run("drift", "--json").out)["deviations"]
    own = sorted(
        (each["kind"], each["application"], len(each["fields"]))
        for each in found
        if stage.prefix in each["application"]
    )
    parents = {f"{stage.prefix}-parent-{name}" for name in ("dev", "test", "prod")}
    assert [each for each in own if each[1] not in parents] == sorted(
        [
            ("unregistered", f"{stage.prefix}-by-hand", 0),
            ("edited", f"{web}-test", 1),
            ("edited", f"{web}-prod", 1),
            ("edited", f"{api}-prod", 2),
            ("edited", f"{web}-dev", 1),
            ("out-of-sync", f"{web}-dev", 0),
            ("missing", f"{api}-dev", 0),
            ("degraded", f"{api}-test", 0),
            ("out-of-sync", f"{api}-test", 0),
        ]
    )


def _role(name: str) -> list[dict[str, Any]]:
    """The Role of the documentation, for a service account."""
    page = (ROOT / "docs" / "live.md").read_text()
    text = re.search(r"```yaml\n(apiVersion: rbac.*?)```", page, re.S)
    assert text
    found = [parse_values(part) for part in text[1].replace("workloads-reader", name).split("---\n")]
    return [*found, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}]


@pytest.fixture
def reader(kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clusters]:
    """A kubeconfig whose account has no rights yet; the clusters are those of the administrator."""
    clusters, name = Clusters({"": kubeconfig}), f"w{secrets.token_hex(3)}-reader"
    clusters.apply(*(item for item in _role(name) if item["kind"] == "ServiceAccount"))
    token = clusters.kubectl("create", "token", name, "-n", NAMESPACE).strip()
    config = json.loads(clusters.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "reader").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "reader"))
    monkeypatch.setenv("READER", name)
    yield clusters
    for item in _role(name):
        clusters.kubectl("delete", item["kind"], name, "-n", NAMESPACE, "--ignore-not-found")


def test_the_role_of_the_documentation_is_enough_and_needed(reader: Clusters, workloads: Run, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "apps.toml").write_text((ROOT / "apps.toml").read_text())
    done = workloads("drift", "--live", "dev=kubeconfig", "--env", "dev", cwd=place)
    assert (done.code, "(403): applications.argoproj.io is forbidden" in done.err) == (8, True), done.err
    assert "see the Role in docs/live.md" in done.err
    reader.apply(*_role(os.environ["READER"]))
    done = workloads("drift", "--live", "dev=kubeconfig", "--env", "dev", cwd=place)
    assert done.code == 0, done.err
    verbs = reader.kubectl(
        "auth", "can-i", "--list", f"--as=system:serviceaccount:{NAMESPACE}:{os.environ['READER']}", "-n", NAMESPACE
    )
    assert re.search(r"applications.argoproj.io +\[\] +\[\] +\[get list\]", verbs), verbs


def test_argocd_server_is_read_with_a_token(
    kubeconfig: str, workloads: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ.get("WORKLOADS_TEST_ARGOCD_URL")
    if not url:
        pytest.skip("WORKLOADS_TEST_ARGOCD_URL names no argocd-server")
    secret = json.loads(
        Clusters({"": kubeconfig}).kubectl(
            "get", "secret", "argocd-initial-admin-secret", "-n", NAMESPACE, "-o", "json"
        )
    )
    password = base64.b64decode(secret["data"]["password"]).decode()
    body = json.dumps({"username": "admin", "password": password}).encode()
    session = fetch(f"{url}/api/v1/session", {"Content-Type": "application/json"}, data=body)
    monkeypatch.setenv("ARGOCD_AUTH_TOKEN", json.loads(session.body)["token"])
    place = tmp_path / "place"
    place.mkdir()
    (place / "apps.toml").write_text((ROOT / "apps.toml").read_text())
    by_server, by_api = (
        json.loads(workloads("drift", "--live", f"dev={source}", "--env", "dev", "--json", cwd=place).out)
        for source in (url, "kubeconfig")
    )
    assert by_server["deviations"] == by_api["deviations"]
    assert [each["unseen"] for each in by_server["read"]] == [None]
    monkeypatch.setenv("ARGOCD_AUTH_TOKEN", "not-a-token")
    assert workloads("drift", "--live", f"dev={url}", "--env", "dev", cwd=place).code == 8


_WAITS = {"test": {"health": "15m"}, "prod": {"health": "15m", "soak": "24h"}}


def test_a_promotion_is_refused_with_the_term_that_is_not_met(
    start_live: StartLive, workloads: Run, monkeypatch: pytest.MonkeyPatch, kubeconfig: str
) -> None:
    stage = Stage(start_live, workloads, monkeypatch, **_WAITS)
    live, web, application = stage.live, stage.web, f"{stage.web}-dev"
    promote = ("promote", web, "--to", "test")
    # Syncing: the new pod is not healthy, so the sync goes on.
    live.pod_health[f"{web}-dev"] = "Progressing"
    stage.ok("promote", web, "--to", "dev", "--revision", V2, "--publish")
    assert (
        f"health: in dev, spec: spec.source.targetRevision is {V1}, and the chart has {V2}" in stage.run(*promote).err
    )
    stage.refresh_until(
        application,
        lambda status: status["operationState"]["phase"] == "Running" or status["health"]["status"] == "Progressing",
    )
    stage.refresh_until(application, lambda status: status["sync"]["comparedTo"]["source"]["targetRevision"] == V2)
    assert re.search(
        "health: in dev, (operation: the last sync is Running|healthy: it is Progressing)", stage.run(*promote).err
    )
    # Degraded.
    live.pod_health[f"{web}-dev"] = "Degraded"
    stage.refresh_until(application, lambda status: status["health"]["status"] == "Degraded")
    assert "health: in dev, healthy: it is Degraded" in stage.run(*promote).err
    # Out of sync.
    live.pod_health.clear()
    live.settle()
    clusters = Clusters({"": kubeconfig})
    patch = ("--type=merge", "-p", '{"data": {"revision": "by hand"}}')
    clusters.kubectl("patch", "configmap", application, "-n", f"{web}-dev", *patch)
    stage.refresh_until(application, lambda status: status["sync"]["status"] == "OutOfSync")
    assert "health: in dev, synced: it is OutOfSync" in stage.run(*promote).err
    # Synced to another commit.
    live.patch(application, {"spec": {"source": {"targetRevision": V3}}})
    assert (
        f"health: in dev, spec: spec.source.targetRevision is {V3}, and the chart has {V2}" in stage.run(*promote).err
    )
    live.settle()
    # Healthy, but not for long enough; then for long enough.
    assert "health: healthy in dev since" in stage.run(*promote).err
    stage.skip = timedelta(minutes=15)
    assert f"{web}: test {V1} → {V2}" in stage.ok(*promote, "--publish")
    assert stage.pin("test", web) == V2


def test_a_schedule_promotes_to_production_by_itself_and_leaves_a_rollback_there(
    start_live: StartLive, workloads: Run, monkeypatch: pytest.MonkeyPatch, kubeconfig: str
) -> None:
    stage = Stage(start_live, workloads, monkeypatch, **_WAITS)
    web = stage.web
    assert "Argo CD has 1 app" in _promote_and_wait(stage, web)
    assert "health: healthy in dev since" in stage.ready("test")
    stage.skip = timedelta(minutes=16)
    assert f"{web}: test {V1} → {V2}" in stage.ready("test")
    assert "health: in test, spec: " in stage.ready("prod")
    stage.live.settle()
    assert "soak: in test since " in stage.ready("prod")
    stage.skip = timedelta(hours=24, minutes=20)
    assert f"{web}: prod {V1} → {V2}" in stage.ready("prod")
    stage.live.settle()
    assert stage.run("drift", "--env", "prod").out.splitlines()[-1].endswith("2 Applications: as the registry says")
    stage.ok("rollback", web, "--in", "prod", "--reason", "too slow", "--publish")
    assert stage.pin("prod", web) == V1
    stage.skip += timedelta(hours=48)
    assert f"waits: {web}: hold: held: " in stage.ready("prod")
    assert stage.pin("prod", web) == V1


def _promote_and_wait(stage: Stage, app: str) -> str:
    """Promote into dev and wait; Argo CD looks every three minutes, and here when it is asked to."""
    for name in ("dev", "test", "prod"):
        stage.live.patch(
            f"{stage.prefix}-parent-{name}", {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        )
    done = stage.run("promote", app, "--to", "dev", "--revision", V2, "--publish", "--wait", "5m")
    assert done.code == 0, done.err
    return done.err
