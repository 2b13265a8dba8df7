"""`workloads remove --live`: the live Application proves that Argo CD has the retirement, or that it does not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from generator.registry.reader import read_registry
from tests.live.sample import healthy, write_state
from tests.promotion.world import HUB, World
from tests.workspace import Run

pytestmark = pytest.mark.timeout(120)


def _live(world: World) -> str:
    registry = read_registry(world.checkout / "apps.toml")
    app = registry.find_effective_app("dev", "ledger")
    assert app
    item = healthy(registry.environments["dev"], app, "1" * 40, synced_at=world.at - timedelta(minutes=10))
    return write_state(world.folder / "live.json", [item])


def test_a_retired_app_is_removed_once_argo_cd_has_the_retirement(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, workloads, monkeypatch).build(HUB)
    before = _live(world)
    world.commit_as_told(world.run("retire", "ledger", "--in", "dev", "--reason", "sold").err)
    remove = ("remove", "ledger", "--in", "dev", "--live", before)
    world.at += timedelta(hours=1)
    said = world.refused(4, *remove)
    assert "Argo CD does not have the retirement of ledger in dev yet: " in said
    assert "metadata.finalizers is ['foreground']" in said
    world.at -= timedelta(hours=1)
    assert "the retirement of ledger in dev was published" in world.refused(4, *remove[:-1], f"other={before}")
    _live(world)
    world.at += timedelta(hours=1)
    assert "yet: Argo CD compared it last 60m ago, more than 30m" in world.refused(4, *remove)
    world.at -= timedelta(hours=1)
    assert "changed apps.toml" in world.ok(*remove)
