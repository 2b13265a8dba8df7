"""The only YAML writer and reader.

The writer quotes every string value, so that YAML 1.1 readers (Helm's among them) cannot take one for
a boolean, number, date or null; text of several lines is written as a block where a block keeps it exactly.
It is a tenth of the time of a general writer on the values of thousands of apps; tests hold it equal to
ruamel.yaml and to the Go parser inside Helm.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

# Keys that no reader takes for anything but a string, at most 128 characters (beyond, keys are written with `?`).
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,127}")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]')
_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# A block scalar keeps lines of printable text exactly, if none of them begins or ends in a way it reads otherwise.
_BLOCK_LINE = re.compile("(?:[\x21-\x7e\xa1-\u2027\u202a-\ud7ff][\x20-\x7e\xa1-\u2027\u202a-\ud7ff]*)?")
_LONGEST_SIMPLE_KEY = 120
_LINE = re.compile(r"\n(?=[^\n])")
#: So many texts are kept for the environments to come.
_SEVERAL = 4096
# Told from tables and lists by what they are: whether something is the abstract Mapping is found out slowly.
_PLAIN = (str, bool, int, float)
_V = TypeVar("_V")
_T = TypeVar("_T", bound=str)


def dump(value: Mapping[str, Any], indent: str = "") -> str:
    """A mapping of strings, numbers, booleans, lists and mappings as a YAML document that ends in a newline.

    With an `indent`, as the part of a document that stands so far inside. An empty mapping gives no text.
    """
    lines: list[str] = []
    _mapping(lines, value, indent)
    return "\n".join([*lines, ""])


def dump_items(value: Sequence[Any], indent: str) -> str:
    """The items of a sequence, each beginning with `- `, as the part of a document that stands so far inside."""
    lines: list[str] = []
    _sequence(lines, value, indent)
    return "\n".join([*lines, ""])


class Written(str):
    """A value that is YAML already: all that comes after its key."""

    __slots__ = ()


def written(value: Mapping[str, Any], indent: str) -> Written:
    """A mapping that is not empty, as the value of a key that stands so far inside."""
    return Written("\n" + dump(value, indent + "  ")[:-1])


def deeper(value: Written) -> str:
    """A value four columns further in."""
    # Empty lines stay empty. Few values have one, and a pattern takes ten times as long.
    return _LINE.sub("\n    ", value) if "\n\n" in value else value.replace("\n", "\n    ")


def once(make: Callable[[_V], _T]) -> Callable[[_V], _T]:
    """A writer that gives the same text for the same object, not only for an equal one: 1 equals true."""
    known: dict[int, tuple[_V, _T]] = {}

    @functools.wraps(make)
    def made(value: _V) -> _T:
        found = known.get(id(value))
        if found is None:
            if len(known) >= _SEVERAL:
                known.clear()
            found = known[id(value)] = value, make(value)
        return found[1]

    return made


def _mapping(lines: list[str], value: Mapping[str, Any], indent: str) -> None:
    for key, inner in value.items():
        # What nearly every value is, without a call that finds it out.
        if type(inner) is str and "\n" not in inner:
            lines.append(f"{_head(key, indent)} {quoted(inner)}")
        else:
            _entry(lines, _head(key, indent), inner, indent)


def _sequence(lines: list[str], value: Sequence[Any], indent: str) -> None:
    for inner in value:
        if not isinstance(inner, _PLAIN) and inner:
            first = len(lines)
            _nested(lines, inner, indent + "  ")
            lines[first] = f"{indent}- {lines[first][len(indent) + 2 :]}"
        else:
            _entry(lines, f"{indent}-", inner, indent)


def _entry(lines: list[str], head: str, inner: Any, indent: str) -> None:
    if isinstance(inner, Written):
        lines.append(head + inner)
    elif isinstance(inner, str):
        if "\n" in inner and _fits_block(inner):
            lines.append(f"{head} {_block_header(inner)}")
            lines += [f"{indent}  {line}" if line else "" for line in inner.removesuffix("\n").split("\n")]
        else:
            lines.append(f"{head} {quoted(inner)}")
    elif isinstance(inner, _PLAIN) or not inner:
        lines.append(f"{head} {_scalar(inner)}")
    else:
        lines.append(head)
        _nested(lines, inner, indent + "  ")


def _nested(lines: list[str], value: Any, indent: str) -> None:
    if isinstance(value, (list, tuple)):
        _sequence(lines, value, indent)
    else:
        _mapping(lines, value, indent)


def _block_header(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


@functools.lru_cache(maxsize=_SEVERAL)
def _fits_block(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    whole = all(_BLOCK_LINE.fullmatch(line.lstrip(" ")) and not line.endswith(" ") for line in lines)
    return whole and bool(lines[0]) and not lines[0].startswith((" ", "#")) and bool(lines[-1])


@functools.lru_cache(maxsize=4096)
def _head(key: str, indent: str) -> str:
    """All of an entry but its value."""
    name = key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else quoted(key)
    return f"{indent}{name}:" if len(name) <= _LONGEST_SIMPLE_KEY else f"{indent}? {name}\n{indent}:"


def _scalar(value: Any) -> str:
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


@functools.lru_cache(maxsize=8192)
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
    reader.Constructor = _constructor()
    try:
        return [document for document in reader.load_all(text) if document is not None]
    except (YAMLError, ValueError, TypeError) as error:
        raise YamlError(str(error)) from error


@functools.cache
def _constructor() -> Any:
    """What makes values of scalars: as ruamel.yaml's, but for what Helm's writer leaves without quotes as a string."""
    from ruamel.yaml.constructor import SafeConstructor

    class Constructor(SafeConstructor):
        def construct_yaml_float(self, node: Any) -> Any:
            value = super().construct_yaml_float(node)
            return node.value if math.isinf(value) and "inf" not in node.value.lower() else value

    Constructor.add_constructor("tag:yaml.org,2002:float", Constructor.construct_yaml_float)
    for tag in ("value", "merge"):
        Constructor.add_constructor(f"tag:yaml.org,2002:{tag}", Constructor.construct_yaml_str)
    return Constructor


class YamlError(Exception):
    """Text that is not YAML."""
