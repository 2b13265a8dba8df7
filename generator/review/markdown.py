"""`Report` → Markdown for a comment, within the size that a forge takes. Pure.

What comes from the registry stands in code spans, where no forge reads mentions, links or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from generator.console import escape as visible
from generator.review import words
from generator.review.report import Chapter, Report, Section, Told

#: By this line a comment is known again.
MARK = "<!-- workloads diff -->"
#: GitHub takes 65,536 characters; the rest is room for what a job adds.
LIMIT = 60_000
_SIGNS = {True: ":warning: ", False: ""}
_BLANK = "\n\n"


class _Block(NamedTuple):
    """One entry's text, the shorter one where that does not fit, for how many differences it stands, and their kind."""

    text: str
    short: str
    stands_for: int
    dangerous: bool


def comment(report: Report, limit: int = LIMIT) -> str:
    """The whole as one comment of at most `limit` characters; of what is left out it says how much there is.

    Dangers are left out last. Below a few hundred characters there is room for the headline alone.
    """
    head = [MARK, f"### workloads diff: {words.headline(report)}", f"<sub>{words.compared(report)}</sub>"]
    head += [f"- refused: {code(str(problem))}" for problem in report.head.refused[: words.MOST_FIELDS]]
    refused = len(report.head.refused) - words.MOST_FIELDS
    head += [f"- and {refused} more that are refused"] if refused > 0 else []
    sections = [(chapter, section) for chapter in report.chapters for section in chapter.sections]
    blocks = [[_block(section, entry) for entry in section.entries] for _, section in sections]
    skeleton = len(_BLANK.join([*head, *_body(report, {})])) + sum(map(len, map(_more_room, sections)))
    kept = _kept(blocks, limit - skeleton)
    text = _BLANK.join([*head, *_body(report, _parts(sections, blocks, kept))]) + "\n"
    return text if len(text) <= limit else _cut(head, limit)


def _cut(head: list[str], limit: int) -> str:
    text = _BLANK.join([*head[:3], "It does not fit here: run `workloads diff`."]) + "\n"
    return text if len(text) <= limit else f"{head[1]}\n"[:limit]


def _kept(blocks: list[list[_Block]], room: int) -> list[dict[int, str]]:
    """The texts of the entries that fit, by section: dangers first, then the others, in their order."""
    kept: list[dict[int, str]] = [{} for _ in blocks]
    for dangerous in (True, False):
        for number, index, block in _numbered(blocks):
            texts = (text for text in (block.text, block.short) if len(text) + len(_BLANK) <= room)
            text = next(texts, None) if block.dangerous is dangerous else None
            if text is not None:
                room -= len(text) + len(_BLANK)
                kept[number][index] = text
        if any(block.dangerous and index not in kept[number] for number, index, block in _numbered(blocks)):
            break
    return kept


def _numbered(blocks: list[list[_Block]]) -> Iterator[tuple[int, int, _Block]]:
    for number, section in enumerate(blocks):
        yield from ((number, index, block) for index, block in enumerate(section))


def _parts(
    sections: list[tuple[Chapter, Section]], blocks: list[list[_Block]], kept: list[dict[int, str]]
) -> dict[tuple[str, str], list[str]]:
    found = {}
    for (chapter, section), own, chosen in zip(sections, blocks, kept, strict=True):
        texts = [chosen[index] for index in sorted(chosen)]
        more = sum(block.stands_for for index, block in enumerate(own) if index not in chosen)
        found[chapter.environment, section.name] = [*texts, *([f"… and {more} more"] if more else [])]
    return found


def _more_room(section: tuple[Chapter, Section]) -> str:
    return f"… and {section[1].count} more{_BLANK}"


def _body(report: Report, parts: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    for chapter in report.chapters:
        yield f"#### {code(words.place(chapter))}: {words.summary(chapter)}"
        for section in chapter.sections:
            yield f"**{_SIGNS[section.dangerous]}{words.heading(section)}**"
            yield from parts.get((chapter.environment, section.name), ())


def _block(section: Section, entry: tuple[Told, ...]) -> _Block:
    told = entry[0]
    if len(entry) == 1:
        lines = [f"- {code(words.title(told.difference))}", *_details(told)]
        return _Block("\n".join(lines), lines[0], 1, section.dangerous)
    names = "\n".join(f"- {code(words.title(one.difference))}" for one in entry)
    first = "\n".join(_details(told))
    short = f"- {code(words.folded(entry))}; the first:\n{first}"
    text = f"{short}\n\n<details><summary>all of them</summary>{_BLANK}{names}{_BLANK}</details>"
    return _Block(text, short, len(entry), section.dangerous)


def _details(told: Told) -> list[str]:
    lines = [f"  - {code(line)}" for line in words.details(told)]
    return lines + [f"  - [what lies between]({link})" for link in told.links]


def code(text: str) -> str:
    """Any text as a code span: one line, every control and invisible character spelled out."""
    line = visible(text).replace("\n", "\\n").replace("\r", "\\r")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    padded = f" {line} " if line.startswith("`") or line.endswith("`") or not line.strip() else line
    return f"{fence}{padded or ' '}{fence}"
