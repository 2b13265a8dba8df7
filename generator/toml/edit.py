"""Edits one TOML document in whatever layout it has, and proves each edit by parsing the result. Pure.

Only the lines of the edited keys change. Each edit raises `EditError`, and changes nothing, if the new text does not
hold exactly the intended data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tomli
from tree_sitter import Node

from generator.toml.data import equal_data, value_at, with_value, without_empty_tables, without_value
from generator.toml.document import Document, KeyPath, Position, TomlError, format_key_path, parse_document
from generator.toml.splices import (
    Splice,
    find_comments_start,
    find_line_end,
    find_line_start,
    find_section_end,
    insert_lines_at,
    line_break_at,
    splice_text,
)
from generator.toml.syntax import Entry, EntryKind, key_part_nodes
from generator.toml.write import format_table, format_value


class EditError(Exception):
    """The document cannot be edited at `path` in its present layout."""

    def __init__(self, position: Position, path: KeyPath) -> None:
        super().__init__(f"{position.line}:{position.column}: {format_key_path(path)}")
        self.position = position
        self.path = path


def set_value(document: Document, path: KeyPath, literal: str) -> Document:
    """Set the value at `path` to a TOML literal. Tables that are missing are added."""
    entry = document.syntax.find(path)
    if entry is None:
        splice = _insertion(document, path[:-1], f"{format_key_path(path[-1:])} = {literal}")
    elif entry.node is not None and entry.kind is EntryKind.VALUE:
        splice = Splice(entry.node.start_byte, entry.node.end_byte, literal)
    else:
        raise EditError(document.key_position(path), path)
    value = tomli.loads(f"value = {literal}")["value"]
    return apply_splices(document, [splice], with_value(document.data, path, value), path)


def remove_value(document: Document, path: KeyPath, *, keep_table: bool = False) -> Document:
    """Remove a value, or a table with its subtables; a table emptied by it goes too, unless `keep_table` is set."""
    entry = document.syntax.find(path)
    if entry is None or entry.parent is None:
        return document
    nodes = _defining_nodes(document, entry)
    splices = [_removal(document.text, node, nodes) for node in nodes]
    table, is_alone = entry.parent, len(value_at(document.data, path[:-1])) == 1
    expected = without_value(document.data, path)
    if keep_table:
        if is_alone and table.kind in (EntryKind.DOTTED, EntryKind.IMPLICIT):
            splices[0] = _emptying(document, nodes[0], table.path)
        return apply_splices(document, splices, expected, path)
    if is_alone and table.kind is EntryKind.HEADER and table.node and _is_whole_body(document.text, table.node, nodes):
        splices = [_section_removal(document.text, table.node)]
    return apply_splices(document, splices, without_empty_tables(expected, path), path, may_empty=True)


def add_table(document: Document, path: KeyPath, values: Mapping[str, Any]) -> Document:
    """Add a table: in name order among its siblings if those are sorted, else after the last one."""
    parent = document.syntax.find(path[:-1])
    if parent is not None and parent.kind is EntryKind.VALUE:
        splice = _insertion(document, path[:-1], f"{format_key_path(path[-1:])} = {format_value(values)}")
    else:
        splice = _table_insertion(document, path, format_table(path, values))
    return apply_splices(document, [splice], with_value(document.data, path, dict(values)), path)


def copy_table(document: Document, path: KeyPath, new_name: str) -> Document:
    """Copy a table with its subtables under another name, in the layout of the original."""
    entry = document.syntax.find(path)
    if entry is None:
        raise EditError(document.key_position(path), path)
    text, new_path = document.text, (*path[:-1], new_name)
    splices, lines, tables = [], [], []
    for node in _defining_nodes(document, entry):
        start, end = _line_range(text, node)
        if _is_inline(node):
            start, end = node.start_byte, node.end_byte
        name = _key_nodes_by_depth(node)[len(path)]
        renamed = Splice(name.start_byte - start, name.end_byte - start, format_key_path((new_name,)))
        copied = splice_text(text[start:end], [renamed])
        if _is_inline(node):
            splices.append(Splice(end, end, f", {copied}"))
        elif node.type == "pair":
            lines.append(insert_lines_at(text, end, copied))
        else:
            tables.append(f"{copied.rstrip()}\n")
    if lines:
        splices.append(insert_lines_at(text, lines[-1].start, "".join(line.text for line in lines)))
    if tables:
        splices.append(_table_insertion(document, new_path, "\n".join(tables)))
    return apply_splices(document, splices, with_value(document.data, new_path, value_at(document.data, path)), path)


def apply_splices(
    document: Document, splices: Iterable[Splice], expected: Any, path: KeyPath, *, may_empty: bool = False
) -> Document:
    """Replace parts of the text. Raises EditError unless the new text holds exactly the data `expected`.

    With `may_empty`, tables above `path` that are empty compare equal to missing ones.
    """
    text = splice_text(document.text, splices)
    try:
        after = parse_document(document.name, text.encode())
    except TomlError as error:
        raise EditError(document.key_position(path), path) from error
    found = without_empty_tables(after.data, path) if may_empty else after.data
    if not equal_data(found, expected):
        raise EditError(document.key_position(path), path)
    return after


# Insertion


def _insertion(document: Document, table: KeyPath, statement: str) -> Splice:
    """The splice that adds `statement` to a table, which may be missing, in the layout of the table."""
    index, text = document.syntax, document.text
    entry = index.find_nearest(table)
    missing = table[len(entry.path) :]
    if entry.is_inline_table or entry.kind is EntryKind.DOTTED:
        statement = f"{format_key_path(missing)} = {{ {statement} }}" if missing else statement
        insertion = _member_insertion if entry.is_inline_table else _dotted_insertion
        return insertion(document, entry, statement)
    if entry.kind in (EntryKind.VALUE, EntryKind.TABLE_ARRAY):
        raise EditError(document.key_position(table), table)
    header = f"[{format_key_path(table)}]\n{statement}\n"
    if missing or entry.kind is EntryKind.IMPLICIT:
        sections = [node for node in _defining_nodes(document, entry) if node.type != "pair"]
        if not missing:
            return insert_lines_at(text, find_comments_start(text, _line_range(text, sections[0])[0]), f"{header}\n")
        if entry is not index.root and sections:
            return insert_lines_at(text, find_section_end(text, sections[-1]), f"\n{header}")
        return _append(text, header)
    if entry.node is not None:
        return insert_lines_at(text, find_section_end(text, entry.node), f"{statement}\n")
    return insert_lines_at(text, find_comments_start(text, _first_header_start(document)), f"{statement}\n")


def _append(text: str, block: str) -> Splice:
    end = len(text.rstrip())
    line_break = line_break_at(text, end)
    return Splice(end, len(text), (f"\n\n{block}" if end else block).replace("\r\n", "\n").replace("\n", line_break))


def _first_header_start(document: Document) -> int:
    headers = document.syntax.tables
    return _line_range(document.text, headers[0].node)[0] if headers and headers[0].node else len(document.text)


def _member_insertion(document: Document, table: Entry, statement: str) -> Splice:
    assert table.node is not None  # noqa: S101 - an inline table is a value
    members = [child for child in table.node.children if child.type == "pair"]
    if members:
        return Splice(members[-1].end_byte, members[-1].end_byte, f", {statement}")
    return Splice(table.node.start_byte + 1, table.node.end_byte - 1, f" {statement} ")


def _dotted_insertion(document: Document, table: Entry, statement: str) -> Splice:
    """Add a dotted key after the first one that opens `table`."""
    text = document.text
    node = next(node for node in _defining_nodes(document, table) if node.type == "pair")
    name = _key_nodes_by_depth(node)[len(table.path)]
    if _is_inline(node):
        return Splice(node.end_byte, node.end_byte, f", {text[node.start_byte : name.end_byte]}.{statement}")
    start, end = _line_range(text, node)
    return insert_lines_at(text, end, f"{text[start : name.end_byte]}.{statement}\n")


def _table_insertion(document: Document, path: KeyPath, block: str) -> Splice:
    """Insert a block of tables among its siblings: in name order if those are sorted, else after the last one."""
    text, above = document.text, path[:-1]
    siblings = [
        (str(table.path[len(above)]), table.node)
        for table in document.syntax.tables
        if table.node and len(table.path) >= len(path) and table.path[: len(above)] == above
    ]
    names = [name for name, _ in siblings]
    later = next((node for name, node in siblings if name > str(path[-1])), None)
    if later is not None and names == sorted(names):
        return insert_lines_at(text, find_comments_start(text, _line_range(text, later)[0]), f"{block}\n")
    if siblings:
        return insert_lines_at(text, find_section_end(text, siblings[-1][1]), f"\n{block}")
    return _append(text, block)


# Removal and copies


def _defining_nodes(document: Document, entry: Entry) -> list[Node]:
    """The nodes that define an entry and all that it holds, in text order: pairs, and tables with header."""
    found = [*_iterate_defining_nodes(document, entry)]
    ends: list[Node] = []
    for node in sorted(found, key=lambda each: (each.start_byte, -each.end_byte)):
        if not ends or node.start_byte >= ends[-1].end_byte:
            ends.append(node)
    return ends


def _iterate_defining_nodes(document: Document, entry: Entry) -> Iterator[Node]:
    if entry.kind is EntryKind.VALUE and entry.node is not None and entry.node.parent is not None:
        yield entry.node.parent
        return
    if entry.kind is EntryKind.HEADER and entry.node is not None:
        yield entry.node
    for item in document.syntax.items(entry).values():
        yield from _iterate_defining_nodes(document, item)


def _is_inline(pair: Node) -> bool:
    return pair.parent is not None and pair.parent.type == "inline_table"


def _key_nodes_by_depth(node: Node) -> dict[int, Node]:
    """The key part nodes of a pair or header by the length of the key path that each completes."""
    depth, container = 0, node.parent
    while container is not None and container.type in ("pair", "inline_table", "table", "table_array_element"):
        if container.type != "inline_table":
            depth += len(key_part_nodes(container.children[container.type != "pair"]))
        container = container.parent
    own = key_part_nodes(node.children[node.type != "pair"])
    return {depth + number: part for number, part in enumerate(own, 1)}


def _line_range(text: str, node: Node) -> tuple[int, int]:
    """The lines of a pair, or of a table up to its last line that is not of the next table."""
    end = find_line_end(text, node.end_byte) if node.type == "pair" else find_section_end(text, node)
    return find_line_start(text, node.start_byte), end


def _removal(text: str, node: Node, removed: list[Node]) -> Splice:
    if node.type != "pair":
        return _section_removal(text, node)
    return _member_removal(node, removed) if _is_inline(node) else Splice(*_line_range(text, node), "")


def _is_whole_body(text: str, section: Node, removed: list[Node]) -> bool:
    """Whether a section has nothing but one removed pair, not even a comment."""
    start, end = _line_range(text, section)
    pair_start, pair_end = _line_range(text, removed[0])
    header_end = find_line_end(text, start)
    rest = text[header_end:pair_start] + text[pair_end:end]
    return len(removed) == 1 and removed[0].parent == section and not rest.strip()


def _section_removal(text: str, node: Node) -> Splice:
    """Remove a table's lines, and of the blank lines around it those that then are too many."""
    start, end = _line_range(text, node)
    blank_end = end
    while (line_end := find_line_end(text, blank_end)) > blank_end and not text[blank_end:line_end].strip():
        blank_end = line_end
    above = text[:start].rstrip(" \t")
    if blank_end == len(text):
        start = len(text[:start].rstrip())
        return Splice(start, len(text), line_break_at(text, start) if start else "")
    doubled = not above or above.endswith(("\n\n", "\r\n\r\n"))
    return Splice(start, blank_end if doubled else end, "")


def _member_removal(member: Node, removed: list[Node]) -> Splice:
    """Remove a member of an inline table with the comma between it and a member that stays."""
    table = member.parent
    assert table is not None  # noqa: S101 - a member has its table
    members = [child for child in table.children if child.type == "pair"]
    at = members.index(member)
    if len(members) == len(removed):
        return Splice(table.start_byte + 1, table.end_byte - 1, "")
    if any(earlier not in removed for earlier in members[:at]):
        return Splice(members[at - 1].end_byte, member.end_byte, "")
    return Splice(member.start_byte, members[at + 1].start_byte, "")


def _emptying(document: Document, node: Node, path: KeyPath) -> Splice:
    """Replace the statement that opens the table at `path` by one that declares it as empty."""
    text = document.text
    start, end = (node.start_byte, node.end_byte) if _is_inline(node) else _line_range(text, node)
    line_break = "" if _is_inline(node) else line_break_at(text, end)
    if node.type != "pair":
        return Splice(start, end, f"[{format_key_path(path)}]{line_break}")
    prefix = text[start : _key_nodes_by_depth(node)[len(path)].start_byte]
    return Splice(start, end, f"{prefix}{format_key_path(path[-1:])} = {{}}{line_break}")
