"""Replaces parts of a TOML text, and finds the lines around an offset. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tree_sitter import Node


class Splice(NamedTuple):
    """Replaces the text between two offsets."""

    start: int
    end: int
    text: str


def find_line_start(text: str, offset: int) -> int:
    """The offset of the start of the line that contains `offset`."""
    return text.rfind("\n", 0, offset) + 1


def find_line_end(text: str, offset: int) -> int:
    """The offset after the line that contains `offset`, including its line end."""
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def find_comments_start(text: str, start: int) -> int:
    """The offset of the first of the comment lines directly above the line at `start`; `start` if there are none."""
    while start > 0:
        above = find_line_start(text, start - 1)
        if not text[above:start].lstrip().startswith("#"):
            break
        start = above
    return start


def find_section_end(text: str, node: Node) -> int:
    """The offset after a table's last line that is neither blank nor a comment of the next table.

    Comments directly above a header belong to that header.
    """
    statements = [child for child in node.children if child.type == "pair"]
    end = own_end = find_line_end(text, statements[-1].end_byte if statements else node.start_byte)
    while (line_end := find_line_end(text, own_end)) > own_end:
        line = text[own_end:line_end].strip()
        if not line.startswith("#"):
            return end if line else own_end
        own_end = line_end
    return own_end


def line_break_at(text: str, offset: int) -> str:
    """The line end to write at `offset`: that of the line above it, else of the first line."""
    above = text.rfind("\n", 0, offset)
    above = text.find("\n") if above < 0 else above
    return "\r\n" if above > 0 and text[above - 1] == "\r" else "\n"


def insert_lines_at(text: str, offset: int, lines: str) -> Splice:
    """Insert whole lines at a line start, or after a last line without line end."""
    line_break = line_break_at(text, offset)
    lead = "" if offset == 0 or text[offset - 1] == "\n" else line_break
    return Splice(offset, offset, lead + lines.replace("\r\n", "\n").replace("\n", line_break))


def splice_text(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with the splices applied in order of their offsets; they may overlap."""
    parts: list[str] = []
    at = 0
    for splice in sorted(splices, key=lambda each: each[:2]):
        parts += text[at : splice.start], splice.text
        at = max(at, splice.end)
    return "".join([*parts, text[at:]])
