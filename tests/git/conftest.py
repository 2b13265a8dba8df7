"""Real remotes, without any network: folders, a git daemon, and git's own HTTP backend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git.remotes import Remote, Web, git, serving, web_serving


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, and nothing of the machine's git configuration or proxies."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "SSH_", "XDG_", "GPG_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@pytest.fixture
def empty_remote(tmp_path: Path) -> Remote:
    path = tmp_path / "server" / "workloads.git"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    return Remote(path)


@pytest.fixture
def remote(empty_remote: Remote) -> Remote:
    empty_remote.write({"README.md": "hello\n", "apps/one.yaml": "one\n"}, "first")
    return empty_remote


@pytest.fixture
def daemon(remote: Remote) -> Iterator[str]:
    """The URL of `remote` behind `git daemon`: a server in processes of its own."""
    with serving(remote) as url:
        yield url


@pytest.fixture
def web(remote: Remote) -> Iterator[Web]:
    state = Web()
    with web_serving(state, remote.path.parent) as url:
        state.url = f"{url}/workloads.git"
        yield state
