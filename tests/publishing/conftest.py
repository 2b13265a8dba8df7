"""The two arrangements: a registry apart from the workloads repository, and one within it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.git.remotes import Remote, git
from tests.publishing.arrangement import Arrangement
from tests.publishing.git_environments import make_server
from tests.workspace import REGISTRY, Run, isolate, spawn


def _bare(path: Path) -> Remote:
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    return Remote(path)


@pytest.fixture
def apart(tmp_path: Path, workloads: Run) -> Arrangement:
    """A registry committed in one repository, whose charts go to another, which is empty."""
    remote = _bare(tmp_path / "server" / "workloads.git")
    checkout = tmp_path / "registry"
    checkout.mkdir()
    git(checkout, "init", "--quiet", "--template=")
    arrangement = Arrangement(checkout, remote, workloads)
    arrangement.edit(arrangement.with_repository(REGISTRY))
    arrangement.commit("registry")
    return arrangement


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server and a checkout as the first publish leaves them, to be copied."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        isolate(folder / "home", patch)
        remote = _bare(folder / "server" / "workloads.git")
        checkout = folder / "checkout"
        git(folder, "clone", "--quiet", "--template=", remote.url, str(checkout))
        (checkout / "apps.toml").write_text(REGISTRY)
        assert spawn("publish", cwd=checkout).code == 0
        git(checkout, "fetch", "--quiet")
        git(checkout, "reset", "--quiet", "--hard", "origin/main")
        git(checkout, "clean", "--quiet", "-fd")
    return folder


@pytest.fixture(scope="session")
def server_to_copy(tmp_path_factory: pytest.TempPathFactory) -> Remote:
    """The server of `make_server`, to be copied."""
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        isolate(folder / "home", patch)
        return make_server(folder, spawn)


@pytest.fixture
def within(published: Path, tmp_path: Path, workloads: Run) -> Arrangement:
    """A checkout of the workloads repository, which holds the registry and the charts of it."""
    for name in ("server", "checkout"):
        shutil.copytree(published / name, tmp_path / name)
    config = tmp_path / "checkout" / ".git" / "config"
    config.write_text(config.read_text().replace(str(published), str(tmp_path)))
    return Arrangement(tmp_path / "checkout", Remote(tmp_path / "server" / "workloads.git"), workloads)


@pytest.fixture
def separate(tmp_path: Path, workloads: Run) -> Arrangement:
    """A clone of the registry's own repository, whose charts are published to another one."""
    charts, registry = _bare(tmp_path / "server" / "workloads.git"), _bare(tmp_path / "server" / "registry.git")
    text = f'{REGISTRY}\n[workloads]\nrepository = "{charts.url}"\n'
    registry.write({"apps.toml": text}, "registry")
    checkout = tmp_path / "registry"
    git(tmp_path, "clone", "--quiet", "--template=", registry.url, str(checkout))
    arrangement = Arrangement(checkout, charts, workloads, registry)
    assert workloads("publish", cwd=checkout).code == 0
    return arrangement
