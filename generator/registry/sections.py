"""The text of a TOML file → its tables by their headers, and where in each something may be written. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import tomli

from generator.registry.toml import Path

_STRING = r'"""(?s:(?:[^\\]|\\.)*?)"{3,5}|' + r"'''(?s:.*?)'{3,5}|" + r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_TOKEN = re.compile(_STRING + r"|#[^\n]*|[\[\]{},\n]|[^\"'#\[\]{},\n]+")
_HEADER = re.compile(r"""[ \t]*\[\[?[ \t]*((?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\]"'\n])+?)[ \t]*\]""")
_BARE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


class Section(NamedTuple):
    """A table's header and body, as offsets; `path` is the header's, empty for what stands before the first."""

    path: Path
    start: int
    end: int


def sections(text: str) -> Iterator[Section]:
    """The tables of a file in the order of their headers."""
    path: Path = ()
    start = 0
    for at in _header_offsets(text):
        yield Section(path, start, at)
        found = _HEADER.match(text, at)
        path, start = (_header_path(found[1]) if found else ()), at
    yield Section(path, start, len(text))


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


def _header_path(inner: str) -> Path:
    if _BARE.fullmatch(inner):
        return tuple(inner.split("."))
    table: Any = tomli.loads(f"[{inner}]")
    path: list[str] = []
    while isinstance(table, dict) and table:
        key, table = next(iter(table.items()))
        path.append(key)
    return tuple(path)


def value_end(text: str, start: int) -> int:
    """The offset just behind the value that starts at `start`: a string, an array, an inline table, a word."""
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


def members(text: str, brace: int) -> list[tuple[int, int]]:
    """The members of the inline table that opens at `brace`, as offsets without the space around them."""
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


def body_end(text: str, section: Section) -> int:
    """The offset behind the last line of a section that is neither blank nor a comment of what follows.

    Comments belong to what follows where they stand directly above it.
    """
    end = _significant_end(text, section)
    rest = text[end : section.end]
    own = re.match(r"(?:[ \t]*#[^\n]*(?:\n|\Z))*", rest)
    behind = own.end() if own else 0
    touching = behind == len(rest) and section.end < len(text)
    return end if touching else end + behind


def _significant_end(text: str, section: Section) -> int:
    end = section.start
    for found in _TOKEN.finditer(text, section.start, section.end):
        if not found[0].isspace() and not found[0].startswith("#"):
            end = found.end()
    return line_end(text, end) if end > section.start else section.start


def is_empty(text: str, section: Section) -> bool:
    """Whether nothing but blank lines, and comments of what follows, stands below a section's header."""
    return body_end(text, section) <= line_end(text, section.start)


def line_start(text: str, at: int) -> int:
    """The offset at which the line of `at` begins."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """The offset just behind the line of `at`."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def comments_above(text: str, start: int) -> int:
    """The offset of the first of the comment lines that stand directly above `start`."""
    while start > 0:
        previous = text.rfind("\n", 0, start - 1) + 1
        if not text[previous:start].lstrip().startswith("#"):
            break
        start = previous
    return start
