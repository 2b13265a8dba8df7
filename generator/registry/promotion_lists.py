"""Parses, edits and writes the promotion list of one environment in a file's text. Pure.

A list stays sorted with one entry per line, so that promotions of different apps merge cleanly. A commit pin
keeps its tag as a comment on the same line. Lines that an edit does not concern stay byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import tomli

from generator.argocd.strings import COMMIT_PATTERN

_STRING = r'"""(?s:(?:[^\\]|\\.)*?)"{3,5}|' + r"'''(?s:.*?)'{3,5}|" + r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_TOKEN = re.compile(_STRING + r"|#[^\n]*|\n|,|[ \t\r]+|\]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# A tag is one word, alone or before a semicolon; any other comment is the user's.
_TAG_COMMENT = re.compile(r"([^\s;]+)(?:;\s*(.*))?")


def quote_string(value: str) -> str:
    """Quote `value` as a TOML basic string."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'


@dataclass(frozen=True)
class WrittenEntry:
    """One entry as written: its literal, the comment after it, the comment and blank lines above it.

    `line` is the whole line if the entry is alone on it; with None, the entry gets a line of its own.
    """

    literal: str
    comment: str = ""
    lines_above: tuple[str, ...] = ()
    line: str | None = None

    @property
    def entry_text(self) -> str:
        """The entry's string value, `app` or `app@revision`."""
        if "\\" in self.literal or self.literal[1:3] == self.literal[0] * 2:
            return str(tomli.loads(f"entry = {self.literal}")["entry"])
        return self.literal[1:-1]

    @property
    def app_name(self) -> str:
        return self.entry_text.partition("@")[0]

    @property
    def pinned_revision(self) -> str | None:
        """The revision after the @; None if the entry follows the app's own revision."""
        _, at, pin = self.entry_text.partition("@")
        return pin if at else None

    @property
    def tag_comment(self) -> str:
        """The tag of a commit pin, from the comment after it: its only word, or the word before a `;`."""
        return self._tag_and_comment[0]

    @property
    def user_comment(self) -> str:
        """The comment after the entry, without the tag."""
        return self._tag_and_comment[1]

    @property
    def _tag_and_comment(self) -> tuple[str, str]:
        text = self.comment.removeprefix("#").strip()
        found = _TAG_COMMENT.fullmatch(text) if COMMIT_PATTERN.fullmatch(self.pinned_revision or "") else None
        return (found[1], found[2] or "") if found else ("", text)


def format_entry_comment(tag: str, user_comment: str) -> str:
    """Format the comment of an entry from the pin's tag and the user's comment."""
    return "; ".join(part for part in (tag, user_comment) if part)


@dataclass
class EntryList:
    """A parsed promotion list; `end_offset` is the offset after its closing bracket.

    `opening_text` follows the opening bracket on its line; `closing_indent` precedes the closing bracket.
    """

    entries: list[WrittenEntry]
    trailing_lines: tuple[str, ...]
    indent: str
    closing_indent: str
    end_offset: int
    opening_text: str = ""

    def set_entry(self, app: str, pin: str | None, comment: str = "") -> None:
        """Pin `app` at `pin`: replace its entry, or insert one in name order."""
        entry = f"{app}@{pin}" if pin is not None else app
        remark = f"# {comment}" if comment else ""
        for index, item in enumerate(self.entries):
            if item.app_name == app:
                if (item.entry_text, item.comment.removeprefix("#").strip()) != (entry, comment):
                    self.entries[index] = self._rewrite_entry(item, entry, remark)
                return
        place = next((index for index, item in enumerate(self.entries) if item.app_name > app), len(self.entries))
        self.entries.insert(place, WrittenEntry(quote_string(entry), remark))

    def _rewrite_entry(self, written: WrittenEntry, entry: str, comment: str) -> WrittenEntry:
        literal = (
            f"'{entry}'" if written.literal == f"'{written.entry_text}'" and "'" not in entry else quote_string(entry)
        )
        if written.line is None:
            return replace(written, literal=literal, comment=comment)
        indent = written.line[: written.line.index(written.literal)]
        found = re.search(r"[ \t]*\Z", written.line.removesuffix(written.comment)) if written.comment else None
        gap = (found[0] if found else "") or " "
        return WrittenEntry(
            literal, comment, written.lines_above, f"{indent}{literal},{gap + comment if comment else ''}"
        )

    def remove_app(self, app: str) -> None:
        """Remove the entry of `app`; comments above it stay, because they may describe the next entry."""
        kept: list[WrittenEntry] = []
        above: tuple[str, ...] = ()
        for item in self.entries:
            if item.app_name == app:
                above += item.lines_above
                continue
            kept.append(replace(item, lines_above=above + item.lines_above))
            above = ()
        self.entries = kept
        self.trailing_lines = above + self.trailing_lines

    def to_toml(self) -> str:
        """The list as TOML text, including its brackets."""
        if not self.entries and not self.trailing_lines and not self.opening_text.strip():
            return "[]"
        lines = [f"[{self.opening_text}"]
        for number, item in enumerate(self.entries, 1):
            lines += item.lines_above
            lines.append(self._format_entry_line(item, is_last=number == len(self.entries)))
        return "\n".join([*lines, *self.trailing_lines, f"{self.closing_indent}]"])

    def _format_entry_line(self, written: WrittenEntry, *, is_last: bool) -> str:
        if written.line is None:
            return f"{self.indent}{written.literal},{' ' + written.comment if written.comment else ''}"
        behind = written.line.index(written.literal) + len(written.literal)
        if is_last or written.line[behind:].lstrip().startswith(","):
            return written.line
        return f"{written.line[:behind]},{written.line[behind:]}"


@dataclass
class _ListParser:
    """Builds an entry list from its lines, one at a time."""

    entries: list[WrittenEntry] = field(default_factory=list)
    pending_lines: list[str] = field(default_factory=list)
    opening_text: str | None = None
    closing_indent: str | None = None

    def add_line(self, raw: str, tokens: list[str], *, closes_list: bool) -> None:
        """Add one line: the text between two line ends, or between a line end and a bracket."""
        opens, self.opening_text = self.opening_text is None, self.opening_text or ""
        strings = [piece for piece in tokens if piece[0] in "\"'"]
        comment = tokens[-1].rstrip() if tokens and tokens[-1].startswith("#") else ""
        if strings:
            alone = len(strings) == 1 and tokens[0] == strings[0] and not opens and not closes_list
            self._add_entries(strings, comment, raw.rstrip() if alone else None)
        elif opens:
            self.opening_text = raw.rstrip()
        elif closes_list and not tokens:
            self.closing_indent = raw
        else:
            self.pending_lines.append(raw.rstrip())

    def _add_entries(self, strings: list[str], comment: str, line: str | None) -> None:
        for index, literal in enumerate(strings):
            own = comment if index == len(strings) - 1 else ""
            self.entries.append(WrittenEntry(literal, own, tuple(self.pending_lines), line))
            self.pending_lines.clear()


def parse_entry_list(text: str, start: int) -> EntryList:
    """Parse the promotion list whose `[` is at the offset `start`."""
    reading = _ListParser()
    pieces: list[str] = []
    at = begin = start + 1
    while (found := _TOKEN.match(text, at)) and found[0] != "]":
        at = found.end()
        if found[0] == "\n":
            reading.add_line(text[begin : at - 1], pieces, closes_list=False)
            pieces, begin = [], at
        elif not found[0].isspace():
            pieces.append(found[0])
    reading.add_line(text[begin:at], pieces, closes_list=True)
    line = text[text.rfind("\n", 0, start) + 1 : start]
    outdent = line[: len(line) - len(line.lstrip())]
    return EntryList(
        entries=reading.entries,
        trailing_lines=tuple(reading.pending_lines),
        indent=_entry_indent(reading.entries) or f"{outdent}  ",
        closing_indent=outdent if reading.closing_indent is None else reading.closing_indent,
        end_offset=at + 1,
        opening_text=reading.opening_text or "",
    )


def _entry_indent(entries: list[WrittenEntry]) -> str:
    lines = (item.line for item in entries if item.line is not None)
    return next((line[: len(line) - len(line.lstrip())] for line in lines), "")
