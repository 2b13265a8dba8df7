"""`--wait` follows what was published until Argo CD has it, and says what is missing when the time is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from generator.registry.reader import read_registry
from tests.live.sample import healthy, set_field, write_state
from tests.promotion.world import HUB, World
from tests.workspace import Run

pytestmark = pytest.mark.timeout(120)
_PROMOTE = ("promote", "billing", "--to", "test", "--publish", "--without-helm", "--live", "live.json")


class ArgoCD:
    """Writes live.json: what Argo CD has after each pause, the last one for good."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.pauses = 0
        self.steps: list[Callable[[dict[str, Any]], dict[str, Any] | None]] = []
        monkeypatch.setattr("generator.commands.waiting.sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.pauses += 1
        self.world.at += timedelta(seconds=seconds)
        self.write()

    def write(self) -> None:
        change = self.steps[min(self.pauses, len(self.steps) - 1)]
        registry = read_registry(self.world.checkout / "apps.toml")
        items = []
        for name in ("dev", "test"):
            if app := registry.find_effective_app(name, "billing"):
                commit, synced_at = self.world.commit_of("billing", "v1.0.0"), self.world.at - timedelta(minutes=11)
                item = healthy(registry.environments[name], app, commit, synced_at=synced_at)
                items.append(item if name == "dev" else change(item))
        write_state(self.world.checkout / "live.json", filter(None, items))


@pytest.fixture
def world(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, workloads, monkeypatch).build(HUB)


@pytest.fixture
def argocd(world: World, monkeypatch: pytest.MonkeyPatch) -> ArgoCD:
    return ArgoCD(world, monkeypatch)


def _missing(item: dict[str, Any]) -> None:
    """Nothing is there yet."""


def _progressing(item: dict[str, Any]) -> dict[str, Any]:
    return set_field(item, "status/health/status", "Progressing")


def test_a_promotion_waits_until_argo_cd_has_it(world: World, argocd: ArgoCD) -> None:
    argocd.steps = [_missing, _progressing, _progressing, lambda item: item]
    argocd.write()
    done = world.run(*_PROMOTE, "--wait", "10m")
    assert done.code == 0, done.err
    assert [line for line in done.err.splitlines() if "waiting" in line or "has 1 app" in line] == [
        "waiting for 1 of 1 apps: test/billing: seen: there is no Application billing-test in the namespace argocd",
        "waiting for 1 of 1 apps: test/billing: healthy: it is Progressing",
        "Argo CD has 1 app: Synced and Healthy",
    ]
    assert argocd.pauses == 3
    # The same command waits again, also if there is nothing to publish any more.
    argocd.pauses, argocd.steps = 0, [_progressing]
    argocd.write()
    assert world.run(*_PROMOTE, "--wait", "30s").code == 6


def test_when_the_time_is_over_the_missing_term_is_named(world: World, argocd: ArgoCD) -> None:
    argocd.steps = [_missing, _progressing]
    argocd.write()
    done = world.run(*_PROMOTE, "--wait", "1m")
    assert done.code == 6
    assert (
        "error: Argo CD does not have 1 of 1 apps after 1m [WL5303]:\ntest/billing: healthy: it is Progressing\n"
        in done.err
    )
    assert done.last == "everything was published; only Argo CD is not there yet"
    assert argocd.pauses == 12
    assert '"billing@v1.0.0"' in world.text


def test_publish_waits_for_what_it_changed_or_for_everything(world: World, argocd: ArgoCD) -> None:
    argocd.steps = [lambda item: item]
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    argocd.write()
    done = world.run("publish", "--without-helm", "--live", "live.json", "--wait", "1m")
    assert (done.code, "Argo CD has 2 apps: Synced and Healthy" in done.err) == (0, True), done.err
    done = world.run("publish", "--without-helm", "--live", "live.json", "--wait", "5s")
    assert (done.code, "does not have 2 of 4 apps after 5s" in done.err) == (6, True), done.err


def test_a_removed_app_is_waited_for_until_it_is_gone(world: World, argocd: ArgoCD) -> None:
    text = world.text.replace('  "ledger",\n', "", 1)
    (world.checkout / "apps.toml").write_text(text)
    registry = read_registry(world.checkout / "apps.toml")
    ledger = {"kind": "Application", "metadata": {"name": "ledger", "namespace": "argocd"}}
    write_state(world.checkout / "live.json", [ledger])
    publish = ("publish", "--without-helm", "--allow-removal", "dev/ledger", "--live", "live.json", "--wait", "5s")
    assert registry.find_effective_app("dev", "ledger") is None
    assert "dev/ledger: the Application ledger still exists" in world.run(*publish).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("promote", "billing", "--to", "test", "--live", "live.json", "--wait", "5m"),
            "add --publish, or leave it out",
        ),
        ((*_PROMOTE[:-2], "--wait", "5m"), "give --live SOURCE, or set WORKLOADS_LIVE"),
        ((*_PROMOTE[:-1], "-", "--wait", "5m"), "give --live kubeconfig, or the address of argocd-server"),
        ((*_PROMOTE, "--wait", "long"), "use a duration such as 90s, 30m or 2h"),
        (("publish", "--dry-run", "--live", "live.json", "--wait", "5m"), "add --publish, or leave it out"),
    ],
)
def test_what_cannot_be_waited_for_is_refused_before_anything_is_pushed(
    world: World, arguments: tuple[str, ...], said: str
) -> None:
    assert said in world.refused(2, *arguments)
