"""Write and read YAML. No other module does.

The writer quotes every string value, so that YAML 1.1 readers (Helm's among them) cannot take one for
a boolean, number, date or null; text of several lines is written as a block where a block keeps it exactly.
It takes a tenth of the time of a general writer on the values of thousands of apps; tests compare it with
ruamel.yaml and with the Go parser inside Helm.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Keys that no reader takes for anything but a string, at most 128 characters (beyond, keys are written with `?`).
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,127}")
_RESERVED_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED_CHARACTERS = re.compile('["\\\\\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]')
_NAMED_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# A block scalar keeps lines of printable text exactly, if none of them begins or ends in a way it reads otherwise.
_BLOCK_LINE = re.compile("(?:[\x21-\x7e\xa1-\u2027\u202a-\ud7ff][\x20-\x7e\xa1-\u2027\u202a-\ud7ff]*)?")
_LONGEST_SIMPLE_KEY = 120
#: Number of texts that are cached, for other environments of the same apps.
_CACHED_TEXTS = 4096
# Scalars are recognized by type, since a check for the abstract Mapping is slow.
_SCALAR_TYPES = (str, bool, int, float)


def dump(value: Mapping[str, Any], indent: str = "") -> str:
    """Dump a mapping as a YAML document in block style that ends in a newline; an empty mapping gives "".

    Every string value is quoted. With an `indent`, each line begins with it, for a part of
    a larger document.
    """
    lines: list[str] = []
    _write_mapping(lines, value, indent)
    return "\n".join([*lines, ""])


def dump_lines(value: Mapping[str, Any], indent: str = "") -> str:
    """Dump a mapping as lines of `key: value`, with each value on one line; an empty mapping gives ""."""
    return "".join([f"{_format_entry_key(key, indent)} {dump_inline(inner)}\n" for key, inner in value.items()])


def dump_inline(value: Any) -> str:
    """Dump a value on one line, in flow style and without a newline: `{a: "b", c: [1, 2]}`."""
    # Types, since a check for the abstract Mapping is slow.
    kind = type(value)
    if kind is str:
        return quote_yaml_string(value)
    if kind is dict or isinstance(value, Mapping):
        return f"{{{', '.join([f'{_format_inline_key(key)} {dump_inline(inner)}' for key, inner in value.items()])}}}"
    if kind is list or kind is tuple:
        return f"[{', '.join([dump_inline(inner) for inner in value])}]"
    return _format_scalar(value)


def _write_mapping(lines: list[str], value: Mapping[str, Any], indent: str) -> None:
    for key, inner in value.items():
        # Nearly every value is such a string: it needs no further call.
        if type(inner) is str and "\n" not in inner:
            lines.append(f"{_format_entry_key(key, indent)} {quote_yaml_string(inner)}")
        else:
            _write_entry(lines, _format_entry_key(key, indent), inner, indent)


def _write_sequence(lines: list[str], value: Sequence[Any], indent: str) -> None:
    for inner in value:
        if not isinstance(inner, _SCALAR_TYPES) and inner:
            first = len(lines)
            _write_nested_value(lines, inner, indent + "  ")
            lines[first] = f"{indent}- {lines[first][len(indent) + 2 :]}"
        else:
            _write_entry(lines, f"{indent}-", inner, indent)


def _write_entry(lines: list[str], head: str, inner: Any, indent: str) -> None:
    if isinstance(inner, str):
        if "\n" in inner and _fits_block(inner):
            lines.append(f"{head} {_block_header(inner)}")
            lines += [f"{indent}  {line}" if line else "" for line in inner.removesuffix("\n").split("\n")]
        else:
            lines.append(f"{head} {quote_yaml_string(inner)}")
    elif isinstance(inner, _SCALAR_TYPES) or not inner:
        lines.append(f"{head} {_format_scalar(inner)}")
    else:
        lines.append(head)
        _write_nested_value(lines, inner, indent + "  ")


def _write_nested_value(lines: list[str], value: Any, indent: str) -> None:
    if isinstance(value, (list, tuple)):
        _write_sequence(lines, value, indent)
    else:
        _write_mapping(lines, value, indent)


def _block_header(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _fits_block(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    whole = all(_BLOCK_LINE.fullmatch(line.lstrip(" ")) and not line.endswith(" ") for line in lines)
    return whole and bool(lines[0]) and not lines[0].startswith((" ", "#")) and bool(lines[-1])


@functools.lru_cache(maxsize=4096)
def _format_entry_key(key: str, indent: str) -> str:
    """An entry's key with its colon, without the value."""
    name = _quote_key(key)
    return f"{indent}{name}:" if len(name) <= _LONGEST_SIMPLE_KEY else f"{indent}? {name}\n{indent}:"


@functools.lru_cache(maxsize=4096)
def _format_inline_key(key: str) -> str:
    """An entry's key with its colon, in a mapping on one line."""
    name = _quote_key(key)
    return f"{name}:" if len(name) <= _LONGEST_SIMPLE_KEY else f"? {name} :"


def _quote_key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _RESERVED_WORDS else quote_yaml_string(key)


def _format_scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _format_number(value)
    if value is None:
        return "null"
    return "{}" if isinstance(value, Mapping) else "[]"


def _format_number(value: float) -> str:
    # YAML 1.1 wants a dot in a float with an exponent, and Python leaves it out (1e+16).
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


@functools.lru_cache(maxsize=8192)
def quote_yaml_string(text: str) -> str:
    """Quote a string with double quotes, and escape the characters that YAML does not allow as they are."""
    return f'"{_ESCAPED_CHARACTERS.sub(_escape_character, text)}"'


def _escape_character(found: re.Match[str]) -> str:
    character = found[0]
    return _NAMED_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def load(text: str) -> Any:
    """Parse one YAML document (YAML 1.2); None if the text has none. Raises `YamlError`."""
    documents = load_all(text)
    return documents[0] if documents else None


def load_all(text: str) -> list[Any]:
    """Parse a YAML stream, and return every document that is not empty. Raises `YamlError`."""
    # ruamel.yaml takes long to load, and few commands read YAML.
    from generator.charts.yaml_reader import read_documents

    try:
        return read_documents(text)
    except ValueError as error:
        raise YamlError(str(error)) from error


class YamlError(Exception):
    """Text that is not YAML."""
