"""Finds the line and column of each key and value in a TOML text, and the keys that are defined twice.

The text is within the size limits of `parse_document`, but may be invalid: positions before the first error are
still found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import accumulate
from typing import NamedTuple, TypeVar

import tomli

KeyPath = tuple[str | int, ...]

# More problems of one kind come from a single mistake, such as a file pasted into itself.
MAX_LISTED_PROBLEMS = 100
_BLOCK_SIZE = 4096  # count newlines per block, so that millions of short lines take no memory

BARE_KEY_CHARACTERS = "A-Za-z0-9_-"
_KEY_PART = re.compile(rf"""[{BARE_KEY_CHARACTERS}]+|"[^"\n]*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_KEY_AND_EQUALS = re.compile(rf"(?:{_KEY_PART.pattern})(?:{_DOT.pattern}(?:{_KEY_PART.pattern}))*{_EQUALS.pattern}")
_BLANKS_AND_COMMENTS = re.compile(
    r"(?:[ \t\n]+|#[^\n]*){1,999}"
)  # not "+": the engine takes memory for each repetition
_LINE_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_HEADER_OPEN = re.compile(r"\[\[?[ \t]*")
_HEADER_CLOSE = {"[": re.compile(r"[ \t]*\]"), "[[": re.compile(r"[ \t]*\]\]")}
_MULTILINE = re.compile(r'"""(?s:.*?)"{3,5}|' + r"'''(?s:.*?)'{3,5}")
_SCALAR = re.compile(r""""[^"\n]*"|'[^'\n]*'|[0-9-]{10} [0-9:.]+(?:[Zz]|[+-][0-9:]+)?|[A-Za-z0-9_.:+-]+""")


class Position(NamedTuple):
    """A line and column in the text as an editor shows them: 1-based, columns count characters."""

    line: int
    column: int


class DuplicateKey(NamedTuple):
    """A key or table that is already defined. With `extends_value`, the text adds keys to a complete value."""

    offset: int
    path: KeyPath
    first_offset: int
    extends_value: bool


class _TableKind(Enum):
    IMPLICIT = auto()  # named on the way to a sub-table: `a` in [a.b]
    HEADER = auto()
    DOTTED = auto()  # `a` in a.b = 1
    INLINE = auto()


@dataclass(slots=True, eq=False)
class _Container:
    """A table or array. A scalar is stored as an offset (of its key, or of itself in an array) to save memory."""

    parent: _Container | None
    name: str | int
    start: int

    def key_path(self) -> KeyPath:
        return (*self.parent.key_path(), self.name) if self.parent else ()


_ScannedEntry = _Container | int
_AnyEntry = TypeVar("_AnyEntry", bound=_ScannedEntry)


@dataclass(slots=True, eq=False)
class _Table(_Container):
    kind: _TableKind
    items: dict[str, _ScannedEntry] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Array(_Container):
    items: list[_ScannedEntry] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _TableArray(_Container):
    """An array of tables, written with [[headers]]."""

    items: list[_Table] = field(default_factory=list)


# The kinds of table that a header, or a dotted key, can extend.
_EXTENSIBLE_KINDS = {
    _TableKind.IMPLICIT: {_TableKind.IMPLICIT, _TableKind.HEADER, _TableKind.DOTTED},
    _TableKind.DOTTED: {_TableKind.IMPLICIT, _TableKind.DOTTED},
}


def blank_escapes(text: str) -> str:
    """Replace escaped quotes and backslashes with a filler of the same length.

    A string then ends at its next quote, which a pattern finds in linear time. In a literal string
    nothing changes that matters: a backslash before its closing quote is not touched.
    """
    return re.sub(r'\\["\\]', "!!", text)


class _ScanError(Exception):
    """The text is not valid TOML at the current offset."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.source = text
        self.text = blank_escapes(text)
        self.offset = 0
        self.root = _Table(None, "", 0, _TableKind.HEADER)
        self.duplicates: list[DuplicateKey] = []
        self.unclosed_offsets: list[int] = []

    def scan(self) -> None:
        """Scan the text into `root` and `duplicates`; on an error, `unclosed_offsets` has the values still open."""
        table = self.root
        with suppress(_ScanError):
            while character := self._skip_blanks():
                if character == "[":
                    table = self._scan_header()
                else:
                    self._scan_key_value(table)
                self._consume(_LINE_END)

    def _consume(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.offset)
        if match is None:
            raise _ScanError
        self.offset = match.end()
        return match

    def _skip_blanks(self) -> str:
        """Skip blanks and comments and return the next character; empty at the end of the text."""
        while match := _BLANKS_AND_COMMENTS.match(self.text, self.offset):
            self.offset = match.end()
        return self.text[self.offset : self.offset + 1]

    def _scan_key(self) -> list[tuple[str, int]]:
        """Scan a dotted key into its parts, each with its offset."""
        parts = [self._scan_key_part()]
        while dot := _DOT.match(self.text, self.offset):
            self.offset = dot.end()
            parts.append(self._scan_key_part())
        return parts

    def _scan_key_part(self) -> tuple[str, int]:
        start = self.offset
        text = self.source[start : self._consume(_KEY_PART).end()]
        if text[0] == '"' and "\\" in text:
            try:
                return str(tomli.loads(f"name={text}")["name"]), start
            except ValueError:
                raise _ScanError from None
        return text[1:-1] if text[0] in "\"'" else text, start

    def _scan_header(self) -> _Table:
        opening = self._consume(_HEADER_OPEN)[0].rstrip()
        *parents, (name, start) = self._scan_key()
        self._consume(_HEADER_CLOSE[opening])
        table = self.root
        for parent in parents:
            table = self._enter_table(table, *parent, _TableKind.IMPLICIT)
        return self._append_array_table(table, name, start) if opening == "[[" else self._open_table(table, name, start)

    def _open_table(self, parent: _Table, name: str, start: int) -> _Table:
        entry = parent.items.get(name)
        if isinstance(entry, _Table) and entry.kind is _TableKind.IMPLICIT:
            entry.kind, entry.start = _TableKind.HEADER, start
            return entry
        return self._define_entry(parent, name, _Table(parent, name, start, _TableKind.HEADER))

    def _append_array_table(self, parent: _Table, name: str, start: int) -> _Table:
        tables = parent.items.get(name)
        if not isinstance(tables, _TableArray):
            tables = self._define_entry(parent, name, _TableArray(parent, name, start))
        tables.items.append(_Table(tables, len(tables.items), start, _TableKind.HEADER))
        return tables.items[-1]

    def _enter_table(self, table: _Table, name: str, start: int, kind: _TableKind) -> _Table:
        """Get or create the table that an inner part of a header or dotted key names."""
        entry = table.items.get(name)
        if isinstance(entry, _Table) and entry.kind in _EXTENSIBLE_KINDS[kind]:
            if kind is _TableKind.DOTTED:
                entry.kind = kind
            return entry
        if isinstance(entry, _TableArray) and kind is _TableKind.IMPLICIT:
            return entry.items[-1]
        return self._define_entry(
            table, name, _Table(table, name, start, kind), extends_value=_is_written_as_value(entry)
        )

    def _define_entry(self, table: _Table, name: str, entry: _AnyEntry, *, extends_value: bool = False) -> _AnyEntry:
        """Add `entry` to `table`. For a duplicate, keep the first, and scan the second without storing it."""
        first = table.items.setdefault(name, entry)
        if first is not entry:
            if len(self.duplicates) > MAX_LISTED_PROBLEMS:
                raise _ScanError
            self.duplicates.append(
                DuplicateKey(_entry_offset(entry), (*table.key_path(), name), _entry_offset(first), extends_value)
            )
        return entry

    def _scan_key_value(self, table: _Table) -> None:
        *parents, (name, start) = self._scan_key()
        self._consume(_EQUALS)
        for parent in parents:
            table = self._enter_table(table, *parent, _TableKind.DOTTED)
        self._define_entry(table, name, self._scan_value(table, name, start))

    def _scan_value(self, parent: _Container, name: str | int, start: int) -> _ScannedEntry:
        self.unclosed_offsets.append(self.offset)
        if self.text.startswith("[", self.offset):
            entry: _ScannedEntry = self._scan_array(_Array(parent, name, start))
        elif self.text.startswith("{", self.offset):
            entry = self._scan_inline_table(_Table(parent, name, start, _TableKind.INLINE))
        else:
            self._consume(_MULTILINE if self.text.startswith(('"""', "'''"), self.offset) else _SCALAR)
            entry = start
        self.unclosed_offsets.pop()
        return entry

    def _scan_array(self, array: _Array) -> _Array:
        for _ in self._scan_items("]"):
            array.items.append(self._scan_value(array, len(array.items), self.offset))
        return array

    def _scan_inline_table(self, table: _Table) -> _Table:
        for _ in self._scan_items("}"):
            self._scan_key_value(table)
        return table

    def _scan_items(self, closing_bracket: str) -> Iterator[None]:
        """Stop at each item for the caller to scan, until `closing_bracket` has been passed."""
        self.offset += 1
        while self._skip_blanks() != closing_bracket:
            yield
            if self._skip_blanks() == ",":
                self.offset += 1
            elif self._skip_blanks() != closing_bracket:
                raise _ScanError
        self.offset += 1


def _entry_offset(entry: _ScannedEntry) -> int:
    return entry if isinstance(entry, int) else entry.start


def _is_written_as_value(entry: _ScannedEntry | None) -> bool:
    """Whether the entry is written as a value, not opened by a header or dotted key."""
    return isinstance(entry, int | _Array) or (isinstance(entry, _Table) and entry.kind is _TableKind.INLINE)


class PositionIndex:
    """Finds positions in one text by key path or by offset."""

    def __init__(self, text: str) -> None:
        scanner = _Scanner(text)
        scanner.scan()
        self._text = scanner.text
        self._root = scanner.root
        self.duplicates = sorted(scanner.duplicates)
        self.unclosed_offsets = scanner.unclosed_offsets
        starts = range(0, len(text), _BLOCK_SIZE)
        self._newlines_before = [0, *accumulate(text.count("\n", start, start + _BLOCK_SIZE) for start in starts)]

    def position_at(self, offset: int) -> Position:
        block = offset // _BLOCK_SIZE
        newlines = self._newlines_before[block] + self._text.count("\n", block * _BLOCK_SIZE, offset)
        return Position(newlines + 1, offset - self._text.rfind("\n", 0, offset))

    def locate_key(self, path: KeyPath) -> Position:
        """The position of the last part of `path`, else of its nearest existing ancestor, else 1:1."""
        return self.position_at(_entry_offset(self._find_nearest_entry(path)))

    def locate_value(self, path: KeyPath) -> Position:
        """The position of the value at `path`; for a table opened by a header or dotted key, of its key."""
        entry = self._find_nearest_entry(path)
        key = _KEY_AND_EQUALS.match(self._text, _entry_offset(entry)) if _is_written_as_value(entry) else None
        return self.position_at(key.end() if key else _entry_offset(entry))

    def _find_nearest_entry(self, path: KeyPath) -> _ScannedEntry:
        entry: _ScannedEntry = self._root
        for part in path:
            if (child := _child_entry(entry, part)) is None:
                break
            entry = child
        return entry


def _child_entry(entry: _ScannedEntry, part: str | int) -> _ScannedEntry | None:
    if isinstance(entry, _Table) and isinstance(part, str):
        return entry.items.get(part)
    if isinstance(entry, _Array | _TableArray) and isinstance(part, int) and 0 <= part < len(entry.items):
        return entry.items[part]
    return None
