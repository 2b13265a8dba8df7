"""A registry whose charts a live Argo CD reads, and what the API server has of it before and after a publish."""

from __future__ import annotations

import json
import os
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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
_REFRESH = '{"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}'
_APPLICATIONS, _PROJECTS = "applications.argoproj.io", "appprojects.argoproj.io"


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


class Clusters:
    """The clusters that Argo CD reaches, by name; the one that it runs in has no name."""

    def __init__(self, kubeconfigs: Mapping[str, str]) -> None:
        self.kubeconfigs = kubeconfigs

    @classmethod
    def from_environment(cls, kubeconfig: str | None = None) -> Clusters:
        """The cluster of KUBECONFIG or a file, and that of KUBECONFIG_SECOND, if there is one."""
        second = os.environ.get("KUBECONFIG_SECOND", "")
        found = {"": kubeconfig or os.environ["KUBECONFIG"]}
        return cls(found | ({"second": second} if Path(second).is_file() else {}))

    def kubectl(self, *args: str, data: str = "", cluster: str = "", check: bool = True) -> str:
        """Run kubectl with a cluster."""
        command = ["kubectl", f"--kubeconfig={self.kubeconfigs[cluster]}", *args]
        done = subprocess.run(command, input=data, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def items(self, kind: str, *args: str, cluster: str = "") -> list[dict[str, Any]]:
        """The objects of a kind."""
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "-o", "json", *args, cluster=cluster))[
            "items"
        ]
        return found

    def apply(self, *objects: Mapping[str, Any], cluster: str = "") -> None:
        """Create or update objects."""
        self.kubectl(
            "apply", "-f", "-", data=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), cluster=cluster
        )


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
        names = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in self._namespaces]
        for cluster in self._clusters.kubeconfigs:
            self._clusters.apply(*names, cluster=cluster)
        for app in self.tables["apps"].values():
            app["repoURL"] = f"{self._url}/apps.git"
        for team in self.tables["teams"].values():
            team["repositories"] = [f"{self._url}/apps.git"]
        repository(self._folder / f"{self.prefix}.git", {"apps.toml": toml(self.tables)})
        git(self._folder, "clone", "-q", f"{self._url}/{self.prefix}.git", str(self.work))
        self.publish()
        self._clusters.apply(*(self._parent(name) for name in self.tables["environments"]))
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
        """Publish the registry as it is now."""
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
                patch = (
                    "patch",
                    kind,
                    name,
                    "-n",
                    NAMESPACE,
                    "--type=merge",
                    "-p",
                    '{"metadata": {"finalizers": null}}',
                )
                self._clusters.kubectl("delete", kind, name, "-n", NAMESPACE, "--wait=false", check=False)
                self._clusters.kubectl(*patch, check=False)
        for cluster in self._clusters.kubeconfigs:
            self._clusters.kubectl(
                "delete", "namespace", *self._namespaces, "--wait=false", cluster=cluster, check=False
            )

    def _own(self, kind: str) -> list[dict[str, Any]]:
        items = self._clusters.items(kind, "-n", NAMESPACE)
        return [item for item in items if item["metadata"]["name"].startswith(self.prefix)]

    def objects(self) -> dict[ObjectName, LiveObject]:
        """Every Application, AppProject and ConfigMap of this registry, without the parents."""
        found = {}
        for item in (*self._own(_APPLICATIONS), *self._own(_PROJECTS)):
            if "-parent-" not in item["metadata"]["name"]:
                found[_object_name(item, "")] = LiveObject(item["metadata"]["uid"], _changeable(item))
        for cluster in self._clusters.kubeconfigs:
            for item in self._clusters.items("configmaps", "-A", cluster=cluster):
                if item["metadata"]["namespace"] in self._namespaces and item["metadata"]["name"] != "kube-root-ca.crt":
                    found[_object_name(item, cluster)] = LiveObject(item["metadata"]["uid"], _changeable(item))
        return found

    def workload(self, namespace: str, cluster: str = "") -> dict[str, str]:
        """The identity of each ConfigMap in a namespace, by name."""
        found = self.objects()
        return {at.name: found[at].uid for at in found if at[:2] == ("ConfigMap", namespace) and at.cluster == cluster}

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
        assert done.code == 3, done
        return done.err

    def conditions(self) -> dict[str, str]:
        """The errors and warnings that Argo CD reports, by Application."""
        found = {}
        for item in self._own(_APPLICATIONS):
            for condition in item.get("status", {}).get("conditions") or ():
                found[item["metadata"]["name"]] = f"{condition['type']}: {condition['message']}"
        return found

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
        if not any(app["path"] == "pod" for app in self.tables["apps"].values()):
            return
        for item in self._clusters.items("pods", "-A"):
            namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
            status = POD_STATUS[self.pod_health.get(namespace, "Healthy")]
            if namespace in self._namespaces and item["status"].get("phase") != status["phase"]:
                patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
                self._clusters.kubectl("patch", "pod", name, "-n", namespace, *patch)

    def patch(self, application: str, patch: Mapping[str, Any]) -> None:
        """Change an Application by hand."""
        change = ("patch", _APPLICATIONS, application, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(patch))
        self._clusters.kubectl(*change)

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 300) -> None:
        """Wait until something is so, while Argo CD compares again and again. Raises AssertionError."""
        until = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < until, [_describe(item) for item in self._own(_APPLICATIONS)]
            self._refresh(lambda item: True, "")
            time.sleep(1)

    def approve_deletions(self, application: str) -> None:
        """Confirm on an Application that what waits for that may be deleted."""
        approval = f"argocd.argoproj.io/deletion-approved={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self._clusters.kubectl("annotate", "application", application, "-n", NAMESPACE, approval)

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
        if names:
            self._clusters.kubectl(
                "patch", _APPLICATIONS, *names, "-n", NAMESPACE, "--type=merge", "-p", _REFRESH, check=False
            )
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
            time.sleep(1)


def _object_name(item: Mapping[str, Any], cluster: str) -> ObjectName:
    meta = item["metadata"]
    return ObjectName(item["kind"], meta["namespace"], meta["name"], cluster)


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
    if "operation" in item or operation.get("phase") in ("Running", "Terminating"):
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
