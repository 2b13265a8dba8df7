"""Write HCL, the language of Terraform and OpenTofu, formatted as `terraform fmt` does. Pure."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

# What HCL does not take as it is in quotes. `${` and `%{` stay text if the brace is written by its number.
_ESCAPED = re.compile(r'(?<=[$%])\{|["\\]|[^ -~]')
_NAMED_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Expression(str):
    """HCL that is written as it is."""

    __slots__ = ()


class Block(NamedTuple):
    """A block: its type and labels, and its attributes and blocks in order."""

    head: str
    body: Sequence[tuple[str, Any] | Block]


def format_body(body: Iterable[tuple[str, Any] | Block], indent: str = "") -> str:
    """Format attributes and blocks, one a line or more."""
    parts: list[str] = []
    for is_attribute, group in itertools.groupby(body, lambda entry: not isinstance(entry, Block)):
        entries: Any = list(group)
        blocks = (f"{indent}{head} {{\n{format_body(inner, indent + '  ')}{indent}}}\n" for head, inner in entries)
        parts += [_format_attributes(entries, indent)] if is_attribute else blocks
    return "\n".join(parts)


def _format_attributes(entries: Iterable[tuple[str, Any]], indent: str) -> str:
    """Format attributes, with the values of neighbours that take one line each aligned."""
    texts = [(key, format_value(value, indent)) for key, value in entries]
    lines = []
    for is_long, group in itertools.groupby(texts, lambda entry: "\n" in entry[1]):
        neighbours = list(group)
        width = 0 if is_long else max(len(key) for key, _ in neighbours)
        lines += [f"{indent}{key:{width}} = {text}\n" for key, text in neighbours]
    return "".join(lines)


def format_value(value: Any, indent: str = "") -> str:
    """Format a value of JSON as an expression; its first line is not indented."""
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Mapping) and value:
        return f"{{\n{_format_attributes(((quote(k), v) for k, v in value.items()), indent + '  ')}{indent}}}"
    if isinstance(value, list | tuple) and value:
        items = "".join(f"{indent}  {format_value(item, indent + '  ')},\n" for item in value)
        return f"[\n{items}{indent}]"
    return json.dumps(value)


def quote(text: str) -> str:
    """Quote a string, so that nothing in it is evaluated."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _NAMED_ESCAPES.get(found[0]) or (f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")
