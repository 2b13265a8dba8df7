"""`Report` → lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from generator.review import words
from generator.review.report import Chapter, Report, Told


def lines(report: Report) -> Iterator[str]:
    """Every line; what the registry says stands on lines of its own, with its newlines spelled out."""
    yield words.headline(report)
    yield f"({words.compared(report)})"
    for problem in report.head.refused:
        yield f"refused: {_one_line(str(problem))}"
    for chapter in report.chapters:
        yield ""
        yield from _chapter(chapter)


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"{words.place(chapter)}: {words.summary(chapter)}"
    for section in chapter.sections:
        yield f"  {'! ' if section.dangerous else ''}{words.heading(section)}"
        for entry in section.entries:
            yield from _entry(entry)


def _entry(entry: tuple[Told, ...]) -> Iterator[str]:
    told = entry[0]
    yield f"    {_one_line(words.title(told.difference) if len(entry) == 1 else words.folded(entry))}"
    yield from (f"      {_one_line(line)}" for line in (*words.details(told), *told.links))


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")
