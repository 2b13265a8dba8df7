"""A report as a comment, a page and lines: whole where there is room, and true where there is not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.diff.compare import ObjectKey, compare_fields, compare_objects, index_objects
from generator.diff.dangers import PinRules
from generator.diff.html import format_html_page
from generator.diff.markdown import COMMENT_MARKER, code_span, format_markdown_comment
from generator.diff.report import FOLD_THRESHOLD, DiffChapter, DiffReport, _assess_difference
from generator.diff.sides import Side
from generator.diff.text import format_text_lines

_NOWHERE = Side(None, "nothing", {}, lambda paths: {}, {}, None)
_HOSTILE = (
    "@everyone </code></summary><script>alert(1)</script> ``` `` ![x](https://e.vil/x) "
    "[a](javascript:b) \x1b[31m \u202e | \n# x"
)
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "section"),
    *("ul", "li", "code", "a", "details", "summary"),
}


def _application(name: str, revision: str, **spec: Any) -> dict[str, Any]:
    source = {"repoURL": f"https://github.com/acme/{name}.git", "targetRevision": revision}
    destination = {"server": "https://kubernetes.default.svc", "namespace": name}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {"source": source, "destination": destination, "project": name, **spec},
    }


def _report(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> DiffReport:
    found = compare_objects(index_objects(before), index_objects(after), {}, {})
    return DiffReport(
        _NOWHERE,
        _NOWHERE,
        (DiffChapter("prod", tuple(_assess_difference(each, PinRules(), {}) for each in found), len(found)),),
    )


def _many(count: int, deleted: int) -> DiffReport:
    before = [_application(f"app-{number:03}", "v1") for number in range(count)]
    return _report(before, [_application(item["metadata"]["name"], "v2") for item in before[deleted:]])


def test_more_than_twenty_alike_changes_are_told_as_one() -> None:
    (chapter,) = _many(500, 0).chapters
    (section,) = chapter.diff_sections
    assert [len(entry) for entry in section.entries] == [500]
    text = format_markdown_comment(_many(500, 0))
    assert "500 Applications alike: app-000, app-001, app-002, app-003, app-004 and 495 more" in text
    assert all(f"`Application app-{number:03}`" in text for number in range(500))
    (few,) = _many(FOLD_THRESHOLD, 0).chapters[0].diff_sections
    assert [len(entry) for entry in few.entries] == [1] * FOLD_THRESHOLD


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(200, 20_000))
def test_a_comment_keeps_its_limit_and_counts_what_it_leaves_out(deleted: int, others: int, limit: int) -> None:
    before = [_application(f"gone-{number:02}", "v1") for number in range(deleted)]
    before += [_application(f"kept-{number:02}", "v1", **{f"field{number}": 1}) for number in range(others)]
    after = [_application(f"kept-{number:02}", "v1", **{f"field{number}": 2}) for number in range(others)]
    text = format_markdown_comment(_report(before, after), limit)
    assert len(text) <= limit
    if "It does not fit here" in text or COMMENT_MARKER not in text:
        return
    shown = {kind: len(re.findall(rf"^- `Application {kind}-", text, re.M)) for kind in ("gone", "kept")}
    folded = [int(number) for number in re.findall(r"`(\d+) Applications alike", text)]
    left_out = [int(number) for number in re.findall(r"… and (\d+) more$", text, re.M)]
    listed = sum(shown.values()) if not folded else shown["kept"] + sum(folded)
    assert listed + sum(left_out) == deleted + others
    if shown["kept"] and not folded:
        assert shown["gone"] == deleted, "dangers are left out last"


@given(st.text())
def test_no_text_leaves_its_code_span(text: str) -> None:
    span = code_span(text)
    fence = re.match("`+", span)
    assert fence
    inside = span[len(fence[0]) : -len(fence[0])]
    assert span.endswith(fence[0])
    assert fence[0] not in re.findall("`+", inside)
    assert "\n" not in span
    assert "\r" not in span


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("places", [1, FOLD_THRESHOLD + 5])
def test_hostile_text_stays_text_in_every_form(places: int) -> None:
    before = [_application(f"app-{number}", "v1") for number in range(places)]
    after = [
        _application(f"app-{number}", _HOSTILE, info=[{"name": _HOSTILE, "value": _HOSTILE}])
        for number in range(places)
    ]
    report = _report(before, after)
    text = format_markdown_comment(report)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    for part in ("@everyone", "<script", "javascript:", "e.vil", "\x1b", "\u202e"):
        assert part not in outside
    shown = _Page()
    shown.feed(format_html_page(report))
    assert shown.tags <= _TAGS
    assert all(link.startswith("https://github.com/acme/") for link in shown.links)
    assert "<script>alert(1)</script>" in shown.text
    assert not any("\n" in line for line in format_text_lines(report))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abname"), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
def test_two_values_differ_in_a_field_exactly_if_they_are_not_the_same_json(one: Any, other: Any) -> None:
    same = repr(_sorted(one)) == repr(_sorted(other))
    assert (not list(compare_fields(one, other))) is same


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return "table", sorted((key, _sorted(inner)) for key, inner in value.items())
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value


def test_an_object_without_a_name_is_compared_and_no_crash() -> None:
    assert index_objects([{}, {"kind": None, "metadata": None}]) == {
        ObjectKey("", "", ""): {"kind": None, "metadata": None}
    }
