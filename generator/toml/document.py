"""Parses the bytes of one TOML file into a `Document`: its data, and the positions of keys and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import tomli

from generator.toml.limits import MAX_BYTES, MAX_NESTING, find_exceeded_limit, nesting_advice
from generator.toml.syntax import MAX_LISTED_PROBLEMS, KeyPath, Position, SyntaxIndex
from generator.toml.syntax_errors import (
    FILE_START,
    SyntaxProblem,
    end_position,
    find_syntax_problems,
    format_key_path,
    shorten_key_path,
    split_parser_error,
    unlisted_problem,
)

__all__ = ["Document", "KeyPath", "Position", "TomlError", "format_key_path", "parse_document"]

_UTF_16_OR_32 = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|[^\0]\0[^\0]\0|\0[^\0]\0[^\0]|[^\0]\0\0\0|\0\0\0[^\0]")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class TomlError(Exception):
    """The file is not valid TOML, or exceeds a size limit. `problems` has position, dotted key or "", and message."""

    def __init__(self, problems: Iterable[SyntaxProblem]) -> None:
        self.problems = tuple(sorted(problems))
        lines = [(f"{at.line}:{at.column}", key, text) for at, key, text in self.problems]
        super().__init__("\n".join(": ".join(filter(None, line)) for line in lines))


@dataclass(frozen=True)
class Document:
    """One parsed TOML file: `name` as shown to the user, `text` with the file's own line ends, and `data`."""

    name: str
    text: str
    data: dict[str, Any]

    @cached_property
    def syntax(self) -> SyntaxIndex:
        """The entries of the text by key path, built on first use."""
        return SyntaxIndex(self.text)

    def key_position(self, path: KeyPath) -> Position:
        """The position of the key at `path`: its part of a dotted key or header; for a list element, the element.

        A path that the file does not hold is where its nearest ancestor is, at last 1:1.
        """
        return self.syntax.position_at(self.syntax.find_nearest(path).start)

    def value_position(self, path: KeyPath) -> Position:
        """The position of the value at `path`; for a table opened by a header or a dotted key, of its key.

        A path that the file does not hold is where its nearest ancestor is, at last 1:1.
        """
        return self.syntax.position_at(self.syntax.find_nearest(path).value_start)


def parse_document(name: str, raw: bytes) -> Document:
    """Parse the bytes of a TOML file; `name` is shown in messages. Raises only TomlError."""
    text = _decode_utf8(raw)
    if exceeded := find_exceeded_limit(text):
        raise _file_error(exceeded[1], end_position(text[: exceeded[0]]))
    document = Document(name, text, _parse_text(text))
    problems = _list_first_problems(_find_data_problems(document))
    if problems:
        raise TomlError(problems)
    return document


def _file_error(text: str, position: Position = FILE_START) -> TomlError:
    return TomlError([(position, "", text)])


def _decode_utf8(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        at_most = f"at most {MAX_BYTES} (4 MiB) are read: split it with include"
        raise _file_error(f"the file is {len(raw)} bytes; {at_most}")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _file_error("the file begins with a byte order mark: save it as UTF-8 without BOM")
    if _UTF_16_OR_32.match(raw):
        raise _file_error("the file is UTF-16 or UTF-32: save it as UTF-8 without BOM")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        raise _file_error(
            f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8", end_position(before)
        ) from None
    checked = text.replace("\r\n", "\n")
    if forbidden := _FORBIDDEN_CHARACTER.search(checked):
        raise _file_error(_forbidden_character_advice(forbidden[0]), end_position(checked[: forbidden.start()]))
    return text


def _forbidden_character_advice(character: str) -> str:
    code = f"{ord(character):04X}"
    if character == "\r":
        return "a carriage return without a line feed: end lines with LF or CRLF"
    return f"control character U+{code}: remove it, or write \\u{code} in a string of double quotes"


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
            yield document.value_position(path), shorten_key_path(path), nesting_advice("tables and arrays")
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
