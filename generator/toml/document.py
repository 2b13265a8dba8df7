"""Parses the bytes of one TOML file into a `Document`: its data, and the positions of keys and values.

A file that would exhaust the parser is refused before it is parsed, by regular expressions that take linear
time. Positions are computed on first use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import Any

import tomli

from generator.toml.positions import (
    BARE_KEY_CHARACTERS,
    MAX_LISTED_PROBLEMS,
    KeyPath,
    Position,
    PositionIndex,
    blank_escapes,
)
from generator.toml.syntax_errors import (
    FILE_START,
    MAX_NESTING,
    SyntaxProblem,
    end_position,
    find_syntax_problems,
    format_key_path,
    shorten_key_path,
    split_parser_error,
    unlisted_problem,
)

__all__ = ["Document", "KeyPath", "Position", "TomlError", "format_key_path", "parse_document"]

_MAX_BYTES = 4 * 1024 * 1024
_MAX_KEY_PARTS = 8
# The parser takes up to 1 kB for each table, array or dot in a key, and up to 5 µs for each value: these keep it
# below 200 MB and about a second, and are room for 10,000 apps in one file.
_MAX_TABLES = 150_000
_MAX_VALUES = 250_000
# Below the number of digits, 640, from which Python may refuse to read an integer.
_MAX_WORD_LENGTH = 512

_UTF_16_OR_32 = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|[^\0]\0[^\0]\0|\0[^\0]\0[^\0]|[^\0]\0\0\0|\0\0\0[^\0]")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

# Strings that are not closed end with their line or the text, so that no quote is looked at twice.
_STRING = r'''"""(?s:.*?)(?:"{3,5}|\Z)|"[^"\n]*"?|''' + r"""'''(?s:.*?)(?:'{3,5}|\Z)|'[^'\n]*'?"""
_STRING_OR_COMMENT = re.compile(_STRING + r"|#[^\n]*(?:\n[ \t]*#[^\n]*){0,999}")
_NON_STRUCTURE = bytes({*range(128)} - {*b"[]{}.\n"})
_OPENING = re.compile(r"[\[{.]")
_BEFORE_VALUE = re.compile(r"[=,]")
_BRACKET = re.compile(r"[\[\]{}]")
_DEPTH_CHANGE = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_LONG_KEY = re.compile(
    rf'(?<!["{BARE_KEY_CHARACTERS}])(?:[{BARE_KEY_CHARACTERS}]+|")(?:[ \t]*\.[ \t]*(?:[{BARE_KEY_CHARACTERS}]+|")){{{_MAX_KEY_PARTS}}}'  # noqa: E501
)
_LONG_WORD = re.compile(rf"(?<![+{BARE_KEY_CHARACTERS}])[+{BARE_KEY_CHARACTERS}]{{{_MAX_WORD_LENGTH + 1}}}")


class TomlError(Exception):
    """The file is not valid TOML, or exceeds a size limit. `problems` has position, dotted key or "", and message."""

    def __init__(self, problems: Iterable[SyntaxProblem]) -> None:
        self.problems = tuple(sorted(problems))
        lines = [(f"{at.line}:{at.column}", key, text) for at, key, text in self.problems]
        super().__init__("\n".join(": ".join(filter(None, line)) for line in lines))


@dataclass(frozen=True)
class Document:
    """One parsed TOML file: `name` as shown to the user, `text` with LF line endings, and `data`."""

    name: str
    text: str
    data: dict[str, Any]

    @cached_property
    def _position_index(self) -> PositionIndex:
        return PositionIndex(self.text)

    def key_position(self, path: KeyPath) -> Position:
        """The position of the key at `path`: its part of a dotted key or header; for a list element, the element.

        A path that the file does not hold is where its nearest ancestor is, at last 1:1.
        """
        return self._position_index.locate_key(path)

    def value_position(self, path: KeyPath) -> Position:
        """The position of the value at `path`; for a table opened by a header or a dotted key, of its key.

        A path that the file does not hold is where its nearest ancestor is, at last 1:1.
        """
        return self._position_index.locate_value(path)


def parse_document(name: str, raw: bytes) -> Document:
    """Parse the bytes of a TOML file; `name` is shown in messages. Raises only TomlError."""
    text = _decode_utf8(raw)
    _check_size_limits(text)
    document = Document(name, text, _parse_text(text))
    problems = _list_first_problems(_find_data_problems(document))
    if problems:
        raise TomlError(problems)
    return document


def _file_error(text: str, position: Position = FILE_START) -> TomlError:
    return TomlError([(position, "", text)])


def _decode_utf8(raw: bytes) -> str:
    if len(raw) > _MAX_BYTES:
        at_most = f"at most {_MAX_BYTES} (4 MiB) are read: split it with include"
        raise _file_error(f"the file is {len(raw)} bytes; {at_most}")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _file_error("the file begins with a byte order mark: save it as UTF-8 without BOM")
    if _UTF_16_OR_32.match(raw):
        raise _file_error("the file is UTF-16 or UTF-32: save it as UTF-8 without BOM")
    try:
        text = raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode().replace("\r\n", "\n")
        raise _file_error(
            f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8", end_position(before)
        ) from None
    if forbidden := _FORBIDDEN_CHARACTER.search(text):
        raise _file_error(_forbidden_character_advice(forbidden[0]), end_position(text[: forbidden.start()]))
    return text


def _forbidden_character_advice(character: str) -> str:
    code = f"{ord(character):04X}"
    if character == "\r":
        return "a carriage return without a line feed: end lines with LF or CRLF"
    return f"control character U+{code}: remove it, or write \\u{code} in a string of double quotes"


def _check_size_limits(text: str) -> None:
    """Refuse text that would cost the parser too much time or memory. Raises TomlError.

    Invalid text may be tokenized differently here than by the parser. The parser then rejects it at the same
    place, so what comes after does not matter.
    """
    blanked = blank_escapes(text)
    broken = _find_exceeded_limit(_STRING_OR_COMMENT.sub('"', blanked))
    if broken:
        offset, advice = broken
        raise _file_error(advice, end_position(text[: _unmasked_offset(blanked, offset)]))


def _find_exceeded_limit(masked_text: str) -> tuple[int, str] | None:
    """The first offset that exceeds a limit, and advice; `masked_text` has no strings or comments."""
    shape = masked_text.encode("ascii", "replace").translate(None, _NON_STRUCTURE)
    if shape.count(b"[") + shape.count(b"{") + shape.count(b".") > _MAX_TABLES:
        advice = f"more than {_MAX_TABLES} tables, arrays and dots in keys: split the file with include"
        return _nth_match_offset(_OPENING, masked_text, _MAX_TABLES), advice
    if masked_text.count("=") + masked_text.count(",") > _MAX_VALUES:
        advice = f"more than {_MAX_VALUES} values: split the file with include"
        return _nth_match_offset(_BEFORE_VALUE, masked_text, _MAX_VALUES), advice
    # More brackets than twice the opening ones means an unmatched closing bracket before this count.
    brackets = shape.translate(None, b".\n")[: 2 * _MAX_TABLES + 1]
    levels = [*accumulate(map(_DEPTH_CHANGE.__getitem__, brackets))]
    if max(levels, default=0) > MAX_NESTING:
        return _nth_match_offset(_BRACKET, masked_text, levels.index(MAX_NESTING + 1)), _nesting_advice("brackets")
    if b"." * _MAX_KEY_PARTS in shape and (key := _LONG_KEY.search(masked_text)):
        return key.start(), f"a key of more than {_MAX_KEY_PARTS} parts: at most {_MAX_KEY_PARTS} are read"
    if max(map(len, masked_text.split("\n"))) > _MAX_WORD_LENGTH and (word := _LONG_WORD.search(masked_text)):
        return word.start(), f"a number or bare key of more than {_MAX_WORD_LENGTH} characters: quote it if it is text"
    return None


def _nth_match_offset(pattern: re.Pattern[str], text: str, match_index: int) -> int:
    return next(islice(pattern.finditer(text), match_index, None)).start()


def _unmasked_offset(text: str, offset: int) -> int:
    """Map an offset in the masked text to the offset in `text`."""
    for opaque in _STRING_OR_COMMENT.finditer(text):
        if opaque.start() >= offset:
            break
        offset += len(opaque[0]) - 1
    return offset


def _nesting_advice(subject: str) -> str:
    return f"{subject} nested deeper than {MAX_NESTING} levels: at most {MAX_NESTING} are read"


def _parse_text(text: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        said, position = split_parser_error(error, text)
    # Raised outside the except block, because the parser's error keeps all its data alive.
    raise TomlError(find_syntax_problems(text, said, position))


def _find_data_problems(document: Document) -> Iterator[SyntaxProblem]:
    """Find integers of more than 64 bits, and tables and arrays that are nested too deep."""
    containers: list[tuple[KeyPath, Any]] = [((), document.data)]
    while containers:
        path, container = containers.pop()
        if len(path) > MAX_NESTING:
            yield document.value_position(path), shorten_key_path(path), _nesting_advice("tables and arrays")
            continue
        for key, value in container.items() if type(container) is dict else enumerate(container):
            kind = type(value)
            if kind is int and not -(2**63) <= value < 2**63:
                at = (*path, key)
                yield (
                    document.value_position(at),
                    shorten_key_path(at),
                    "an integer of more than 64 bits: quote it if it is text",
                )
            elif kind is dict or kind is list:
                containers.append(((*path, key), value))


def _list_first_problems(problems: Iterator[SyntaxProblem]) -> list[SyntaxProblem]:
    listed = [*islice(problems, MAX_LISTED_PROBLEMS)]
    return [*listed, *unlisted_problem(at for at, _, _ in problems)]
