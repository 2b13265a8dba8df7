"""The command line as its users meet it: help, exit codes, pipes, terminals, completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from generator import __version__, cli
from generator.errors import (
    ConflictError,
    GeneratorError,
    LocalError,
    NetworkError,
    RefusedError,
    RemoteRefusedError,
    RemovalError,
    UsageError,
)
from tests.workspace import REGISTRY, ROOT, Run, environment, in_terminal, spawn

pytestmark = pytest.mark.usefixtures("home")

APP = """
[apps.NAME]
team = "payments"
repoURL = "https://github.com/acme/a"
path = "a"
namespace = "money"
"""


def test_without_a_command_the_help_is_printed_once(workloads: Run, tmp_path: Path) -> None:
    done = workloads(cwd=tmp_path)
    assert (done.code, done.err.count("Usage: workloads"), "error: " in done.err) == (2, 1, False)


def test_help_lists_every_command_with_its_line(workloads: Run, tmp_path: Path) -> None:
    for flag in ("--help", "-h"):
        done = workloads(flag, cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        for name, line in cli.COMMANDS.items():
            assert re.search(rf"^  {name} +{re.escape(line.split()[0])} ", done.out, re.MULTILINE)


def test_every_module_of_a_command_is_listed() -> None:
    modules = {
        path.stem.rstrip("_").replace("_", "-")
        for path in (ROOT / "generator" / "commands").glob("*.py")
        if f"\ndef {path.stem.rstrip('_')}_command(" in path.read_text()
    }
    assert modules == set(cli.COMMANDS)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_explains_itself_and_takes_h(workloads: Run, tmp_path: Path, name: str) -> None:
    done = workloads(name, "-h", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: workloads {name}")


def test_the_documentation_names_every_command() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    listed = set(re.findall(r"`(?:workloads )?([\w-]+)`", text.partition("## Commands")[2].partition("## Edit")[0]))
    assert listed == cli.COMMANDS.keys()


def test_the_documented_exit_codes_are_those_of_the_errors() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    errors = (UsageError, RefusedError, RemovalError, ConflictError, RemoteRefusedError, NetworkError, LocalError)
    assert [error.exit_code for error in errors] == [2, 4, 5, 6, 7, 8, 9]
    for error in (*errors, GeneratorError):
        assert f"| {error.exit_code} |" in text


def test_the_version_is_the_package_s(workloads: Run, tmp_path: Path) -> None:
    assert workloads("--version", cwd=tmp_path).out == f"workloads, version {__version__}\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["rendr"], "no such command 'rendr' (did you mean \"render\"?)"),
        (["xyzzy"], "no such command 'xyzzy'"),
        (["render", "--dry"], "--dry"),
        (["status", "--env"], "--env"),
        (["--nonsense"], "--nonsense"),
        (["schema", "extra"], "extra"),
    ],
)
def test_a_wrong_command_line_ends_with_2(workloads: Run, place: Path, args: list[str], words: str) -> None:
    done = workloads(*args, cwd=place)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_without_a_command_it_shows_what_there_is(workloads: Run, tmp_path: Path) -> None:
    done = workloads(cwd=tmp_path)
    assert done.code == 2
    assert "render" in done.err + done.out


def test_hostile_words_on_the_command_line_are_spelled_out(workloads: Run, place: Path) -> None:
    for args in (["render", "\x1b[31m"], ["status", "--team", "\u202ex"], ["\x1b]0;x\x07"], ["--\x1b[2J"]):
        done = workloads(*args, cwd=place)
        assert done.code == 2
        assert not {"\x1b", "\x07", "\u202e"} & set(done.err + done.out), args


def test_the_registry_is_found_upward(workloads: Run, place: Path) -> None:
    below = place / "a" / "b"
    below.mkdir(parents=True)
    done = workloads("status", cwd=below)
    assert (done.code, done.out.splitlines()[0]) == (0, "APP      DEV   TEST     PROD")


def test_the_charts_lie_beside_the_registry_wherever_it_is_run_from(workloads: Run, place: Path) -> None:
    below = place / "a"
    below.mkdir()
    assert workloads("render", cwd=below).code == 0
    assert (place / "multi-repo").is_dir()
    assert not (below / "multi-repo").exists()


def test_another_registry_may_be_named(workloads: Run, place: Path, tmp_path: Path) -> None:
    (place / "apps.toml").rename(place / "other.toml")
    for option in ("-f", "--registry"):
        assert workloads("status", option, place / "other.toml", cwd=tmp_path).code == 0


@pytest.mark.parametrize("command", ["check", "render", "status", "publish"])
def test_without_a_registry_there_is_advice(workloads: Run, tmp_path: Path, command: str) -> None:
    done = workloads(command, cwd=tmp_path)
    assert done.code == 9
    assert "no apps.toml here or in any folder above" in done.err
    assert "run workloads init" in done.err
    assert "--registry FILE" in done.err


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "loop"])
def test_a_registry_that_cannot_be_read_ends_with_9(workloads: Run, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "apps.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    begun = time.monotonic()
    done = workloads("status", "-f", path, cwd=tmp_path)
    assert done.code == 9
    assert str(path) in done.err
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("error", [RefusedError, RemovalError, ConflictError, RemoteRefusedError, NetworkError])
def test_what_is_refused_is_told_with_what_was_not_done_last(
    workloads: Run, place: Path, monkeypatch: pytest.MonkeyPatch, error: type[GeneratorError]
) -> None:
    def refuse(*args: object) -> None:
        raise error("WL3101", "no\x1b", remedy="do that", not_done="nothing was pushed")

    monkeypatch.setattr("generator.working_registry.WorkingRegistry.read_editable", refuse)
    done = workloads("status", cwd=place)
    assert done.err.splitlines() == ["error: no\\x1b [WL3101]", "hint: do that", "nothing was pushed"]
    assert done.code == error.exit_code
    data = json.loads(workloads("status", "--json", cwd=place).out)
    assert data == {
        "error": {
            "exitCode": error.exit_code,
            "code": "WL3101",
            "message": "no\x1b",
            "remedy": "do that",
            "undone": "nothing was pushed",
        }
    }


def test_a_bug_ends_with_70_and_asks_for_a_report_without_secrets(
    workloads: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("https://ada:cAn4ry@example.org/x\x1b")

    monkeypatch.setattr("generator.working_registry.WorkingRegistry.read_editable", fail)
    done = workloads("status", cwd=place)
    assert (done.code, done.out) == (70, "")
    assert "This is a bug in workloads; please report it" in done.err
    assert "cAn4ry" not in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (OSError(28, "No space left on device", "/x"), 9, "error: /x: No space left on device [WL6001]\n"),
        (PermissionError(13, "Permission denied"), 9, "error: the system: Permission denied [WL6001]\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
    ],
)
def test_what_the_machine_or_the_user_ends(
    workloads: Run, place: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, words: str
) -> None:
    def fail(*args: object) -> None:
        raise raised

    monkeypatch.setattr("generator.working_registry.WorkingRegistry.read_editable", fail)
    done = workloads("status", cwd=place)
    assert (done.code, done.err) == (code, words)


def test_terminated_it_ends_with_143(workloads: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from generator.git.sigterm import TerminatedError

    def fail(*args: object) -> None:
        raise TerminatedError

    monkeypatch.setattr("generator.working_registry.WorkingRegistry.read_editable", fail)
    assert workloads("status", cwd=place).code == 143


@pytest.mark.parametrize(("command", "code"), [("status", 0), ("check --without-helm", 1)])
def test_a_reader_that_leaves_early_does_not_change_the_exit_code(place: Path, command: str, code: int) -> None:
    more = "".join(APP.replace("NAME", f"app-{n}") for n in range(1200))
    listed = "".join(f'  "app-{n}",\n' for n in range(1200))
    (place / "apps.toml").write_text(REGISTRY.replace("apps = [\n", f"apps = [\n{listed}", 1) + more)
    words = [sys.executable, "-m", "generator", *command.split(), "--json"]
    with subprocess.Popen(
        words, cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (code, b"")


def test_with_stdout_closed_the_exit_code_is_kept(place: Path) -> None:
    assert spawn("render", cwd=place, limits="exec >&-").code == 0
    done = spawn("status", cwd=place, limits="exec >&-")
    assert (done.code, done.err) == (0, "")


def test_a_full_device_for_the_result_is_told(place: Path) -> None:
    done = spawn("status", cwd=place, limits="exec >/dev/full")
    assert done.code == 9
    assert "No space left on device" in done.err
    assert "Traceback" not in done.err


def test_an_old_encoding_of_the_terminal_is_no_bug(place: Path) -> None:
    spawn("render", cwd=place)
    (place / "multi-repo" / "argo-app-of-apps" / "dev" / "values.yaml").write_text("edited: true\n" * 60)
    done = spawn("check", "--without-helm", cwd=place, PYTHONIOENCODING="ascii")
    assert done.code == 1
    assert done.out.splitlines()[-1].startswith("\\u2026 and ")


def test_a_terminal_is_coloured_and_40_columns_are_kept(place: Path) -> None:
    long = "release-candidate-of-the-year-2026"
    (place / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", f"billing@{long}"))
    shown = in_terminal("status", cwd=place, columns=40)
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 40
    assert "billing" in plain
    assert f"    @{long}\n" in plain


def test_no_color_is_respected_in_a_terminal(place: Path) -> None:
    assert "\x1b[" not in in_terminal("status", cwd=place, columns=80, NO_COLOR="1")


def test_a_pipe_gets_no_colour(place: Path) -> None:
    assert "\x1b" not in spawn("status", cwd=place, TERM="xterm-256color").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(tmp_path: Path, workloads: Run, shell: str) -> None:
    done = workloads("completion", shell, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert f"_WORKLOADS_COMPLETE={shell}_complete" in done.out


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words after `workloads`; nothing may be printed but that."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['workloads']; from generator.cli import main; main()"],
        cwd=folder,
        env=environment(
            _WORKLOADS_COMPLETE="bash_complete", COMP_WORDS=" ".join(["workloads", *words]), COMP_CWORD=str(len(words))
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["re"], ["remove", "render", "retire"]),
        (["promote", "b"], ["billing"]),
        (["promote", "billing", ""], ["billing", "ledger"]),
        (["promote", "billing", "--to", ""], ["dev", "prod", "test"]),
        (["why", "billing", "--in", "pr"], ["prod"]),
        (["render", "t"], ["test"]),
        (["status", "--team", ""], ["payments"]),
        (["migrate", "le"], ["ledger"]),
        (["publish", "--override", ""], ["order", "soak"]),
        (["publish", "--allow-removal", "prod/"], ["prod/billing"]),
        (["status", "--blo"], ["--blocked"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_completion_offers_commands_options_and_names_of_the_registry(
    place: Path, words: list[str], offered: list[str]
) -> None:
    (place / "apps.toml").write_text(
        REGISTRY.replace("[environments.prod]\n", '[environments.prod]\npolicy.overrides = ["order", "soak"]\n')
    )
    assert completed(place, *words) == offered


def test_completion_reads_the_registry_that_is_named_and_its_included_files(place: Path, tmp_path: Path) -> None:
    (place / "apps.toml").write_text('include = ["teams/*.toml"]\n' + REGISTRY)
    (place / "teams").mkdir()
    (place / "teams" / "shop.toml").write_text("[apps.basket]\n")
    assert completed(tmp_path, "why", "-f", f"{place}/apps.toml", "") == ["basket", "billing", "ledger"]


@pytest.mark.parametrize("content", [None, b"", b"[apps", b"\xff", b"apps = 3\nenvironments = [1]\nteams.x = 1"])
def test_completion_without_a_valid_registry_offers_what_it_can(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "apps.toml").write_bytes(content)
    assert completed(tmp_path, "promote", "") == []
    assert completed(tmp_path, "publish", "--allow-removal", "") == []
    assert completed(tmp_path, "sta") == ["status"]


def test_the_process_says_all_that_the_command_does_and_ends_as_it_does(place: Path, workloads: Run) -> None:
    for args in (["schema"], ["status", "--json"], ["nonsense"], ["promote", "nobody", "--to", "prod"]):
        assert spawn(*args, cwd=place) == workloads(*args, cwd=place)


def test_as_a_module_it_is_the_same_command(tmp_path: Path) -> None:
    assert spawn("--version", cwd=tmp_path).out == f"workloads, version {__version__}\n"
