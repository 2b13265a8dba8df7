"""Publishing over wires that work, break, refuse, redirect, or say nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.errors import ConflictError, NetworkError, RemoteRefusedError, UsageError
from generator.git import push as publishing
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import Proposal
from generator.git.config import ConfigSetting, GitConfig
from generator.git.remote_clone import PublishTarget
from generator.git.runner import IdleBudget
from tests.git.remotes import ADA, Remote, Web, free_port, git, proposing, run

CANARY = "s3cr3t-canary"


def settings(*pairs: tuple[str, str]) -> GitConfig:
    return GitConfig(tuple(ConfigSetting("local", key, value) for key, value in pairs))


def test_a_git_daemon_is_published_to(daemon: str, remote: Remote) -> None:
    assert run(daemon, proposing({"a": "a"})).head == remote.head()


def test_http_is_published_to(web: Web, remote: Remote) -> None:
    remote.git("config", "http.receivepack", "true")
    assert run(web.url, proposing({"a": "a"})).head == remote.head()


def test_credentials_in_the_url_are_used_and_kept_nowhere(web: Web, remote: Remote, home: Path) -> None:
    remote.git("config", "http.receivepack", "true")
    web.password = CANARY
    said: list[str] = []
    url = web.url.replace("//", f"//ada:{CANARY}@")
    assert run(url, proposing({"a": "a"}), progress=said.append).head == remote.head()
    kept = [path for path in (home / ".cache").rglob("*") if path.is_file() and CANARY in path.read_text("latin-1")]
    assert kept == []
    assert CANARY not in "".join(said)
    assert CANARY not in repr(PublishTarget(url, "main", config=settings(("http.extraheader", CANARY))))


def test_what_the_checkout_knows_about_reaching_the_remote_is_used(web: Web, remote: Remote) -> None:
    remote.git("config", "http.receivepack", "true")
    web.password = CANARY
    header = f"Authorization: Basic {'YWRhOnMzY3IzdC1jYW5hcnk='}"
    target = PublishTarget(web.url, "main", config=settings((f"http.{web.url}.extraheader", header)))
    assert publishing.commit_and_push(target, proposing({"a": "a"}), committer=ADA).pushed


def test_a_credential_helper_of_the_user_is_asked(web: Web, remote: Remote, home: Path) -> None:
    remote.git("config", "http.receivepack", "true")
    web.password = CANARY
    (home / ".git-credentials").write_text(web.url.replace("//", f"//ada:{CANARY}@"))
    git(home, "config", "--global", "credential.helper", "store")
    assert run(web.url, proposing({"a": "a"}), config=GitConfig.read_git_config(home)).pushed


@pytest.mark.parametrize("user", ["", f"ada:{CANARY}x@", f"{CANARY}@"])
def test_wrong_or_missing_credentials_are_tried_once(web: Web, user: str) -> None:
    web.password = CANARY + "-of-somebody-else"
    pauses: list[float] = []
    url = web.url.replace("//", f"//{user}") + f"?private_token={CANARY}"
    with pytest.raises(NetworkError, match="denies access") as refusal:
        run(url, proposing({"a": "a"}), sleep=pauses.append)
    assert pauses == []
    assert CANARY not in refusal.value.message + refusal.value.remedy + refusal.value.not_done


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404])
def test_an_answer_that_would_not_change_is_final(web: Web, status: int) -> None:
    web.status = status
    pauses: list[float] = []
    with pytest.raises(NetworkError):
        run(web.url, proposing({"a": "a"}), sleep=pauses.append)
    assert pauses == []


@pytest.mark.parametrize("page", [b"<html>Please sign in</html>", b"<html>\nPlease sign in\n</html>\n"])
def test_a_web_page_in_place_of_git_is_final_and_no_empty_repository(web: Web, page: bytes) -> None:
    web.status, web.body = 200, page
    asked: list[BranchSnapshot] = []
    pauses: list[float] = []
    with pytest.raises(NetworkError, match="denies access"):
        run(web.url, asked.append, sleep=pauses.append)
    assert (asked, pauses) == ([], [])


def test_a_server_error_is_tried_four_times(web: Web) -> None:
    web.status = 503
    pauses: list[float] = []
    with pytest.raises(NetworkError, match="503") as refusal:
        run(web.url, proposing({"a": "a"}), sleep=pauses.append, random=lambda: 1.0)
    assert pauses == [0.25, 0.5, 1.0]
    assert refusal.value.not_done == "nothing was pushed"


def test_a_server_error_that_passes_is_survived(web: Web, remote: Remote) -> None:
    remote.git("config", "http.receivepack", "true")
    web.status, web.failures = 502, 2
    assert run(web.url, proposing({"a": "a"})).attempts == 3


def test_a_server_that_takes_no_pushes_is_not_asked_twice(web: Web, remote: Remote) -> None:
    remote.git("config", "http.receivepack", "false")
    before, pauses = remote.head(), list[float]()
    with pytest.raises((RemoteRefusedError, NetworkError), match="403"):
        run(web.url, proposing({"a": "a"}), sleep=pauses.append)
    assert (pauses, remote.head()) == ([], before)


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_refused_connection_is_tried_four_times(scheme: str) -> None:
    pauses: list[float] = []
    with pytest.raises(NetworkError, match="could not be reached"):
        run(f"{scheme}://127.0.0.1:{free_port()}/x.git", proposing({"a": "a"}), sleep=pauses.append)
    assert len(pauses) == 3


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c touch% owned", "http://git.example.org/x", "git://git.example.org/x", "-u", "", "fd::7", "a\nb"],
)
def test_an_unsafe_url_is_a_usage_error_and_never_used(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(url, proposing({"a": "a"}))


@pytest.mark.parametrize("what", ["missing", "file", "folder"])
def test_a_path_that_is_no_repository_is_a_usage_error(what: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="is not a git repository"):
        run(str(tmp_path / what), proposing({"a": "a"}))


def test_a_path_relative_to_where_we_stand_is_understood(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(remote.path.parent)
    assert run("workloads.git", proposing({"a": "a"})).head == remote.head()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}/x.git"


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_silent_server_ends_our_patience_once(silent: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IdleBudget.__init__, "__defaults__", (1.0,))
    pauses: list[float] = []
    with pytest.raises(NetworkError, match="does not send any data"):
        run(f"{scheme}://{silent}", proposing({"a": "a"}), sleep=pauses.append)
    assert pauses == []


def test_patience_is_shared_by_the_commands_of_an_attempt() -> None:
    patience = IdleBudget(10)
    patience.record_idle_time(4)
    patience.record_idle_time(0.5)
    patience.record_idle_time(20)
    assert patience.seconds_left == 0


def test_a_lock_left_on_the_server_is_waited_for_then_reported(remote: Remote) -> None:
    (remote.path / "refs" / "heads" / "main.lock").touch()
    pauses: list[float] = []
    with pytest.raises(NetworkError, match=r"main\.lock") as failure:
        run(remote.url, proposing({"a": "a"}), sleep=pauses.append)
    assert len(pauses) == 3
    assert failure.value.not_done == "nothing was pushed"


def test_a_lock_on_the_server_that_goes_away_is_survived(remote: Remote) -> None:
    lock = remote.path / "refs" / "heads" / "main.lock"
    lock.touch()
    assert run(remote.url, proposing({"a": "a"}), sleep=lambda seconds: lock.unlink()).attempts == 2


def test_a_branch_in_the_way_of_ours_is_refused_at_once(remote: Remote) -> None:
    remote.write({"a": "a"}, branch="team/x")
    with pytest.raises(RemoteRefusedError):
        run(remote.url, proposing({"a": "a"}), branch="team", create_branch=True)


def test_a_branch_deleted_meanwhile_is_not_made_again_unasked(remote: Remote) -> None:
    remote.git("branch", "other", "main")

    def propose(base: BranchSnapshot) -> Proposal:
        remote.git("update-ref", "-d", "refs/heads/main")
        return Proposal({"a": b"a"}, "ours", ADA)

    with pytest.raises((UsageError, ConflictError), match="has no branch main"):
        run(remote.url, propose)
