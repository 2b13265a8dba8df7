"""Three-way merge of one TOML file by key: applies the user's changes since a base to the branch's text. Pure.

Keys, list entries and comments are merged each on their own, not lines. The result keeps the branch's layout, takes
over the lines that the user changed, and is proven: it holds exactly the merged data, and every comment that a side
added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tree_sitter import TreeCursor

from generator.toml.array import Array, Element
from generator.toml.data import equal_data, without_value
from generator.toml.document import Document, KeyPath, TomlError, format_key_path, parse_document
from generator.toml.edit import EditError, remove_value, set_value
from generator.toml.merge_data import (
    ABSENT,
    Conflict,
    DataMerge,
    MergeRules,
    canonical_text,
    find_value_or_absent,
    format_value,
    is_same,
)
from generator.toml.merge_text import TextMerge, find_changed_text
from generator.toml.syntax import EntryKind


class MergeConflictsError(Exception):
    """The texts cannot be merged."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__("\n".join(map(str, conflicts)))
        self.conflicts = tuple(conflicts)


def merge_documents(base: Document, user: Document, branch: Document, rules: MergeRules) -> str:
    """The branch's text with the user's changes since `base`. Raises MergeConflictsError."""
    data_merge = DataMerge(rules)
    expected = data_merge.merge((), base.data, user.data, branch.data)
    if data_merge.conflicts:
        raise MergeConflictsError(data_merge.conflicts)
    text_merge = TextMerge(base, user, branch)
    text = text_merge.merge()
    if text_merge.conflicts:
        raise MergeConflictsError(text_merge.conflicts)
    try:
        merged = parse_document(branch.name, text.encode())
        for path in data_merge.emptied_tables:
            if find_value_or_absent(merged.data, path) is ABSENT:
                expected = without_value(expected, path)
        for path in text_merge.lists_changed_twice:
            merged = _merge_list(merged, (base, user, branch), path, find_value_or_absent(expected, path), rules)
        merged = _apply_remaining_changes(merged, user, (), merged.data, expected)
    except (EditError, TomlError) as error:
        raise _layout_conflict() from error
    if not equal_data(merged.data, expected):
        raise _layout_conflict()
    _prove_comments(base, user, branch, merged)
    return merged.text


def _layout_conflict() -> MergeConflictsError:
    return MergeConflictsError([Conflict("the file", "is laid out so that it cannot be merged", "was changed too")])


def _prove_comments(base: Document, user: Document, branch: Document, merged: Document) -> None:
    before, kept = Counter(_comments(base)), Counter(_comments(merged))
    for side in (user, branch):
        if lost := Counter(_comments(side)) - before - kept:
            shown = format_value(next(iter(lost)))
            values = (shown, "without it") if side is user else ("without it", shown)
            raise MergeConflictsError([Conflict("a comment", *values)])


def _comments(document: Document) -> Iterator[str]:
    cursor = document.syntax.tree.walk()
    is_down = True
    while is_down or cursor.goto_next_sibling() or _go_up(cursor):
        is_down = cursor.goto_first_child()
        node = cursor.node
        if not is_down and node is not None and node.type == "comment":
            yield document.text[node.start_byte : node.end_byte].strip()


def _go_up(cursor: TreeCursor) -> bool:
    while cursor.goto_parent():
        if cursor.goto_next_sibling():
            return True
    return False


# Lists and values that both sides changed


def _merge_list(
    merged: Document, sides: tuple[Document, Document, Document], path: KeyPath, values: list[Any], rules: MergeRules
) -> Document:
    """Merge the elements of a list with their comments, in the order of the merged `values`."""
    name_of = rules.entry_name(path) or canonical_text
    array = Array(merged, path)
    before, ours = (Array(side, path) if side.syntax.find(path) else None for side in sides[:2])
    base, user, branch = (_elements_by_name(each, name_of) for each in (before, ours, array))
    old_comments, new_comments = _own_line_comments(before), _own_line_comments(ours)
    added, removed = new_comments - old_comments, old_comments - new_comments

    def merge_lines(user_lines: Sequence[str], branch_lines: Sequence[str]) -> tuple[str, ...]:
        kept = [line for line in branch_lines if line not in removed]
        return (*kept, *(line for line in user_lines if line in added and line not in kept))

    elements = []
    for value in values:
        name = name_of(value)
        was, wanted, there = (side.get(name, _NO_ELEMENT) for side in (base, user, branch))
        literal, comment = there.literal, there.comment
        if wanted is not _NO_ELEMENT:
            texts = (
                find_changed_text(was.literal, wanted.literal, literal),
                find_changed_text(was.comment, wanted.comment, comment),
            )
            if None in texts:
                shown = format_value(wanted.comment), format_value(comment)
                raise MergeConflictsError([Conflict(format_key_path((*path, name)), *shown)])
            literal, comment = map(str, texts)
        lines = merge_lines(wanted.lines_above, there.lines_above)
        if there is _NO_ELEMENT:
            lines = tuple(line for line in wanted.lines_above if not line or line in added)
        elements.append(Element(literal, comment, lines, there.index))
    trailing = merge_lines(ours.trailing_lines if ours else (), array.trailing_lines)
    indexes = [element.index for element in elements if element.index is not None]
    if indexes != sorted(indexes):
        raise _layout_conflict()
    return array.replace(
        elements, one_per_line=rules.is_sorted(path), trailing_lines=trailing, removed_comments=removed
    )


_NO_ELEMENT = Element("")


def _elements_by_name(array: Array | None, name_of: Callable[[Any], str]) -> dict[str, Element]:
    named = {name_of(element.value): element for element in array.elements} if array else {}
    if array and len(named) != len(array.elements):
        raise _layout_conflict()
    return named


def _own_line_comments(array: Array | None) -> set[str]:
    lines = [*array.trailing_lines, *(line for each in array.elements for line in each.lines_above)] if array else []
    return {line for line in lines if line}


def _apply_remaining_changes(
    document: Document, user: Document, path: KeyPath, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> Document:
    """Apply by key what the merge by line left out, such as members of an inline table that both sides changed."""
    if equal_data(found, expected):
        return document
    for key in dict.fromkeys((*found, *expected)):
        at, there, wanted = (*path, key), found.get(key, ABSENT), expected.get(key, ABSENT)
        if is_same(there, wanted):
            continue
        if wanted is ABSENT:
            document = remove_value(document, at)
        elif isinstance(wanted, dict) and (there is ABSENT or isinstance(there, dict)):
            document = _apply_remaining_changes(document, user, at, {} if there is ABSENT else there, wanted)
        else:
            entry = user.syntax.find(at)
            if entry is None or entry.kind is not EntryKind.VALUE or entry.node is None:
                raise EditError(document.key_position(at), at)
            document = set_value(document, at, user.text[entry.node.start_byte : entry.node.end_byte])
    return document
