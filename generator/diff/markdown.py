"""Format a diff report as a Markdown comment within the size limit of a forge. Pure.

Text from the registry is put into code, where no forge interprets mentions, links or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from generator.console import escape_unprintable as visible
from generator.diff import phrases
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport, DiffSection, Entry, list_counted
from generator.diff.values import ValueLine

#: The line by which a later run recognizes its comment.
COMMENT_MARKER = "<!-- workloads diff -->"
#: GitHub accepts 65,536 characters; the difference leaves room for what a job adds.
MAX_COMMENT_LENGTH = 60_000
#: The names, notes and violations that are listed where there is little room.
_MAX_LISTED = 5
_BLANK_LINE = "\n\n"
#: Words that no forge interprets; everything else in a sentence is put into code.
_PLAIN_WORD = re.compile(r"[A-Za-z]+[,;:.]?|[0-9]+|→|@|\(none\)")


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
        f"### workloads diff: {phrases.headline(report)}",
        f"<sub>{phrases.describe_comparison(report)}</sub>",
        *_format_remarks(report),
        *_format_table(report),
    ]
    tail = [phrases.summarize_plain_projects(report)] if report.plain_projects.differences else []
    sections = [(chapter, section) for chapter in report.chapters for section in chapter.diff_sections]
    blocks = [[_format_block(section, entry) for entry in section.entries] for _, section in sections]
    skeleton = len(_BLANK_LINE.join([*head, *_format_body(report, {}), *tail])) + sum(
        map(len, map(_omission_placeholder, sections))
    )
    kept = _select_fitting_texts(blocks, limit - skeleton)
    body = _format_body(report, _join_section_texts(sections, blocks, kept))
    text = _BLANK_LINE.join([*head, *body, *tail]) + "\n"
    return text if len(text) <= limit else _headline_only(head, limit)


def _headline_only(head: list[str], limit: int) -> str:
    text = _BLANK_LINE.join([*head[:3], "The details do not fit here: run `workloads diff`."]) + "\n"
    return text if len(text) <= limit else f"{head[1]}\n"[:limit]


def _format_remarks(report: DiffReport) -> Iterator[str]:
    """The notes and the violations, a few of them."""
    lines = [f"- note: {format_sentence(note)}" for note in report.notes[:_MAX_LISTED]]
    violations = report.head.violations
    lines += [f"- refused: {code_span(str(problem))}" for problem in violations[:_MAX_LISTED]]
    more = len(violations) - _MAX_LISTED
    lines += [f"- and {more} more that are refused"] if more > 0 else []
    if lines:
        yield "\n".join(lines)


def _format_table(report: DiffReport) -> Iterator[str]:
    """A table of the environments, if there are several."""
    if len(report.chapters) < 2 or not report.has_differences:
        return
    counted = list_counted(report)
    rows = [f"| environment | {' | '.join(counted)} |", "|---|" + "---:|" * len(counted)]
    for chapter in report.chapters:
        numbers = map(chapter.counts.number_of, counted)
        rows.append(f"| {code_span(chapter.environment)} | {' | '.join(str(number or '') for number in numbers)} |")
    yield "\n".join(rows)


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
        if not chapter.differences:
            files = phrases.count_differing_files(chapter.file_count)
            yield f"#### {code_span(chapter.environment)}: no object changes ({files} in text)"
            continue
        yield f"#### {code_span(chapter.environment)}: {phrases.summarize_counts(chapter.counts)}"
        for section in chapter.diff_sections:
            heading = f"{section.section_label} ({section.difference_count})"
            texts = texts_by_section.get((chapter.environment, section.name), [])
            if section.is_dangerous:
                yield from (f"**:warning: {heading}**", *texts)
            else:
                yield from (f"<details><summary>{heading}</summary>", *texts, "</details>")


def _format_block(section: DiffSection, entry: Entry) -> _Block:
    details = _detail_items(entry[0], is_alone=len(entry) == 1)
    title = f"- {code_span(phrases.entry_title(entry))}"
    if len(entry) == 1:
        return _Block("\n".join([title, *details]), title, 1, section.is_dangerous)
    names = [_linked_name(each) for each in entry]
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    texts = [
        "\n".join([f"{title}: {', '.join(listed)}{rest}", *details])
        for listed, rest in ((names, ""), (names[:_MAX_LISTED], more))
    ]
    return _Block(texts[0], texts[1], len(entry), section.is_dangerous)


def _linked_name(assessed: AssessedDifference) -> str:
    """The name of an object, as a link to what its source's revisions differ in."""
    name = code_span(assessed.difference.key.name)
    return f"[{name}]({assessed.links[0]})" if assessed.links else name


def _detail_items(assessed: AssessedDifference, *, is_alone: bool = True) -> list[str]:
    details = phrases.describe_details(assessed)
    items = [f"  - :warning: {format_sentence(text)}" for text in details.dangers]
    for field in details.fields:
        items.append(f"  - {code_span(field.path)}" + (f": {code_span(field.summary)}" if field.summary else ""))
        items += _fence(field.lines) if field.lines else []
    items += [f"  - {format_sentence(fact)}" for fact in details.facts]
    return items + [f"  - [compare the revisions]({link})" for link in assessed.links if is_alone]


def _fence(lines: tuple[ValueLine, ...]) -> list[str]:
    """A fenced block of a list item, coloured by its signs."""
    texts = [f"{sign} {_one_line(text)}" for sign, text in lines]
    fence = "`" * max(3, _longest_backticks("\n".join(texts)) + 1)
    return [f"    {line}" for line in (f"{fence}diff", *texts, fence)]


def format_sentence(text: str) -> str:
    """Format a sentence with its plain words as they are, and names, URLs and everything else as code."""
    return " ".join(
        word if _PLAIN_WORD.fullmatch(word) else _format_word(word) for word in _one_line(text).split(" ") if word
    )


def _format_word(word: str) -> str:
    name = word.rstrip(",;:") or word
    return code_span(name) + word[len(name) :]


def code_span(text: str) -> str:
    """Format any text as a one-line code span with control and invisible characters escaped."""
    line = _one_line(text)
    fence = "`" * (_longest_backticks(line) + 1)
    padded = f" {line} " if line.startswith("`") or line.endswith("`") or not line.strip() else line
    return f"{fence}{padded or ' '}{fence}"


def _one_line(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\r", "\\r")


def _longest_backticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
