"""A teardown leaves nothing behind, whenever it is interrupted, and nothing else is touched."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from generator.cluster.kubectl import Kubectl
from generator.cluster.run_teardown import TeardownRun, prepare_teardown
from generator.cluster.teardown import TeardownChoices
from generator.working_registry import WorkingRegistry
from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import REVISIONS, Clusters, LiveRegistry
from tests.workspace import spawn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
_KINDS = ("applications.argoproj.io", "appprojects.argoproj.io")


def _tables(prefix: str, **environments: dict[str, Any]) -> dict[str, Any]:
    apps = [f"{prefix}-web", f"{prefix}-shop"]
    namespaces = [f"{app}{suffix}" for app in apps for suffix in ("", "-test")]
    return {
        "version": 1,
        "allowSchemes": ["http"],
        "environments": {name: {"argocd": "live", "apps": list(apps), **table} for name, table in environments.items()},
        "teams": {"red": {"namespaces": namespaces, "projects": [f"{prefix}-shared"]}},
        "apps": {
            app: {
                "team": "red",
                "path": "chart",
                "targetRevision": REVISIONS[0],
                "project": f"{prefix}-shared",
                "environments": {name: {"namespace": f"{app}-test"} for name in environments if name == "test"},
            }
            for app in apps
        },
    }


def _left(clusters: Clusters, prefix: str, *kinds: str) -> set[str]:
    found = [item["metadata"] for kind in kinds for item in clusters.items(kind, "-A")]
    return {each["name"] for each in found if each["name"].startswith(prefix)}


def _teardown(live: LiveRegistry, environment: str, *options: str, clusters: Clusters) -> Any:
    kubeconfig = f"--kubeconfig={clusters.kubeconfigs['']}"
    return spawn("teardown", environment, "--run", "--confirm", environment, kubeconfig, *options, cwd=live.work)


def test_environments_of_one_argo_cd_go_one_after_the_other(start_live: StartLive, cluster: Any) -> None:
    prefix, clusters = f"w{secrets.token_hex(3)}", Clusters.from_environment(cluster.kube_config_path)
    tables = _tables(prefix, dev={"createProjects": True}, test={"nameSuffix": "-test"})
    tables["apps"][f"{prefix}-web"]["syncWave"] = 5
    live = start_live(tables, prefix)
    workload = live.workload(f"{prefix}-web")
    assert workload

    refused = _teardown(live, "dev", "--delete-namespaces", clusters=clusters)
    assert (refused.code, "Applications outside of dev use its projects" in refused.err) == (4, True)
    assert live.workload(f"{prefix}-web") == workload

    done = _teardown(live, "test", "--delete-namespaces", clusters=clusters)
    assert done.code == 0, done
    assert live.workload(f"{prefix}-web") == workload
    assert _left(clusters, prefix, "namespaces") == {f"{prefix}-web", f"{prefix}-shop"}

    done = _teardown(live, "dev", "--delete-namespaces", clusters=clusters)
    assert done.code == 0, done
    assert _left(clusters, prefix, *_KINDS, "namespaces", "configmaps") == set()


class _InterruptedError(Exception):
    pass


class _Interrupted(Kubectl):
    """Changes something once, and is interrupted at the second change."""

    def run(self, *args: str) -> str:
        if args[0] in ("patch", "delete"):
            if "changed" in self.__dict__:
                raise _InterruptedError
            object.__setattr__(self, "changed", True)
        return super().run(*args)


@pytest.mark.parametrize("shards", [None, 2])
def test_an_interrupted_teardown_continues(
    start_live: StartLive, cluster: Any, shards: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, clusters = f"w{secrets.token_hex(3)}", Clusters.from_environment(cluster.kube_config_path)
    # The names of shards' Applications and projects begin with that of the environment.
    environment = f"{prefix}-dev"
    table = {"createProjects": True, **({"shards": shards} if shards else {})}
    live = start_live(_tables(prefix, **{environment: table}), prefix)
    live.tables["environments"][environment]["retired"] = {f"{prefix}-shop": "2026-11-28 sold"}
    live.publish()
    live.settle()
    kept = live.workload(f"{prefix}-shop")
    assert kept

    monkeypatch.chdir(live.work)
    registry = WorkingRegistry.find(None).read()
    choices = TeardownChoices(delete_namespaces=True, parent=f"{prefix}-parent-{environment}")
    interruptions = 0
    reports: list[str] = []
    while True:
        kubectl = _Interrupted(clusters.kubeconfigs[""])
        plan = prepare_teardown(registry, environment, choices, kubectl)
        try:
            TeardownRun(plan, kubectl, reports.append, 120).perform()
        except _InterruptedError:
            interruptions += 1
        else:
            break
    assert interruptions >= 4
    assert _left(clusters, prefix, *_KINDS) == set()
    assert _left(clusters, prefix, "namespaces") == {f"{prefix}-shop"} | {
        f"{prefix}-{app}-test" for app in ("web", "shop")
    }
    assert live.workload(f"{prefix}-shop") == kept
    again = Kubectl(clusters.kubeconfigs[""])
    TeardownRun(prepare_teardown(registry, environment, choices, again), again, reports.append, 120).perform()
    assert reports[-len(plan.steps) :] == [f"{n}. {step.title}: nothing to do" for n, step in enumerate(plan.steps, 1)]
