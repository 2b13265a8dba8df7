"""The only YAML writer and reader.

The writer quotes every string value, so that YAML 1.1 readers (Helm's among them) cannot take one for
a boolean, number, date or null; text of several lines is written as a block where a block keeps it exactly.
It is a tenth of the time of a general writer on the values of thousands of apps; tests hold it equal to
ruamel.yaml and to the Go parser inside Helm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Keys that no reader takes for anything but a string, at most 128 characters (beyond, keys are written with `?`).
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,127}")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]')
_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# A block scalar keeps lines of printable text exactly, if none of them begins or ends in a way it reads otherwise.
_BLOCK_LINE = re.compile("(?:[\x21-\x7e\xa1-\u2027\u202a-\ud7ff][\x20-\x7e\xa1-\u2027\u202a-\ud7ff]*)?")
_LONGEST_SIMPLE_KEY = 120


def dump(value: Mapping[str, Any]) -> str:
    """A mapping of strings, numbers, booleans, lists and mappings as one YAML document that ends in a newline."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        name = _key(key)
        if len(name) > _LONGEST_SIMPLE_KEY:
            yield f"{indent}? {name}"
            name = ""
        yield from _entry(f"{indent}{name}:", inner, indent)


def _sequence(value: Sequence[Any], indent: str) -> Iterator[str]:
    for inner in value:
        if isinstance(inner, (Mapping, list, tuple)) and inner:
            lines = _nested(inner, indent + "  ")
            yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
            yield from lines
        else:
            yield from _entry(f"{indent}-", inner, indent)


def _entry(head: str, inner: Any, indent: str) -> Iterator[str]:
    if isinstance(inner, (Mapping, list, tuple)) and inner:
        yield head
        yield from _nested(inner, indent + "  ")
    elif isinstance(inner, str) and "\n" in inner and _fits_block(inner):
        yield f"{head} {_block_header(inner)}"
        for line in inner.removesuffix("\n").split("\n"):
            yield f"{indent}  {line}" if line else ""
    else:
        yield f"{head} {_scalar(inner)}"


def _nested(value: Any, indent: str) -> Iterator[str]:
    return _mapping(value, indent) if isinstance(value, Mapping) else _sequence(value, indent)


def _block_header(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


def _fits_block(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    whole = all(_BLOCK_LINE.fullmatch(line.lstrip(" ")) and not line.endswith(" ") for line in lines)
    return whole and bool(lines[0]) and not lines[0].startswith((" ", "#")) and bool(lines[-1])


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else quoted(key)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _number(value: float) -> str:
    # YAML 1.1 wants a dot in a float with an exponent, and Python leaves it out (1e+16).
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


def quoted(text: str) -> str:
    """A string in double quotes, with YAML's escapes for all that a YAML stream may not hold as it is."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _NAMED.get(character) or f"\\u{ord(character):04x}"


def load(text: str) -> Any:
    """One YAML document, read by ruamel.yaml's safe loader (YAML 1.2). Raises `YamlError`."""
    documents = load_all(text)
    return documents[0] if documents else None


def load_all(text: str) -> list[Any]:
    """Every document of a YAML stream that is not empty. Raises `YamlError`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    reader = YAML(typ="safe", pure=True)
    try:
        return [document for document in reader.load_all(text) if document is not None]
    except (YAMLError, ValueError, TypeError) as error:
        raise YamlError(str(error)) from error


class YamlError(Exception):
    """Text that is not YAML."""
