"""What the tests of many rooms share: a home, `workloads` run as a user runs it, a registry, and its whole world."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promotion.world import World
from tests.workspace import REGISTRY, Run, isolate, runner

#: Every test of these rooms runs in a home of its own, whether it asks for one or not.
_ROOMS_AT_HOME = {"commands", "diff", "promotion", "publishing"}


@pytest.fixture(autouse=True)
def _own_home(request: pytest.FixtureRequest) -> None:
    if request.path.parent.name in _ROOMS_AT_HOME:
        request.getfixturevalue("home")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and nothing of the machine's settings."""
    isolate(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


@pytest.fixture
def workloads(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `workloads ARGS` in this process."""
    return runner(monkeypatch, capsys)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that holds a registry and nothing else."""
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "apps.toml").write_text(REGISTRY)
    return folder


@pytest.fixture
def world(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    """A registry with its charts, its remote, and the repositories of its apps."""
    return World(tmp_path, workloads, monkeypatch).build()
