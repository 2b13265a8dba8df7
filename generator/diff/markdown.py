"""Format a diff report as a Markdown comment within the size limit of a forge. Pure.

Text from the registry is put into code spans, where no forge interprets mentions, links or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from generator.console import escape_unprintable as visible
from generator.diff import phrases as words
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport, DiffSection

#: The line by which a later run recognizes its comment.
COMMENT_MARKER = "<!-- workloads diff -->"
#: GitHub accepts 65,536 characters; the difference leaves room for what a job adds.
MAX_COMMENT_LENGTH = 60_000
_DANGER_SIGNS = {True: ":warning: ", False: ""}
_BLANK_LINE = "\n\n"


class _Block(NamedTuple):
    """The text of one entry, a shorter text if that does not fit, and the number of differences it covers."""

    text: str
    short_text: str
    difference_count: int
    dangerous: bool


def format_markdown_comment(report: DiffReport, limit: int = MAX_COMMENT_LENGTH) -> str:
    """Format the report as one comment of at most `limit` characters, with a count of what is left out.

    Dangers are left out last. A limit below a few hundred characters leaves room for the headline only.
    """
    head = [
        COMMENT_MARKER,
        f"### workloads diff: {words.headline(report)}",
        f"<sub>{words.describe_comparison(report)}</sub>",
    ]
    head += [f"- refused: {code_span(str(problem))}" for problem in report.head.violations[: words.MAX_FIELDS]]
    refused = len(report.head.violations) - words.MAX_FIELDS
    head += [f"- and {refused} more that are refused"] if refused > 0 else []
    sections = [(chapter, section) for chapter in report.chapters for section in chapter.diff_sections]
    blocks = [[_format_block(section, entry) for entry in section.entries] for _, section in sections]
    skeleton = len(_BLANK_LINE.join([*head, *_format_body(report, {})])) + sum(
        map(len, map(_omission_placeholder, sections))
    )
    kept = _select_fitting_texts(blocks, limit - skeleton)
    text = _BLANK_LINE.join([*head, *_format_body(report, _join_section_texts(sections, blocks, kept))]) + "\n"
    return text if len(text) <= limit else _headline_only(head, limit)


def _headline_only(head: list[str], limit: int) -> str:
    text = _BLANK_LINE.join([*head[:3], "It does not fit here: run `workloads diff`."]) + "\n"
    return text if len(text) <= limit else f"{head[1]}\n"[:limit]


def _select_fitting_texts(blocks: list[list[_Block]], available_length: int) -> list[dict[int, str]]:
    """Select the texts of the entries that fit, by section: dangers first, then the others in order."""
    kept: list[dict[int, str]] = [{} for _ in blocks]
    for dangerous in (True, False):
        for number, index, block in _enumerate_blocks(blocks):
            texts = (
                text for text in (block.text, block.short_text) if len(text) + len(_BLANK_LINE) <= available_length
            )
            text = next(texts, None) if block.dangerous is dangerous else None
            if text is not None:
                available_length -= len(text) + len(_BLANK_LINE)
                kept[number][index] = text
        if any(block.dangerous and index not in kept[number] for number, index, block in _enumerate_blocks(blocks)):
            break
    return kept


def _enumerate_blocks(blocks: list[list[_Block]]) -> Iterator[tuple[int, int, _Block]]:
    for number, section in enumerate(blocks):
        yield from ((number, index, block) for index, block in enumerate(section))


def _join_section_texts(
    sections: list[tuple[DiffChapter, DiffSection]], blocks: list[list[_Block]], kept_texts: list[dict[int, str]]
) -> dict[tuple[str, str], list[str]]:
    found = {}
    for (chapter, section), own, chosen in zip(sections, blocks, kept_texts, strict=True):
        texts = [chosen[index] for index in sorted(chosen)]
        more = sum(block.difference_count for index, block in enumerate(own) if index not in chosen)
        found[chapter.environment, section.name] = [*texts, *([f"… and {more} more"] if more else [])]
    return found


def _omission_placeholder(section: tuple[DiffChapter, DiffSection]) -> str:
    return f"… and {section[1].difference_count} more{_BLANK_LINE}"


def _format_body(report: DiffReport, texts_by_section: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    for chapter in report.chapters:
        yield f"#### {code_span(words.chapter_title(chapter))}: {words.summarize_chapter(chapter)}"
        for section in chapter.diff_sections:
            yield f"**{_DANGER_SIGNS[section.is_dangerous]}{words.section_heading(section)}**"
            yield from texts_by_section.get((chapter.environment, section.name), ())


def _format_block(section: DiffSection, entry: tuple[AssessedDifference, ...]) -> _Block:
    told = entry[0]
    if len(entry) == 1:
        lines = [f"- {code_span(words.object_title(told.difference))}", *_detail_items(told)]
        return _Block("\n".join(lines), lines[0], 1, section.is_dangerous)
    names = "\n".join(f"- {code_span(words.object_title(one.difference))}" for one in entry)
    first = "\n".join(_detail_items(told))
    short = f"- {code_span(words.folded_entry_title(entry))}; the first:\n{first}"
    text = f"{short}\n\n<details><summary>all of them</summary>{_BLANK_LINE}{names}{_BLANK_LINE}</details>"
    return _Block(text, short, len(entry), section.is_dangerous)


def _detail_items(assessed: AssessedDifference) -> list[str]:
    lines = [f"  - {code_span(line)}" for line in words.list_details(assessed)]
    return lines + [f"  - [what lies between]({link})" for link in assessed.links]


def code_span(text: str) -> str:
    """Format any text as a one-line code span with control and invisible characters escaped."""
    line = visible(text).replace("\n", "\\n").replace("\r", "\\r")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    padded = f" {line} " if line.startswith("`") or line.endswith("`") or not line.strip() else line
    return f"{fence}{padded or ' '}{fence}"
