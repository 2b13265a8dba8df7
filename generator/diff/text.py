"""Format a diff report as lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from generator.diff import phrases as words
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport


def format_text_lines(report: DiffReport) -> Iterator[str]:
    """Format the report as text lines; newlines in values are escaped."""
    yield words.headline(report)
    yield f"({words.describe_comparison(report)})"
    for problem in report.head.violations:
        yield f"refused: {_escape_newlines(str(problem))}"
    for chapter in report.chapters:
        yield ""
        yield from _chapter_lines(chapter)


def _chapter_lines(chapter: DiffChapter) -> Iterator[str]:
    yield f"{words.chapter_title(chapter)}: {words.summarize_chapter(chapter)}"
    for section in chapter.diff_sections:
        yield f"  {'! ' if section.is_dangerous else ''}{words.section_heading(section)}"
        for entry in section.entries:
            yield from _entry_lines(entry)


def _entry_lines(entry: tuple[AssessedDifference, ...]) -> Iterator[str]:
    told = entry[0]
    yield f"    {_escape_newlines(words.object_title(told.difference) if len(entry) == 1 else words.folded_entry_title(entry))}"  # noqa: E501
    yield from (f"      {_escape_newlines(line)}" for line in (*words.list_details(told), *told.links))


def _escape_newlines(text: str) -> str:
    return text.replace("\n", "\\n")
