"""Credentials go to the host that they are for, however they are configured.

Two servers answer 401 to everything and record what they are sent: one is the host of `origin`, the other that of an
application team. On 127.0.0.1, another port is another host.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from generator.errors import NetworkError
from generator.git.checkout import Checkout
from generator.git.config import GitConfig
from generator.git.remote_refs import RemoteRepositories
from tests.git.remotes import Remote, Web, git, proposing, run, web_serving

CANARY = "s3cr3t-canary"


class Recorder:
    """A server that denies access, or redirects to `location`, and keeps every header that it is sent."""

    def __init__(self, location: str = "") -> None:
        self.url = ""
        self.location = location
        self.received: list[str] = []

    @property
    def got_canary(self) -> bool:
        return any(CANARY in text for text in self.received)

    def record(self, name: str, value: str) -> None:
        self.received.append(f"{name}: {value}")
        if value.startswith("Basic "):
            self.received.append(base64.b64decode(value.removeprefix("Basic ")).decode("utf-8", "replace"))


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            recorder.received.append(self.path)
            for name, value in self.headers.items():
                recorder.record(name, value)
            self.send_response(302 if recorder.location else 401)
            if recorder.location:
                self.send_header("Location", recorder.location + self.path)
            else:
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def origin() -> Iterator[Recorder]:
    with recording(Recorder()) as server:
        yield server


@pytest.fixture
def team() -> Iterator[Recorder]:
    with recording(Recorder()) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, origin: Recorder) -> Path:
    """A checkout whose remote is on the server `origin`."""
    path = tmp_path / "checkout"
    path.mkdir()
    git(path, "init", "--quiet")
    git(path, "remote", "add", "origin", f"{origin.url}/workloads.git")
    return path


def script(folder: Path, text: str) -> str:
    path = folder / "helper.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


_ANSWER = f'test "$1" = get && echo username=ada && echo password={CANARY}'


def _helper(scope: str, key: str = "credential.helper") -> Callable[[Path, str, pytest.MonkeyPatch], None]:
    def configure(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
        git(folder, "config", scope, key.replace("ORIGIN", origin), script(folder, _ANSWER))

    return configure


def _header(scope: str, key: str) -> Callable[[Path, str, pytest.MonkeyPatch], None]:
    def configure(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
        git(folder, "config", scope, key.replace("ORIGIN", origin), f"X-Token: {CANARY}")

    return configure


def _variables(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("GIT_CONFIG_COUNT", "1")
    patch.setenv("GIT_CONFIG_KEY_0", "http.extraHeader")
    patch.setenv("GIT_CONFIG_VALUE_0", f"X-Token: {CANARY}")


def _parameters(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("GIT_CONFIG_PARAMETERS", f"'http.extraheader'='X-Token: {CANARY}'")


def _cookies(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
    (folder / "cookies").write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t{CANARY}\n")
    git(folder, "config", "http.cookieFile", "cookies")


def _askpass(name: str) -> Callable[[Path, str, pytest.MonkeyPatch], None]:
    def configure(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
        program = script(folder, f"echo {CANARY}")
        if name.startswith("core."):
            git(folder, "config", name, program)
        else:
            patch.setenv(name, program)

    return configure


def _netrc(line: str) -> Callable[[Path, str, pytest.MonkeyPatch], None]:
    def configure(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
        place = folder.parent / "home" / ".netrc"
        place.write_text(f"{line} login ada password {CANARY}\n")
        place.chmod(0o600)

    return configure


def _in_the_url(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
    url = origin.replace("//", f"//ada:{CANARY}@")
    git(folder, "remote", "set-url", "origin", f"{url}/workloads.git")


def _instead_of(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
    git(folder, "config", f"url.{origin.replace('//', f'//ada:{CANARY}@')}.insteadOf", origin)


def _instead_of_every_port(folder: Path, origin: str, patch: pytest.MonkeyPatch) -> None:
    """A prefix without a slash at its end: it begins the URLs of other hosts too."""
    host = origin.rpartition(":")[0]
    git(folder, "config", f"url.{host.replace('//', f'//ada:{CANARY}@')}.insteadOf", host)
    git(folder, "config", f"url.{origin.replace('//', f'//ada:{CANARY}@')}.insteadOf", origin)


_WAYS: dict[str, Callable[[Path, str, pytest.MonkeyPatch], None]] = {
    "helper of the user": _helper("--global"),
    "helper of the checkout": _helper("--local"),
    "helper of a protocol": _helper("--global", "credential.http://.helper"),
    "helper of the host of origin": _helper("--local", "credential.ORIGIN.helper"),
    "header of the user": _header("--global", "http.extraHeader"),
    "header of the checkout": _header("--local", "http.extraHeader"),
    "header of the host of origin": _header("--local", "http.ORIGIN/.extraHeader"),
    "header in GIT_CONFIG_COUNT": _variables,
    "header in GIT_CONFIG_PARAMETERS": _parameters,
    "cookie file": _cookies,
    "core.askPass": _askpass("core.askPass"),
    "GIT_ASKPASS": _askpass("GIT_ASKPASS"),
    "SSH_ASKPASS": _askpass("SSH_ASKPASS"),
    "netrc of the host": _netrc("machine 127.0.0.1"),
    "netrc of every host": _netrc("default"),
    "URL of origin": _in_the_url,
    "insteadOf": _instead_of,
    "insteadOf without a slash": _instead_of_every_port,
}


@pytest.mark.parametrize("way", _WAYS)
def test_a_secret_reaches_the_host_of_origin_and_no_other(
    folder: Path, origin: Recorder, team: Recorder, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    _WAYS[way](folder, origin.url, monkeypatch)
    checkout = Checkout(folder)
    with pytest.raises(NetworkError) as refusal:
        RemoteRepositories(lambda: checkout.git_config).read_refs(f"{team.url}/shop.git")
    assert team.received
    assert not team.got_canary
    assert CANARY not in refusal.value.message + refusal.value.remedy
    with pytest.raises(NetworkError):
        run(str(checkout.origin_url()), proposing({"a": "a"}), config=checkout.git_config)
    assert origin.got_canary


def test_a_redirect_takes_no_secret_to_another_host(folder: Path, team: Recorder, tmp_path: Path) -> None:
    with recording(Recorder(team.url)) as redirecting:
        git(folder, "remote", "set-url", "origin", f"{redirecting.url}/workloads.git")
        git(folder, "config", "http.extraHeader", f"X-Token: {CANARY}")
        git(folder, "config", f"http.{redirecting.url}.followRedirects", "true")
        config = Checkout(folder).git_config
        with pytest.raises(NetworkError):
            RemoteRepositories(lambda: config).read_refs(f"{redirecting.url}/shop.git")
        with pytest.raises(NetworkError):
            run(f"{redirecting.url}/workloads.git", proposing({"a": "a"}), config=config)
        assert redirecting.got_canary
    assert team.received == []


@pytest.mark.parametrize("kind", ["helper", "stored", "header"])
def test_an_app_repository_is_read_with_what_is_given_for_its_host(
    folder: Path, remote: Remote, home: Path, kind: str
) -> None:
    state = Web(password=CANARY)
    with web_serving(state, remote.path.parent) as url:
        if kind == "helper":
            git(folder, "config", f"credential.{url}.helper", script(folder, _ANSWER))
        elif kind == "stored":
            (home / ".git-credentials").write_text(url.replace("//", f"//ada:{CANARY}@") + "\n")
            git(folder, "config", "--global", f"credential.{url}.helper", "store")
        else:
            given = base64.b64encode(f"ada:{CANARY}".encode()).decode()
            git(folder, "config", f"http.{url}/.extraHeader", f"Authorization: Basic {given}")
        refs = RemoteRepositories(lambda: Checkout(folder).git_config).read_refs(f"{url}/workloads.git")
    assert refs.branches == {"main": remote.head()}


def test_who_is_denied_access_is_told_how_to_give_credentials_for_the_host(folder: Path, team: Recorder) -> None:
    with pytest.raises(NetworkError) as refusal:
        RemoteRepositories(lambda: Checkout(folder).git_config).read_refs(f"{team.url}/shop.git")
    assert f"git config --global credential.{team.url}.helper HELPER" in refusal.value.remedy


@pytest.mark.parametrize("kind", ["helper", "askpass"])
def test_a_variable_that_git_does_not_see_is_named(
    folder: Path, origin: Recorder, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("DEPLOY_PIN", CANARY)
    monkeypatch.setenv("OTHER_TOKEN", "other")
    if kind == "helper":
        git(folder, "config", "credential.helper", "!f() { echo username=x; echo password=$DEPLOY_PIN; }; f")
    else:
        monkeypatch.setenv("GIT_ASKPASS", script(folder, 'echo "${DEPLOY_PIN}"'))
    config = Checkout(folder).git_config
    with pytest.raises(NetworkError) as refusal:
        run(f"{origin.url}/workloads.git", proposing({"a": "a"}), config=config)
    assert "git does not see the variables DEPLOY_PIN: " in refusal.value.remedy
    assert "WORKLOADS_GIT_ENV=DEPLOY_PIN" in refusal.value.remedy
    assert not origin.got_canary
    monkeypatch.setenv("WORKLOADS_GIT_ENV", "DEPLOY_PIN")
    with pytest.raises(NetworkError):
        run(f"{origin.url}/workloads.git", proposing({"a": "a"}), config=config)
    assert origin.got_canary


@pytest.mark.parametrize(
    ("scope", "shown"), [("--local", False), ("--global", True)], ids=["of the checkout", "of the user"]
)
def test_ssh_to_another_host_is_as_the_user_has_set_it_up(folder: Path, scope: str, shown: bool) -> None:
    git(folder, "config", scope, "core.sshCommand", "ssh -i deploy-key")
    config = GitConfig.read_git_config(folder)
    keys = [key for key, _ in config.transport_for_app("git@example.org:acme/shop.git").config]
    assert ("core.sshcommand" in keys) == shown
    assert config.transport_for_workloads().config == (("core.sshcommand", "ssh -i deploy-key"),)
