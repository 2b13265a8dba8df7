"""Record what a live Argo CD says of Applications in every state: `python -m tests.cluster.record_statuses`.

Each state is made by hand in many Applications, and recorded with the term of the health rule that it does not meet.
KUBECONFIG names the cluster, WORKLOADS_TEST_ARGOCD the address under which Argo CD reaches this machine.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from generator.live.expected import build_expected_application
from tests.charts.rendered import registry_of
from tests.cluster.argocd import NAMESPACE
from tests.cluster.live_registry import POD_STATUS, REVISIONS, Clusters, write_app_charts
from tests.git.remotes import Web, git, web_serving
from tests.live.sample import set_field
from tests.live.sample import time as kubernetes_time
from tests.workspace import ROOT

RECORDED = ROOT / "tests" / "data" / "live" / "statuses.jsonl"
PUBLIC_URL = "https://git.example.org"
COUNT = 14
V1, V2, _ = REVISIONS
_KIND = "applications.argoproj.io"
_SKIP = {"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}}
_NO_SKIP = {"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": None}}}
_KEPT_STATUS = ("conditions", "health", "operationState", "reconciledAt", "sync")
_MAX_MESSAGE = 120


def registry_text(url: str, pin: str = V1) -> str:
    """A registry of the recorded Applications; every third has two sources."""
    names = [f"recorded-{number:02}" for number in range(COUNT)]
    text = f'version = 2\nallowSchemes = ["http"]\n[teams.red]\nplatform = true\nnamespaces = {json.dumps(names)}\n'
    text += f'repositories = ["{url}/apps.git"]\n[environments.live]\napps = [\n'
    text += "".join(f'  "{name}@{pin}",\n' for name in names) + "]\n"
    for number, name in enumerate(names):
        text += f'[apps.{name}]\nteam = "red"\nproject = "default"\nfinalizer = "foreground"\n'
        text += "syncPolicy.automated.prune = true\n"
        if number % 3:
            text += f'repoURL = "{url}/apps.git"\npath = "pod"\n'
        else:
            text += f'sources = [{{ repoURL = "{url}/apps.git", path = "pod" }}, '
            text += f'{{ repoURL = "{url}/apps.git", ref = "values", targetRevision = "{V1}" }}]\n'
    return text


class Recorder:
    """Brings all Applications into a state at once, and records each of them."""

    def __init__(self, clusters: Clusters, url: str, repository: Path) -> None:
        self._clusters = clusters
        self._url = url
        self._repository = repository
        self.rows: list[dict[str, Any]] = []
        self.health = "Healthy"
        registry = registry_of(registry_text(url))
        environment = registry.environments["live"]
        apps = registry.list_effective_apps("live")
        self.expected = {app.app: build_expected_application(environment, app) for app in apps}

    def start(self) -> None:
        """Create the Applications and wait until they are healthy."""
        names = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in self.expected]
        self._clusters.apply(*names, *self.expected.values())
        self.wait(self.is_settled)

    @staticmethod
    def is_settled(status: Mapping[str, Any]) -> bool:
        """Whether an Application is Synced and Healthy after a sync that succeeded."""
        found = status["sync"]["status"], status["health"]["status"], status["operationState"]["phase"]
        return found == ("Synced", "Healthy", "Succeeded")

    def stop(self) -> None:
        """Delete everything again."""
        for name in self.expected:
            self._clusters.kubectl("delete", _KIND, name, "-n", NAMESPACE, "--wait=false", check=False)
            patch = ("--type=merge", "-p", '{"metadata": {"finalizers": null}}')
            self._clusters.kubectl("patch", _KIND, name, "-n", NAMESPACE, *patch, check=False)
        self._clusters.kubectl("delete", "namespace", *self.expected, "--wait=false", check=False)

    def items(self) -> list[dict[str, Any]]:
        return [
            item for item in self._clusters.items(_KIND, "-n", NAMESPACE) if item["metadata"]["name"] in self.expected
        ]

    def patch(self, patch: Mapping[str, Any], only: Iterable[str] = ()) -> None:
        """Change every Application by hand."""
        names = list(only) or list(self.expected)
        self._clusters.kubectl("patch", _KIND, *names, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(patch))

    def set_revision(self, revision: str) -> None:
        """Set the targetRevision of every Application by hand."""
        for name, item in self.expected.items():
            path = "spec/sources/0/targetRevision" if "sources" in item["spec"] else "spec/source/targetRevision"
            self.patch({"spec": set_field(item, path, revision)["spec"]}, [name])

    def set_pods(self) -> None:
        status = POD_STATUS[self.health]
        for item in self._clusters.items("pods", "-A"):
            if item["metadata"]["namespace"] in self.expected and item["status"].get("phase") != status["phase"]:
                where = ("-n", item["metadata"]["namespace"], "--subresource=status", "--type=merge")
                self._clusters.kubectl(
                    "patch", "pod", item["metadata"]["name"], *where, "-p", json.dumps({"status": status})
                )

    def wait(self, is_so: Callable[[Any], bool], *, refresh: bool = True) -> None:
        """Wait until something is so of the status of every Application. Raises TimeoutError."""
        end = time.monotonic() + 240
        while time.monotonic() < end:
            self.set_pods()
            if refresh:
                self.patch({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
            time.sleep(2)
            with_status = [item.get("status", {}) for item in self.items()]
            if all(
                len({"sync", "health", "operationState"} & status.keys()) == 3 and is_so(status)
                for status in with_status
            ):
                return
        raise TimeoutError(f"not reached: {[item.get('status', {}).get('health') for item in self.items()]}")

    def record(self, state: str, term: str, *, later: timedelta = timedelta(), pin: str = V1, commit: str = "") -> None:
        """Record every Application: `term` is the one that it does not meet, "" if it meets all."""
        now = datetime.now(UTC) + later
        at = commit or git(self._repository, "rev-parse", f"{pin}^{{commit}}")
        for item in self.items():
            row = {"state": state, "term": term, "now": kubernetes_time(now), "pin": pin, "commit": at}
            self.rows.append({**row, "application": self._clean(item)})
        print(f"{state}: {term or 'healthy'}", flush=True)  # noqa: T201 - progress of a script

    def _clean(self, item: Mapping[str, Any]) -> Any:
        metadata = item["metadata"]
        kept = {
            key: metadata[key] for key in ("name", "namespace", "finalizers", "deletionTimestamp") if key in metadata
        }
        status = {key: item["status"][key] for key in _KEPT_STATUS if key in item["status"]}
        operation = {**status.get("operationState", {})}
        operation.pop("operation", None)
        operation["syncResult"] = {
            key: value for key, value in operation.get("syncResult", {}).items() if "evision" in key
        }
        status["operationState"] = operation
        found = {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "metadata": kept,
            "spec": item["spec"],
            "status": status,
        }
        found |= {"operation": item["operation"]} if item.get("operation") else {}
        return _shorten(json.loads(json.dumps(found).replace(self._url, PUBLIC_URL)))


def _shorten(value: Any) -> Any:
    """A value whose messages are cut."""
    if isinstance(value, dict):
        return {key: each[:_MAX_MESSAGE] if key == "message" else _shorten(each) for key, each in value.items()}
    return [_shorten(each) for each in value] if isinstance(value, list) else value


def record_all(recorder: Recorder, clusters: Clusters, repository: Path) -> None:
    """Record every state, and come back to health after each."""
    sync = {"operation": {"sync": {}, "initiatedBy": {"username": "by hand"}}}

    def recover() -> None:
        recorder.health = "Healthy"
        recorder.wait(recorder.is_settled)

    recorder.start()
    recorder.record("healthy", "")
    recorder.record("healthy, 40 minutes later", "fresh", later=timedelta(minutes=40))
    recorder.record("the tag was moved", "commit", commit=git(repository, "rev-parse", f"{V2}^{{commit}}"))
    for health in ("Progressing", "Degraded"):
        recorder.health = health
        recorder.wait(lambda status, health=health: status["health"]["status"] == health)  # type: ignore[misc]
        recorder.record(health, "healthy")
    recover()
    recorder.record("recovered", "")
    for name in recorder.expected:
        change = ("-n", name, "--type=merge", "-p", '{"data": {"revision": "by hand"}}')
        clusters.kubectl("patch", "configmap", name, *change)
    recorder.wait(lambda status: status["sync"]["status"] == "OutOfSync")
    recorder.record("an object edited by hand", "synced")
    for name in recorder.expected:
        clusters.kubectl("delete", "pod", name, "-n", name, "--force")
    recorder.wait(lambda status: len([each for each in status["resources"] if each["status"] == "OutOfSync"]) > 1)
    recorder.record("an object deleted by hand", "synced")
    recorder.patch(sync)
    recover()
    recorder.set_revision(V2)
    recorder.wait(lambda status: recorder.is_settled(status) and V2 in json.dumps(status["sync"]["comparedTo"]))
    recorder.record("another revision, set by hand", "spec")
    recorder.set_revision(V1)
    recorder.wait(lambda status: recorder.is_settled(status) and V2 not in json.dumps(status["sync"]["comparedTo"]))
    recorder.patch({"spec": {"syncPolicy": {"automated": {"allowEmpty": True}}}})
    recorder.wait(recorder.is_settled)
    recorder.record("a field of the spec edited by hand", "spec")
    recorder.patch({"spec": {"syncPolicy": {"automated": {"allowEmpty": None}}}})
    recorder.patch(_SKIP)
    recorder.set_revision(V2)
    recorder.record("published, and not yet compared", "compared", pin=V2)
    recorder.set_revision(V1)
    recorder.patch(sync)
    recorder.record("a sync waits", "operation")
    recorder.patch(_NO_SKIP)
    recover()
    recorder.health = "Progressing"
    recorder.wait(lambda status: status["health"]["status"] == "Progressing")
    recorder.patch(sync)
    recorder.wait(lambda status: status["operationState"]["phase"] == "Running", refresh=False)
    recorder.record("a sync runs", "operation")
    recover()
    recorder.patch({"operation": {"sync": {"revision": "0" * 40, "revisions": ["0" * 40, "0" * 40]}}})
    recorder.wait(lambda status: status["operationState"]["phase"] in ("Failed", "Error"), refresh=False)
    recorder.record("a sync failed", "operation")
    recorder.patch(sync)
    recover()
    away = repository.with_name("away.git")
    repository.rename(away)
    recorder.patch({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}})
    recorder.wait(
        lambda status: any(each["type"].endswith("Error") for each in status.get("conditions", ())), refresh=False
    )
    away.rename(repository)
    recorder.record("the repository is not there", "error")
    recorder.patch(_SKIP)
    for name in recorder.expected:
        clusters.kubectl("delete", _KIND, name, "-n", NAMESPACE, "--wait=false")
    recorder.record("being deleted", "kept")


def main() -> None:
    """Record the statuses."""
    clusters = Clusters.from_environment()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder, "apps.git")
        write_app_charts(repository)
        with web_serving(Web(), Path(folder), os.environ["WORKLOADS_TEST_ARGOCD"]) as url:
            recorder = Recorder(clusters, url, repository)
            try:
                record_all(recorder, clusters, repository)
            finally:
                recorder.stop()
    RECORDED.parent.mkdir(exist_ok=True)
    lines = (json.dumps(row, separators=(",", ":"), sort_keys=True) for row in recorder.rows)
    RECORDED.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
