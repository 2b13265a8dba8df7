"""Edits of one registry file's text that a person could have made: only the lines that are meant change. Pure.

An edit is written in the layout that it finds: a table with a header, an inline one, dotted keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from generator.registry.lists import EntryList, quoted, read_list
from generator.registry.sections import (
    Section,
    body_end,
    comments_above,
    is_empty,
    line_end,
    line_start,
    members,
    sections,
    value_end,
)
from generator.registry.toml import Document, Path, dotted

__all__ = ["Placed", "Section", "sections"]


def entry_list(document: Document, environment: str) -> EntryList | None:
    """The environment's promotion list in this file, None where the file has none."""
    path: Path = ("environments", environment, "apps")
    return read_list(document.text, _value_offset(document, path)) if _holds(document.data, path) else None


def with_list(document: Document, environment: str, listing: EntryList) -> str:
    """The file with the environment's list in place of the one it has."""
    start = _value_offset(document, ("environments", environment, "apps"))
    return document.text[:start] + listing.text() + document.text[listing.end :]


class Placed(NamedTuple):
    """An entry to be: `pin` None follows the app's own revision; `comment` goes behind it, without its `#`."""

    app: str
    pin: str | None
    comment: str = ""


def set_entries(document: Document, environment: str, entries: Sequence[Placed]) -> str:
    """The file with `entries` in the environment's list, each in place of its app's entry or in the order of names."""
    listing = entry_list(document, environment)
    if listing is not None:
        for entry in entries:
            listing.set(*entry)
        return with_list(document, environment, listing)
    listing = EntryList([], (), "  ", "", 0)
    for entry in entries:
        listing.set(*entry)
    return _insert(document, ("environments", environment), "apps", listing.text())


def remove_entry(document: Document, environment: str, app: str) -> str:
    """The file without `app` in the environment's list."""
    listing = entry_list(document, environment)
    if listing is None or all(item.app != app for item in listing.items):
        return document.text
    listing.remove(app)
    return with_list(document, environment, listing)


def set_value(document: Document, table: Path, key: str, value: str | int) -> str:
    """The file with `value` at `key` of `table`, which gets a header of its own where it has none."""
    raw = quoted(value) if isinstance(value, str) else str(value).lower()
    if not _holds(document.data, (*table, key)):
        return _insert(document, table, key, raw)
    start = _value_offset(document, (*table, key))
    return document.text[:start] + raw + document.text[value_end(document.text, start) :]


def remove_value(document: Document, table: Path, key: str, *, keep: bool = False) -> str:
    """The file without `key` in `table`, and, but for `keep`, without the table where nothing is left in it."""
    text, path = document.text, (*table, key)
    if not _holds(document.data, path):
        return text
    at = _key_offset(document, path)
    inline = _inline(document, table)
    if inline is not None:
        return _without_member(text, inline, at)
    start, end = line_start(text, at), line_end(text, value_end(text, _value_offset(document, path)))
    if not keep:
        return _without_empty(text[:start] + text[end:], table)
    alone = len(_at(document.data, table)) == 1 and all(section.path != table for section in sections(text))
    # Nothing but the dotted key says that there is the table.
    empty = f"{text[start : _key_offset(document, table)]}{dotted(table[-1:])} = {{}}\n" if alone else ""
    return text[:start] + empty + text[end:]


def _without_member(text: str, brace: int, at: int) -> str:
    spans = members(text, brace)
    index = next(number for number, (start, end) in enumerate(spans) if start <= at < end)
    if len(spans) == 1:
        return text[: brace + 1] + text[value_end(text, brace) - 1 :]
    if index:
        return text[: spans[index - 1][1]] + text[spans[index][1] :]
    return text[: spans[0][0]] + text[spans[1][0] :]


def _without_empty(text: str, table: Path) -> str:
    """The text without the header of `table` and the blank line above it, if nothing is left below it."""
    for section in sections(text):
        if section.path == table and is_empty(text, section):
            above = text[: section.start]
            rest = text[line_end(text, section.start) :]
            blank = above.endswith("\n\n") and (not rest or rest.startswith("\n"))
            return (above[:-1] if blank else above) + rest
    return text


def _insert(document: Document, table: Path, key: str, raw: str) -> str:
    """The file with `key = raw` added to `table`, in the layout that the table has."""
    text = document.text
    statement = f"{dotted((key,))} = {raw}"
    own = next((section for section in sections(text) if section.path == table), None)
    if own is not None:
        return _splice(text, body_end(text, own), f"{statement}\n")
    inline = _inline(document, table)
    if inline is not None:
        return _with_member(text, inline, statement)
    if not _holds(document.data, table):
        return _new_table(document, table, statement)
    at = _key_offset(document, table)
    if text[line_start(text, at) : at].lstrip().startswith("["):  # Only tables below it have a header.
        below = next(section for section in sections(text) if section.path[: len(table)] == table)
        return _splice(text, comments_above(text, below.start), f"[{dotted(table)}]\n{statement}\n\n")
    prefix = text[line_start(text, at) : at] + dotted(table[-1:])
    return _splice(text, _first_statement_end(document, table), f"{prefix}.{statement}\n")


def _with_member(text: str, brace: int, statement: str) -> str:
    spans = members(text, brace)
    if not spans:
        return f"{text[: brace + 1]} {statement} {text[value_end(text, brace) - 1 :]}"
    return f"{text[: spans[-1][1]]}, {statement}{text[spans[-1][1] :]}"


def _new_table(document: Document, table: Path, statement: str) -> str:
    """The file with a table that it does not have: in its parent's layout, else with a header below its kin."""
    text, parent = document.text, table[:-1]
    kin = [section for section in sections(text) if section.path[: len(parent)] == parent and section.path]
    if parent and not kin and _holds(document.data, parent):
        return _insert(document, parent, str(table[-1]), f"{{ {statement} }}")
    if not kin or not parent:
        return append_table(text, table, f"{statement}\n")
    return _splice(text, body_end(text, kin[-1]), f"\n[{dotted(table)}]\n{statement}\n")


def _first_statement_end(document: Document, table: Path) -> int:
    """The offset behind the line of the first value that dotted keys put into `table`."""
    path, value = table, _at(document.data, table)
    while isinstance(value, dict) and value and (path == table or _inline(document, path) is None):
        path, value = (*path, next(iter(value))), value[next(iter(value))]
    return line_end(document.text, value_end(document.text, _value_offset(document, path)))


def add_app(document: Document, name: str, values: Mapping[str, str]) -> str:
    """The file with a new `[apps.NAME]` of string values: in the order of names where the apps are in order."""
    return add_tables(
        document.text, name, f"[apps.{name}]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in values.items())
    )


def add_tables(text: str, name: str, block: str) -> str:
    """The file with the block of an app's tables, in the order of names where the apps are in order."""
    apps = [section for section in sections(text) if section.path[:1] == ("apps",) and len(section.path) > 1]
    names = [str(section.path[1]) for section in apps]
    if names == sorted(names):
        later = next((section for section in apps if str(section.path[1]) > name), None)
        if later:
            return _splice(text, comments_above(text, later.start), f"{block}\n")
    if apps:
        return _splice(text, body_end(text, apps[-1]), f"\n{block}")
    return f"{text.rstrip()}\n\n{block}" if text.strip() else block


def tables_of(text: str, path: Path) -> str:
    """The text of a table and the tables below it, as far as they have headers; empty where there are none."""
    found = [section for section in sections(text) if section.path[: len(path)] == path]
    return "\n".join(text[section.start : body_end(text, section)] for section in found)


def remove_table(text: str, path: Path) -> str:
    """The file without a table and the tables below it; the comments of what follows stay."""
    for section in reversed([found for found in sections(text) if found.path[: len(path)] == path]):
        above, rest = text[: section.start], text[body_end(text, section) :]
        text = above + (rest.lstrip("\n") if not above or above.endswith("\n\n") else rest)
    return text.rstrip("\n") + "\n" if text.strip() else ""


def append_table(text: str, path: Path, body: str) -> str:
    """The file with a table at its end."""
    return f"{text.rstrip()}\n\n[{dotted(path)}]\n{body}" if text.strip() else f"[{dotted(path)}]\n{body}"


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _holds(data: Any, path: Path) -> bool:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _inline(document: Document, table: Path) -> int | None:
    """The offset of the brace that opens `table`, None where it is no inline table."""
    if not table or not _holds(document.data, table):
        return None
    at = _value_offset(document, table)
    return at if document.text[at] == "{" else None


def _value_offset(document: Document, path: Path) -> int:
    return _offset(document.text, *document.value_position(path))


def _key_offset(document: Document, path: Path) -> int:
    return _offset(document.text, *document.key_position(path))


def _offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.index("\n", at) + 1
    return at + column - 1


def _splice(text: str, at: int, block: str) -> str:
    lead = "" if at == 0 or text[at - 1] == "\n" else "\n"
    return f"{text[:at]}{lead}{block}{text[at:]}"
