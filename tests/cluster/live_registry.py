"""A registry whose charts a live Argo CD reads, and what the API server has of it before and after a publish."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import secrets
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.cluster.argocd import IN_CLUSTER, NAMESPACE, repository
from tests.git.remotes import git
from tests.registry.writer import toml
from tests.workspace import Done, environment, spawn

#: Revisions of the repository of all apps, each a tag; every later one has another value in each ConfigMap.
REVISIONS = ("v1.0.0", "v1.1.0", "v1.2.0")
#: The charts in it, and what each makes of an app.
CHARTS = {"chart": ("settings", "limits"), "other-chart": ("settings", "flags")}
_CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: '{{ .Release.Name }}-%s' }\ndata: { revision: %s }\n"
#: No kubelet runs it: its status is what a test sets by hand. The ConfigMap is applied once it is healthy.
_POD_CHART = {
    "pod/Chart.yaml": "apiVersion: v2\nname: pod\nversion: 0.1.0\n",
    "pod/templates/pod.yaml": """\
apiVersion: v1
kind: Pod
metadata: { name: '{{ .Release.Name }}', annotations: { revision: %s } }
spec: { automountServiceAccountToken: false, containers: [{ name: web, image: example.org/web }] }
""",
    "pod/templates/settings.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: { name: '{{ .Release.Name }}', annotations: { argocd.argoproj.io/sync-wave: "1" } }
data: { revision: %s }
""",
}
#: What the status of a pod makes Argo CD say of its health.
POD_STATUS: dict[str, dict[str, Any]] = {
    "Healthy": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    "Progressing": {"phase": "Pending", "conditions": []},
    "Degraded": {"phase": "Failed", "message": "it crashed", "conditions": []},
}
_REFRESH = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
_UNGUARDED = {"metadata": {"finalizers": None}}
_APPLICATIONS, _PROJECTS = (
    f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/{kind}" for kind in ("applications", "appprojects")
)
_CONFIG_MAPS = "/api/v1/configmaps?fieldSelector=metadata.name%21%3Dkube-root-ca.crt"


class ObjectName(NamedTuple):
    """An object in a cluster: `cluster` is empty for the one that Argo CD runs in."""

    kind: str
    namespace: str
    name: str
    cluster: str = ""


@dataclass(frozen=True)
class LiveObject:
    """What the API server has of an object: its identity, and what an edit of the registry can change of it."""

    uid: str
    content: str


class Names:
    """The names of a test, which begin with a prefix of their own."""

    def __init__(self) -> None:
        self.prefix = f"w{secrets.token_hex(3)}"

    def __getattr__(self, name: str) -> str:
        return f"{self.prefix}-{name}"


def tables(names: Names, *apps: str, **environments: dict[str, Any]) -> dict[str, Any]:
    """A registry with these apps and environments, which are in one Argo CD."""
    namespaces = [f"{app}{suffix}" for app in apps for suffix in ("", "-new", "-test")]
    policy = {"maxRemovals": 9}
    return {
        "version": 1,
        "allowSchemes": ["http"],
        "environments": {name: {"argocd": "live", "policy": policy, **table} for name, table in environments.items()},
        "teams": {"red": {"namespaces": namespaces, "projects": [names.shared, names.other], "allow": ["destination"]}},
        "apps": {app: {"team": "red", "path": "chart", "targetRevision": REVISIONS[0]} for app in apps},
    }


class Clusters:
    """The clusters that Argo CD reaches, by name; the one that it runs in has no name.

    Requests of a registry go through one `kubectl proxy` for each cluster: a kubectl for each would cost more than all
    else.
    """

    def __init__(self, kubeconfigs: Mapping[str, str]) -> None:
        self.kubeconfigs = kubeconfigs

    @classmethod
    def from_environment(cls, kubeconfig: str | None = None) -> Clusters:
        """The cluster of KUBECONFIG or a file, and that of KUBECONFIG_SECOND, if there is one."""
        second = os.environ.get("KUBECONFIG_SECOND", "")
        found = {"": kubeconfig or os.environ["KUBECONFIG"]}
        return cls(found | ({"second": second} if Path(second).is_file() else {}))

    def request(self, method: str, path: str, body: object = None, *, cluster: str = "") -> dict[str, Any]:
        """What the API server answers, also that an object exists or does not. The body of a PATCH is merged."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        _, port = _start_proxy(self.kubeconfigs[cluster])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": kind})
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        assert response.status < 400 or response.status in (404, 409), answer
        return answer

    def list_objects(self, path: str, *, cluster: str = "") -> list[dict[str, Any]]:
        """The objects at a path of the API."""
        found: list[dict[str, Any]] = self.request("GET", path, cluster=cluster)["items"]
        return found

    def kubectl(self, *args: str, data: str = "", cluster: str = "", check: bool = True) -> str:
        """Run kubectl with a cluster."""
        command = ["kubectl", f"--kubeconfig={self.kubeconfigs[cluster]}", *args]
        done = subprocess.run(command, input=data, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def items(self, kind: str, *args: str, cluster: str = "") -> list[dict[str, Any]]:
        """The objects of a kind, as kubectl lists them."""
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "-o", "json", *args, cluster=cluster))[
            "items"
        ]
        return found

    def apply(self, *objects: Mapping[str, Any], cluster: str = "") -> None:
        """Create or update objects."""
        self.kubectl(
            "apply", "-f", "-", data=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), cluster=cluster
        )


@cache
def _start_proxy(kubeconfig: str) -> tuple[subprocess.Popen[str], int]:
    """A `kubectl proxy`, which ends with this process, and its port."""
    process = subprocess.Popen(
        ["kubectl", f"--kubeconfig={kubeconfig}", "proxy", "--port=0"],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    atexit.register(process.terminate)
    assert process.stdout is not None
    return process, int(process.stdout.readline().rpartition(":")[2])


def write_app_charts(path: Path) -> None:
    """A bare repository with the charts and revisions of all apps."""

    def chart(name: str, revision: str) -> dict[str, str]:
        files = {f"{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n"}
        return files | {f"{name}/templates/{each}.yaml": _CONFIG_MAP % (each, revision) for each in CHARTS[name]}

    def pod_chart(revision: str) -> dict[str, str]:
        return {name: text % revision if "%s" in text else text for name, text in _POD_CHART.items()}

    first, *later = REVISIONS
    repository(path, {k: v for name in CHARTS for k, v in chart(name, first).items()} | pod_chart(first))
    work = path.parent / f"{path.stem}-work"
    git(work, "tag", first)
    for revision in later:
        for files in (*(chart(name, revision) for name in CHARTS), pod_chart(revision)):
            for file, text in files.items():
                (work / file).write_text(text)
        git(work, "commit", "-q", "-a", "-m", revision)
        git(work, "tag", revision)
    git(work, "push", "-q", str(path), "main", "--tags")


class LiveRegistry:
    """A registry in a repository of its own; its environments are in one Argo CD. Every name begins with `prefix`.

    `tables` is the data of apps.toml, which tests change; `namespaces` are those that exist, without the prefix.
    """

    def __init__(self, clusters: Clusters, folder: Path, url: str, prefix: str, tables: dict[str, Any]) -> None:
        self._clusters = clusters
        self._folder = folder
        self._url = url
        self.prefix = prefix
        self.tables = tables
        self.work = folder / prefix
        #: The health of the pods in a namespace, where it is not Healthy.
        self.pod_health: dict[str, str] = {}
        self._namespaces = [name for team in tables["teams"].values() for name in team["namespaces"]]

    def start(self) -> None:
        """Publish the registry, and give Argo CD the chart of each environment."""
        for cluster in self._clusters.kubeconfigs:
            for name in self._namespaces:
                self._clusters.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}}, cluster=cluster)
        for app in self.tables["apps"].values():
            app["repoURL"] = f"{self._url}/apps.git"
        for team in self.tables["teams"].values():
            team["repositories"] = [f"{self._url}/apps.git"]
        repository(self._folder / f"{self.prefix}.git", {"apps.toml": toml(self.tables)})
        git(self._folder, "clone", "-q", f"{self._url}/{self.prefix}.git", str(self.work))
        self.publish()
        for name in self.tables["environments"]:
            self._clusters.request("POST", _APPLICATIONS, self._parent(name))
        self.settle()

    def _parent(self, name: str) -> dict[str, Any]:
        source = {"repoURL": f"{self._url}/{self.prefix}.git", "targetRevision": "main"}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": f"{self.prefix}-parent-{name}", "namespace": NAMESPACE},
            "spec": {
                "project": "default",
                "source": {**source, "path": f"multi-repo/argo-app-of-apps/{name}"},
                "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
                "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            },
        }

    def write(self) -> None:
        """Write apps.toml, which is not published yet."""
        (self.work / "apps.toml").write_text(toml(self.tables))

    def run(self, *args: str) -> Done:
        """Run `workloads` in the checkout; it succeeds."""
        done = spawn(*args, cwd=self.work)
        assert done.code == 0, done.err
        return done

    def publish(self, *options: str) -> Done:
        """Publish the registry as it is now; the tables are read anew."""
        self.write()
        done = self.run("publish", *options)
        self.pull()
        return done

    def pull(self) -> None:
        """Bring the checkout and the tables up to what is published."""
        git(self.work, "fetch", "-q")
        git(self.work, "reset", "-q", "--hard", "origin/main")
        self.tables.update(tomllib.loads((self.work / "apps.toml").read_text()))

    def diff(self) -> dict[str, Any]:
        """What `workloads diff` says that Argo CD will do with the registry as it is now."""
        self.write()
        found: dict[str, Any] = json.loads(self.run("diff", "--format", "json").out)
        return found

    def stop(self) -> None:
        """Take everything out of the clusters again, without waiting for Argo CD."""
        for kind in (_APPLICATIONS, _PROJECTS):
            # A parent would bring its Applications back: it is deleted first.
            names = sorted((item["metadata"]["name"] for item in self._own(kind)), key=lambda n: "-parent-" not in n)
            for name in names:
                self._clusters.request("DELETE", f"{kind}/{name}")
                self._clusters.request("PATCH", f"{kind}/{name}", _UNGUARDED)
        for cluster in self._clusters.kubeconfigs:
            for name in self._namespaces:
                self._clusters.request("DELETE", f"/api/v1/namespaces/{name}", cluster=cluster)

    def _own(self, kind: str) -> list[dict[str, Any]]:
        items = self._clusters.list_objects(kind)
        return [item for item in items if item["metadata"]["name"].startswith(self.prefix)]

    def objects(self) -> dict[ObjectName, LiveObject]:
        """Every Application, AppProject and ConfigMap of this registry, without the parents."""
        found = {}
        for kind, items in (("Application", self._own(_APPLICATIONS)), ("AppProject", self._own(_PROJECTS))):
            for item in items:
                if "-parent-" not in item["metadata"]["name"]:
                    found[_object_name(kind, item)] = LiveObject(item["metadata"]["uid"], _changeable(item))
        for cluster in self._clusters.kubeconfigs:
            for item in self._clusters.list_objects(_CONFIG_MAPS, cluster=cluster):
                if item["metadata"]["namespace"] in self._namespaces:
                    at = _object_name("ConfigMap", item, cluster)
                    found[at] = LiveObject(item["metadata"]["uid"], _changeable(item))
        return found

    def workload(self, namespace: str, cluster: str = "") -> dict[str, str]:
        """The identity of each ConfigMap in a namespace, by name."""
        found = self.objects()
        return {at.name: found[at].uid for at in found if at[:2] == ("ConfigMap", namespace) and at.cluster == cluster}

    def config_map(self, namespace: str, name: str) -> dict[str, Any]:
        """A ConfigMap as the API server has it."""
        return self._clusters.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")

    def application(self, name: str) -> dict[str, Any]:
        """An Application as the API server has it."""
        return next(item for item in self._own(_APPLICATIONS) if item["metadata"]["name"] == name)

    def project(self, name: str) -> dict[str, Any]:
        """An AppProject as the API server has it."""
        return next(item for item in self._own(_PROJECTS) if item["metadata"]["name"] == name)

    def refused(self) -> str:
        """Why `workloads` refuses the registry as it is now."""
        self.write()
        done = spawn("check", cwd=self.work)
        assert done.code in (3, 4), done
        return done.err

    def conditions(self) -> dict[str, str]:
        """The errors and warnings that Argo CD reports, by Application."""
        return {
            item["metadata"]["name"]: "\n".join(
                f"{condition['type']}: {condition['message']}" for condition in item["status"].get("conditions") or ()
            )
            for item in self._own(_APPLICATIONS)
            if "status" in item
        }

    def settle(self, seconds: float = 300) -> None:
        """Wait until Argo CD has synced what is published now, and does nothing more. Raises AssertionError."""
        commit = git(self._folder / f"{self.prefix}.git", "rev-parse", "main")
        until, busy = time.monotonic() + seconds, ""
        while time.monotonic() < until:
            busy = self._refresh(self._is_parent, commit)
            busy = busy or self._refresh(lambda item: self._deploys_chart(item) and not self._is_parent(item), commit)
            busy = busy or self._refresh(lambda item: not self._deploys_chart(item), commit)
            if not busy:
                return
        states = [_describe(item) for item in self._own(_APPLICATIONS)]
        raise AssertionError(f"Argo CD has not settled at {commit[:12]}: {busy}\n" + "\n".join(states))

    def set_pod_statuses(self) -> None:
        """Set the status of every pod, as a kubelet would: Healthy where `pod_health` does not name the namespace."""
        if not any(app.get("path") == "pod" for app in self.tables["apps"].values()):
            return
        for item in self._clusters.items("pods", "-A"):
            namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
            status = POD_STATUS[self.pod_health.get(namespace, "Healthy")]
            if namespace in self._namespaces and item["status"].get("phase") != status["phase"]:
                patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
                self._clusters.kubectl("patch", "pod", name, "-n", namespace, *patch)

    def patch(self, application: str, patch: Mapping[str, Any]) -> None:
        """Change an Application by hand."""
        self._clusters.request("PATCH", f"{_APPLICATIONS}/{application}", patch)

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 300) -> None:
        """Wait until something is so, while Argo CD compares again and again. Raises AssertionError."""
        until = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < until, [_describe(item) for item in self._own(_APPLICATIONS)]
            self._refresh(lambda item: True, "")
            time.sleep(1)

    def approve_deletions(self, application: str) -> None:
        """Confirm on an Application that what waits for that may be deleted."""
        approved = {"argocd.argoproj.io/deletion-approved": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        self._clusters.request("PATCH", f"{_APPLICATIONS}/{application}", {"metadata": {"annotations": approved}})

    def add_chart(self, revision: str, *objects: Mapping[str, Any]) -> None:
        """Tag a commit of the repository of all apps in which the chart `extra` has these objects, and no others."""
        work = self._folder / "apps-work"
        files = {"extra/Chart.yaml": "apiVersion: v2\nname: extra\nversion: 0.1.0\n"}
        files["extra/templates/objects.yaml"] = "\n---\n".join(map(json.dumps, objects))
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git(work, "add", "-A")
        git(work, "commit", "-q", "--allow-empty", "-m", revision)
        git(work, "tag", revision)
        git(work, "push", "-q", str(self._folder / "apps.git"), "main", "--tags")

    def sync_with_prune(self, application: str) -> None:
        """Sync an Application by hand, and delete what its source does not have; not while it is synced already."""
        self.wait_until(lambda: not _is_syncing(self.application(application)))
        self._clusters.request("PATCH", f"{_APPLICATIONS}/{application}", {"operation": {"sync": {"prune": True}}})

    def namespace_exists(self, name: str) -> bool:
        """Whether a namespace exists, and is not being deleted."""
        found = self._clusters.request("GET", f"/api/v1/namespaces/{name}")
        return found.get("kind") == "Namespace" and "deletionTimestamp" not in found["metadata"]

    def commit_to_apps(self, path: str, before: str, after: str) -> None:
        """Push a commit to the branch of the repository of all apps."""
        work = self._folder / "apps-work"
        (work / path).write_text((work / path).read_text().replace(before, after))
        git(work, "commit", "-q", "-a", "-m", "an edit")
        git(work, "push", "-q", str(self._folder / "apps.git"), "main")

    @staticmethod
    def _is_parent(item: Mapping[str, Any]) -> bool:
        return "-parent-" in item["metadata"]["name"]

    def _deploys_chart(self, item: Mapping[str, Any]) -> bool:
        """Whether an Application deploys the chart of an environment or shard."""
        return str(item["spec"].get("source", {}).get("repoURL")).endswith(f"/{self.prefix}.git")

    def _refresh(self, chosen: Callable[[Mapping[str, Any]], bool], commit: str) -> str:
        """Have Argo CD compare the chosen Applications again; which of them it still works on, empty for none."""
        names = [item["metadata"]["name"] for item in self._own(_APPLICATIONS) if chosen(item)]
        for name in names:
            self._clusters.request("PATCH", f"{_APPLICATIONS}/{name}", _REFRESH)
        until = time.monotonic() + 30
        while True:
            self.set_pod_statuses()
            items = [item for item in self._own(_APPLICATIONS) if chosen(item)]
            busy = [
                item["metadata"]["name"]
                for item in items
                if _is_busy(item, commit if self._deploys_chart(item) else "")
            ]
            if not busy or time.monotonic() > until:
                return ", ".join(busy)
            time.sleep(0.3)


def _object_name(kind: str, item: Mapping[str, Any], cluster: str = "") -> ObjectName:
    meta = item["metadata"]
    return ObjectName(kind, meta["namespace"], meta["name"], cluster)


def _changeable(item: Mapping[str, Any]) -> str:
    meta = item["metadata"]
    kept = {name: value for name, value in item.items() if name in ("spec", "data")}
    annotations = {
        name: value
        for name, value in (meta.get("annotations") or {}).items()
        if name not in ("argocd.argoproj.io/refresh", "argocd.argoproj.io/hydrate")
        and not name.startswith("kubectl.kubernetes.io/")
    }
    kept |= {"labels": meta.get("labels"), "annotations": annotations, "finalizers": meta.get("finalizers")}
    return json.dumps(kept, sort_keys=True)


def _is_busy(item: Mapping[str, Any], commit: str) -> bool:
    """Whether Argo CD still works on an Application, or will; with `commit`, it deploys a chart from that."""
    meta, status = item["metadata"], item.get("status", {})
    sync, operation = status.get("sync", {}), status.get("operationState") or {}
    if "deletionTimestamp" in meta or "argocd.argoproj.io/refresh" in (meta.get("annotations") or {}):
        return True
    if _is_syncing(item):
        return True
    if commit:
        synced = (operation.get("syncResult") or {}).get("revision") == commit
        return sync.get("revision") != commit or not (synced or sync.get("status") == "Synced")
    automated = (item["spec"].get("syncPolicy") or {}).get("automated") or {}
    blocked = {"InvalidSpecError", "ComparisonError", "SyncError"} & {c["type"] for c in status.get("conditions") or ()}
    heals = automated.get("selfHeal") and automated.get("enabled") is not False and not blocked
    out = [each for each in status.get("resources") or () if each.get("status") != "Synced"]
    left = [each for each in out if automated.get("prune") or not each.get("requiresPruning")]
    return bool(heals and left) or not (sync.get("status") or blocked)


def _is_syncing(item: Mapping[str, Any]) -> bool:
    operation = item.get("status", {}).get("operationState") or {}
    return "operation" in item or operation.get("phase") in ("Running", "Terminating")


def _describe(item: Mapping[str, Any]) -> str:
    status = item.get("status", {})
    operation = status.get("operationState") or {}
    going = ", being deleted" if "deletionTimestamp" in item["metadata"] else ""
    conditions = "; ".join(f"{c['type']}: {c['message']}" for c in status.get("conditions") or ())
    sync = status.get("sync", {})
    return (
        f"{item['metadata']['name']}: {sync.get('status')} at {str(sync.get('revision'))[:12]}, "
        f"{operation.get('phase')}: {operation.get('message')}{going} {conditions}"
    )


def each_change(
    before: Mapping[ObjectName, LiveObject], after: Mapping[ObjectName, LiveObject]
) -> Iterator[tuple[ObjectName, str]]:
    """What happened to each object: created, updated, deleted or recreated (another identity)."""
    for at in sorted(before.keys() | after.keys()):
        old, new = before.get(at), after.get(at)
        if old is None:
            yield at, "created"
        elif new is None:
            yield at, "deleted"
        elif old.uid != new.uid:
            yield at, "recreated"
        elif old.content != new.content:
            yield at, "updated"
