"""Edits the elements of one array in a TOML document, with their comments. Pure.

An array with one element on each line keeps all lines that an edit does not concern.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tomli
from tree_sitter import Node

from generator.toml.data import with_value
from generator.toml.document import Document, KeyPath
from generator.toml.edit import EditError, apply_splices, set_value
from generator.toml.splices import Splice, find_line_end, find_line_start, line_break_at
from generator.toml.syntax import EntryKind
from generator.toml.write import MAX_LINE_WIDTH, format_value


@dataclass(frozen=True)
class Element:
    """One element: its TOML literal, the comment after it without `#`, and the comment and blank lines above it."""

    literal: str
    comment: str = ""
    lines_above: tuple[str, ...] = ()
    #: Its index in the array before the edit; None for a new element.
    index: int | None = None

    @property
    def value(self) -> object:
        """The parsed value of the literal."""
        plain = "\\" not in self.literal and self.literal[:1] in ("'", '"') and self.literal[1:3] != self.literal[0] * 2
        return self.literal[1:-1] if plain else tomli.loads(f"value = {self.literal}")["value"]


@dataclass
class _Place:
    """Where an element and what belongs to it stand in the text."""

    node: Node
    comma: Node | None = None
    comment: Node | None = None

    @property
    def end(self) -> int:
        return max(node.end_byte for node in (self.node, self.comma, self.comment) if node)

    @property
    def last_row(self) -> int:
        return max(node.end_point.row for node in (self.node, self.comma, self.comment) if node)


class Array:
    """An array that is written as a value, `key = [...]`. Raises EditError if `path` is anything else."""

    def __init__(self, document: Document, path: KeyPath) -> None:
        entry = document.syntax.find(path)
        if entry is None or entry.node is None or entry.kind is not EntryKind.VALUE or entry.node.type != "array":
            raise EditError(document.key_position(path), path)
        self._document, self._path, self._node = document, path, entry.node
        self._places: list[_Place] = []
        self._opening_text = ""
        self._has_loose_comma = False
        self.elements: list[Element] = []
        self.trailing_lines = self._read()

    def _read(self) -> tuple[str, ...]:
        """Read `elements` and their places; returns the comment and blank lines after the last one."""
        pending: list[str] = []
        row = self._node.start_point.row
        for child in self._node.children[1:-1]:
            place = self._places[-1] if self._places else None
            if child.type == "comment":
                self._read_comment(child, place, pending, row)
            elif child.type == ",":
                assert place is not None  # noqa: S101 - valid TOML
                self._has_loose_comma |= bool(pending)
                place.comma = child
            else:
                pending += [""] * (child.start_point.row > row + 1)
                self._places.append(_Place(child))
                self.elements.append(
                    Element(self._text(child), lines_above=tuple(pending), index=len(self._places) - 1)
                )
                pending.clear()
            row = child.end_point.row
        return tuple(pending)

    def _read_comment(self, comment: Node, place: _Place | None, pending: list[str], row: int) -> None:
        text = self._text(comment).rstrip()
        if comment.start_point.row > row or (place and place.comment):
            self._has_loose_comma |= comment.start_point.row == row
            pending += [*[""] * (comment.start_point.row > row + 1), text]
        elif place is None:
            start = self._node.start_byte + 1
            self._opening_text = self._document.text[start : comment.start_byte] + text
        else:
            place.comment = comment
            self.elements[-1] = replace(self.elements[-1], comment=text.removeprefix("#").strip())

    def _text(self, node: Node) -> str:
        return self._document.text[node.start_byte : node.end_byte]

    def replace(
        self,
        elements: Sequence[Element],
        *,
        one_per_line: bool,
        trailing_lines: tuple[str, ...] | None = None,
        removed_comments: Collection[str] = (),
    ) -> Document:
        """Replace the elements, and the comment lines after the last one.

        Elements that stay keep their order and `index`. Lines above an element that is removed stay, because they
        may describe the next one, except `removed_comments`. Raises EditError as the edits do.
        """
        trailing_lines = self.trailing_lines if trailing_lines is None else trailing_lines
        if (elements, trailing_lines) == (self.elements, self.trailing_lines):
            return self._document
        if elements and self._has_one_element_per_line():
            splices = self._line_splices(elements, removed_comments)
            if trailing_lines != self.trailing_lines:
                splices.append(self._lines_splice(self._places[-1].end, self._node.end_byte, trailing_lines))
        else:
            moved, trailing = self._move_lines_of_removed(elements, trailing_lines, removed_comments)
            text = self._rewrite(moved, trailing, one_per_line)
            splices = [Splice(self._node.start_byte, self._node.end_byte, text)]
        values = [element.value for element in elements]
        return apply_splices(self._document, splices, with_value(self._document.data, self._path, values), self._path)

    def _has_one_element_per_line(self) -> bool:
        rows = [self._node.start_point.row]
        for place in self._places:
            if place.node.start_point.row <= rows[-1] or self._has_loose_comma:
                return False
            rows.append(place.last_row)
        return bool(self._places) and rows[-1] < self._node.end_point.row

    def _move_lines_of_removed(
        self, elements: Sequence[Element], trailing_lines: Sequence[str], removed_comments: Collection[str]
    ) -> tuple[list[Element], list[str]]:
        """The elements, and the lines after the last one, with the lines above removed elements in front of them."""
        kept = {element.index for element in elements}
        moved: list[Element] = []
        pending: list[str] = []
        at = 0
        for element in elements:
            while element.index is not None and at < element.index:
                pending += self._remaining_lines(at, removed_comments) if at not in kept else ()
                at += 1
            moved.append(replace(element, lines_above=(*pending, *element.lines_above)))
            pending = []
        for index in range(at, len(self.elements)):
            pending += self._remaining_lines(index, removed_comments) if index not in kept else ()
        return moved, [*pending, *trailing_lines]

    def _remaining_lines(self, index: int, removed_comments: Collection[str]) -> list[str]:
        return [line for line in self.elements[index].lines_above if line not in removed_comments]

    def _line_splices(self, elements: Sequence[Element], removed_comments: Collection[str]) -> list[Splice]:
        text = self._document.text
        kept = {element.index: element for element in elements if element.index is not None}
        splices = []
        for index in {*range(len(self._places))} - kept.keys():
            splices.append(self._line_removal(self._places[index]))
            if not {*self.elements[index].lines_above}.isdisjoint(removed_comments):
                splices.append(self._lines_above_splice(index, self._remaining_lines(index, removed_comments)))
        at, last = find_line_end(text, self._node.start_byte), len(elements) - 1
        for number, element in enumerate(elements):
            if element.index is None:
                lines = (*element.lines_above, _format_line(element))
                splices.append(Splice(at, at, self._format_lines(lines)))
                continue
            place, before = self._places[element.index], self.elements[element.index]
            if element.lines_above != before.lines_above:
                splices.append(self._lines_above_splice(element.index, element.lines_above))
            splices += self._change(place, before, element, needs_comma=number < last)
            at = find_line_end(text, place.end)
        return splices

    def _lines_above_splice(self, index: int, lines: Sequence[str]) -> Splice:
        above = self._places[index - 1].end if index else self._node.start_byte
        return self._lines_splice(above, self._places[index].node.start_byte, lines)

    def _lines_splice(self, above: int, below: int, lines: Sequence[str]) -> Splice:
        """Replace the lines between those of two offsets."""
        text = self._document.text
        return Splice(find_line_end(text, above), find_line_start(text, below), self._format_lines(lines))

    def _format_lines(self, lines: Sequence[str]) -> str:
        line_break = line_break_at(self._document.text, self._node.end_byte)
        return "".join(f"{self._indent() if line else ''}{line}{line_break}" for line in lines)

    def _line_removal(self, place: _Place) -> Splice:
        text = self._document.text
        return Splice(find_line_start(text, place.node.start_byte), find_line_end(text, place.end), "")

    def _change(self, place: _Place, before: Element, after: Element, *, needs_comma: bool) -> list[Splice]:
        node, splices = place.node, []
        if before.literal != after.literal:
            splices.append(Splice(node.start_byte, node.end_byte, after.literal))
        changes_comment = before.comment != after.comment
        if place.comma is None and (needs_comma or changes_comment):
            splices.append(Splice(node.end_byte, node.end_byte, ","))
        if changes_comment and place.comment:
            gap_start = len(self._document.text[: place.comment.start_byte].rstrip(" \t"))
            start = place.comment.start_byte if after.comment else gap_start
            splices.append(Splice(start, place.comment.end_byte, f"# {after.comment}" if after.comment else ""))
        elif changes_comment:
            end = node.end_byte
            if place.comma is not None and place.comma.start_point.row == node.end_point.row:
                end = place.comma.end_byte
            splices.append(Splice(end, end, f" # {after.comment}"))
        return splices

    def _indent(self) -> str:
        text = self._document.text
        start = self._places[0].node.start_byte if self._places else self._node.start_byte
        before = text[find_line_start(text, start) : start]
        return before if self._places and not before.strip() else f"{self._outer_indent()}  "

    def _outer_indent(self) -> str:
        line = self._document.text[find_line_start(self._document.text, self._node.start_byte) :]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _rewrite(self, elements: Sequence[Element], trailing_lines: Sequence[str], one_per_line: bool) -> str:
        commented = trailing_lines or self._opening_text or any(e.comment or e.lines_above for e in elements)
        if not commented and (not elements or not one_per_line):
            return f"[{', '.join(element.literal for element in elements)}]"
        indent, line_break = self._indent(), line_break_at(self._document.text, self._node.start_byte)
        lines = [f"[{self._opening_text}"]
        for element in elements:
            lines += [f"{indent}{line}" if line else "" for line in element.lines_above]
            lines.append(f"{indent}{_format_line(element)}")
        lines += [f"{indent}{line}" if line else "" for line in trailing_lines]
        return line_break.join([*lines, f"{self._outer_indent()}]"])


def edit_list(document: Document, path: KeyPath, *, add: Sequence[Any] = (), remove: Collection[Any] = ()) -> Document:
    """Add values to the end of a list, and remove others. A list that is missing is added."""
    if document.syntax.find(path) is None:
        return set_value(document, path, format_value(list(add))) if add else document
    array = Array(document, path)
    kept = [element for element in array.elements if element.value not in remove]
    elements = [*kept, *(Element(format_value(value)) for value in add)]
    return array.replace(elements, one_per_line=sum(len(element.literal) + 2 for element in elements) > MAX_LINE_WIDTH)


def _format_line(element: Element) -> str:
    return f"{element.literal},{f' # {element.comment}' if element.comment else ''}"
