"""The only place that prints."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import console
from generator.errors import Problem, RegistryError


@given(st.text())
def test_what_is_printed_can_neither_drive_nor_reorder_the_terminal(text: str) -> None:
    shown = console.escape_unprintable(text)
    categories = {unicodedata.category(character) for character in shown if character != "\n"}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert shown.count("\n") == text.count("\n")


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_text_that_does_no_harm_is_printed_as_it_is(text: str) -> None:
    assert console.escape_unprintable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\r", "\\x0d"),
    ],
)
def test_a_dangerous_character_is_spelled_out(text: str, shown: str) -> None:
    assert console.escape_unprintable(text) == shown


def test_a_json_result_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"a": "é\u202e\ud800"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"a": "é\u202e\ud800"}


def test_problems_are_a_line_each_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem(0, 2, 1, "b.toml", "k", "two\nlines", "WL2101"),
        Problem(0, 1, 1, "b.toml", "", "first", "WL2001"),
    ]
    console.print_error(RegistryError(problems, "b.toml"))
    assert capsys.readouterr().err.splitlines() == [
        "b.toml:1:1: first [WL2001]",
        "b.toml:2:1: k: two\\nlines [WL2101]",
        "2 problems in b.toml",
    ]


def test_a_table_in_a_pipe_keeps_its_columns_whole(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["APP", "DEV"], [["a" * 50, "main"], ["b", "x" * 60]])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{'APP':50}  DEV", f"{'a' * 50}  main", f"{'b':50}  {'x' * 60}"]


def test_a_table_of_wide_characters_stays_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["A", "B"], [["漢字", "x"], ["abcd", "y"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["A     B", "漢字  x", "abcd  y"]


def test_a_table_spells_out_what_is_dangerous(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(["A"], [["\x1b[31m\nx"]])
    assert capsys.readouterr().out.splitlines() == ["A", "\\x1b[31m\\nx"]


def test_progress_shows_nothing_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with console.show_progress(10_000, "writing") as step:
        step(10_000)
    assert capsys.readouterr() == ("", "")
