"""A world of its own for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promotion.world import World
from tests.workspace import Run, isolate, runner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture
def world(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, workloads, monkeypatch).build()
