"""Three-way merge of one registry file: applies the user's changes to the branch's text. Pure.

Merges keys and list entries, not lines: two people who onboard two apps do not conflict. The result keeps the
branch's comments and layout, and takes over the lines that the user changed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from generator.registry import text_edits as edit
from generator.toml.document import KeyPath, TomlError, format_key_path, parse_document
from generator.toml.sections import find_comments_start

_ABSENT: Any = object()
#: Sections of named tables: if both sides add one name with different content, that is a conflict.
_NAMED_SECTIONS = frozenset({"apps", "environments", "projects", "teams"})
#: Lists of independent entries: additions on both sides do not conflict.
_UNORDERED_LISTS = frozenset(
    {"allow", "allowSchemes", "freeze", "include", "namespaces", "overrides", "owners", "promotesFrom", "repositories"}
)
_LONGEST_SHOWN = 160


@dataclass(frozen=True)
class Conflict:
    """A key that both sides changed differently."""

    key: str
    user_value: str
    branch_value: str

    def __str__(self) -> str:
        return f"  {self.key}: yours {self.user_value}, the branch's {self.branch_value}"


@dataclass(frozen=True)
class MergeResult:
    """The merged text, or the conflicts that prevent a merge."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def merge_texts(base_text: str, user_text: str, branch_text: str) -> MergeResult:
    """Apply the user's changes since `base_text` to `branch_text`."""
    if user_text in (base_text, branch_text) or branch_text == base_text:
        return MergeResult(user_text if branch_text == base_text else branch_text)
    try:
        # Surrogates stand for bytes that are not UTF-8; the parser rejects them.
        before, mine, there = (
            parse_document("", text.encode("utf-8", "surrogatepass")).data
            for text in (base_text, user_text, branch_text)
        )
    except TomlError:
        return MergeResult("", (Conflict("the file", "is edited", "cannot be read, or could not be before"),))
    comparison = _ThreeWayComparison()
    comparison.compare_tables((), before, mine, there)
    if comparison.conflicts:
        return MergeResult("", tuple(comparison.conflicts))
    text = _merge_and_verify(user_text, branch_text, there, comparison.changes)
    unclear = Conflict("the file", "is laid out so that it cannot be merged", "was changed too")
    return MergeResult("", (unclear,)) if text is None else MergeResult(text)


class _KeyChange(NamedTuple):
    """The new value at a path (`_MISSING_COMMIT_ERRORS` removes it); for a list, also the entries to add and to remove."""  # noqa: E501

    path: tuple[str, ...]
    value: Any
    added: Sequence[Any] = ()
    removed: Sequence[Any] = ()


@dataclass
class _ThreeWayComparison:
    changes: list[_KeyChange] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def compare_tables(
        self,
        path: tuple[str, ...],
        base_table: Mapping[str, Any],
        user_table: Mapping[str, Any],
        branch_table: Mapping[str, Any],
    ) -> None:
        for key in (*user_table, *(key for key in base_table if key not in user_table)):
            old, mine, there = (side.get(key, _ABSENT) for side in (base_table, user_table, branch_table))
            if not _equal_values(mine, old) and not _equal_values(mine, there):
                self._compare_value((*path, key), old, mine, there)

    def _compare_value(self, path: tuple[str, ...], base_value: Any, user_value: Any, branch_value: Any) -> None:
        """Compare a value that the user changed and the branch does not have yet."""
        if _all_instances(dict, user_value, branch_value) and not (base_value is _ABSENT and _is_named_entry(path)):
            self.compare_tables(path, base_value if isinstance(base_value, dict) else {}, user_value, branch_value)
        elif _all_instances(dict, user_value, branch_value):
            self._compare_added_tables(path, user_value, branch_value)
        elif _is_promotion_list(path) and _all_instances(list, user_value, branch_value):
            self._merge_promotion_list(
                path, base_value if _all_instances(list, base_value) else [], user_value, branch_value
            )
        elif path[-1] in _UNORDERED_LISTS and _all_instances(list, user_value, branch_value):
            self._merge_unordered_list(
                path, base_value if _all_instances(list, base_value) else [], user_value, branch_value
            )
        elif _equal_values(branch_value, base_value):
            listed = user_value if _is_promotion_list(path) and _all_instances(list, user_value) else ()
            self.changes.append(_KeyChange(path, user_value, listed))
        else:
            self._add_conflict(path, user_value, branch_value)

    def _compare_added_tables(
        self, path: tuple[str, ...], user_table: Mapping[str, Any], branch_table: Mapping[str, Any]
    ) -> None:
        """Report the keys that differ in a named table that both sides added."""
        for key in dict.fromkeys((*user_table, *branch_table)):
            if not _equal_values(user_table.get(key, _ABSENT), branch_table.get(key, _ABSENT)):
                self._add_conflict((*path, key), user_table.get(key, _ABSENT), branch_table.get(key, _ABSENT))

    def _merge_unordered_list(
        self, path: tuple[str, ...], base_entries: Any, user_entries: list[Any], branch_entries: list[Any]
    ) -> None:
        added = [entry for entry in user_entries if entry not in base_entries and entry not in branch_entries]
        removed = [entry for entry in base_entries if entry not in user_entries and entry in branch_entries]
        self._add_list_change(path, [entry for entry in branch_entries if entry not in removed] + added, added, removed)

    def _merge_promotion_list(
        self, path: tuple[str, ...], base_entries: Any, user_entries: list[Any], branch_entries: list[Any]
    ) -> None:
        before, ours, theirs = (_index_by_app(entries) for entries in (base_entries, user_entries, branch_entries))
        added, removed = [], []
        for app in dict.fromkeys((*ours, *before)):
            was, wanted, is_there = (side.get(app) for side in (before, ours, theirs))
            if wanted in (was, is_there):
                continue
            if is_there != was:
                self._add_conflict((*path, app), wanted or _ABSENT, is_there or _ABSENT)
            elif wanted is None:
                removed.append(app)
            else:
                added.append(wanted)
        merged = {app: entry for app, entry in theirs.items() if app not in removed} | _index_by_app(added)
        self._add_list_change(path, list(merged.values()), added, removed)

    def _add_list_change(self, path: tuple[str, ...], value: list[Any], added: list[Any], removed: list[Any]) -> None:
        if added or removed:
            self.changes.append(_KeyChange(path, value, added, removed))

    def _add_conflict(self, path: tuple[str, ...], user_value: Any, branch_value: Any) -> None:
        self.conflicts.append(Conflict(format_key_path(path), _format_value(user_value), _format_value(branch_value)))


def _equal_values(left: Any, right: Any) -> bool:
    """Whether two values are equal in value and type; Python's == treats 1, True and 1.0 as equal."""
    if left is _ABSENT or right is _ABSENT:
        return left is right
    return json.dumps(left, sort_keys=True, default=repr) == json.dumps(right, sort_keys=True, default=repr)


def _all_instances(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def _is_named_entry(path: KeyPath) -> bool:
    return len(path) == 2 and path[0] in _NAMED_SECTIONS


def _is_promotion_list(path: KeyPath) -> bool:
    return len(path) == 3 and path[0] == "environments" and path[2] == "apps"


def _index_by_app(entries: Sequence[Any]) -> dict[str, Any]:
    return {str(entry).partition("@")[0]: entry for entry in entries}


def _format_value(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _normalise_registry_data(data: dict[str, Any]) -> dict[str, Any]:
    """Sort promotion lists and remove empty sections in place, so that equal registries compare equal."""
    for name in _NAMED_SECTIONS:
        if data.get(name) == {}:
            del data[name]  # A section loses its header with its last entry.
    environments = data.get("environments")
    for environment in environments.values() if isinstance(environments, dict) else ():
        if isinstance(environment, dict) and isinstance(environment.get("apps"), list):
            environment["apps"] = sorted(map(str, environment["apps"]))
    return data


def _apply_changes(branch_data: Mapping[str, Any], changes: Sequence[_KeyChange]) -> Any:
    data: Any = copy.deepcopy(branch_data)
    for change in changes:
        table = data
        for part in change.path[:-1]:
            table = table.setdefault(part, {})
        if change.value is _ABSENT:
            del table[change.path[-1]]
        else:
            table[change.path[-1]] = copy.deepcopy(change.value)
    return _normalise_registry_data(data)


def _merge_and_verify(
    user_text: str, branch_text: str, branch_data: Mapping[str, Any], changes: Sequence[_KeyChange]
) -> str | None:
    """Write the changes into `branch_text`; None if the result does not parse to the expected data."""
    from tomlkit.exceptions import TOMLKitError

    try:
        text = _write_changes(user_text, branch_text, changes)
        data = parse_document("", text.encode("utf-8", "surrogateescape")).data
        return text if _equal_values(_normalise_registry_data(data), _apply_changes(branch_data, changes)) else None
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError, TomlError, TOMLKitError):
        return None  # The texts need not be valid registries: one side's table may be the other's list or number.


def _write_changes(user_text: str, branch_text: str, changes: Sequence[_KeyChange]) -> str:
    """Write the changes into `branch_text`: tables and promotion lists by line, other values by tomlkit."""
    text, rest = branch_text, []
    for change in changes:
        if _is_promotion_list(change.path) and (change.added or change.removed):
            text = _write_list_change(user_text, text, change)
        elif change.value is _ABSENT and _table_text(text, change.path):
            text = _remove_tables(text, change.path)
        elif isinstance(change.value, dict) and _table_text(user_text, change.path):
            text = _insert_tables(text, change.path, _table_text(user_text, change.path))
        else:
            rest.append(change)
    return _write_with_tomlkit(user_text, text, rest) if rest else text


def _write_list_change(user_text: str, text: str, change: _KeyChange) -> str:
    environment = change.path[1]
    mine = edit.find_entry_list(parse_document("", user_text.encode()), environment)
    remarks = {item.app_name: item.comment.removeprefix("#").strip() for item in mine.entries} if mine else {}
    for app in change.removed:
        text = edit.remove_entry(parse_document("", text.encode()), environment, app)
    entries = [_parse_entry_edit(str(entry), remarks) for entry in change.added]
    return edit.set_entries(parse_document("", text.encode()), environment, entries) if entries else text


def _parse_entry_edit(entry: str, comments: Mapping[str, str]) -> edit.EntryEdit:
    app, at, pin = entry.partition("@")
    return edit.EntryEdit(app, pin if at else None, comments.get(app, ""))


class _TableSpan(NamedTuple):
    """The offsets of a table: its header, its body and the comment lines directly above."""

    path: KeyPath
    start: int
    end: int


def _table_spans(text: str) -> list[_TableSpan]:
    sections = list(edit.split_sections(text))
    starts = [find_comments_start(text, section.start) for section in sections] + [len(text)]
    return [_TableSpan(section.path, *ends) for section, *ends in zip(sections, starts, starts[1:], strict=False)]


def _table_text(text: str, path: KeyPath) -> str:
    """The text of the table at `path` and its subtables; empty if it has no header."""
    found = [table for table in _table_spans(text) if table.path[: len(path)] == path]
    return "".join(f"{text[table.start : table.end].rstrip()}\n\n" for table in found)


def _remove_tables(text: str, path: KeyPath) -> str:
    for table in reversed(_table_spans(text)):
        if table.path[: len(path)] == path:
            text = text[: table.start] + text[table.end :]
    return f"{text.rstrip()}\n"


def _insert_tables(text: str, path: KeyPath, block: str) -> str:
    """Insert a block of tables among its siblings, in name order or after the last one."""
    kin = [table for table in _table_spans(text) if table.path and table.path[: len(path) - 1] == path[:-1]]
    kin = kin or [table for table in _table_spans(text) if table.path[:1] == path[:1]]
    later = [table.start for table in kin if table.path[: len(path)] > path]
    at = min(later, default=max((table.end for table in kin), default=len(text)))
    above = text[:at].rstrip()
    return f"{above}\n\n{block}{text[at:].lstrip()}".strip() + "\n"


def _write_with_tomlkit(user_text: str, text: str, changes: Sequence[_KeyChange]) -> str:
    import tomlkit

    mine: Any = tomlkit.parse(user_text)
    whole: Any = tomlkit.parse(text)
    for change in changes:
        table, source = whole, mine
        for part in change.path[:-1]:
            table, source = table.setdefault(part, tomlkit.table()), source.get(part, {})
        key = change.path[-1]
        if change.value is _ABSENT:
            del table[key]
        elif change.added or change.removed:
            _edit_tomlkit_array(table[key], change)
        else:
            table[key] = source[key]
    return tomlkit.dumps(whole)


def _edit_tomlkit_array(entries: Any, change: _KeyChange) -> None:
    for entry in change.removed:
        entries.remove(entry)
    for entry in change.added:
        entries.append(entry)
