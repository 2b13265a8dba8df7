"""Three-way merge of the lines of a TOML file, by the key that they define. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from tree_sitter import Node

from generator.toml.document import Document, KeyPath, format_key_path, parse_document
from generator.toml.merge_data import ABSENT, Conflict, find_value_or_absent, format_value, is_same
from generator.toml.splices import find_line_end, find_line_start
from generator.toml.syntax import Entry


class _Statement(NamedTuple):
    """The lines of one header or `key = value`; only `indent`, `text` and `ending` are on its own lines.

    `above` is the comment and blank lines that lead to it, `below` the comment lines that follow it directly.
    """

    above: str = ""
    text: str = ""
    ending: str = ""
    below: str = ""

    def __str__(self) -> str:
        return "".join(self)


_NO_STATEMENT = _Statement()


class _Section:
    """A header and its statements by path; the first section of a file has no header."""

    def __init__(self, header: _Statement) -> None:
        self.header = header
        self.statements: dict[KeyPath, _Statement] = {}

    def __str__(self) -> str:
        return "".join(map(str, (self.header, *self.statements.values())))

    def is_like(self, other: _Section) -> bool:
        return (
            self.statements.keys() == other.statements.keys()
            and _is_like(self.header, other.header)
            and all(_is_like(each, other.statements[path]) for path, each in self.statements.items())
        )


def _is_like(one: _Statement, other: _Statement) -> bool:
    return one.text == other.text and all(map(_same_comments, one, other))


def _same_comments(one: str, other: str) -> bool:
    return _comment_lines(one) == _comment_lines(other)


def _comment_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class _Layout:
    """The sections of a document by the path of their header, and the lines after the last statement."""

    def __init__(self, document: Document, line_break: str) -> None:
        self._text = document.text.replace("\r\n", "\n")
        self._document = document if self._text == document.text else parse_document("", self._text.encode())
        self._at = 0
        self.line_break = line_break
        self.sections: dict[KeyPath, _Section] = {(): _Section(_NO_STATEMENT)}
        index = self._document.syntax
        pairs = [node for node in index.tree.root_node.children if node.type == "pair"]
        self._add_pairs(self.sections[()], index.root, pairs)
        for table in index.tables:
            assert table.node is not None  # noqa: S101 - a table with a header
            self.sections[table.path] = section = _Section(self._read(table.node, is_header=True))
            self._add_pairs(section, table, [node for node in table.node.children if node.type == "pair"])
        self.end = self._text[self._at :]

    def _add_pairs(self, section: _Section, table: Entry, pairs: list[Node]) -> None:
        for pair in pairs:
            names = self._document.syntax.key_names(pair.children[0])
            section.statements[(*table.path, *names)] = self._read(pair, is_header=False)

    def _read(self, node: Node, *, is_header: bool) -> _Statement:
        text, start = self._text, find_line_start(self._text, node.start_byte)
        end = node.children[2].end_byte
        line_end = find_line_end(text, end)
        above, self._at = text[self._at : start], line_end
        return _Statement(above, text[start:end], text[end:line_end], self._read_below())

    def _read_below(self) -> str:
        """The comment lines directly below a statement; none if they lead to the next statement."""
        start = at = self._at
        while (line_end := find_line_end(self._text, at)) > at:
            line = self._text[at:line_end].strip()
            if not line.startswith("#"):
                if line:
                    return ""
                break
            at = line_end
        self._at = at
        return self._text[start:at]

    def __str__(self) -> str:
        text = "".join(map(str, (*self.sections.values(), self.end)))
        return text.replace("\n", self.line_break)


class TextMerge:
    """Merges the lines of three documents by the key that they define."""

    def __init__(self, base: Document, user: Document, branch: Document) -> None:
        line_break = "\r\n" if "\r\n" in branch.text else "\n"
        self._documents = base, user, branch
        self._base, self._user, self._branch = (_Layout(side, line_break) for side in self._documents)
        self.conflicts: list[Conflict] = []
        self.lists_changed_twice: list[KeyPath] = []

    def merge(self) -> str:
        """Return the branch's text with the user's changes; records a conflict where both changed the same."""
        base, user, result = self._base.sections, self._user.sections, self._branch.sections
        for path in [path for path in result if path in base and path not in user]:
            if result[path].is_like(base[path]):
                del result[path]
            else:
                self._conflict(path, ABSENT, "changed")
        previous: KeyPath = ()
        for path, section in user.items():
            if path in result:
                self._merge_section(path, base.get(path, _Section(_NO_STATEMENT)), section, result[path])
            elif path not in base:
                self._branch.sections = result = _insert_section(result, path, section, previous)
            elif not section.is_like(base[path]):
                self._conflict(path, "changed", ABSENT)
            previous = path if path in result else previous
        self._branch.end = self._merge_comments((), self._base.end, self._user.end, self._branch.end)
        return str(self._branch)

    def _merge_section(self, path: KeyPath, base: _Section, user: _Section, branch: _Section) -> None:
        branch.header = self._merge_statement(path, base.header, user.header, branch.header)
        merged = branch.statements
        for key in [key for key in merged if key in base.statements and key not in user.statements]:
            if not _is_like(merged[key], base.statements[key]):
                self._conflict(key, ABSENT, "changed")
            del merged[key]
        previous: KeyPath | None = None
        for key, statement in user.statements.items():
            if key in merged:
                before = base.statements.get(key, _NO_STATEMENT)
                merged[key] = self._merge_statement(key, before, statement, merged[key])
            elif key not in base.statements:
                branch.statements = merged = _insert_after(merged, previous, key, statement)
            elif not _is_like(statement, base.statements[key]):
                self._conflict(key, "changed", ABSENT)
            previous = key if key in merged else previous

    def _merge_statement(self, path: KeyPath, base: _Statement, user: _Statement, branch: _Statement) -> _Statement:
        text = find_changed_text(base.text, user.text, branch.text)
        if text is None:
            text = self._choose_value(path, user.text, branch.text)
        above, ending, below = (
            self._merge_comments(path, *sides)
            for sides in (
                (base.above, user.above, branch.above),
                (base.ending, user.ending, branch.ending),
                (base.below, user.below, branch.below),
            )
        )
        return _Statement(above, text, ending, below)

    def _choose_value(self, path: KeyPath, user_text: str, branch_text: str) -> str:
        """The text of a value that both sides rewrote: of the side that changed its data."""
        base, user, branch = (find_value_or_absent(side.data, path) for side in self._documents)
        if isinstance(user, list) and isinstance(branch, list):
            self.lists_changed_twice.append(path)
            return branch_text
        return user_text if is_same(branch, base) and not is_same(user, base) else branch_text

    def _merge_comments(self, path: KeyPath, base: str, user: str, branch: str) -> str:
        before, ours, theirs = map(_comment_lines, (base, user, branch))
        if ours in (before, theirs):
            return branch
        if theirs == before:
            return user
        if before == ours[: len(before)] == theirs[: len(before)] and "\n" in branch:
            added = [line for line in ours[len(before) :] if line not in theirs]
            indent = branch.rpartition("\n")[2]
            return branch.removesuffix(indent) + "".join(f"{indent}{line}\n" for line in added) + indent
        self._conflict(path, "\n".join(ours) or ABSENT, "\n".join(theirs) or ABSENT)
        return branch

    def _conflict(self, path: KeyPath, user: Any, branch: Any) -> None:
        key = format_key_path(path) or "the file"
        self.conflicts.append(Conflict(key, format_value(user), format_value(branch)))


def _insert_after(
    statements: dict[KeyPath, _Statement], previous: KeyPath | None, key: KeyPath, statement: _Statement
) -> dict[KeyPath, _Statement]:
    merged = {} if previous is not None else {key: statement}
    for each, other in statements.items():
        merged[each] = other
        if each == previous:
            merged[key] = statement
    return merged


def _insert_section(
    sections: dict[KeyPath, _Section], path: KeyPath, section: _Section, previous: KeyPath
) -> dict[KeyPath, _Section]:
    """Insert a section in name order among its siblings if those are sorted, else after the user's previous one."""
    siblings = [each for each in sections if len(each) >= len(path) > 1 and each[: len(path) - 1] == path[:-1]]
    names = [str(each[len(path) - 1]) for each in siblings]
    later = next((each for each, name in zip(siblings, names, strict=True) if name > str(path[-1])), None)
    merged: dict[KeyPath, _Section] = {}
    is_before = later is not None and names == sorted(names)
    for each, other in sections.items():
        if is_before and each == later:
            merged[path] = _apart(section)
            merged[each] = _apart(other)
            continue
        merged[each] = other
        if not is_before and each == previous:
            merged[path] = _apart(section)
    return merged


def _apart(section: _Section) -> _Section:
    """The section with a blank line above it."""
    if not section.header.above.startswith("\n"):
        section.header = section.header._replace(above=f"\n{section.header.above}")
    return section


def find_changed_text(base: str, user: str, branch: str) -> str | None:
    """The text of the side that changed it; None if both changed it differently."""
    if user in (base, branch):
        return branch
    return user if branch == base else None
