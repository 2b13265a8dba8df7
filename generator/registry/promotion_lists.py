"""Reads and edits the promotion list of one environment in a registry file. Pure.

A list stays sorted with one entry per line, so that promotions of different apps merge cleanly. If blank lines separate
its entries, they stay separated: then Git itself merges promotions of neighbours too. A commit pin keeps its tag as a
comment on the same line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from generator.argocd.revisions import CONTENT_ID_PATTERN
from generator.toml.array import Array, Element
from generator.toml.document import Document, KeyPath
from generator.toml.edit import set_value
from generator.toml.write import quote_toml_string

# A tag is one word, alone or before a semicolon; any other comment is the user's.
_TAG_COMMENT = re.compile(r"([^\s;]+)(?:;\s*(.*))?")


class ListEntry(NamedTuple):
    """An entry of a promotion list. Without `pin`, it follows the app's own revision; `comment` excludes the `#`."""

    app: str
    pin: str | None
    comment: str = ""

    @property
    def text(self) -> str:
        """The entry's string value, `app` or `app@revision`."""
        return self.app if self.pin is None else f"{self.app}@{self.pin}"

    @property
    def tag_comment(self) -> str:
        """The tag of a commit pin, from the comment after it: its only word, or the word before a `;`."""
        return self._tag_and_comment[0]

    @property
    def user_comment(self) -> str:
        """The comment after the entry, without the tag."""
        return self._tag_and_comment[1]

    @property
    def _tag_and_comment(self) -> tuple[str, str]:
        found = _TAG_COMMENT.fullmatch(self.comment) if CONTENT_ID_PATTERN.fullmatch(self.pin or "") else None
        return (found[1], found[2] or "") if found else ("", self.comment)


def format_entry_comment(tag: str, user_comment: str) -> str:
    """Format the comment of an entry from the pin's tag and the user's comment."""
    return "; ".join(part for part in (tag, user_comment) if part)


def read_entries(document: Document, environment: str) -> dict[str, ListEntry]:
    """The entries of the environment's promotion list in this file, by app; empty if the file has no such list."""
    array = _find_array(document, environment)
    entries = map(_list_entry, array.elements) if array else ()
    return {entry.app: entry for entry in entries}


def set_entries(document: Document, environment: str, entries: Sequence[ListEntry]) -> Document:
    """Set `entries` in the promotion list; new apps are inserted in name order, before the first greater name."""
    array = _find_array(document, environment)
    if array is None:
        document = set_value(document, _list_path(environment), "[]")
        array = Array(document, _list_path(environment))
    wanted, blank_line = {entry.app: entry for entry in entries}, ("",) if _has_blank_lines(document, array) else ()
    elements = []
    for element in array.elements:
        present = _list_entry(element)
        entry = wanted.pop(present.app, present)
        literal = element.literal if entry.text == present.text else _quote_like(element.literal, entry.text)
        elements.append(replace(element, literal=literal, comment=entry.comment))
    for entry in sorted(wanted.values()):
        place = next((at for at, each in enumerate(elements) if _list_entry(each).app > entry.app), len(elements))
        elements.insert(place, Element(quote_toml_string(entry.text), entry.comment, blank_line if place else ()))
        if blank_line and place == 0 and elements[1:] and "" not in elements[1].lines_above:
            elements[1] = replace(elements[1], lines_above=("", *elements[1].lines_above))
    return array.replace(elements, one_per_line=True)


def remove_entry(document: Document, environment: str, app: str) -> Document:
    """Remove `app` from the promotion list; comments above it stay, because they may describe the next entry."""
    array = _find_array(document, environment)
    if array is None:
        return document
    elements = [element for element in array.elements if _list_entry(element).app != app]
    if not _has_blank_lines(document, array):
        return array.replace(elements, one_per_line=True)
    if elements and elements[0].index and elements[0].lines_above[:1] == ("",):
        elements[0] = replace(elements[0], lines_above=elements[0].lines_above[1:])
    return array.replace(elements, one_per_line=True, removed_comments={""})


def _has_blank_lines(document: Document, array: Array) -> bool:
    """Whether a blank line stands before each entry but the first; a short list is like the file's longest one."""
    if len(array.elements) < 2:
        found = (_find_array(document, name) for name in document.data["environments"])
        array = max((each for each in found if each), key=lambda each: len(each.elements))
    return len(array.elements) > 1 and all("" in element.lines_above for element in array.elements[1:])


def _list_path(environment: str) -> KeyPath:
    return "environments", environment, "apps"


def _find_array(document: Document, environment: str) -> Array | None:
    path = _list_path(environment)
    return Array(document, path) if document.syntax.find(path) else None


def _list_entry(element: Element) -> ListEntry:
    app, at, pin = str(element.value).partition("@")
    return ListEntry(app, pin if at else None, element.comment)


def _quote_like(literal: str, text: str) -> str:
    return f"'{text}'" if literal[0] == "'" and literal[1:2] != "'" and "'" not in text else quote_toml_string(text)
