"""Three environments in one Argo CD, from their bootstrap to their teardown, and what happens to every object."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.argocd import NAMESPACE, repository
from tests.cluster.live_registry import Clusters, LiveRegistry, each_change, write_app_charts
from tests.git.remotes import git
from tests.registry.writer import toml
from tests.workspace import Done, spawn

ENVIRONMENTS = ("dev", "test", "prod")
#: The apps and their teams.
APPS = {"billing": "payments", "ledger": "payments", "mail": "comms"}
_NAMESPACES = [f"{app}-{environment}" for app in APPS for environment in ENVIRONMENTS]


def build_tables(url: str) -> dict[str, Any]:
    """The registry in the beginning: teams and environments, and no apps."""
    grants = {
        team: {"namespaces": [name for name in _NAMESPACES if APPS[name.rpartition("-")[0]] == team]}
        for team in sorted(set(APPS.values()))
    }
    return {
        "version": 2,
        "interpolate": True,
        "allowSchemes": ["http"],
        "workloads": {"repository": f"{url}/workloads.git"},
        "defaults": {
            "namespace": "${app.name}-${environment.name}",
            "finalizer": "foreground",
            "syncPolicy": {"automated": {"prune": True}},
        },
        "repositories": {"apps": {"url": f"{url}/apps.git"}},
        "environments": {
            "dev": {"argocd": "hub", "createProjects": True, "apps": []},
            "test": {"argocd": "hub", "nameSuffix": "-test", "promotesFrom": ["dev"], "apps": []},
            "prod": {"argocd": "hub", "nameSuffix": "-prod", "promotesFrom": ["test"], "apps": []},
        },
        "teams": grants,
    }


class Life(LiveRegistry):
    """The registry, and a transcript of what was run and what Argo CD did."""

    def __init__(self, clusters: Clusters, folder: Path, url: str, variables: Mapping[str, str]) -> None:
        super().__init__(clusters, folder, url, "workloads", {**build_tables(url), "apps": {}})
        self._variables = variables
        self.url = url
        self.lines: list[str] = []

    def start(self) -> None:
        """Create the namespaces and the repositories."""
        names = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in _NAMESPACES]
        self._clusters.apply(*names)
        write_app_charts(self._folder / "apps.git")
        del self.tables["apps"]
        repository(self._folder / "workloads.git", {"apps.toml": toml(self.tables)})
        git(self._folder, "clone", "-q", f"{self.url}/workloads.git", str(self.work))

    def _own(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self._clusters.items(kind, "-n", NAMESPACE) if item["metadata"]["name"] != "default"]

    @staticmethod
    def _is_parent(item: Mapping[str, Any]) -> bool:
        return str(item["metadata"]["name"]).endswith("-applications")

    def run(self, *args: str) -> Done:
        """Run `workloads`, and write down what it prints."""
        done = spawn(*args, cwd=self.work, **self._variables)
        assert done.code == 0, done
        self.show(f"$ workloads {shlex.join(args)}", done.out + done.err)
        return done

    def say(self, text: str) -> None:
        """Write down what a reader should know."""
        self.lines += [text, ""]

    def step(self, *commands: str, keeps: Callable[[str], bool] = lambda kind: kind == "ConfigMap") -> None:
        """Run commands, let Argo CD sync, and write down what happened.

        No object for which `keeps` is true, by kind, may be deleted or recreated.
        """
        before = self.objects()
        for command in commands:
            self.run(*shlex.split(command))
        self.pull()
        self.settle()
        changes = list(each_change(before, self.objects()))
        self.show("", "".join(f"{at.kind:12} {at.namespace}/{at.name}: {what}\n" for at, what in changes))
        lost = [at for at, what in changes if what in ("deleted", "recreated") and keeps(at.kind)]
        assert not lost, lost
        assert not self.conditions(), self.conditions()

    def bootstrap(self, environment: str) -> None:
        """Give the root objects of an environment to kubectl."""
        command = f"bootstrap {environment} --for manifest --prune --self-heal"
        done = spawn(*command.split(), cwd=self.work, **self._variables)
        assert done.code == 0, done
        self.show(
            f"$ workloads {command} | kubectl apply -f -", self._clusters.kubectl("apply", "-f", "-", data=done.out)
        )

    def tear_down(self, environment: str) -> None:
        """Delete an environment; its Applications and namespaces do not exist afterwards."""
        self.run("teardown", environment, "--delete-namespaces", "--run", "--confirm", environment)

    def show(self, command: str, output: str) -> None:
        """Write down a command, if there is one, and an output."""
        text = "\n".join([*([command] if command else []), output]).replace(self.url, "https://git.example.com")
        text = re.sub(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{9}\b", lambda found: "0c1d2e3f4a5b"[: len(found[0])], text)
        self.lines += ["```console", *text.splitlines(), "```", ""]


def live(life: Life) -> None:
    """The whole life. Raises AssertionError where Argo CD does something else than it should."""
    life.say("## Bootstrap\n\nThe registry has three environments in one Argo CD, and no apps yet.")
    life.run("publish")
    for environment in ENVIRONMENTS:
        life.bootstrap(environment)
    life.settle()
    life.pull()
    life.say("## Onboard\n\nThree apps of two teams. Below each command: what Argo CD did.")
    source = f"--repository {life.url}/apps.git --path chart --revision v1.0.0"
    for app, team in APPS.items():
        life.step(f"add {app} --team {team} {source} --publish")
    life.say("## Promote\n\nThe first revision goes through all environments, then the next one of one app.")
    life.step("promote --all --to test --publish")
    life.step("promote --all --to prod --publish --yes")
    life.step("promote billing --to dev --revision v1.1.0 --publish")
    life.step("promote billing --to test --publish")
    life.step("promote billing --to prod --publish")
    life.say("## Roll back")
    life.step("rollback billing --in prod --reason 'more errors' --publish")
    life.say("## Retire and remove\n\nThe Application is deleted, and its workload keeps running.")
    life.step("retire mail --in prod --reason 'moves to a vendor' --publish")
    life.step("remove mail --in prod --synced --publish")
    assert set(life.workload("mail-prod")) == {"mail-prod-settings", "mail-prod-limits"}
    life.say("## Divide the chart of an environment\n\nEach of the three steps is synced before the next one.")
    for _ in range(3):
        life.step("shard dev --by team --publish")
    life.say("## Tear down\n\nThe environment whose chart creates the projects goes last.")
    for environment in reversed(ENVIRONMENTS):
        life.tear_down(environment)
    _assert_nothing_is_left(life)


def _assert_nothing_is_left(life: Life) -> None:
    left = {at for at in life.objects() if at.kind != "ConfigMap"}
    assert not left, left
    life.say("Nothing is left but the workload of the retired app, which Argo CD does not manage any more:")
    life.show("", "".join(f"{at.kind} {at.namespace}/{at.name}\n" for at in sorted(life.objects())))
    assert {at.namespace for at in life.objects()} == {"mail-prod"}
