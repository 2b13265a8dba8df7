"""`workloads site --live`: the page of an app shows what Argo CD has."""

from __future__ import annotations

from pathlib import Path

from generator.registry.reader import read_registry
from tests.live.sample import healthy, set_field, write_state
from tests.workspace import Run


def test_the_page_of_an_app_shows_what_is_synced_and_healthy(place: Path, workloads: Run, tmp_path: Path) -> None:
    registry = read_registry(place / "apps.toml")
    app = registry.find_effective_app("prod", "billing")
    assert app
    item = healthy(registry.environments["prod"], app, "1" * 40)
    states = [
        f"prod={write_state(place / 'prod.json', [set_field(item, 'status/health/status', 'Degraded')])}",
        f"test={write_state(place / 'test.json', [])}",
    ]
    live = [part for state in states for part in ("--live", state)]
    done = workloads("site", tmp_path / "site", *live, "--live-max-age", "100000h", cwd=place)
    assert done.code == 0, done.err
    page = (tmp_path / "site" / "apps" / "billing.html").read_text()
    assert "synced <code>v1.0.0 (111111111111)</code>, healthy <code>-</code>: Synced, Degraded" in page
    assert "synced <code>unknown</code>, healthy <code>unknown</code>: billing was not seen: " in page
    assert "synced <code>unknown</code>, healthy <code>unknown</code>: nothing says where to read" in page
    assert workloads("site", tmp_path / "site", *live, "--at", "7d", cwd=place).code == 2
