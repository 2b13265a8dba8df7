"""A home of its own, and `workloads` run as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.diff.sample import BEFORE, committed
from tests.workspace import Run, isolate, runner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository whose one commit has the sample and its charts."""
    committed(tmp_path / "shop", BEFORE)
    return tmp_path / "shop"
