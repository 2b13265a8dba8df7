"""`-v`, `-q` and `--color`, which every command takes, and names that are not in the registry."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from generator.cli import COMMANDS, workloads
from tests.git.remotes import git
from tests.workspace import Run, environment, in_terminal, spawn


@pytest.fixture
def committed(place: Path) -> Path:
    git(place, "init", "--quiet")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "-m", "start")
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_options_once(name: str) -> None:
    command = workloads.get_command(click.Context(workloads), name)
    assert command is not None
    given = [option for parameter in command.params for option in parameter.opts]
    assert all(given.count(option) == 1 for option in ("-v", "-q", "--color"))


@pytest.mark.parametrize("args", [["-q", "render"], ["render", "-q"]])
def test_quiet_leaves_results_and_errors(place: Path, workloads: Run, args: list[str]) -> None:
    done = workloads(*args, cwd=place)
    assert (done.code, done.err) == (0, "")
    assert done.out
    assert "unknown environment" in workloads("render", "tset", "--quiet", cwd=place).err


@pytest.mark.parametrize("args", [["-v", "history"], ["history", "--verbose"]])
def test_verbose_names_each_program_that_is_started(committed: Path, workloads: Run, args: list[str]) -> None:
    assert "git log " in workloads(*args, cwd=committed).err
    assert "git log " not in workloads("history", cwd=committed).err


def test_colors_on_request(place: Path) -> None:
    assert "\x1b" not in spawn("status", cwd=place).out
    assert "\x1b[1m" in spawn("status", "--color", "always", cwd=place).out
    assert "\x1b[1m" in spawn("--color=always", "status", cwd=place, NO_COLOR="1").out
    assert "\x1b" not in in_terminal("status", "--color", "never", cwd=place, columns=80)


def test_revisions_are_completed_for_the_app(place: Path) -> None:
    words = "workloads promote billing --to prod --revision "
    shell = environment(_WORKLOADS_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD="6")
    done = spawn(cwd=place, **{key: value for key, value in shell.items() if "COMP" in key})
    assert [line.partition(",")[2] for line in done.out.splitlines()] == ["v1.0.0", "v1.1.0"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["shard", "tset", "--by", "team"], 'unknown environment "tset" (did you mean "test"?)'),
        (
            ["add", "new", "--team", "paymnts", "--repository", "https://github.com/acme/new.git", "--path", "chart"],
            'unknown team "paymnts" (did you mean "payments"?)',
        ),
        (["history", "biling"], 'biling has no history in apps.toml (did you mean "billing"?)'),
    ],
)
def test_a_wrong_name_is_found_before_anything_else(
    committed: Path, workloads: Run, args: list[str], words: str
) -> None:
    done = workloads(*args, cwd=committed)
    assert (done.code, words in done.err) == (2, True), done
