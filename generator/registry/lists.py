"""The promotion list of one environment in a file's text: read with its lines, edited, written back. Pure.

A list is kept sorted and one entry a line, so that two promotions of different apps merge cleanly; a commit
pin keeps the tag it came from as a comment on its line. Lines that an edit is not about stay byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import tomli

from generator.registry.text import COMMIT

_STRING = r'"""(?s:(?:[^\\]|\\.)*?)"{3,5}|' + r"'''(?s:.*?)'{3,5}|" + r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
_TOKEN = re.compile(_STRING + r"|#[^\n]*|\n|,|[ \t\r]+|\]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# What a tag's comment is told from a remark by: one word, alone or before a semicolon.
_TAG = re.compile(r"([^\s;]+)(?:;\s*(.*))?")


def quoted(text: str) -> str:
    """`text` as a TOML basic string."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text) + '"'


@dataclass(frozen=True)
class Item:
    """One entry as it stands: its literal, the comment behind it, the comment and blank lines above it.

    `line` is the whole line where the entry is alone on it, None where it is to be given one.
    """

    literal: str
    comment: str = ""
    above: tuple[str, ...] = ()
    line: str | None = None

    @property
    def entry(self) -> str:
        """The entry itself, `app` or `app@revision`."""
        if "\\" in self.literal or self.literal[1:3] == self.literal[0] * 2:
            return str(tomli.loads(f"entry = {self.literal}")["entry"])
        return self.literal[1:-1]

    @property
    def app(self) -> str:
        return self.entry.partition("@")[0]

    @property
    def pin(self) -> str | None:
        """The revision behind the @, None where the entry follows the app's own."""
        _, at, pin = self.entry.partition("@")
        return pin if at else None

    @property
    def tag(self) -> str:
        """The tag that a commit pin came from, by the comment behind it: its one word, or the one before a `;`."""
        return self._said[0]

    @property
    def remark(self) -> str:
        """What somebody wrote behind the entry, without the tag."""
        return self._said[1]

    @property
    def _said(self) -> tuple[str, str]:
        text = self.comment.removeprefix("#").strip()
        found = _TAG.fullmatch(text) if COMMIT.fullmatch(self.pin or "") else None
        return (found[1], found[2] or "") if found else ("", text)


def comment_of(tag: str, remark: str) -> str:
    """The comment of an entry whose pin came from `tag`, with what somebody remarked."""
    return "; ".join(part for part in (tag, remark) if part)


@dataclass
class EntryList:
    """A list between its brackets; `end` is the offset just behind the closing one.

    `head` is what stands behind the opening bracket on its line, `tail` the space before the closing one.
    """

    items: list[Item]
    below: tuple[str, ...]
    indent: str
    tail: str
    end: int
    head: str = ""

    def set(self, app: str, pin: str | None, comment: str = "") -> None:
        """Put `app` at `pin`, in place of its entry or in the order of names."""
        entry = f"{app}@{pin}" if pin is not None else app
        remark = f"# {comment}" if comment else ""
        for index, item in enumerate(self.items):
            if item.app == app:
                if (item.entry, item.comment.removeprefix("#").strip()) != (entry, comment):
                    self.items[index] = self._changed(item, entry, remark)
                return
        place = next((index for index, item in enumerate(self.items) if item.app > app), len(self.items))
        self.items.insert(place, Item(quoted(entry), remark))

    def _changed(self, item: Item, entry: str, remark: str) -> Item:
        literal = f"'{entry}'" if item.literal == f"'{item.entry}'" and "'" not in entry else quoted(entry)
        if item.line is None:
            return replace(item, literal=literal, comment=remark)
        indent = item.line[: item.line.index(item.literal)]
        found = re.search(r"[ \t]*\Z", item.line.removesuffix(item.comment)) if item.comment else None
        gap = (found[0] if found else "") or " "
        return Item(literal, remark, item.above, f"{indent}{literal},{gap + remark if remark else ''}")

    def remove(self, app: str) -> None:
        """Take the entry of `app` away; comments above it stay, for they may be about what follows."""
        kept: list[Item] = []
        above: tuple[str, ...] = ()
        for item in self.items:
            if item.app == app:
                above += item.above
                continue
            kept.append(replace(item, above=above + item.above))
            above = ()
        self.items = kept
        self.below = above + self.below

    def text(self) -> str:
        """The list as it is written, brackets included."""
        if not self.items and not self.below and not self.head.strip():
            return "[]"
        lines = [f"[{self.head}"]
        for number, item in enumerate(self.items, 1):
            lines += item.above
            lines.append(self._line(item, last=number == len(self.items)))
        return "\n".join([*lines, *self.below, f"{self.tail}]"])

    def _line(self, item: Item, *, last: bool) -> str:
        if item.line is None:
            return f"{self.indent}{item.literal},{' ' + item.comment if item.comment else ''}"
        behind = item.line.index(item.literal) + len(item.literal)
        if last or item.line[behind:].lstrip().startswith(","):
            return item.line
        return f"{item.line[:behind]},{item.line[behind:]}"


@dataclass
class _Reading:
    """The lines of a list, one at a time."""

    items: list[Item] = field(default_factory=list)
    above: list[str] = field(default_factory=list)
    head: str | None = None
    tail: str | None = None

    def line(self, raw: str, pieces: list[str], *, closes: bool) -> None:
        """One line of the list: the text between two line ends, or between one and a bracket."""
        opens, self.head = self.head is None, self.head or ""
        strings = [piece for piece in pieces if piece[0] in "\"'"]
        comment = pieces[-1].rstrip() if pieces and pieces[-1].startswith("#") else ""
        if strings:
            alone = len(strings) == 1 and pieces[0] == strings[0] and not opens and not closes
            self._entries(strings, comment, raw.rstrip() if alone else None)
        elif opens:
            self.head = raw.rstrip()
        elif closes and not pieces:
            self.tail = raw
        else:
            self.above.append(raw.rstrip())

    def _entries(self, strings: list[str], comment: str, line: str | None) -> None:
        for index, literal in enumerate(strings):
            own = comment if index == len(strings) - 1 else ""
            self.items.append(Item(literal, own, tuple(self.above), line))
            self.above.clear()


def read_list(text: str, start: int) -> EntryList:
    """The list whose `[` is at `start`."""
    reading = _Reading()
    pieces: list[str] = []
    at = begin = start + 1
    while (found := _TOKEN.match(text, at)) and found[0] != "]":
        at = found.end()
        if found[0] == "\n":
            reading.line(text[begin : at - 1], pieces, closes=False)
            pieces, begin = [], at
        elif not found[0].isspace():
            pieces.append(found[0])
    reading.line(text[begin:at], pieces, closes=True)
    line = text[text.rfind("\n", 0, start) + 1 : start]
    outdent = line[: len(line) - len(line.lstrip())]
    return EntryList(
        items=reading.items,
        below=tuple(reading.above),
        indent=_indent(reading.items) or f"{outdent}  ",
        tail=outdent if reading.tail is None else reading.tail,
        end=at + 1,
        head=reading.head or "",
    )


def _indent(items: list[Item]) -> str:
    lines = (item.line for item in items if item.line is not None)
    return next((line[: len(line) - len(line.lstrip())] for line in lines), "")
