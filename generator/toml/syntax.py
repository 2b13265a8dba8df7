"""Indexes the syntax tree of a TOML text by key path: where each key and value is, and which keys are defined twice."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

import tomli
import tree_sitter_toml
from tree_sitter import Language, Node, Parser

KeyPath = tuple[str | int, ...]

# More problems of one kind come from a single mistake, such as a file pasted into itself.
MAX_LISTED_PROBLEMS = 100

_LANGUAGE = Language(tree_sitter_toml.language())


class Position(NamedTuple):
    """A line and column in the text as an editor shows them: 1-based, columns count characters."""

    line: int
    column: int


class EntryKind(Enum):
    """How a table or value is written."""

    IMPLICIT = auto()  # a table named on the way to another one: `a` in [a.b]
    HEADER = auto()  # a table with a header of its own
    DOTTED = auto()  # a table opened by a dotted key: `a` in a.b = 1
    TABLE_ARRAY = auto()  # an array written with [[headers]]
    VALUE = auto()  # a value after "=", or an element of an array


# The kinds of table that a header, or a dotted key, can extend.
_EXTENSIBLE_KINDS = {
    EntryKind.IMPLICIT: {EntryKind.IMPLICIT, EntryKind.HEADER, EntryKind.DOTTED},
    EntryKind.DOTTED: {EntryKind.IMPLICIT, EntryKind.DOTTED},
}


class Entry:
    """A table, array or value: the offset of its key, its syntax node if it has one, and its items on demand."""

    __slots__ = ("found_items", "is_expanded", "kind", "name", "node", "parent", "start")

    def __init__(
        self, parent: Entry | None, name: str | int, start: int, kind: EntryKind, node: Node | None = None
    ) -> None:
        self.parent = parent
        self.name = name
        self.start = start
        self.kind = kind
        self.node = node
        self.found_items: dict[str | int, Entry] = {}
        self.is_expanded = False

    @property
    def path(self) -> KeyPath:
        """The key path of the entry; empty for the document."""
        return (*self.parent.path, self.name) if self.parent else ()

    @property
    def value_start(self) -> int:
        """The offset of the value; for a table opened by a header or dotted key, of its key."""
        return self.node.start_byte if self.node and self.kind is EntryKind.VALUE else self.start

    @property
    def is_inline_table(self) -> bool:
        """Whether the entry is written as `{...}`."""
        return self.node is not None and self.node.type == "inline_table"


class DuplicateKey(NamedTuple):
    """A key or table that is already defined. With `extends_value`, the text adds keys to a complete value."""

    entry: Entry
    first_start: int
    extends_value: bool


class SyntaxIndex:
    """The entries of one text by key path, up to its first syntax error.

    Items are read on demand, so `duplicates` is complete only with `expand_all`.
    """

    def __init__(self, text: str, *, expand_all: bool = False) -> None:
        self.text = text
        self._expand_all = expand_all
        # One byte for each character, so that offsets in the tree are offsets in the text: only strings and
        # comments have other characters than ASCII.
        self.tree = Parser(_LANGUAGE).parse(text.encode("ascii", "replace"))
        self.root = Entry(None, "", 0, EntryKind.HEADER)
        self.root.is_expanded = True
        self.duplicates: list[DuplicateKey] = []
        self.tables: list[Entry] = []
        self._nodes = [*_valid_children(self.tree.root_node)]
        for node in self._nodes:
            if node.type == "pair":
                self._add_pair(self.root, node)
            elif node.type != "comment":
                self.tables.append(self._add_table(node))

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def position_at(self, offset: int) -> Position:
        """Return the line and column of an offset in the text."""
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def find(self, path: KeyPath) -> Entry | None:
        """The entry at `path`; None if there is none."""
        entry = self.find_nearest(path)
        return entry if len(entry.path) == len(path) else None

    def find_nearest(self, path: KeyPath) -> Entry:
        """The entry at `path`, or else its nearest ancestor."""
        entry = self.root
        for part in path:
            child = self.items(entry).get(part)
            if child is None:
                break
            entry = child
        return entry

    def items(self, entry: Entry) -> dict[str | int, Entry]:
        """The entries of a table by key, or of an array by index."""
        if entry.node is not None and not entry.is_expanded:
            entry.is_expanded = True
            nodes = [node for node in _valid_children(entry.node) if node.is_named and node.type != "comment"]
            if entry.node.type == "array":
                for index, node in enumerate(nodes):
                    self._add_element(entry, index, node)
            else:
                for node in nodes:
                    if node.type == "pair":
                        self._add_pair(entry, node)
        return entry.found_items

    def _add_element(self, array: Entry, index: int, node: Node) -> None:
        array.found_items[index] = element = Entry(array, index, node.start_byte, EntryKind.VALUE, node)
        if self._expand_all:
            self.items(element)

    def _add_pair(self, table: Entry, node: Node) -> None:
        key, _, value = node.children[:3]
        *parents, (name, start) = self._key_parts(key)
        for parent in parents:
            table = self._enter_table(table, *parent, EntryKind.DOTTED)
        entry = self._define(table, Entry(table, name, start, EntryKind.VALUE, value))
        if self._expand_all:
            self.items(entry)

    def _add_table(self, node: Node) -> Entry:
        opening, key = node.children[:2]
        *parents, (name, start) = self._key_parts(key)
        table = self.root
        for parent in parents:
            table = self._enter_table(table, *parent, EntryKind.IMPLICIT)
        table = (self._append_array_table if opening.type == "[[" else self._open_table)(table, name, start)
        table.node = node
        if self._expand_all:
            self.items(table)
        return table

    def key_names(self, key: Node) -> list[str]:
        """The parts of a dotted key."""
        return [self._key_name(node) for node in key_part_nodes(key)]

    def _key_parts(self, key: Node) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset."""
        return [(self._key_name(node), node.start_byte) for node in key_part_nodes(key)]

    def _key_name(self, node: Node) -> str:
        text = self.text[node.start_byte : node.end_byte]
        if node.type == "bare_key":
            return text
        return str(next(iter(tomli.loads(f"{text} = 0")))) if "\\" in text and text[0] == '"' else text[1:-1]

    def _open_table(self, parent: Entry, name: str, start: int) -> Entry:
        entry = parent.found_items.get(name)
        if entry is not None and entry.kind is EntryKind.IMPLICIT:
            entry.kind, entry.start = EntryKind.HEADER, start
            return entry
        return self._define(parent, Entry(parent, name, start, EntryKind.HEADER))

    def _append_array_table(self, parent: Entry, name: str, start: int) -> Entry:
        array = parent.found_items.get(name)
        if array is None or array.kind is not EntryKind.TABLE_ARRAY:
            array = self._define(parent, Entry(parent, name, start, EntryKind.TABLE_ARRAY))
        items = array.found_items
        items[len(items)] = table = Entry(array, len(items), start, EntryKind.HEADER)
        return table

    def _enter_table(self, table: Entry, name: str, start: int, kind: EntryKind) -> Entry:
        """Get or create the table that an inner part of a header or dotted key names."""
        entry = table.found_items.get(name)
        if entry is not None and entry.kind in _EXTENSIBLE_KINDS[kind]:
            if kind is EntryKind.DOTTED:
                entry.kind, entry.start = kind, min(entry.start, start)
            return entry
        if entry is not None and entry.kind is EntryKind.TABLE_ARRAY and kind is EntryKind.IMPLICIT:
            return entry.found_items[len(entry.found_items) - 1]
        extends_value = entry is not None and entry.kind is EntryKind.VALUE
        return self._define(table, Entry(table, name, start, kind), extends_value=extends_value)

    def _define(self, table: Entry, entry: Entry, *, extends_value: bool = False) -> Entry:
        """Add `entry` to `table`. Of a duplicate, the first one stays."""
        first = table.found_items.setdefault(entry.name, entry)
        if first is not entry:
            self.duplicates.append(DuplicateKey(entry, first.start, extends_value))
        return entry


def key_part_nodes(key: Node) -> list[Node]:
    """The nodes of a dotted key's parts; of any other key, the key itself."""
    if key.type != "dotted_key":
        return [key]
    return [node for child in key.named_children for node in key_part_nodes(child)]


def _valid_children(node: Node) -> Iterator[Node]:
    """The children of a node before its first syntax error; of a table with an error, the header is complete."""
    for child in node.children:
        is_table = child.type in ("table", "table_array_element")
        if child.has_error and not (is_table and not any(part.has_error for part in child.children[:3])):
            return
        yield child
        if child.has_error:
            return
