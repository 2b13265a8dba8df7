"""What the API server refuses with the printed policy, with its words, and what it lets pass."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import REVISIONS, Clusters, LiveRegistry
from tests.git.remotes import git
from tests.workspace import environment

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3000)]
_FINALIZER = "resources-finalizer.argocd.argoproj.io"


class Guarded:
    """A live registry with its guard; `web`, `shop` and `blog` are in use."""

    def __init__(self, live: LiveRegistry, clusters: Clusters, name: str) -> None:
        self.live, self.clusters, self.environment = live, clusters, name

    def name(self, app: str) -> str:
        return f"{self.live.prefix}-{app}"

    def apply(self) -> None:
        """Apply the guard of the registry as it is in the checkout, and wait until the API server follows it."""
        text = self.live.run("guard", self.environment).out
        self.clusters.kubectl("apply", "--server-side", "-f", "-", data=text)
        time.sleep(3)

    def edit(self) -> None:
        """Apply the guard of an edited registry, publish that, and let Argo CD sync it."""
        self.live.write()
        self.apply()
        self.live.publish()
        self.live.settle()

    def try_to(self, *args: str) -> str:
        """What kubectl says of a change in Argo CD's namespace; empty if it passes."""
        command = ["kubectl", f"--kubeconfig={self.clusters.kubeconfigs['']}", *args, "-n", "argocd"]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr

    def patch(self, app: str, patch: dict[str, Any]) -> str:
        """What kubectl says of a change of an Application."""
        return self.try_to("patch", "application", self.name(app), "--type=merge", "-p", json.dumps(patch))


@contextmanager
def _guarded(start_live: StartLive, clusters: Clusters) -> Iterator[Guarded]:
    prefix = f"w{secrets.token_hex(3)}"
    name, apps = f"{prefix}-dev", [f"{prefix}-{app}" for app in ("web", "shop", "blog")]
    tables = {
        "version": 1,
        "allowSchemes": ["http"],
        "environments": {
            name: {
                "createProjects": True,
                "labels": {"guarded": prefix},
                "apps": list(apps),
                "policy": {"maxRemovals": 9},
            }
        },
        "teams": {"red": {"namespaces": [*apps, f"{prefix}-site"], "projects": [f"{prefix}-other"]}},
        "apps": {app: {"team": "red", "path": "chart", "targetRevision": REVISIONS[0]} for app in apps},
    }
    found = Guarded(start_live(tables, prefix), clusters, name)
    try:
        found.apply()
        yield found
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            clusters.kubectl("delete", kind, f"workloads-guard-{name}", "--ignore-not-found")
        time.sleep(3)


def _wait_until_denied(guarded: Guarded, app: str) -> str:
    """What a deletion is refused with, as soon as the API server follows the policy."""
    until = time.monotonic() + 60
    while not (said := guarded.try_to("delete", "application", guarded.name(app), "--dry-run=server")):
        assert time.monotonic() < until
        time.sleep(1)
    return said


def test_an_application_in_use_is_neither_deleted_nor_moved(start_live: StartLive, cluster: Any) -> None:
    with _guarded(start_live, Clusters.from_environment(cluster.kube_config_path)) as guarded:
        web, env, live = guarded.name("web"), guarded.environment, guarded.live
        in_use = f"{web} is in use in {env} by team red"
        retire = f"{in_use}: retire it with `workloads retire {web} --in {env}` first"
        assert retire in _wait_until_denied(guarded, "web")
        before = live.objects()
        source = {"repoURL": "https://example.org/other.git", "path": "chart"}
        change = f"{in_use}: change its"
        selector = f"labelSelector=guarded%3D{live.prefix}"
        collection = f"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications?{selector}"
        forbidden = {
            "delete": (guarded.try_to("delete", "application", web, "--wait=false"), retire),
            "orphan": (guarded.try_to("delete", "application", web, "--cascade=orphan", "--wait=false"), retire),
            "now": (
                guarded.try_to("delete", "application", web, "--grace-period=0", "--force", "--wait=false"),
                retire,
            ),
            "collection": (guarded.try_to("delete", "--raw", collection), "is in use in"),
            "project": (guarded.patch("web", {"spec": {"project": "default"}}), f"{change} project"),
            "namespace": (
                guarded.patch("web", {"spec": {"destination": {"namespace": "other"}}}),
                f"{change} destination",
            ),
            "server": (
                guarded.patch("web", {"spec": {"destination": {"server": "https://other.example.com"}}}),
                f"{change} destination",
            ),
            "name": (
                guarded.patch("web", {"spec": {"destination": {"server": None, "name": "other"}}}),
                f"{change} destination",
            ),
            "no finalizer": (
                guarded.patch("web", {"metadata": {"finalizers": None}}),
                f"{change} finalizers",
            ),
            "another finalizer": (
                guarded.patch("web", {"metadata": {"finalizers": [f"{_FINALIZER}/background"]}}),
                f"{change} finalizers",
            ),
            "repository": (guarded.patch("web", {"spec": {"source": source}}), f"{change} repositories"),
            "sources": (
                guarded.patch("web", {"spec": {"source": None, "sources": [source]}}),
                f"{change} repositories",
            ),
        }
        assert len(forbidden) == 12
        assert {what: said for what, (said, words) in forbidden.items() if words not in said} == {}
        assert live.objects() == before

        # Somebody takes the app out of the branch, past the registry: Argo CD cannot prune it.
        (live.work / f"multi-repo/argo-app-of-apps/{env}/templates/{web}.yaml").unlink()
        git(live.work, "commit", "-q", "-a", "-m", "by hand")
        git(live.work, "push", "-q", "origin", "main")
        parent = f"{live.prefix}-parent-{env}"
        live.wait_until(lambda: retire in json.dumps(live.application(parent)["status"].get("operationState", {})))
        assert live.workload(web)
        git(live.work, "revert", "--no-edit", "HEAD")
        git(live.work, "push", "-q", "origin", "main")
        live.settle()
        assert live.objects() == before


def test_daily_work_passes(start_live: StartLive, cluster: Any) -> None:
    with _guarded(start_live, Clusters.from_environment(cluster.kube_config_path)) as guarded:
        live, env = guarded.live, guarded.environment
        web, shop, blog = map(guarded.name, ("web", "shop", "blog"))
        _wait_until_denied(guarded, "web")
        user = {"initiatedBy": {"username": "ada"}}
        allowed = {
            "status": guarded.patch("web", {"status": {"reconciledAt": "2026-11-28T10:00:00Z"}}),
            "refresh": guarded.patch("web", {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}),
            "label": guarded.patch("web", {"metadata": {"labels": {"incident": "4711"}}}),
            "rollback": guarded.patch("web", {"operation": {"sync": {"revision": REVISIONS[0]}, **user}}),
            "revision": guarded.patch("shop", {"spec": {"source": {"targetRevision": REVISIONS[1]}}}),
            "automation off": guarded.patch("shop", {"spec": {"syncPolicy": {"automated": None}}}),
        }
        live.settle()
        allowed["sync"] = guarded.patch("blog", {"operation": {"sync": {}, **user}})
        assert allowed == dict.fromkeys(allowed, "")
        live.settle()

        # A published change of the project, which Argo CD applies.
        live.tables["apps"][web]["project"] = guarded.name("other")
        guarded.edit()
        assert live.application(web)["spec"]["project"] == guarded.name("other")

        # The environment is divided: three steps, in which the finalizers go and come back.
        kept = live.workload(web), live.workload(shop)
        for _ in range(3):
            live.run("shard", env, "--by", "2")
            guarded.apply()
            live.run("publish")
            live.pull()
            live.settle()
        assert (live.workload(web), live.workload(shop)) == kept
        assert live.application(web)["metadata"]["finalizers"] == [_FINALIZER]

        # An app is retired, and removed.
        live.tables["environments"][env]["retired"] = {blog: "2026-11-28 sold"}
        guarded.edit()
        assert "finalizers" not in live.application(blog)["metadata"]
        live.run("remove", blog, "--in", env, "--synced")
        guarded.apply()
        live.run("publish")
        live.pull()
        live.settle()
        assert {at.name for at in live.objects() if at.kind == "Application"} >= {web, shop}
        assert blog not in {at.name for at in live.objects() if at.kind == "Application"}
        assert live.workload(blog)

        # An app is migrated: the new one is created, the old one retired.
        site = guarded.name("site")
        live.run("migrate", web, site, "--namespace", site)
        guarded.apply()
        live.run("publish")
        live.pull()
        live.settle()
        assert live.workload(site)
        assert live.workload(web) == kept[0]
        assert "finalizers" not in live.application(web)["metadata"]
