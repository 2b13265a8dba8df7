"""Write new TOML: tables with headers, and small tables inside them on one line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.errors import UsageError
from generator.toml.document import KeyPath, format_key_path
from generator.toml.limits import MAX_KEY_PARTS

#: A table or array that fits into this many columns is written on one line.
MAX_LINE_WIDTH = 110
_LONGEST_DOTTED_KEY = 2
#: Parts of the longest header: the same file may be read again, which limits them.
_DEEPEST_HEADER = MAX_KEY_PARTS - 1
_PLAIN_LINES = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f\"\\]*")


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Lines(list[Any]):
    """An array that is written with one element per line, so that Git merges two edits of it."""


def quote_toml_string(value: str) -> str:
    """Quote `value` as a TOML basic string. Raises UsageError if it has bytes that are not UTF-8."""
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise UsageError("WL1004", f"{value!a} is not valid UTF-8", remedy="write it in UTF-8")
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'


def format_table(path: KeyPath, table: Mapping[str, Any]) -> str:
    """Format a table with a header, and the tables in it that are too large for one line with headers of their own.

    Data that TOML cannot hold (null) raises ValueError.
    """
    return "\n".join(_table_lines(path, table)) + "\n"


def format_entries(table: Mapping[str, Any]) -> str:
    """Format the entries of a document's top, each on its own line."""
    return "".join(f"{format_key_path((key,))} = {_format_lines(value, key)}\n" for key, value in table.items())


def _table_lines(path: KeyPath, table: Mapping[str, Any]) -> Iterator[str]:
    sections: list[tuple[str, Mapping[str, Any]]] = []
    lines = []
    for key, value in table.items():
        if isinstance(value, Mapping) and len(path) < _DEEPEST_HEADER and not _fits_one_line(key, value):
            sections.append((key, value))
        else:
            lines.append(_format_entry((key,), value))
    if lines or not sections:
        yield f"[{format_key_path(path)}]"
        yield from lines
    for index, (key, value) in enumerate(sections):
        if lines or index:
            yield ""
        yield from _table_lines((*path, key), value)


def _format_entry(path: KeyPath, value: Any) -> str:
    """An entry on its own line; a table with one entry is written as a dotted key."""
    if isinstance(value, Mapping) and len(value) == 1 and len(path) < _LONGEST_DOTTED_KEY:
        key, inner = next(iter(value.items()))
        return _format_entry((*path, key), inner)
    return f"{format_key_path(path)} = {_format_lines(value, format_key_path(path))}"


def _fits_one_line(key: str, table: Mapping[str, Any]) -> bool:
    if any(_has_line_break(value) for value in table.values()):
        return False
    return len(f"{format_key_path((key,))} = {format_value(table)}") <= MAX_LINE_WIDTH


def _has_line_break(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_line_break, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_line_break, value))
    return isinstance(value, str) and "\n" in value


def _format_lines(value: Any, key: str) -> str:
    if isinstance(value, str) and "\n" in value:
        return _format_text(value)
    if isinstance(value, (list, tuple)):
        inline = format_value(value)
        if isinstance(value, Lines) or len(key) + len(inline) + 3 > MAX_LINE_WIDTH:
            return "[\n" + "".join(f"  {format_value(each)},\n" for each in value) + "]"
        return inline
    return format_value(value)


def _format_text(value: str) -> str:
    if _PLAIN_LINES.fullmatch(value):
        return f'"""\n{value}"""'
    if "'''" not in value and not value.endswith("'") and _PLAIN_LINES.fullmatch(re.sub(r"[\"\\\t]", "", value)):
        return f"'''\n{value}'''"
    return quote_toml_string(value)


def format_value(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, str):
        return quote_toml_string(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(format_value, value))}]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{format_key_path((key,))} = {format_value(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise ValueError(f"TOML cannot hold {value!r}")
