"""Real remotes, without any network: folders, a git daemon, and git's own HTTP backend."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.git.remotes import Remote, Web, git, serving, web_handler


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
    server = ThreadingHTTPServer(("127.0.0.1", 0), web_handler(state, remote.path.parent))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/workloads.git"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
