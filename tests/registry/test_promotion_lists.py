"""Promotion lists in whatever layout: only the lines that are meant change."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from generator.registry.promotion_lists import ListEntry, format_entry_comment, read_entries, remove_entry, set_entries
from generator.toml.document import parse_document
from tests.git.remotes import git

COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"


def edited(text: str, *sets: tuple[str, str | None, str], removed: tuple[str, ...] = ()) -> str:
    """The list after an edit; what is around it stands in for the rest of a file."""
    head, tail = "[environments.dev]\napps = ", " # behind\nnext = 1\n"
    document = parse_document("apps.toml", f"{head}{text}{tail}".encode())
    document = set_entries(document, "dev", [ListEntry(*entry) for entry in sets])
    for app in removed:
        document = remove_entry(document, "dev", app)
    assert document.text.startswith(head)
    assert document.text.endswith(tail)
    return document.text.removeprefix(head).removesuffix(tail)


LAYOUTS = [
    "[]",
    "[ ]",
    "[\n]",
    '["a"]',
    '["a", "b"]',
    '[ # all\n  "a",\n]',
    '[\n\t"a",   # why a\n\t"b@v1"\n]',
    '[\n  \'a\',\n\n  # about b\n  "b", "c", # two\n  # the end\n  ]',
    '[\n    "a"\n  , "b"\n]',
]


@pytest.mark.parametrize("text", LAYOUTS)
def test_a_list_without_a_change_stays_as_it_is(text: str) -> None:
    assert edited(text) == text


@pytest.mark.parametrize(
    ("text", "entry", "after"),
    [
        ("[]", ("b", None, ""), '[\n  "b",\n]'),
        ('["a"]', ("b", "v1", ""), '[\n  "a",\n  "b@v1",\n]'),
        ('["b"]', ("a", COMMIT, "v1"), f'[\n  "a@{COMMIT}", # v1\n  "b",\n]'),
        ('[\n    "a"   # x\n]', ("b", None, ""), '[\n    "a",   # x\n    "b",\n]'),
        ('[\n  "a",\n  # about c\n  "c",\n]', ("b", None, ""), '[\n  "a",\n  "b",\n  # about c\n  "c",\n]'),
        ('[\n  "a",\n  # the end\n]', ("b", None, ""), '[\n  "a",\n  "b",\n  # the end\n]'),
        ("[\n  'a@v1',    # x\n  'b',\n]", ("a", "v2", "x"), "[\n  'a@v2',    # x\n  'b',\n]"),
        ('[\n  "a@v1", # x\n]', ("a", "v2", ""), '[\n  "a@v2",\n]'),
        ('[\n  "a@v1"\n]', ("a", "v2", "x"), '[\n  "a@v2", # x\n]'),
        ('[\n\t"a@v1",  \n]', ("a", "v1", ""), '[\n\t"a@v1",  \n]'),
        ('[\n  "a@v1"\n  ,\n  "b",\n]', ("b", "v1", ""), '[\n  "a@v1"\n  ,\n  "b@v1",\n]'),
        ('[\n  "a@v1"\n  ,\n  "b",\n]', ("a", "v2", "x"), '[\n  "a@v2" # x\n  ,\n  "b",\n]'),
        ('[\n  "a"\n  , "c"\n]', ("b", None, ""), '[\n  "a",\n  "b",\n  "c",\n]'),
        ('[\n  "a" # x\n  # y\n  , # z\n  "c"\n]', ("b", None, ""), '[\n  "a", # x\n  "b",\n  # y\n  # z\n  "c",\n]'),
        ('[\n  "c",\n  "a",\n]', ("b", None, ""), '[\n  "b",\n  "c",\n  "a",\n]'),
    ],
)
def test_an_entry_is_set_in_its_place(text: str, entry: tuple[str, str | None, str], after: str) -> None:
    assert edited(text, entry) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('["a"]', "[]"),
        ('[\n  # about a\n  "a", # gone\n  "b",\n]', '[\n  # about a\n  "b",\n]'),
        ('[\n  "b",\n  # about a\n  "a",\n]', '[\n  "b",\n  # about a\n]'),
        ('[ # all\n  "a",\n]', "[ # all\n]"),
        ('["a", "b", "c"]', '[\n  "b",\n  "c",\n]'),
        ('["b", "c"]', '["b", "c"]'),
        ('[\n  "a"\n  , # gone\n  "b",\n]', '[\n  "b",\n]'),
    ],
)
def test_an_entry_is_taken_away_and_comments_above_it_stay(text: str, after: str) -> None:
    assert edited(text, removed=("a",)) == after


@pytest.mark.parametrize(
    ("item", "tag", "remark"),
    [
        (ListEntry("a", COMMIT, "v1.2.0"), "v1.2.0", ""),
        (ListEntry("a", COMMIT, "v1.2.0; the money"), "v1.2.0", "the money"),
        (ListEntry("a", COMMIT, "the money"), "", "the money"),
        (ListEntry("a", COMMIT), "", ""),
        (ListEntry("a", "v1", "tested"), "", "tested"),
        (ListEntry("a", None, "v1.2.0"), "", "v1.2.0"),
    ],
)
def test_a_commits_tag_is_told_from_a_remark(item: ListEntry, tag: str, remark: str) -> None:
    assert (item.tag_comment, item.user_comment) == (tag, remark)
    if tag:
        assert format_entry_comment(tag, remark) == item.comment


def test_entries_are_read_as_toml_reads_them() -> None:
    text = """[environments.dev]\napps = ["\\u0061@v1", 'b', \"\"\"c\"\"\", "d@x@y"] # of all\n"""
    entries = read_entries(parse_document("apps.toml", text.encode()), "dev").values()
    assert [(entry.app, entry.pin) for entry in entries] == [("a", "v1"), ("b", None), ("c", None), ("d", "x@y")]


SPACED = '[\n  "b@v1",\n\n  # about d\n  "d@v1",\n\n  "f@v1",\n]'


@pytest.mark.parametrize(
    ("entry", "after"),
    [
        (("d", "v2", ""), SPACED.replace("d@v1", "d@v2")),
        (("a", None, ""), SPACED.replace("[\n", '[\n  "a",\n\n')),
        (("c", None, ""), SPACED.replace('v1",\n', 'v1",\n\n  "c",\n', 1)),
        (("g", None, "why"), SPACED.replace("\n]", '\n\n  "g", # why\n]')),
    ],
)
def test_blank_lines_between_entries_stay_between_entries(entry: tuple[str, str | None, str], after: str) -> None:
    assert edited(SPACED, entry) == after


@pytest.mark.parametrize(
    ("app", "after"),
    [
        ("b", '[\n  # about d\n  "d@v1",\n\n  "f@v1",\n]'),
        ("d", '[\n  "b@v1",\n  # about d\n\n  "f@v1",\n]'),
        ("f", '[\n  "b@v1",\n\n  # about d\n  "d@v1",\n]'),
    ],
)
def test_a_removed_entry_takes_its_blank_line_along(app: str, after: str) -> None:
    assert edited(SPACED, removed=(app,)) == after


def test_a_short_list_is_laid_out_like_the_longest_one() -> None:
    text = f"[environments.dev]\napps = {SPACED}\n\n[environments.prod]\napps = []\n"
    document = parse_document("apps.toml", text.encode())
    for app in ("f", "b", "d"):
        document = set_entries(document, "prod", [ListEntry(app, "v1")])
    assert document.text.endswith('apps = [\n  "b@v1",\n\n  "d@v1",\n\n  "f@v1",\n]\n')


def test_git_merges_promotions_of_neighbours_that_a_blank_line_separates(tmp_path: Path) -> None:
    document = parse_document("apps.toml", f"[environments.dev]\napps = {SPACED}\n".encode())
    sides = {
        "base": document,
        "one": set_entries(document, "dev", [ListEntry("b", "v2"), ListEntry("f", "v2")]),
        "other": set_entries(document, "dev", [ListEntry("d", "v2")]),
    }
    for name, side in sides.items():
        (tmp_path / name).write_text(side.text)
    merged = git(tmp_path, "merge-file", "-p", "one", "base", "other")
    assert tomllib.loads(merged)["environments"]["dev"]["apps"] == ["b@v2", "d@v2", "f@v2"]
