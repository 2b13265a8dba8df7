"""A registry in a folder of its own, with a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace import REGISTRY, Run, isolate, runner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that holds a registry and nothing else."""
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "apps.toml").write_text(REGISTRY)
    return folder
