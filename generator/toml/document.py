"""Parses the bytes of one TOML file: into a `Document`, or into problems that say how to correct it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import tomli

from generator.toml.limits import (
    BARE_KEY_CHARACTERS,
    MAX_BYTES,
    MAX_NESTING,
    find_exceeded_limit,
    find_unclosed,
    nesting_advice,
)
from generator.toml.syntax import MAX_LISTED_PROBLEMS, KeyPath, Position, SyntaxIndex

__all__ = ["Document", "KeyPath", "Position", "TomlError", "format_key_path", "parse_document"]

#: Position, dotted key or "", and message.
SyntaxProblem = tuple[Position, str, str]
_FILE_START = Position(1, 1)
_DUPLICATES_WINDOW = 256 * 1024
_MAX_ECHO_LENGTH = 60

_UTF_16_OR_32 = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|[^\0]\0[^\0]\0|\0[^\0]\0[^\0]|[^\0]\0\0\0|\0\0\0[^\0]")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_POSITION_SUFFIX = re.compile(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")
_DUPLICATE_MESSAGE = re.compile("Cannot (?:declare|overwrite|redefine|mutate)|Duplicate inline table key")
_UNCLOSED_MESSAGE = re.compile(r"Unclosed|Unterminated|Illegal character|Found invalid|Expected [\"']'")
# YAML's and JSON's null where a value is expected.
_NULL = re.compile(r"null\b")
#: The advice for a parser message, by the start of that message.
_ADVICE = {
    "Invalid statement": "not a key, a [table] or a comment: write KEY = VALUE",
    "Expected newline or end of document": "text after the value: quote all of it, or start a new line",
    "Expected '=' after a key": 'no "=" after the key: write KEY = VALUE (a KEY of several words in quotes)',
    "Invalid initial character for a key part of an": "put an inline table on one line, without a comma at its end",
    "Invalid initial character for a key": "not a key: write letters, digits, - and _, or quote it",
    "Expected ']' at": 'the table header is not closed: "]" is missing',
    "Expected ']]' at": 'the table header is not closed: "]]" is missing',
    "Invalid value": "not a value: quote it if it is text",
    "Invalid date or datetime": "invalid date or time: correct it, or quote it if it is text",
    "Unclosed array": 'the array is not closed: "," or "]" is missing here',
    "Unclosed inline table": 'the inline table is not closed on its line: "," or "}" is missing here',
    "Unterminated string": "the string is not closed: its closing quote is missing",
    "Expected \"'": "the string is not closed: its closing quote is missing",
    "Illegal character": "the string is not closed on its line: add the quote, or use three for several lines",
    "Found invalid character": "the string is not closed on its line: add the quote, or use three for several lines",
    "Unescaped '\\'": "invalid escape: write \\\\ for a backslash, or put the text in single quotes",
    "Invalid hex value": "invalid escape: write \\u and four, or \\U and eight, hexadecimal digits",
    "Escaped character": "invalid escape: not the number of a Unicode character",
}


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
        raise _file_error(exceeded[1], _end_position(text[: exceeded[0]]))
    document = Document(name, text, _parse_text(text))
    problems = _list_first_problems(_find_data_problems(document))
    if problems:
        raise TomlError(problems)
    return document


def _file_error(text: str, position: Position = _FILE_START) -> TomlError:
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
            f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8", _end_position(before)
        ) from None
    checked = text.replace("\r\n", "\n")
    if forbidden := _FORBIDDEN_CHARACTER.search(checked):
        raise _file_error(_forbidden_character_advice(forbidden[0]), _end_position(checked[: forbidden.start()]))
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
        said, position = _split_parser_error(error, text)
    # Raised outside the except block, because the parser's error keeps all its data alive.
    raise TomlError(_find_syntax_problems(text, said, position))


def _find_data_problems(document: Document) -> Iterator[SyntaxProblem]:
    """Find integers of more than 64 bits, and tables and arrays that are nested too deep."""
    containers: list[tuple[KeyPath, Any]] = [((), document.data)]
    while containers:
        path, container = containers.pop()
        if len(path) > MAX_NESTING:
            yield document.value_position(path), _shorten_key_path(path), nesting_advice("tables and arrays")
            continue
        for key, value in container.items() if type(container) is dict else enumerate(container):
            kind = type(value)
            if kind is int and not -(2**63) <= value < 2**63:
                at = (*path, key)
                yield (
                    document.value_position(at),
                    _shorten_key_path(at),
                    "an integer of more than 64 bits: quote it if it is text",
                )
            elif kind is dict or kind is list:
                containers.append(((*path, key), value))


def _split_parser_error(error: Exception, text: str) -> tuple[str, Position]:
    """Split a parser error into message and position; without a position, the start of the file."""
    suffixed = _POSITION_SUFFIX.fullmatch(str(error))
    if suffixed is None:
        return str(error) or type(error).__name__, _FILE_START
    said, line, column = suffixed.groups()
    position = Position(int(line), int(column)) if line else _end_position(text)
    before = text.split("\n")[position.line - 1][: position.column - 1].rstrip()
    # A key follows one of these characters only in an inline table.
    inline = said.startswith("Invalid initial") and before.endswith(("{", ","))
    return f"{said} of an inline table" if inline else said, position


def _find_syntax_problems(text: str, parser_message: str, position: Position) -> list[SyntaxProblem]:
    """The problem that stopped the parser, and every duplicate key before it or near it."""
    conflict = _find_merge_conflict(text)
    if conflict:
        return [conflict]
    stopped = _offset_of(text, position)
    if not _DUPLICATE_MESSAGE.match(parser_message):
        if _NULL.match(text, stopped):
            return [(position, "", "TOML has no null: write { null = true }, or remove the key")]
        return [(position, "", _advice_for(parser_message, text[:stopped], position))]
    # Invalid text can take a parser that recovers from errors much memory.
    searched_end = text.find("\n", stopped + _DUPLICATES_WINDOW)
    index = SyntaxIndex(text[:searched_end] if searched_end >= 0 else text, expand_all=True)
    found = [*_duplicate_problems(index)]
    return found or [(position, "", "defined twice: remove one of them")]


def _find_merge_conflict(text: str) -> SyntaxProblem | None:
    """The first conflict that Git has left in the file; None if it has left none."""
    start = 0 if text.startswith("<<<<<<< ") else text.find("\n<<<<<<< ") + 1
    end = text.find("\n>>>>>>> ", start)
    if end < 0 or not text.startswith("<<<<<<< ", start):
        return None
    advice = "keep what should stay, and delete the lines that start with <<<<<<<, ======= and >>>>>>>"
    last = text.count("\n", 0, end) + 2
    return _end_position(text[:start]), "", f"a merge conflict is not resolved, up to line {last}: {advice}"


def _duplicate_problems(index: SyntaxIndex) -> Iterator[SyntaxProblem]:
    found = sorted(index.duplicates, key=lambda duplicate: duplicate.entry.start)
    for duplicate in found[:MAX_LISTED_PROBLEMS]:
        place = _format_position(index.position_at(duplicate.first_start))
        text = f"defined twice: first at {place}; remove one of them"
        if duplicate.extends_value:
            text = f"has a value, at {place}, that no key can be added to: write all of it in one place"
        yield index.position_at(duplicate.entry.start), _shorten_key_path(duplicate.entry.path), text
    yield from _unlisted_problem(index.position_at(twice.entry.start) for twice in found[MAX_LISTED_PROBLEMS:])


def _advice_for(parser_message: str, text_before: str, position: Position) -> str:
    known = (advice for start, advice in _ADVICE.items() if parser_message.startswith(start))
    advice = next(known, f"{parser_message[:_MAX_ECHO_LENGTH]}: correct it here")
    opened = [_end_position(text_before[:offset]) for offset in find_unclosed(text_before)]
    if opened and _UNCLOSED_MESSAGE.match(parser_message):
        return f"{advice} (opened at {_format_position(opened[-1])})"
    if opened and opened[0].line < position.line and parser_message.startswith("Invalid value"):
        return f"{advice}, or close what is opened at {_format_position(opened[0])}"
    return advice


def _offset_of(text: str, position: Position) -> int:
    lines = islice(re.finditer("\n", text), position.line - 2, None) if position.line > 1 else iter(())
    line_start = next((found.end() for found in lines), 0)
    return line_start + position.column - 1


def _list_first_problems(problems: Iterator[SyntaxProblem]) -> list[SyntaxProblem]:
    listed = [*islice(problems, MAX_LISTED_PROBLEMS)]
    return [*listed, *_unlisted_problem(at for at, _, _ in problems)]


def _unlisted_problem(positions: Iterable[Position]) -> Iterator[SyntaxProblem]:
    """One problem, at the first unlisted position, which says that there are more; nothing if none is left."""
    for position in islice(positions, 1):
        yield position, "", f"there are more problems like the {MAX_LISTED_PROBLEMS} listed"


def format_key_path(path: KeyPath) -> str:
    """Format a key path as a dotted TOML key: quotes keys that are not bare, writes array indexes as [2]."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_quote_key(part)}" for part in path).removeprefix(".")


def _quote_key(key: str) -> str:
    if re.fullmatch(rf"[{BARE_KEY_CHARACTERS}]+", key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub("[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'


def _shorten_key_path(path: KeyPath) -> str:
    """Format a key path for a message, with overlong keys and deep levels cut."""
    cut = (part if isinstance(part, int) or len(part) <= 64 else f"{part[:_MAX_ECHO_LENGTH]}…" for part in path)
    return format_key_path(tuple(islice(cut, MAX_NESTING + 1)))


def _end_position(text: str) -> Position:
    """The position after the last character of `text`."""
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _format_position(position: Position) -> str:
    return f"line {position.line}, column {position.column}"
