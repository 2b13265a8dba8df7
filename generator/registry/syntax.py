"""What the parser says of a text that is no TOML → every problem in it, in words that tell what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from generator.registry.positions import BARE, MOST_LISTED, Path, Position, Positions

#: Where it is, its dotted key or "", and the text.
Problem = tuple[Position, str, str]
START = Position(1, 1)
#: Tables and arrays may be nested so deep, and a path is shown to there.
MOST_LEVELS = 32
_LONGEST_ECHO = 60

_SUFFIX = re.compile(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")
_TWICE = re.compile("Cannot (?:declare|overwrite|redefine|mutate)|Duplicate inline table key")
_UNCLOSED = re.compile(r"Unclosed|Unterminated|Illegal character|Found invalid|Expected [\"']'")
#: What the parser says, by how it begins → what the user is told.
_ADVICE = {
    "Invalid statement": "not a key, a [table] or a comment: write KEY = VALUE",
    "Expected newline or end of document": "text after the value: quote the value if it is text, or start a new line",
    "Expected '=' after a key": 'no "=" after the key: write KEY = VALUE (a KEY of several words in quotes)',
    "Invalid initial character for a key part of an": "put an inline table on one line, without a comma at its end",
    "Invalid initial character for a key": "not a key: write letters, digits, - and _, or quote it",
    "Expected ']' at": 'the table header is not closed: "]" is missing',
    "Expected ']]' at": 'the table header is not closed: "]]" is missing',
    "Invalid value": "not a value: quote it if it is text",
    "Invalid date or datetime": "no such date or time: correct it, or quote it if it is text",
    "Unclosed array": 'the array is not closed: "," or "]" is missing here',
    "Unclosed inline table": 'the inline table is not closed: "," or "}" is missing here (it must fit on one line)',
    "Unterminated string": "the string is not closed: its closing quote is missing",
    "Expected \"'": "the string is not closed: its closing quote is missing",
    "Illegal character": "the string is not closed on its line: add the quote, or use three for several lines",
    "Found invalid character": "the string is not closed on its line: add the quote, or use three for several lines",
    "Unescaped '\\'": "no such escape: write \\\\ for a backslash, or put the text in single quotes",
    "Invalid hex value": "no such escape: write \\u and four, or \\U and eight, hexadecimal digits",
    "Escaped character": "no such escape: this is not the number of a Unicode character",
}


def parser_said(error: Exception, text: str) -> tuple[str, Position]:
    """What the parser says, and where; a failure without a place is the whole file's."""
    suffixed = _SUFFIX.fullmatch(str(error))
    if suffixed is None:
        return str(error) or type(error).__name__, START
    said, line, column = suffixed.groups()
    position = Position(int(line), int(column)) if line else end_of(text)
    before = text.split("\n")[position.line - 1][: position.column - 1].rstrip()
    # Nowhere but in an inline table does a key come after one of these.
    inline = said.startswith("Invalid initial") and before.endswith(("{", ","))
    return f"{said} of an inline table" if inline else said, position


def syntax_problems(text: str, said: str, position: Position) -> list[Problem]:
    """What the parser refused and every key defined twice, the parser having stopped at the first of them."""
    positions = Positions(text)
    twice = [*_duplicates(positions)]
    if not _TWICE.match(said):
        return [(position, "", _advice(said, positions, position)), *(p for p in twice if p[0] < position)]
    return twice or [(position, "", "defined twice: remove one of them")]


def _duplicates(positions: Positions) -> Iterator[Problem]:
    for duplicate in positions.duplicates[:MOST_LISTED]:
        place = _place(positions.at(duplicate.first))
        text = f"defined twice: first at {place}; remove one of them"
        if duplicate.closed:
            text = f"has a value, at {place}, that no key can be added to: write all of it in one place"
        yield positions.at(duplicate.offset), shown_path(duplicate.path), text
    yield from unlisted(positions.at(d.offset) for d in positions.duplicates[MOST_LISTED:])


def _advice(said: str, positions: Positions, position: Position) -> str:
    known = (advice for start, advice in _ADVICE.items() if said.startswith(start))
    advice = next(known, f"{said[:_LONGEST_ECHO]}: correct it here")
    opened = [at for at in map(positions.at, positions.unclosed) if at < position]
    if opened and _UNCLOSED.match(said):
        return f"{advice}; it is opened at {_place(opened[-1])}"
    if opened and opened[0].line < position.line and said.startswith("Invalid value"):
        return f"{advice}, or close what is opened at {_place(opened[0])}"
    return advice


def dotted(path: Path) -> str:
    """`path` as TOML would write it: bare keys plain, others quoted, places in arrays as [2]."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}" for part in path).removeprefix(".")


def _quoted(key: str) -> str:
    if re.fullmatch(rf"[{BARE}]+", key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub("[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'


def shown_path(path: Path) -> str:
    """`path` for a message, without what is longer than any name may be."""
    cut = (part if isinstance(part, int) or len(part) <= 64 else f"{part[:_LONGEST_ECHO]}…" for part in path)
    return dotted(tuple(islice(cut, MOST_LEVELS + 1)))


def _place(position: Position) -> str:
    return f"line {position.line}, column {position.column}"


def end_of(text: str) -> Position:
    """The position just after `text`."""
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def unlisted(rest: Iterable[Position]) -> Iterator[Problem]:
    """That there are more problems, at the first of those that are not listed."""
    for position in islice(rest, 1):
        yield position, "", f"there are more problems like the {MOST_LISTED} listed"
