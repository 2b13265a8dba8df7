"""The pages for release managers and teams say what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from generator.cli import workloads as command_group
from tests.promotion.guide import FOLDER, PAGES, begin, replayed
from tests.promotion.world import World
from tests.workspace import Run

_INLINE_COMMAND = re.compile(r"`workloads ([^`]+)`")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_what_the_commands_say(
    page: str, tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (FOLDER / page).read_text()
    world = begin(World(tmp_path, workloads, monkeypatch), PAGES[page])
    assert replayed(world, text) == text, "refresh with: python -m tests.promotion.guide"


def test_the_schedule_changes_nothing_in_the_week_of_a_release_manager() -> None:
    week = (FOLDER / "lifecycle.md").read_text().partition("## The week of a release manager\n")[2]
    runs = [text.partition("\n$ ")[0] for text in week.split("\n$ workloads promote --ready --to prod-eu")[1:]]
    assert len(runs) == 6
    assert not [run for run in runs if "changed " in run]
    assert {rule for run in runs for rule in ("soak", "hold", "freeze", "direction") if f"{rule}: " in run} == {
        "soak",
        "hold",
        "freeze",
        "direction",
    }


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_exist_with_their_options(page: str) -> None:
    context = click.Context(command_group)
    for said in _INLINE_COMMAND.findall((FOLDER / page).read_text()):
        name, *rest = shlex.split(said)
        command = command_group.get_command(context, name)
        assert command, said
        options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        assert {part for part in rest if part.startswith("--")} <= options, said
