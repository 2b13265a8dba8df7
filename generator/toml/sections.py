"""Splits the text of a TOML file at its table headers, and finds where an edit can insert text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import tomli

from generator.toml.document import KeyPath

_STRING = r'"""(?s:(?:[^\\]|\\.)*?)"{3,5}|' + r"'''(?s:.*?)'{3,5}|" + r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_TOKEN = re.compile(_STRING + r"|#[^\n]*|[\[\]{},\n]|[^\"'#\[\]{},\n]+")
_HEADER = re.compile(r"""[ \t]*\[\[?[ \t]*((?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\]"'\n])+?)[ \t]*\]""")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


class TableSection(NamedTuple):
    """The offsets of a table's header and body; `path` is empty for the text before the first header."""

    path: KeyPath
    start: int
    end: int


def split_sections(text: str) -> Iterator[TableSection]:
    """Split a file into tables, in the order of their headers."""
    path: KeyPath = ()
    start = 0
    for at in _header_offsets(text):
        yield TableSection(path, start, at)
        found = _HEADER.match(text, at)
        path, start = (_header_path(found[1]) if found else ()), at
    yield TableSection(path, start, len(text))


def _header_offsets(text: str) -> Iterator[int]:
    depth, line_start, fresh = 0, 0, True
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece == "\n":
            line_start, fresh = found.end(), True
            continue
        if piece == "[" and depth == 0 and fresh:
            yield line_start
        if len(piece) == 1:
            depth += (piece in "[{") - (piece in "]}")
        fresh = fresh and piece.isspace()


def _header_path(inner: str) -> KeyPath:
    if _BARE_KEY.fullmatch(inner):
        return tuple(inner.split("."))
    table: Any = tomli.loads(f"[{inner}]")
    path: list[str] = []
    while isinstance(table, dict) and table:
        key, table = next(iter(table.items()))
        path.append(key)
    return tuple(path)


def find_value_end(text: str, start: int) -> int:
    """The offset after the value (string, array, inline table or word) that starts at `start`."""
    if text[start] not in "[{":
        found = re.compile(_STRING + r"|[^\s,\]}#]+").match(text, start)
        return found.end() if found else start
    depth = 0
    for found in _TOKEN.finditer(text, start):
        if len(found[0]) == 1:
            depth += (found[0] in "[{") - (found[0] in "]}")
        if depth == 0:
            return found.end()
    return len(text)


def find_inline_members(text: str, brace: int) -> list[tuple[int, int]]:
    """The start and end offsets of each member of the inline table that opens at `brace`, without spaces."""
    found, begin, depth = [], brace + 1, 0
    for piece in _TOKEN.finditer(text, brace):
        depth += (piece[0] in ("[", "{")) - (piece[0] in ("]", "}"))
        if (piece[0] == "," and depth == 1) or depth == 0:
            body = text[begin : piece.start()]
            if body.strip():
                start = begin + len(body) - len(body.lstrip())
                found.append((start, start + len(body.strip())))
            begin = piece.end()
        if depth == 0:
            break
    return found


def find_body_end(text: str, section: TableSection) -> int:
    """The offset after a section's last line that is neither blank nor a comment of the next section.

    Comments directly above a header belong to that header.
    """
    end = _last_statement_end(text, section)
    rest = text[end : section.end]
    own = re.match(r"(?:[ \t]*#[^\n]*(?:\n|\Z))*", rest)
    behind = own.end() if own else 0
    touching = behind == len(rest) and section.end < len(text)
    return end if touching else end + behind


def _last_statement_end(text: str, section: TableSection) -> int:
    end = section.start
    for found in _TOKEN.finditer(text, section.start, section.end):
        if not found[0].isspace() and not found[0].startswith("#"):
            end = found.end()
    return find_line_end(text, end) if end > section.start else section.start


def is_section_empty(text: str, section: TableSection) -> bool:
    """Whether a section has only blank lines and comments of the next section below its header."""
    return find_body_end(text, section) <= find_line_end(text, section.start)


def find_line_start(text: str, offset: int) -> int:
    """The offset of the start of the line that contains `offset`."""
    return text.rfind("\n", 0, offset) + 1


def find_line_end(text: str, offset: int) -> int:
    """The offset after the line that contains `offset`, including its newline."""
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def find_comments_start(text: str, start: int) -> int:
    """The offset of the first of the comment lines directly above `start`; `start` if there are none."""
    while start > 0:
        previous = text.rfind("\n", 0, start - 1) + 1
        if not text[previous:start].lstrip().startswith("#"):
            break
        start = previous
    return start
