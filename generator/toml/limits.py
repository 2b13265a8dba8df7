"""Limits that a TOML text must keep before it is parsed, found by regular expressions that take linear time."""

from __future__ import annotations

import re
from itertools import accumulate, islice

#: Maximum nesting of tables and arrays, and maximum length of a key path in messages.
MAX_NESTING = 32
MAX_BYTES = 4 * 1024 * 1024
MAX_KEY_PARTS = 8
BARE_KEY_CHARACTERS = "A-Za-z0-9_-"
# The parsers take up to 1 kB for each line, table, array, value or dot in a key: these limits keep them below 200 MB
# and about a second, and have room for 10,000 apps in one file.
_MAX_LINES = 200_000
_MAX_TABLES = 150_000
_MAX_VALUES = 150_000
# Below the number of digits, 640, from which Python may refuse to read an integer.
_MAX_WORD_LENGTH = 512

# Strings that are not closed end with their line or the text, so that no quote is looked at twice.
_STRING = r'''"""(?s:.*?)(?:"{3,5}|\Z)|"[^"\n]*"?|''' + r"""'''(?s:.*?)(?:'{3,5}|\Z)|'[^'\n]*'?"""
_STRING_OR_COMMENT = re.compile(_STRING + r"|#[^\n]*(?:\n[ \t]*#[^\n]*){0,999}")
_TOKEN = re.compile(rf"(?P<string>{_STRING})|#[^\n]*|[\[\]{{}}]")
_CLOSED_STRING = re.compile(r"""(?s)('''|\"""|['"]).*\1""")
_NON_STRUCTURE = bytes({*range(128)} - {*b"[]{}.\n"})
_OPENING = re.compile(r"[\[{.]")
_BEFORE_VALUE = re.compile(r"[=,]")
_LINE_FEED = re.compile("\n")
_BRACKET = re.compile(r"[\[\]{}]")
_DEPTH_CHANGE = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_LONG_KEY = re.compile(
    rf'(?<!["{BARE_KEY_CHARACTERS}])(?:[{BARE_KEY_CHARACTERS}]+|")(?:[ \t]*\.[ \t]*(?:[{BARE_KEY_CHARACTERS}]+|")){{{MAX_KEY_PARTS}}}'  # noqa: E501
)
_LONG_WORD = re.compile(rf"(?<![+{BARE_KEY_CHARACTERS}])[+{BARE_KEY_CHARACTERS}]{{{_MAX_WORD_LENGTH + 1}}}")


def find_exceeded_limit(text: str) -> tuple[int, str] | None:
    """The offset of the first excess over a limit, and advice; None if the text may be parsed.

    Invalid text may be tokenized differently here than by the parser. The parser then rejects it at the same
    place, so what comes after does not matter.
    """
    blanked = _blank_escapes(text)
    exceeded = _find_in_masked_text(_STRING_OR_COMMENT.sub('"', blanked))
    if exceeded:
        return _unmasked_offset(blanked, exceeded[0]), exceeded[1]
    if text.count("\n") > _MAX_LINES:
        advice = f"more than {_MAX_LINES} lines: split the file with include"
        return _nth_match_offset(_LINE_FEED, text, _MAX_LINES - 1) + 1, advice
    return None


def nesting_advice(subject: str) -> str:
    """The advice for a subject, such as tables, that is nested too deep."""
    return f"{subject} nested deeper than {MAX_NESTING} levels: at most {MAX_NESTING} are read"


def find_unclosed(text: str) -> list[int]:
    """The offsets of the brackets and the string that are still open at the end of `text`, outermost first."""
    opened: list[int] = []
    for token in _TOKEN.finditer(_blank_escapes(text)):
        if token[0] in ("[", "{") or (token["string"] and not _CLOSED_STRING.fullmatch(token[0])):
            opened.append(token.start())
        elif token[0] in ("]", "}") and opened:
            opened.pop()
    return opened


def _blank_escapes(text: str) -> str:
    """Replace escaped quotes and backslashes with a filler of the same length.

    A string then ends at its next quote, which a pattern finds in linear time. In a literal string
    nothing changes that matters: a backslash before its closing quote is not touched.
    """
    return re.sub(r'\\["\\]', "!!", text)


def _find_in_masked_text(masked_text: str) -> tuple[int, str] | None:
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
        return _nth_match_offset(_BRACKET, masked_text, levels.index(MAX_NESTING + 1)), nesting_advice("brackets")
    if b"." * MAX_KEY_PARTS in shape and (key := _LONG_KEY.search(masked_text)):
        return key.start(), f"a key of more than {MAX_KEY_PARTS} parts: at most {MAX_KEY_PARTS} are read"
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
