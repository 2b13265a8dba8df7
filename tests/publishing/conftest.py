"""The two arrangements: a registry apart from the workloads repository, and one within it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git.remotes import Remote, git
from tests.publishing.arrangement import Arrangement
from tests.workspace import REGISTRY, Run, isolate, runner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def _bare(path: Path) -> Remote:
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare")
    return Remote(path)


@pytest.fixture
def apart(tmp_path: Path, workloads: Run) -> Arrangement:
    """A registry committed in one repository, whose charts go to another, which is empty."""
    remote = _bare(tmp_path / "server" / "workloads.git")
    checkout = tmp_path / "registry"
    checkout.mkdir()
    git(checkout, "init", "--quiet")
    arrangement = Arrangement(checkout, remote, workloads)
    arrangement.edit(arrangement.with_repository(REGISTRY))
    arrangement.commit("registry")
    return arrangement


@pytest.fixture
def within(tmp_path: Path, workloads: Run) -> Arrangement:
    """A checkout of the workloads repository, which holds the registry and the charts of it."""
    remote = _bare(tmp_path / "server" / "workloads.git")
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", remote.url, str(checkout))
    arrangement = Arrangement(checkout, remote, workloads)
    arrangement.edit(REGISTRY)
    assert arrangement.publish().code == 0
    git(checkout, "fetch", "--quiet")
    git(checkout, "reset", "--quiet", "--hard", "origin/main")
    git(checkout, "clean", "--quiet", "-fd")
    return arrangement
