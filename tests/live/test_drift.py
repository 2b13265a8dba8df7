"""`workloads drift`: every kind of deviation is found, none is invented, and what was not seen is not missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from generator.live.drift import KINDS
from generator.registry.registry import Registry
from tests.charts.rendered import registry_of
from tests.live.sample import healthy, set_field, time, write_state
from tests.workspace import REGISTRY, Done, Run

COMMIT = "1" * 40
_SHARED = REGISTRY.replace("[environments.test]\n", '[environments.test]\nargocd = "dev"\nnameSuffix = "-test"\n')
_SHARED = _SHARED.replace("[environments.prod]\n", '[environments.prod]\nargocd = "dev"\nnameSuffix = "-prod"\n')
Drift = Callable[..., Done]


def all_healthy(registry: Registry) -> dict[str, dict[str, Any]]:
    """Every Application of a registry by name, as Argo CD has it a minute after it was synced."""
    now = datetime.now(UTC) - timedelta(minutes=11)
    return {
        app.application: healthy(environment, app, COMMIT, synced_at=now)
        for environment in registry.environments.values()
        for app in registry.list_effective_apps(environment.name)
    }


def parent(environment: str, **status: Any) -> dict[str, Any]:
    """The Application that deploys the chart of an environment."""
    source = {"repoURL": "https://github.com/acme/workloads", "path": f"multi-repo/argo-app-of-apps/{environment}"}
    item: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": f"parent-{environment}", "namespace": "argocd"},
        "spec": {"project": "default", "source": source},
        "status": {
            "sync": {"status": "Synced"},
            "health": {"status": "Healthy"},
            "reconciledAt": time(datetime.now(UTC)),
        },
    }
    item["status"] |= status
    return item


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    workloads = '[workloads]\nrepository = "https://github.com/acme/workloads.git"\n'
    (folder / "apps.toml").write_text(f"{_SHARED}\n{workloads}")
    return folder


@pytest.fixture
def live(place: Path) -> dict[str, dict[str, Any]]:
    return all_healthy(registry_of((place / "apps.toml").read_text()))


@pytest.fixture
def drift(place: Path, workloads: Run) -> Drift:
    def run(items: Any, *args: str, **metadata: str) -> Done:
        path = write_state(place / "live.json", items, **metadata)
        return workloads("drift", "--live", path, *args, cwd=place)

    return run


def test_nothing_deviates_where_everything_is_as_the_registry_says(drift: Drift, live: dict[str, Any]) -> None:
    done = drift([*live.values(), parent("dev"), parent("test")], "--exit-code")
    assert (done.code, done.out) == (0, "5 Applications: as the registry says\n")
    assert "read 7 Applications from " in done.err


def deviations(live: dict[str, Any]) -> list[dict[str, Any]]:
    """Ten deviations made by hand, of every kind that can be seen."""
    items = dict(live)
    del items["ledger"]
    old = time(datetime.now(UTC) - timedelta(hours=3))
    items["billing"] = set_field(live["billing"], "spec/source/targetRevision", "v9.9.9")
    items["billing-test"] = set_field(live["billing-test"], "spec/syncPolicy/automated/selfHeal", True)
    items["billing-test"] = set_field(items["billing-test"], "status/sync/status", "OutOfSync")
    items["ledger-test"] = set_field(
        live["ledger-test"], "status/health", {"status": "Degraded", "message": "x failed"}
    )
    items["ledger-test"] = set_field(items["ledger-test"], "status/reconciledAt", old)
    items["billing-prod"] = set_field(live["billing-prod"], "metadata/deletionTimestamp", old)
    condition = {"type": "ComparisonError", "message": "no such host"}
    items["billing-prod"] = set_field(items["billing-prod"], "status/conditions", [condition])
    by_hand = set_field(live["billing"], "metadata/name", "by-hand")
    by_hand = set_field(by_hand, "metadata/annotations/argocd.argoproj.io~1tracking-id", None)
    return [*items.values(), by_hand, parent("dev", sync={"status": "OutOfSync"})]


def test_ten_deviations_are_found_and_none_is_invented(drift: Drift, live: dict[str, Any]) -> None:
    done = drift(deviations(live), "--json", "--exit-code")
    found = json.loads(done.out)
    assert done.code == 1
    assert found["applications"] == 5
    assert sorted((each["application"], each["kind"]) for each in found["deviations"]) == [
        ("billing", "edited"),
        ("billing-prod", "deleting"),
        ("billing-prod", "error"),
        ("billing-test", "edited"),
        ("billing-test", "out-of-sync"),
        ("by-hand", "unregistered"),
        ("ledger", "missing"),
        ("ledger-test", "degraded"),
        ("ledger-test", "stale"),
        ("parent-dev", "out-of-sync"),
    ]
    assert {each["kind"] for each in found["deviations"]} == KINDS.keys() - {"unseen"}
    assert found["deviations"][0]["fields"] == [
        {"field": "spec.source.targetRevision", "expected": "main", "live": "v9.9.9"}
    ]


def test_deviations_are_said_in_words(drift: Drift, live: dict[str, Any]) -> None:
    done = drift(deviations(live))
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:2] == ["dev/billing: edited: 1 field", "  spec.source.targetRevision: live v9.9.9, chart main"]
    assert "dev/ledger: missing: there is no Application ledger in the namespace argocd" in lines
    assert "test/ledger: degraded: Degraded: x failed" in lines
    assert "test/ledger: stale: Argo CD compared it last 3h ago, more than 30m" in lines
    assert "by-hand: unregistered: project billing" in lines
    assert "parent-dev: out-of-sync: OutOfSync" in lines
    assert lines[-1].startswith("10 deviations in 5 Applications: 1 unregistered, 1 missing, 2 edited, 2 out-of-sync")


@pytest.mark.parametrize("metadata", [{"continue": "abc"}])
def test_what_was_not_seen_is_not_missing(drift: Drift, live: dict[str, Any], metadata: dict[str, str]) -> None:
    done = drift([live["billing"]], "--env", "dev", "--exit-code", **metadata)
    assert (done.code, done.out.splitlines()[-1]) == (1, "1 deviation in 2 Applications: 1 unseen")
    assert "dev/ledger: unseen: ledger was not seen: " in done.out


def test_an_environment_alone_can_be_compared(drift: Drift, live: dict[str, Any]) -> None:
    done = drift(deviations(live), "--env", "test", "--json")
    found = {(each["environment"], each["kind"]) for each in json.loads(done.out)["deviations"]}
    assert found == {
        ("test", "edited"),
        ("test", "out-of-sync"),
        ("test", "degraded"),
        ("test", "stale"),
        (None, "unregistered"),
    }


def test_a_verdict_is_old_after_the_age_that_is_given(drift: Drift, live: dict[str, Any]) -> None:
    assert "5 stale" in drift(live.values(), "--live-max-age", "30s").out
    assert "5 Applications: as the registry says" in drift(live.values(), "--live-max-age", "2h").out
    assert drift(live.values(), "--live-max-age", "soon").code == 2


def test_without_a_source_drift_is_refused(place: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = workloads("drift", cwd=place)
    assert (done.code, done.last) == (2, "hint: give --live SOURCE, or set WORKLOADS_LIVE")
    monkeypatch.setenv("WORKLOADS_LIVE", "no-such-file.json")
    assert workloads("drift", cwd=place).code == 9


def test_environments_without_a_source_are_named(place: Path, workloads: Run, live: dict[str, Any]) -> None:
    (place / "apps.toml").write_text(REGISTRY)
    path = write_state(place / "live.json", [live["billing"], live["ledger"]])
    done = workloads("drift", "--live", f"dev={path}", cwd=place)
    assert done.out == "2 Applications: as the registry says\n"
    assert "note: test, prod: not compared, because nothing says where the live state is" in done.err
    assert workloads("drift", "--live", f"dev={path}", "--env", "test", cwd=place).code == 2


def test_an_application_of_another_chart_is_unregistered(drift: Drift, live: dict[str, Any]) -> None:
    other = set_field(parent("dev"), "spec/source/repoURL", "https://github.com/other/workloads")
    assert "parent-dev: unregistered: project default" in drift([*live.values(), other]).out


def test_the_chart_of_a_shard_belongs_to_its_environment(drift: Drift, live: dict[str, Any]) -> None:
    shard = set_field(parent("dev"), "spec/source/path", "multi-repo/argo-app-shards/dev/payments")
    assert drift([*live.values(), shard], "--exit-code").code == 0


def test_status_shows_desired_synced_and_healthy(place: Path, workloads: Run, live: dict[str, Any]) -> None:
    items = {name: item for name, item in live.items() if name != "ledger"}
    items["ledger-test"] = set_field(live["ledger-test"], "status/health/status", "Degraded")
    items["billing-test"] = set_field(live["billing-test"], "status/sync/status", "OutOfSync")
    items["billing-test"] = set_field(items["billing-test"], "status/history/0/revision", "2" * 40)
    path = write_state(place / "live.json", items.values())
    lines = workloads("status", "--live", path, cwd=place).out.splitlines()
    assert [line.split() for line in lines[:6]] == [
        ["APP", "ENVIRONMENT", "DESIRED", "SYNCED", "HEALTHY", "ARGO", "CD", "SAYS"],
        [
            "billing",
            "dev",
            "main",
            "main",
            "(111111111111)",
            "main",
            "(111111111111)",
            "Synced,",
            "Healthy",
            "for",
            "11m",
        ],
        ["billing", "test", "@v1.1.0", "222222222222", "-", "OutOfSync,", "Healthy", "for", "11m"],
        [
            "billing",
            "prod",
            "@v1.0.0",
            "v1.0.0",
            "(111111111111)",
            "v1.0.0",
            "(111111111111)",
            "Synced,",
            "Healthy",
            "for",
            "11m",
        ],
        [
            "ledger",
            "dev",
            "main",
            "-",
            "-",
            "there",
            "is",
            "no",
            "Application",
            "ledger",
            "in",
            "the",
            "namespace",
            "argocd",
        ],
        ["ledger", "test", "main", "main", "(111111111111)", "-", "Synced,", "Degraded"],
    ]
    (place / "empty.json").write_text('{"items": []}')
    unseen = json.loads(workloads("status", "--live", "empty.json", "--json", cwd=place).out)
    cell = unseen["apps"][0]["runs"]["dev"]["live"]
    assert (cell["synced"], cell["healthy"], cell["sync"]) == (None, None, "Unknown")
    assert "billing was not seen: empty.json has no Application" in cell["text"]
    assert "unknown" in workloads("status", "--live", "empty.json", cwd=place).out
