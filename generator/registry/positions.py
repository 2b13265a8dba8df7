"""Text of one TOML file → where its keys and values stand, and which of them are defined twice.

The text keeps the bounds of `toml.parse`, but may be broken: what stands before the first break is known.
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

Path = tuple[str | int, ...]

# More problems of a kind than this are one mistake (a file pasted into itself), and nobody reads on.
MOST_LISTED = 100
_BLOCK = 4096  # lines are counted by so many characters, so that millions of short ones take no memory

BARE = "A-Za-z0-9_-"
_PART = re.compile(rf"""[{BARE}]+|"[^"\n]*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_KEY_AND_EQUALS = re.compile(rf"(?:{_PART.pattern})(?:{_DOT.pattern}(?:{_PART.pattern}))*{_EQUALS.pattern}")
_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*){1,999}")  # not "+": the engine takes memory for each repetition
_LINE_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_HEADER_OPEN = re.compile(r"\[\[?[ \t]*")
_HEADER_CLOSE = {"[": re.compile(r"[ \t]*\]"), "[[": re.compile(r"[ \t]*\]\]")}
_MULTILINE = re.compile(r'"""(?s:.*?)"{3,5}|' + r"'''(?s:.*?)'{3,5}")
_SCALAR = re.compile(r""""[^"\n]*"|'[^'\n]*'|[0-9-]{10} [0-9:.]+(?:[Zz]|[+-][0-9:]+)?|[A-Za-z0-9_.:+-]+""")


class Position(NamedTuple):
    """A place in the text as an editor shows it: 1-based, columns count characters."""

    line: int
    column: int


class Duplicate(NamedTuple):
    """A key or table that was there already. `closed`: it is a value, and keys were to be added to it."""

    offset: int
    path: Path
    first: int
    closed: bool


class _Kind(Enum):
    IMPLICIT = auto()  # named on the way to a sub-table: `a` in [a.b]
    HEADER = auto()
    DOTTED = auto()  # `a` in a.b = 1
    INLINE = auto()


@dataclass(slots=True, eq=False)
class _Container:
    """A table or array. A scalar is only the offset of its key (or its own, in an array): there may be millions."""

    parent: _Container | None
    name: str | int
    start: int

    def path(self) -> Path:
        return (*self.parent.path(), self.name) if self.parent else ()


_Entry = _Container | int
_E = TypeVar("_E", bound=_Entry)


@dataclass(slots=True, eq=False)
class _Table(_Container):
    kind: _Kind
    items: dict[str, _Entry] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Array(_Container):
    items: list[_Entry] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Tables(_Container):
    """An array of tables, written with [[headers]]."""

    items: list[_Table] = field(default_factory=list)


# What a header, and what a dotted key, may pass through.
_OPEN_TO = {
    _Kind.IMPLICIT: {_Kind.IMPLICIT, _Kind.HEADER, _Kind.DOTTED},
    _Kind.DOTTED: {_Kind.IMPLICIT, _Kind.DOTTED},
}


def blank_escapes(text: str) -> str:
    """`text` with every escaped quote and backslash blanked, of the same length.

    A string then ends at its next quote, which a pattern finds in linear time. In a literal string
    nothing changes that matters: a backslash before its closing quote is not touched.
    """
    return re.sub(r'\\["\\]', "!!", text)


class _ScanError(Exception):
    """The text is not TOML from here on."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.source = text
        self.text = blank_escapes(text)
        self.at = 0
        self.root = _Table(None, "", 0, _Kind.HEADER)
        self.duplicates: list[Duplicate] = []
        self.unclosed: list[int] = []

    def scan(self) -> None:
        """Fill `root` and `duplicates`; where the text is broken, `unclosed` keeps what was begun."""
        table = self.root
        with suppress(_ScanError):
            while character := self._next():
                if character == "[":
                    table = self._header()
                else:
                    self._pair(table)
                self._expect(_LINE_END)

    def _expect(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _ScanError
        self.at = match.end()
        return match

    def _next(self) -> str:
        """Go to the next character that means something, and return it; empty at the end of the text."""
        while match := _BLANK.match(self.text, self.at):
            self.at = match.end()
        return self.text[self.at : self.at + 1]

    def _key(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset."""
        parts = [self._part()]
        while dot := _DOT.match(self.text, self.at):
            self.at = dot.end()
            parts.append(self._part())
        return parts

    def _part(self) -> tuple[str, int]:
        start = self.at
        text = self.source[start : self._expect(_PART).end()]
        if text[0] == '"' and "\\" in text:
            try:
                return str(tomli.loads(f"name={text}")["name"]), start
            except ValueError:
                raise _ScanError from None
        return text[1:-1] if text[0] in "\"'" else text, start

    def _header(self) -> _Table:
        opening = self._expect(_HEADER_OPEN)[0].rstrip()
        *parents, (name, start) = self._key()
        self._expect(_HEADER_CLOSE[opening])
        table = self.root
        for parent in parents:
            table = self._enter(table, *parent, _Kind.IMPLICIT)
        return self._append(table, name, start) if opening == "[[" else self._open(table, name, start)

    def _open(self, parent: _Table, name: str, start: int) -> _Table:
        entry = parent.items.get(name)
        if isinstance(entry, _Table) and entry.kind is _Kind.IMPLICIT:
            entry.kind, entry.start = _Kind.HEADER, start
            return entry
        return self._define(parent, name, _Table(parent, name, start, _Kind.HEADER))

    def _append(self, parent: _Table, name: str, start: int) -> _Table:
        tables = parent.items.get(name)
        if not isinstance(tables, _Tables):
            tables = self._define(parent, name, _Tables(parent, name, start))
        tables.items.append(_Table(tables, len(tables.items), start, _Kind.HEADER))
        return tables.items[-1]

    def _enter(self, table: _Table, name: str, start: int, kind: _Kind) -> _Table:
        """The table behind one part of a header or dotted key that is not the last; new where there is none."""
        entry = table.items.get(name)
        if isinstance(entry, _Table) and entry.kind in _OPEN_TO[kind]:
            if kind is _Kind.DOTTED:
                entry.kind = kind
            return entry
        if isinstance(entry, _Tables) and kind is _Kind.IMPLICIT:
            return entry.items[-1]
        return self._define(table, name, _Table(table, name, start, kind), closed=_is_value(entry))

    def _define(self, table: _Table, name: str, entry: _E, *, closed: bool = False) -> _E:
        """Put `entry` into `table`. The first of two stays; the second is checked for itself, then dropped."""
        first = table.items.setdefault(name, entry)
        if first is not entry:
            if len(self.duplicates) > MOST_LISTED:
                raise _ScanError
            self.duplicates.append(Duplicate(_start(entry), (*table.path(), name), _start(first), closed))
        return entry

    def _pair(self, table: _Table) -> None:
        *parents, (name, start) = self._key()
        self._expect(_EQUALS)
        for parent in parents:
            table = self._enter(table, *parent, _Kind.DOTTED)
        self._define(table, name, self._value(table, name, start))

    def _value(self, parent: _Container, name: str | int, start: int) -> _Entry:
        self.unclosed.append(self.at)
        if self.text.startswith("[", self.at):
            entry: _Entry = self._array(_Array(parent, name, start))
        elif self.text.startswith("{", self.at):
            entry = self._inline_table(_Table(parent, name, start, _Kind.INLINE))
        else:
            self._expect(_MULTILINE if self.text.startswith(('"""', "'''"), self.at) else _SCALAR)
            entry = start
        self.unclosed.pop()
        return entry

    def _array(self, array: _Array) -> _Array:
        for _ in self._items("]"):
            array.items.append(self._value(array, len(array.items), self.at))
        return array

    def _inline_table(self, table: _Table) -> _Table:
        for _ in self._items("}"):
            self._pair(table)
        return table

    def _items(self, bracket: str) -> Iterator[None]:
        """Stand at each item in turn, for the caller to read, until `bracket` has been passed."""
        self.at += 1
        while self._next() != bracket:
            yield
            if self._next() == ",":
                self.at += 1
            elif self._next() != bracket:
                raise _ScanError
        self.at += 1


def _start(entry: _Entry) -> int:
    return entry if isinstance(entry, int) else entry.start


def _is_value(entry: _Entry | None) -> bool:
    """Whether it is written as a value, and not opened by a header or dotted key."""
    return isinstance(entry, int | _Array) or (isinstance(entry, _Table) and entry.kind is _Kind.INLINE)


class Positions:
    """The places in one text, from a key path or an offset."""

    def __init__(self, text: str) -> None:
        scanner = _Scanner(text)
        scanner.scan()
        self._text = scanner.text
        self._root = scanner.root
        self.duplicates = sorted(scanner.duplicates)
        self.unclosed = scanner.unclosed
        starts = range(0, len(text), _BLOCK)
        self._newlines_before = [0, *accumulate(text.count("\n", start, start + _BLOCK) for start in starts)]

    def at(self, offset: int) -> Position:
        block = offset // _BLOCK
        newlines = self._newlines_before[block] + self._text.count("\n", block * _BLOCK, offset)
        return Position(newlines + 1, offset - self._text.rfind("\n", 0, offset))

    def key(self, path: Path) -> Position:
        """Where the last part of `path` stands; of its nearest ancestor that is there; at last 1:1."""
        return self.at(_start(self._find(path)))

    def value(self, path: Path) -> Position:
        """Where the value of `path` starts; a table that a header or dotted key opens is its key."""
        entry = self._find(path)
        key = _KEY_AND_EQUALS.match(self._text, _start(entry)) if _is_value(entry) else None
        return self.at(key.end() if key else _start(entry))

    def _find(self, path: Path) -> _Entry:
        entry: _Entry = self._root
        for part in path:
            if (child := _child(entry, part)) is None:
                break
            entry = child
        return entry


def _child(entry: _Entry, part: str | int) -> _Entry | None:
    if isinstance(entry, _Table) and isinstance(part, str):
        return entry.items.get(part)
    if isinstance(entry, _Array | _Tables) and isinstance(part, int) and 0 <= part < len(entry.items):
        return entry.items[part]
    return None
