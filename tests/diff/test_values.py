"""How values are shown: cut around the change, and never so that both sides look alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.diff.compare import ABSENT, FieldDifference
from generator.diff.values import (
    MAX_LINES,
    MAX_VALUE_LENGTH,
    FieldChange,
    cut_around_change,
    describe_direction,
    describe_field,
)


def describe(before: Any, after: Any, *path: str) -> FieldChange:
    return describe_field(FieldDifference(path or ("spec", "value"), before, after))


def lines(change: FieldChange) -> list[str]:
    return [f"{sign} {text}" for sign, text in change.lines]


def test_a_short_value_is_shown_on_one_line() -> None:
    assert describe(False, True) == ("spec.value", "false → true", ())
    assert describe(ABSENT, "x").summary == "(none) → x"
    assert describe("", None).summary == '"" → null'


def test_a_text_is_compared_by_line() -> None:
    before = "replicas: 2\nimage:\n  tag: one\n  pull: always\n"
    assert lines(describe(before, before.replace("one", "two"))) == [
        "  image:", "-   tag: one", "+   tag: two", "    pull: always",
    ]  # fmt: skip


def test_a_list_shows_the_elements_that_are_added_and_removed() -> None:
    assert lines(describe(["a", "b", "c"], ["a", "c", "d"])) == ["- b", "+ d"]
    assert lines(describe(ABSENT, [{"server": "s", "namespace": "n"}])) == ["+ server: s, namespace: n"]
    assert lines(describe(["a", "b"], ["b", "a"])) == ["- a, b", "+ b, a"]


def test_an_added_table_shows_its_keys() -> None:
    assert lines(describe(ABSENT, {"crds": {"enabled": True}, "hosts": ["a"]})) == [
        "+ crds.enabled: true", '+ hosts: ["a"]',
    ]  # fmt: skip


def test_many_lines_are_cut_and_both_sides_are_seen() -> None:
    shown = lines(describe([f"a{n}" for n in range(90)], [f"b{n}" for n in range(90)]))
    assert {line[0] for line in shown} == {"-", "+", " "}
    assert shown[-1] == f"  … and {180 - MAX_LINES} more lines"


@given(st.text(min_size=1), st.text(), st.text(), st.text(max_size=400))
def test_two_texts_never_look_alike_after_cutting(common: str, one: str, other: str, end: str) -> None:
    before, after = (common * 50 + middle + end for middle in (one, other))
    cut = cut_around_change(before, after)
    assert (cut[0] == cut[1]) is (before == after)
    assert all(len(text) <= MAX_VALUE_LENGTH + 2 for text in cut)


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ("v1.2.0", "v1.10.0", "forward"),
        ("1.10.0", "1.2.0", "back"),
        ("v1.0.0-rc.1", "v1.0.0", "forward"),
        ("v1.0.0+a", "v1.0.0+b", "sideways"),
        ("main", "v1.0.0", ""),
        ("0" * 40, "1" * 40, ""),
        (ABSENT, "v1.0.0", ""),
    ],
)
def test_the_direction_of_a_revision_is_said_where_versions_show_it(before: Any, after: Any, direction: str) -> None:
    assert describe_direction(FieldDifference(("spec",), before, after, "semver")) == direction


def test_a_long_list_in_another_order_shows_what_moved() -> None:
    before = [{"namespace": name, "server": f"https://{name}.example.com"} for name in ("one", "two", "three", "four")]
    assert lines(describe(before, [before[1], before[0], *before[2:]])) == [
        "  the same entries in another order",
        "+ namespace: two, server: https://two.example.com",
        "- namespace: two, server: https://two.example.com",
    ]


@pytest.mark.parametrize(
    ("before", "after", "order", "summary"),
    [
        ("26.04", "26.10", "calver", "26.04 → 26.10 (forward)"),
        ("build-20261128", "build-20261101", "date", "build-20261128 → build-20261101 (back)"),
        (["a:1", "web:1.4"], ["a:1", "web:1.10"], "semver", "web:1.4 → web:1.10 (forward)"),
        (["web@sha256:00"], ["web:1.10"], "semver", "web@sha256:00 → web:1.10"),
    ],
)
def test_the_direction_follows_the_order_of_the_app(before: Any, after: Any, order: str, summary: str) -> None:
    assert describe_field(FieldDifference(("spec",), before, after, order)).summary == summary
