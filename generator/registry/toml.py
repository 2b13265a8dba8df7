"""Bytes of one TOML file → `Document`: its data, and where in the text everything stands.

What would exhaust the parser is refused before the parser sees it, at the speed of regular expressions that
take linear time; positions are looked for only when a problem asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import Any

import tomli

from generator.registry.positions import BARE, MOST_LISTED, Path, Position, Positions, blank_escapes
from generator.registry.syntax import (
    MOST_LEVELS,
    START,
    Problem,
    dotted,
    end_of,
    parser_said,
    shown_path,
    syntax_problems,
    unlisted,
)

__all__ = ["Document", "Path", "Position", "TomlError", "dotted", "parse"]

_MOST_BYTES = 4 * 1024 * 1024
_MOST_PARTS = 8
# The parser takes up to 1 kB for each table, array or dot in a key, and up to 5 µs for each value: these keep it
# below 200 MB and about a second, and are room for 10,000 apps in one file.
_MOST_TABLES = 150_000
_MOST_VALUES = 250_000
# Below the number of digits, 640, from which Python may refuse to read an integer.
_LONGEST_WORD = 512

_UTF_16_OR_32 = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|[^\0]\0[^\0]\0|\0[^\0]\0[^\0]|[^\0]\0\0\0|\0\0\0[^\0]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

# Strings that are not closed end with their line or the text, so that no quote is looked at twice.
_STRING = r'''"""(?s:.*?)(?:"{3,5}|\Z)|"[^"\n]*"?|''' + r"""'''(?s:.*?)(?:'{3,5}|\Z)|'[^'\n]*'?"""
_OPAQUE = re.compile(_STRING + r"|#[^\n]*(?:\n[ \t]*#[^\n]*){0,999}")
_NOT_SHAPE = bytes({*range(128)} - {*b"[]{}.\n"})
_OPENING = re.compile(r"[\[{.]")
_BEFORE_VALUE = re.compile(r"[=,]")
_BRACKET = re.compile(r"[\[\]{}]")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_LONG_KEY = re.compile(rf'(?<!["{BARE}])(?:[{BARE}]+|")(?:[ \t]*\.[ \t]*(?:[{BARE}]+|")){{{_MOST_PARTS}}}')
_LONG_WORD = re.compile(rf"(?<![+{BARE}])[+{BARE}]{{{_LONGEST_WORD + 1}}}")


class TomlError(Exception):
    """The file is not TOML, or not within the bounds: `problems` holds place, dotted key or "", and text of each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        lines = [(f"{at.line}:{at.column}", key, text) for at, key, text in self.problems]
        super().__init__("\n".join(": ".join(filter(None, line)) for line in lines))


@dataclass(frozen=True)
class Document:
    """One TOML file: `name` as the user knows it, `text` with \\n for every line end, and its `data`."""

    name: str
    text: str
    data: dict[str, Any]

    @cached_property
    def _positions(self) -> Positions:
        return Positions(self.text)

    def key_position(self, path: Path) -> Position:
        """Where the key of `path` stands: its own part of a dotted key or header; for a list element, the element.

        A path that the file does not hold is where its nearest ancestor is, at last 1:1.
        """
        return self._positions.key(path)

    def value_position(self, path: Path) -> Position:
        """Where the value of `path` starts; for a table opened by a header or a dotted key, its key.

        A path that the file does not hold is where its nearest ancestor is, at last 1:1.
        """
        return self._positions.value(path)


def parse(name: str, raw: bytes) -> Document:
    """The TOML in `raw`; `name` is what the user knows the file by. Raises TomlError, and nothing else."""
    text = _decode(raw)
    _check_bounds(text)
    document = Document(name, text, _load(text))
    problems = _most(_data_problems(document))
    if problems:
        raise TomlError(problems)
    return document


def _refuse(text: str, position: Position = START) -> TomlError:
    return TomlError([(position, "", text)])


def _decode(raw: bytes) -> str:
    if len(raw) > _MOST_BYTES:
        at_most = f"at most {_MOST_BYTES} (4 MiB) are read: split it with include"
        raise _refuse(f"the file is {len(raw)} bytes; {at_most}")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _refuse("the file begins with a byte order mark: save it as UTF-8 without BOM")
    if _UTF_16_OR_32.match(raw):
        raise _refuse("the file is UTF-16 or UTF-32: save it as UTF-8 without BOM")
    try:
        text = raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode().replace("\r\n", "\n")
        raise _refuse(f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8", end_of(before)) from None
    if forbidden := _FORBIDDEN.search(text):
        raise _refuse(_forbidden(forbidden[0]), end_of(text[: forbidden.start()]))
    return text


def _forbidden(character: str) -> str:
    code = f"{ord(character):04X}"
    if character == "\r":
        return "a carriage return without a line feed: end lines with LF or CRLF"
    return f"control character U+{code}: remove it, or write \\u{code} in a string of double quotes"


def _check_bounds(text: str) -> None:
    """Refuse what costs the parser more than its length lets expect. Raises TomlError.

    Text that is not valid may be taken apart differently here than by the parser, but then the parser
    refuses it at that very place, and what comes after does not matter.
    """
    blanked = blank_escapes(text)
    broken = _broken_bound(_OPAQUE.sub('"', blanked))
    if broken:
        offset, advice = broken
        raise _refuse(advice, end_of(text[: _offset_inside(blanked, offset)]))


def _broken_bound(outside: str) -> tuple[int, str] | None:
    """The first place of `outside`, text without what is in strings and comments, beyond a bound, with advice."""
    shape = outside.encode("ascii", "replace").translate(None, _NOT_SHAPE)
    if shape.count(b"[") + shape.count(b"{") + shape.count(b".") > _MOST_TABLES:
        advice = f"more than {_MOST_TABLES} tables, arrays and dots in keys: split the file with include"
        return _nth(_OPENING, outside, _MOST_TABLES), advice
    if outside.count("=") + outside.count(",") > _MOST_VALUES:
        advice = f"more than {_MOST_VALUES} values: split the file with include"
        return _nth(_BEFORE_VALUE, outside, _MOST_VALUES), advice
    # With more brackets than twice those that open, one is closed that was never opened, before this many.
    brackets = shape.translate(None, b".\n")[: 2 * _MOST_TABLES + 1]
    levels = [*accumulate(map(_STEP.__getitem__, brackets))]
    if max(levels, default=0) > MOST_LEVELS:
        return _nth(_BRACKET, outside, levels.index(MOST_LEVELS + 1)), _too_deep("brackets")
    if b"." * _MOST_PARTS in shape and (key := _LONG_KEY.search(outside)):
        return key.start(), f"a key of more than {_MOST_PARTS} parts: at most {_MOST_PARTS} are read"
    if max(map(len, outside.split("\n"))) > _LONGEST_WORD and (word := _LONG_WORD.search(outside)):
        return word.start(), f"a number or bare key of more than {_LONGEST_WORD} characters: quote it if it is text"
    return None


def _nth(pattern: re.Pattern[str], text: str, index: int) -> int:
    return next(islice(pattern.finditer(text), index, None)).start()


def _offset_inside(text: str, offset: int) -> int:
    """The offset in `text` of what is at `offset` after `_OPAQUE` has been replaced."""
    for opaque in _OPAQUE.finditer(text):
        if opaque.start() >= offset:
            break
        offset += len(opaque[0]) - 1
    return offset


def _too_deep(what: str) -> str:
    return f"{what} nested deeper than {MOST_LEVELS} levels: at most {MOST_LEVELS} are read"


def _load(text: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        said, position = parser_said(error, text)
    # Only here, because the error holds on to all that the parser had read.
    raise TomlError(syntax_problems(text, said, position))


def _data_problems(document: Document) -> Iterator[Problem]:
    """Integers beyond 64 bits, and tables and arrays below too many others."""
    containers: list[tuple[Path, Any]] = [((), document.data)]
    while containers:
        path, container = containers.pop()
        if len(path) > MOST_LEVELS:
            yield document.value_position(path), shown_path(path), _too_deep("tables and arrays")
            continue
        for key, value in container.items() if type(container) is dict else enumerate(container):
            kind = type(value)
            if kind is int and not -(2**63) <= value < 2**63:
                at = (*path, key)
                yield (
                    document.value_position(at),
                    shown_path(at),
                    "an integer of more than 64 bits: quote it if it is text",
                )
            elif kind is dict or kind is list:
                containers.append(((*path, key), value))


def _most(problems: Iterator[Problem]) -> list[Problem]:
    listed = [*islice(problems, MOST_LISTED)]
    return [*listed, *unlisted(at for at, _, _ in problems)]
