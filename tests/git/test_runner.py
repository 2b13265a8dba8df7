"""The runner: what git sees, how it is ended, what is shown of it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from generator.errors import LocalError
from generator.git import runner as command
from generator.git.runner import GitRunner
from generator.git.sigterm import TerminatedError, raise_on_sigterm


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def fake_git(path: Path, script: str) -> None:
    program = path / "git"
    program.write_text(f'#!/bin/sh\ncase "$*" in *version) echo git version 2.50.1; exit;; esac\n{script}\n')
    program.chmod(0o755)


def test_bytes_go_in_and_come_out_unchanged(tmp_path: Path) -> None:
    git = GitRunner(tmp_path)
    content = bytes(range(256)) * 5000
    git.check_output("init", "--quiet")
    oid = git.check_output("hash-object", "-w", "--stdin", stdin=content).decode().strip()
    assert git.check_output("cat-file", "blob", oid) == content


def test_a_git_that_is_slow_to_read_gets_all_of_a_large_input(path: Path, tmp_path: Path) -> None:
    fake_git(path, "sleep 1.5; wc -c")
    content = b"x" * 3_000_000
    assert GitRunner(tmp_path).check_output("fast-import", stdin=content).strip() == b"3000000"


def test_a_git_that_does_not_read_its_input_is_no_failure_of_ours(path: Path, tmp_path: Path) -> None:
    fake_git(path, "echo done")
    assert GitRunner(tmp_path).check_output("fast-import", stdin=b"x" * 3_000_000) == b"done\n"


def test_a_failure_is_told_with_gits_words(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"git rev-parse failed.*not a git repository"):
        GitRunner(tmp_path).check_output("rev-parse", "HEAD")
    output = GitRunner(tmp_path).run_git("rev-parse", "HEAD")
    assert (output.exit_code, output.succeeded) == (128, False)


def test_git_sees_an_allow_list_and_our_settings(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unwanted = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_TRACE", "GIT_EXTERNAL_DIFF", "LD_AUDIT", "EDITOR")
    for name in (*unwanted, "SSH_AUTH_SOCK", "MY_TOKEN", "https_proxy"):
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("WORKLOADS_GIT_ENV", "MY_TOKEN, OTHER")
    fake_git(path, "env")
    seen = dict(
        line.split("=", 1) for line in GitRunner(tmp_path).check_output("x").decode().splitlines() if "=" in line
    )
    assert not {*unwanted} & set(seen)
    assert seen["SSH_AUTH_SOCK"] == seen["MY_TOKEN"] == seen["https_proxy"] == "planted"
    assert (seen["GIT_TERMINAL_PROMPT"], seen["LC_ALL"], seen["GIT_ALLOW_PROTOCOL"]) == ("0", "C.UTF-8", "none")
    config = {seen[f"GIT_CONFIG_KEY_{n}"]: seen[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(seen["GIT_CONFIG_COUNT"]))}
    assert config["core.hooksPath"] == "/dev/null"
    assert (config["http.lowSpeedLimit"], config["http.lowSpeedTime"]) == ("1024", "30")


def test_our_settings_win_over_those_handed_in(tmp_path: Path) -> None:
    git = GitRunner(tmp_path, config=[("core.hooksPath", "/planted"), ("user.name", "Ada")])
    assert git.check_output("config", "--get", "core.hooksPath") == b"/dev/null\n"
    assert git.check_output("config", "--get", "user.name") == b"Ada\n"


def test_a_folder_with_odd_characters_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a $HOME ~ 'b' ü"
    folder.mkdir()
    GitRunner(folder).check_output("init", "--quiet")
    assert (folder / ".git").is_dir()


def test_where_there_is_no_git_the_needed_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("not executable")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"2\.34 or newer is needed"):
        GitRunner(tmp_path).run_git("version")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo git version 2.33.9", r"is git 2\.33; 2\.34 or newer"),
        ("echo git version 1.8.3.1", r"is git 1\.8; 2\.34 or newer"),
        ("echo hello", r"is not a working git \(2\.34 is needed\): hello"),
        ("echo broken >&2; exit 3", r"is not a working git \(2\.34 is needed\): broken"),
    ],
)
def test_a_git_that_will_not_do_is_refused(path: Path, tmp_path: Path, script: str, reason: str) -> None:
    (path / "git").write_text(f"#!/bin/sh\n{script}\n")
    (path / "git").chmod(0o755)
    with pytest.raises(LocalError, match=reason):
        GitRunner(tmp_path).run_git("status")


def test_a_git_with_a_broken_interpreter_is_refused(path: Path, tmp_path: Path) -> None:
    (path / "git").write_text("#!/nowhere/sh\n")
    (path / "git").chmod(0o755)
    with pytest.raises(LocalError, match=r"2\.34 is needed"):
        GitRunner(tmp_path).run_git("status")


def test_a_wrapper_that_greets_is_still_git(path: Path, tmp_path: Path) -> None:
    (path / "git").write_text("#!/bin/sh\necho welcome; echo git version 2.50.0\n")
    (path / "git").chmod(0o755)
    assert GitRunner(tmp_path).run_git("version").succeeded


def test_secrets_are_masked_in_what_git_says(path: Path, tmp_path: Path) -> None:
    said = "https://u:hunter2@h/x?private_token=hunter3&x=1 Authorization: Basic hunter4"
    fake_git(path, f"echo '{said}' >&2; echo hunter5 >&2; exit 1")
    with pytest.raises(LocalError) as failure:
        GitRunner(tmp_path, secrets=["hunter5"]).check_output("x")
    assert "hunter" not in failure.value.message
    assert "https://***@h/x?private_token=***&x=1" in failure.value.message


def test_a_deadline_ends_the_whole_process_group(path: Path, tmp_path: Path) -> None:
    fake_git(path, f"sleep 60 & echo $! > {tmp_path}/child; echo so far; sleep 60")
    output = GitRunner(tmp_path).run_git("x", deadline=0.5)
    assert output.timed_out
    assert not output.succeeded
    assert output.stdout == b"so far\n"
    assert not alive(int((tmp_path / "child").read_text()))


def test_who_ignores_the_polite_signal_is_killed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_GRACE", 0.5)
    fake_git(path, f"trap '' TERM; (trap '' TERM; sleep 61) & echo $! > {tmp_path}/child; wait; sleep 60")
    assert GitRunner(tmp_path).run_git("x", deadline=0.3).timed_out
    assert not alive(int((tmp_path / "child").read_text()))


def test_a_daemon_left_behind_does_not_keep_us_waiting(path: Path, tmp_path: Path) -> None:
    fake_git(path, f"sleep 5 & echo $! > {tmp_path}/child; echo done")
    started = time.monotonic()
    output = GitRunner(tmp_path).run_git("x")
    assert output.succeeded
    assert output.stdout == b"done\n"
    assert time.monotonic() - started < 3
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_data_that_moves_keeps_us_patient(path: Path, tmp_path: Path) -> None:
    fake_git(path, "for i in 1 2 3 4; do sleep 0.4; echo '1.0 MiB | 9.00 KiB/s' >&2; done")
    assert GitRunner(tmp_path).run_git("x", idle_budget=command.IdleBudget(0.9)).succeeded


def test_data_that_drips_does_not(path: Path, tmp_path: Path) -> None:
    fake_git(path, "for i in 1 2 3 4; do sleep 0.4; echo '10 bytes | 9 bytes/s' >&2; done")
    assert GitRunner(tmp_path).run_git("x", idle_budget=command.IdleBudget(0.9)).timed_out


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)])
def test_a_signal_to_us_ends_git_and_is_raised(
    path: Path, tmp_path: Path, number: signal.Signals, error: type[BaseException]
) -> None:
    fake_git(path, f"echo $$ > {tmp_path}/child; sleep 60")
    timer = threading.Timer(0.5, os.kill, (os.getpid(), number))
    timer.start()
    with pytest.raises(error):
        GitRunner(tmp_path).run_git("x")
    timer.join()
    assert not alive(int((tmp_path / "child").read_text()))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_somebody_installed_stays_in_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with raise_on_sigterm():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def alive(pid: int) -> bool:
    """Whether the process goes on running; one that only waits for its parent to notice its end does not."""
    for _ in range(50):
        seen = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        if not seen.stdout.strip() or seen.stdout.startswith("Z"):
            return False
        time.sleep(0.02)
    return True
