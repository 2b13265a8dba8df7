"""A live Argo CD that reads the repositories of this machine: what it was given, and what it made of that."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.git.remotes import git
from tests.workspace import Done, environment, spawn

NAMESPACE = "argocd"
IN_CLUSTER = "https://kubernetes.default.svc"
_FILES = {
    "chart/Chart.yaml": "apiVersion: v2\nname: workload\nversion: 0.1.0\n",
    "chart/templates/workload.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: workload }\n",
}
#: Argo CD looks at once where this is set, and takes it away.
_REFRESH = '{"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}'
_UNGUARDED = '{"metadata": {"finalizers": null}}'


def repository(path: Path, files: Mapping[str, str]) -> None:
    """A bare repository that has these files, and takes pushes over HTTP."""
    work = path.parent / f"{path.stem}-work"
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    work.mkdir(exist_ok=True)
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "-A")
    git(work, "commit", "-q", "--allow-empty", "-m", "first")
    git(path.parent, "clone", "-q", "--bare", str(work), str(path))
    git(path, "config", "http.receivepack", "true")


class Live:
    """One environment of some apps of two teams, bootstrapped in a live Argo CD; every name begins with `prefix`."""

    def __init__(self, cluster: Any, folder: Path, url: str, prefix: str) -> None:
        self._cluster = cluster
        self._folder = folder
        self.environment = prefix
        self.apps = {f"{prefix}-{team}-{number}": f"{prefix}-{team}" for team in ("red", "blue") for number in "12"}
        self._url = url
        self.work = folder / "registry"

    def start(self) -> None:
        """Publish the registry, and give Argo CD its chart."""
        for app in self.apps:
            repository(self._folder / f"{app}.git", _FILES)
            self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": app}})
        repository(self._folder / "workloads.git", {"apps.toml": self._registry()})
        git(self._folder, "clone", "-q", f"{self._url}/workloads.git", str(self.work))
        self.run("publish")
        self._apply(self._root())

    def _registry(self) -> str:
        apps = "".join(f'  "{app}",\n' for app in self.apps)
        text = f'version = 1\nallowSchemes = ["http"]\n[environments.{self.environment}]\napps = [\n{apps}]\n'
        text += "createProjects = true\npolicy.maxRemovals = 0\n"
        for team in dict.fromkeys(self.apps.values()):
            own = [app for app, of in self.apps.items() if of == team]
            repositories = ", ".join(f'"{self._url}/{app}.git"' for app in own)
            text += f"[teams.{team}]\nrepositories = [{repositories}]\nnamespaces = {json.dumps(own)}\n"
        for app, team in self.apps.items():
            text += f'[apps.{app}]\nteam = "{team}"\nrepoURL = "{self._url}/{app}.git"\npath = "chart"\n'
        return text

    def _root(self) -> dict[str, Any]:
        source = {"repoURL": f"{self._url}/workloads.git", "targetRevision": "main"}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": self.environment, "namespace": NAMESPACE},
            "spec": {
                "project": "default",
                "source": {**source, "path": f"multi-repo/argo-app-of-apps/{self.environment}"},
                "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
                "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            },
        }

    def stop(self) -> None:
        """Take everything out of the cluster again."""
        for kind in ("applications.argoproj.io", "appprojects.argoproj.io"):
            # The one that would bring the others back goes first.
            for name in sorted(name for name in self._all(kind) if name.startswith(self.environment)):
                self._kubectl(
                    "patch", kind, name, "--type=merge", "-p", '{"metadata": {"finalizers": null}}', check=False
                )
                self._kubectl("delete", kind, name, "--wait=false", check=False)
        self._kubectl("delete", "namespace", *self.apps, "--wait=false", check=False)

    def edit(self, before: str, after: str) -> None:
        """Put one text in place of another, which is there, in the checkout's registry."""
        path = self.work / "apps.toml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    def run(self, *args: str) -> Done:
        """Run `workloads`, which publishes, in the checkout of the registry, and have that up to date again."""
        done = spawn(*args, cwd=self.work)
        assert done.code == 0, done.err
        git(self.work, "fetch", "-q")
        git(self.work, "reset", "-q", "--hard", "origin/main")
        return done

    def synced(self, seconds: float = 240) -> None:
        """Wait until Argo CD has made what is published now out of what was there."""
        commit = git(self._folder / "workloads.git", "rev-parse", "main")
        until, state = time.monotonic() + seconds, {}
        while time.monotonic() < until:
            found = self._all("applications.argoproj.io")
            state = {name: _state(item) for name, item in found.items() if name.startswith(self.environment)}
            if state and all(_is_synced(item, commit) for name, item in found.items() if name in state):
                return
            for name in state:
                self._kubectl("patch", "application", name, "--type=merge", "-p", _REFRESH, check=False)
            time.sleep(4)
        raise AssertionError(f"Argo CD has not synced {commit[:12]}: {state}")

    def identities(self) -> dict[str, str | None]:
        """The identity that Kubernetes gave to each Application, and to what it runs: made anew, it has another."""
        applications = self._all("applications.argoproj.io")
        found: dict[str, str | None] = {}
        for app in self.apps:
            workloads = self._all("configmaps", app)
            found[f"Application {app}"] = applications.get(app, {}).get("metadata", {}).get("uid")
            found[f"workload of {app}"] = workloads.get("workload", {}).get("metadata", {}).get("uid")
        return found

    def parents(self) -> dict[str, str]:
        """By app, the Application that Argo CD tracks it as a part of."""
        tracked = "argocd.argoproj.io/tracking-id"
        found = self._all("applications.argoproj.io")
        return {app: found[app]["metadata"]["annotations"][tracked].partition(":")[0] for app in self.apps}

    def _all(self, kind: str, namespace: str = NAMESPACE) -> dict[str, Any]:
        items = json.loads(self._kubectl("get", kind, "-o", "json", namespace=namespace))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def _apply(self, item: Mapping[str, Any]) -> None:
        self._kubectl("apply", "-f", "-", data=json.dumps(item))

    def _kubectl(self, *args: str, data: str = "", namespace: str = NAMESPACE, check: bool = True) -> str:
        command = ["kubectl", f"--kubeconfig={self._cluster.kube_config_path}", "-n", namespace, *args]
        done = subprocess.run(command, input=data, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout


def _state(item: Mapping[str, Any]) -> str:
    status = item.get("status", {})
    going = "" if "deletionTimestamp" not in item["metadata"] else ", being deleted"
    return f"{status.get('sync', {}).get('status')} at {status.get('sync', {}).get('revision', '')[:12]}{going}"


def _is_synced(item: Mapping[str, Any], commit: str) -> bool:
    status = item.get("status", {})
    ended = (status.get("operationState") or {}).get("phase") == "Succeeded" and "operation" not in item
    source = item["spec"].get("source", {})
    here = not str(source.get("repoURL")).endswith("/workloads.git") or status.get("sync", {}).get("revision") == commit
    alive = "deletionTimestamp" not in item["metadata"]
    return bool(ended and here and alive and status.get("sync", {}).get("status") == "Synced")
