"""Edits the text of one registry file and leaves all other lines unchanged. Pure.

Each edit keeps the existing layout: a table with a header, an inline table or dotted keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from generator.registry.promotion_lists import EntryList, parse_entry_list, quote_string
from generator.toml.document import Document, KeyPath, format_key_path
from generator.toml.sections import (
    TableSection,
    find_body_end,
    find_comments_start,
    find_inline_members,
    find_line_end,
    find_line_start,
    find_value_end,
    is_section_empty,
    split_sections,
)

__all__ = ["EntryEdit", "TableSection", "split_sections"]


def find_entry_list(document: Document, environment: str) -> EntryList | None:
    """The environment's promotion list in this file; None if the file has none."""
    path: KeyPath = ("environments", environment, "apps")
    return (
        parse_entry_list(document.text, _value_offset(document, path)) if _contains_path(document.data, path) else None
    )


def replace_entry_list(document: Document, environment: str, listing: EntryList) -> str:
    """The file's text with the environment's promotion list replaced by `listing`."""
    start = _value_offset(document, ("environments", environment, "apps"))
    return document.text[:start] + listing.to_toml() + document.text[listing.end_offset :]


class EntryEdit(NamedTuple):
    """An entry to write. Without `pin`, it follows the app's own revision; `comment` excludes the `#`."""

    app: str
    pin: str | None
    comment: str = ""


def set_entries(document: Document, environment: str, entries: Sequence[EntryEdit]) -> str:
    """The file's text with `entries` set in the promotion list; new apps are inserted in name order."""
    listing = find_entry_list(document, environment)
    if listing is not None:
        for entry in entries:
            listing.set_entry(*entry)
        return replace_entry_list(document, environment, listing)
    listing = EntryList([], (), "  ", "", 0)
    for entry in entries:
        listing.set_entry(*entry)
    return _insert_value(document, ("environments", environment), "apps", listing.to_toml())


def remove_entry(document: Document, environment: str, app: str) -> str:
    """The file's text without `app` in the environment's promotion list."""
    listing = find_entry_list(document, environment)
    if listing is None or all(item.app_name != app for item in listing.entries):
        return document.text
    listing.remove_app(app)
    return replace_entry_list(document, environment, listing)


def set_value(document: Document, table: KeyPath, key: str, value: str | int) -> str:
    """The file's text with `value` at `key` of `table`; a missing table is added."""
    raw = quote_string(value) if isinstance(value, str) else str(value).lower()
    if not _contains_path(document.data, (*table, key)):
        return _insert_value(document, table, key, raw)
    start = _value_offset(document, (*table, key))
    return document.text[:start] + raw + document.text[find_value_end(document.text, start) :]


def remove_value(document: Document, table: KeyPath, key: str, *, keep_table: bool = False) -> str:
    """The file's text without `key` in `table`; an emptied table is removed too, unless `keep_table` is set."""
    text, path = document.text, (*table, key)
    if not _contains_path(document.data, path):
        return text
    at = _key_offset(document, path)
    inline = _inline_table_offset(document, table)
    if inline is not None:
        return _remove_inline_member(text, inline, at)
    start, end = find_line_start(text, at), find_line_end(text, find_value_end(text, _value_offset(document, path)))
    if not keep_table:
        return _remove_empty_header(text[:start] + text[end:], table)
    alone = len(_value_at(document.data, table)) == 1 and all(section.path != table for section in split_sections(text))
    # Only the dotted key declares the table: keep it as an empty inline table.
    empty = f"{text[start : _key_offset(document, table)]}{format_key_path(table[-1:])} = {{}}\n" if alone else ""
    return text[:start] + empty + text[end:]


def _remove_inline_member(text: str, brace: int, offset: int) -> str:
    spans = find_inline_members(text, brace)
    index = next(number for number, (start, end) in enumerate(spans) if start <= offset < end)
    if len(spans) == 1:
        return text[: brace + 1] + text[find_value_end(text, brace) - 1 :]
    if index:
        return text[: spans[index - 1][1]] + text[spans[index][1] :]
    return text[: spans[0][0]] + text[spans[1][0] :]


def _remove_empty_header(text: str, table: KeyPath) -> str:
    """The text without the header of `table` and the blank line above it, if the table is empty."""
    for section in split_sections(text):
        if section.path == table and is_section_empty(text, section):
            above = text[: section.start]
            rest = text[find_line_end(text, section.start) :]
            blank = above.endswith("\n\n") and (not rest or rest.startswith("\n"))
            return (above[:-1] if blank else above) + rest
    return text


def _insert_value(document: Document, table: KeyPath, key: str, literal: str) -> str:
    """The file's text with `key = literal` added to `table`, in the table's layout."""
    text = document.text
    statement = f"{format_key_path((key,))} = {literal}"
    own = next((section for section in split_sections(text) if section.path == table), None)
    if own is not None:
        return _insert_block(text, find_body_end(text, own), f"{statement}\n")
    inline = _inline_table_offset(document, table)
    if inline is not None:
        return _append_inline_member(text, inline, statement)
    if not _contains_path(document.data, table):
        return _insert_new_table(document, table, statement)
    at = _key_offset(document, table)
    if text[find_line_start(text, at) : at].lstrip().startswith("["):  # Only its subtables have a header.
        below = next(section for section in split_sections(text) if section.path[: len(table)] == table)
        return _insert_block(
            text, find_comments_start(text, below.start), f"[{format_key_path(table)}]\n{statement}\n\n"
        )
    prefix = text[find_line_start(text, at) : at] + format_key_path(table[-1:])
    return _insert_block(text, _first_statement_end(document, table), f"{prefix}.{statement}\n")


def _append_inline_member(text: str, brace: int, statement: str) -> str:
    spans = find_inline_members(text, brace)
    if not spans:
        return f"{text[: brace + 1]} {statement} {text[find_value_end(text, brace) - 1 :]}"
    return f"{text[: spans[-1][1]]}, {statement}{text[spans[-1][1] :]}"


def _insert_new_table(document: Document, table: KeyPath, statement: str) -> str:
    """The file's text with a new table, in its parent's layout, else with a header below its siblings."""
    text, parent = document.text, table[:-1]
    kin = [section for section in split_sections(text) if section.path[: len(parent)] == parent and section.path]
    if parent and not kin and _contains_path(document.data, parent):
        return _insert_value(document, parent, str(table[-1]), f"{{ {statement} }}")
    if not kin or not parent:
        return append_table(text, table, f"{statement}\n")
    return _insert_block(text, find_body_end(text, kin[-1]), f"\n[{format_key_path(table)}]\n{statement}\n")


def _first_statement_end(document: Document, table: KeyPath) -> int:
    """The offset after the line of the first value that dotted keys set in `table`."""
    path, value = table, _value_at(document.data, table)
    while isinstance(value, dict) and value and (path == table or _inline_table_offset(document, path) is None):
        path, value = (*path, next(iter(value))), value[next(iter(value))]
    return find_line_end(document.text, find_value_end(document.text, _value_offset(document, path)))


def add_app_table(document: Document, name: str, values: Mapping[str, str]) -> str:
    """The file's text with a new `[apps.NAME]` table of string values, in name order if the apps are sorted."""
    return add_app_tables(
        document.text,
        name,
        f"[apps.{name}]\n" + "".join(f"{key} = {quote_string(value)}\n" for key, value in values.items()),
    )


def add_app_tables(text: str, name: str, block: str) -> str:
    """The file's text with a block of an app's tables, in name order if the apps are sorted."""
    apps = [section for section in split_sections(text) if section.path[:1] == ("apps",) and len(section.path) > 1]
    names = [str(section.path[1]) for section in apps]
    if names == sorted(names):
        later = next((section for section in apps if str(section.path[1]) > name), None)
        if later:
            return _insert_block(text, find_comments_start(text, later.start), f"{block}\n")
    if apps:
        return _insert_block(text, find_body_end(text, apps[-1]), f"\n{block}")
    return f"{text.rstrip()}\n\n{block}" if text.strip() else block


def extract_tables(text: str, path: KeyPath) -> str:
    """The text of a table and its subtables that have headers; empty if there are none."""
    found = [section for section in split_sections(text) if section.path[: len(path)] == path]
    return "\n".join(text[section.start : find_body_end(text, section)] for section in found)


def remove_table(text: str, path: KeyPath) -> str:
    """The file's text without a table and its subtables; comments of the next table stay."""
    for section in reversed([found for found in split_sections(text) if found.path[: len(path)] == path]):
        above, rest = text[: section.start], text[find_body_end(text, section) :]
        text = above + (rest.lstrip("\n") if not above or above.endswith("\n\n") else rest)
    return text.rstrip("\n") + "\n" if text.strip() else ""


def append_table(text: str, path: KeyPath, body: str) -> str:
    """The file's text with a table appended."""
    return (
        f"{text.rstrip()}\n\n[{format_key_path(path)}]\n{body}"
        if text.strip()
        else f"[{format_key_path(path)}]\n{body}"
    )


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _contains_path(data: Any, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _inline_table_offset(document: Document, table: KeyPath) -> int | None:
    """The offset of the brace that opens `table`; None if it is not an inline table."""
    if not table or not _contains_path(document.data, table):
        return None
    at = _value_offset(document, table)
    return at if document.text[at] == "{" else None


def _value_offset(document: Document, path: KeyPath) -> int:
    return _offset_of_position(document.text, *document.value_position(path))


def _key_offset(document: Document, path: KeyPath) -> int:
    return _offset_of_position(document.text, *document.key_position(path))


def _offset_of_position(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.index("\n", at) + 1
    return at + column - 1


def _insert_block(text: str, offset: int, block: str) -> str:
    lead = "" if offset == 0 or text[offset - 1] == "\n" else "\n"
    return f"{text[:offset]}{lead}{block}{text[offset:]}"
