"""A report as a comment, a page and lines: whole where there is room, and true where there is not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.diff.compare import ObjectKey, compare_fields, compare_objects, index_objects
from generator.diff.context import EnvironmentContext
from generator.diff.dangers import find_dangers, find_remark
from generator.diff.html import format_html_page
from generator.diff.markdown import COMMENT_MARKER, code_span, format_markdown_comment, format_sentence
from generator.diff.report import FOLD_THRESHOLD, AssessedDifference, DiffChapter, DiffReport
from generator.diff.sides import Side
from generator.diff.text import format_text_lines

_NOWHERE = Side(None, "nothing")
_HOSTILE = (
    "@everyone </code></summary><script>alert(1)</script> ``` `` ![x](https://e.vil/x) "
    "[a](javascript:b) \x1b[31m \u202e | \n# x"
)
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "section", "div", "span", "pre"),
    *("ul", "li", "code", "a", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
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
    old, new = index_objects(before), index_objects(after)
    context = EnvironmentContext(old, new)
    found = [
        AssessedDifference(each, find_dangers(each, context), find_remark(each, context))
        for each in compare_objects(old, new, {}, {})
    ]
    return DiffReport(_NOWHERE, _NOWHERE, (DiffChapter("prod", tuple(found), len(found)),))


def _many(count: int, deleted: int, revision: str = "v2") -> DiffReport:
    before = [_application(f"app-{number:03}", "v1") for number in range(count)]
    return _report(before, [_application(item["metadata"]["name"], revision) for item in before[deleted:]])


def test_changes_with_equal_values_are_folded_with_every_name() -> None:
    (chapter,) = _many(500, 0).chapters
    (section,) = chapter.diff_sections
    assert [len(entry) for entry in section.entries] == [500]
    text = format_markdown_comment(_many(500, 0))
    assert "500 Applications change alike" in text
    assert all(f"`app-{number:03}`" in text for number in range(500))
    lines = " ".join(format_text_lines(_many(500, 0)))
    assert all(f"app-{number:03}" in lines for number in range(500))
    (few,) = _many(FOLD_THRESHOLD, 0).chapters[0].diff_sections
    assert [len(entry) for entry in few.entries] == [1] * FOLD_THRESHOLD


def test_a_change_of_another_value_is_never_folded() -> None:
    before = [_application(f"app-{number}", "v1") for number in range(30)]
    after = [_application(f"app-{number}", "v9" if number == 17 else "v2") for number in range(30)]
    (section,) = _report(before, after).chapters[0].diff_sections
    assert sorted(len(entry) for entry in section.entries) == [1, 29]
    assert "v1 → v9 (forward)" in "\n".join(format_text_lines(_report(before, after)))


def test_dangers_with_different_texts_are_never_folded() -> None:
    report = _many(30, 30)
    (section,) = report.chapters[0].diff_sections
    assert [len(entry) for entry in section.entries] == [1] * 30
    text = format_markdown_comment(report)
    assert all(f"in namespace `app-{number:03}` on" in text for number in range(30))


def test_where_names_do_not_fit_the_rest_is_counted() -> None:
    text = format_markdown_comment(_many(500, 0), 2_000)
    assert "500 Applications change alike`: `app-000`, `app-001`, `app-002`, `app-003`, `app-004` and 495 more" in text


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(200, 20_000))
def test_a_comment_keeps_its_limit_and_counts_what_it_leaves_out(deleted: int, others: int, limit: int) -> None:
    before = [_application(f"gone-{number:02}", "v1") for number in range(deleted)]
    before += [_application(f"kept-{number:02}", "v1", **{f"field{number}": 1}) for number in range(others)]
    after = [_application(f"kept-{number:02}", "v1", **{f"field{number}": 2}) for number in range(others)]
    text = format_markdown_comment(_report(before, after), limit)
    assert len(text) <= limit
    if "do not fit here" in text or COMMENT_MARKER not in text:
        return
    shown = {kind: len(re.findall(rf"^- `Application {kind}-", text, re.M)) for kind in ("gone", "kept")}
    left_out = [int(number) for number in re.findall(r"… and (\d+) more$", text, re.M)]
    assert sum(shown.values()) + sum(left_out) == deleted + others
    if shown["kept"]:
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


@given(st.text())
def test_a_sentence_has_only_plain_words_outside_of_code(text: str) -> None:
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", format_sentence(text))
    assert re.fullmatch(r"[A-Za-z0-9 ,;:.→@()]*", outside.replace("(none)", ""))
    assert "://" not in outside


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
    outside = re.sub(r"(?ms)^ *(`{3,})diff\n.*?^ *\1$", "", text)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    for part in ("@everyone", "<script", "javascript:", "e.vil", "\x1b", "\u202e"):
        assert part not in outside
    shown = _Page()
    shown.feed(format_html_page(report))
    assert shown.tags <= _TAGS
    assert all(link.startswith(("https://github.com/acme/", "#env-")) for link in shown.links)
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
