"""Promotion lists in whatever layout: only the lines that are meant change."""

from __future__ import annotations

import tomllib

import pytest

from generator.registry.promotion_lists import WrittenEntry, format_entry_comment, parse_entry_list

COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"


def edited(text: str, *sets: tuple[str, str | None, str], removed: tuple[str, ...] = ()) -> str:
    """The list after an edit; what is around it stands in for the rest of a file."""
    before = f"apps = {text} # behind\nnext = 1\n"
    listing = parse_entry_list(before, len("apps = "))
    for entry in sets:
        listing.set_entry(*entry)
    for app in removed:
        listing.remove_app(app)
    after = before[: len("apps = ")] + listing.to_toml() + before[listing.end_offset :]
    assert after.endswith(" # behind\nnext = 1\n")
    tomllib.loads(after)
    return listing.to_toml()


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
def test_a_list_that_is_not_edited_reads_back_to_the_same_entries(text: str) -> None:
    assert tomllib.loads(f"x = {edited(text)}") == tomllib.loads(f"x = {text}")


@pytest.mark.parametrize("text", [LAYOUTS[n] for n in (0, 5, 6)])
def test_one_entry_a_line_is_written_back_byte_for_byte(text: str) -> None:
    assert edited(text) == text


@pytest.mark.parametrize(
    ("text", "entry", "after"),
    [
        ("[]", ("b", None, ""), '[\n  "b",\n]'),
        ('["a"]', ("b", "v1", ""), '[\n  "a",\n  "b@v1",\n]'),
        ('["b"] ', ("a", COMMIT, "v1"), f'[\n  "a@{COMMIT}", # v1\n  "b",\n]'),
        ('[\n    "a"   # x\n]', ("b", None, ""), '[\n    "a",   # x\n    "b",\n]'),
        ('[\n  "a",\n  # about c\n  "c",\n]', ("b", None, ""), '[\n  "a",\n  "b",\n  # about c\n  "c",\n]'),
        ('[\n  "a",\n  # the end\n]', ("b", None, ""), '[\n  "a",\n  "b",\n  # the end\n]'),
        ("[\n  'a@v1',    # x\n  'b',\n]", ("a", "v2", "x"), "[\n  'a@v2',    # x\n  'b',\n]"),
        ('[\n  "a@v1", # x\n]', ("a", "v2", ""), '[\n  "a@v2",\n]'),
        ('[\n  "a@v1"\n]', ("a", "v2", "x"), '[\n  "a@v2", # x\n]'),
        ('[\n\t"a@v1",  \n]', ("a", "v1", ""), '[\n\t"a@v1",\n]'),
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
        ('["b", "c"]', '[\n  "b",\n  "c",\n]'),
    ],
)
def test_an_entry_is_taken_away_and_comments_above_it_stay(text: str, after: str) -> None:
    assert edited(text, removed=("a",)) == after


@pytest.mark.parametrize(
    ("item", "tag", "remark"),
    [
        (WrittenEntry(f'"a@{COMMIT}"', "# v1.2.0"), "v1.2.0", ""),
        (WrittenEntry(f'"a@{COMMIT}"', "# v1.2.0; the money"), "v1.2.0", "the money"),
        (WrittenEntry(f'"a@{COMMIT}"', "# the money"), "", "the money"),
        (WrittenEntry(f'"a@{COMMIT}"'), "", ""),
        (WrittenEntry('"a@v1"', "# tested"), "", "tested"),
        (WrittenEntry('"a"', "# v1.2.0"), "", "v1.2.0"),
    ],
)
def test_a_commits_tag_is_told_from_a_remark(item: WrittenEntry, tag: str, remark: str) -> None:
    assert (item.tag_comment, item.user_comment) == (tag, remark)
    if tag:
        assert f"# {format_entry_comment(tag, remark)}" == item.comment


def test_entries_are_read_as_toml_reads_them() -> None:
    listing = parse_entry_list('["\\u0061@v1", \'b\', """c""", "d@x@y"]', 0)
    assert [(item.app_name, item.pinned_revision) for item in listing.entries] == [
        ("a", "v1"),
        ("b", None),
        ("c", None),
        ("d", "x@y"),
    ]
