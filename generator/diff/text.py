"""Format a diff report as lines for a terminal. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from generator.diff import phrases
from generator.diff.report import DiffChapter, DiffReport, Entry

_NAME_COLUMNS = 100


def format_text_lines(report: DiffReport) -> Iterator[str]:
    """Format the report as text lines; newlines in values are escaped."""
    yield phrases.headline(report)
    yield f"({phrases.describe_comparison(report)})"
    yield from (f"note: {_escape_newlines(note)}" for note in report.notes)
    yield from (f"refused: {_escape_newlines(str(problem))}" for problem in report.head.violations)
    for chapter in report.chapters:
        yield ""
        yield from _chapter_lines(chapter)
    if report.plain_projects.differences:
        yield ""
        yield phrases.summarize_plain_projects(report)
        for each in report.plain_projects.differences:
            yield from _entry_lines((each,))


def _chapter_lines(chapter: DiffChapter) -> Iterator[str]:
    if not chapter.differences:
        yield f"{chapter.environment}: no object changes ({phrases.count_differing_files(chapter.file_count)} in text)"
        return
    yield f"{chapter.environment}: {phrases.summarize_counts(chapter.counts)}"
    for section in chapter.diff_sections:
        yield f"  {'! ' if section.is_dangerous else ''}{section.section_label} ({section.difference_count})"
        for entry in section.entries:
            yield from _entry_lines(entry)


def _entry_lines(entry: Entry) -> Iterator[str]:
    details = phrases.describe_details(entry[0])
    yield f"    {_escape_newlines(phrases.entry_title(entry))}"
    if len(entry) > 1:
        names = ", ".join(map(_escape_newlines, phrases.entry_names(entry)))
        yield from (f"      {line}" for line in textwrap.wrap(names, _NAME_COLUMNS, break_on_hyphens=False))
    yield from (f"      ! {_escape_newlines(text)}" for text in details.dangers)
    for field in details.fields:
        yield f"      {_escape_newlines(f'{field.path}: {field.summary}'.rstrip())}"
        yield from (f"        {sign} {_escape_newlines(text)}" for sign, text in field.lines)
    yield from (f"      {_escape_newlines(fact)}" for fact in details.facts)
    if len(entry) == 1:
        yield from (f"      {link}" for link in entry[0].links)


def _escape_newlines(text: str) -> str:
    return text.replace("\n", "\\n")
