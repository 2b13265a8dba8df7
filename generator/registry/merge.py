"""Three texts of one registry file → one: what the user changed, made on what others made of it. Pure.

Merged are keys and list entries, not lines: two people who onboard two apps never meet. The text stays that of
the others, comments and layout included, and takes over the lines in which the user's differs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from generator.registry import edit
from generator.registry.sections import comments_above
from generator.registry.toml import Path, TomlError, dotted, parse

_NOTHING: Any = object()
#: Tables of tables whose entries are somebody's: two of one name that differ are not to be mixed.
_NAMED = frozenset({"apps", "environments", "projects", "teams"})
#: Lists whose entries stand each for itself, so that two additions do not conflict.
_SETS = frozenset(
    {"allow", "allowSchemes", "freeze", "include", "namespaces", "overrides", "owners", "promotesFrom", "repositories"}
)
_LONGEST_SHOWN = 160


@dataclass(frozen=True)
class Conflict:
    """A key that both sides changed, each in its own way."""

    key: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"  {self.key}: yours {self.ours}, the branch's {self.theirs}"


@dataclass(frozen=True)
class Merged:
    """The merged text, or why there is none."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def merge(base: str, ours: str, theirs: str) -> Merged:
    """What `ours` changed since `base`, on `theirs`."""
    if ours in (base, theirs) or theirs == base:
        return Merged(ours if theirs == base else theirs)
    try:
        # Surrogates stand for bytes that are no text, and are refused as such.
        before, mine, there = (parse("", text.encode("utf-8", "surrogatepass")).data for text in (base, ours, theirs))
    except TomlError:
        return Merged("", (Conflict("the file", "is edited", "cannot be read, or could not be before"),))
    comparison = _Comparison()
    comparison.table((), before, mine, there)
    if comparison.conflicts:
        return Merged("", tuple(comparison.conflicts))
    text = _proven(ours, theirs, there, comparison.changes)
    unclear = Conflict("the file", "is laid out so that it cannot be merged", "was changed too")
    return Merged("", (unclear,)) if text is None else Merged(text)


class _Change(NamedTuple):
    """The value that a path gets (`_NOTHING`: it goes), and for a list of entries those to set and to remove."""

    path: tuple[str, ...]
    value: Any
    added: Sequence[Any] = ()
    removed: Sequence[Any] = ()


@dataclass
class _Comparison:
    changes: list[_Change] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def table(
        self, path: tuple[str, ...], before: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
    ) -> None:
        for key in (*ours, *(key for key in before if key not in ours)):
            old, mine, there = (side.get(key, _NOTHING) for side in (before, ours, theirs))
            if not _same(mine, old) and not _same(mine, there):
                self._value((*path, key), old, mine, there)

    def _value(self, path: tuple[str, ...], old: Any, mine: Any, there: Any) -> None:
        """A value that we changed, and that is not there already."""
        if _all(dict, mine, there) and not (old is _NOTHING and _is_named(path)):
            self.table(path, old if isinstance(old, dict) else {}, mine, there)
        elif _all(dict, mine, there):
            self._twice(path, mine, there)
        elif _is_promotion_list(path) and _all(list, mine, there):
            self._promotions(path, old if _all(list, old) else [], mine, there)
        elif path[-1] in _SETS and _all(list, mine, there):
            self._set(path, old if _all(list, old) else [], mine, there)
        elif _same(there, old):
            listed = mine if _is_promotion_list(path) and _all(list, mine) else ()
            self.changes.append(_Change(path, mine, listed))
        else:
            self._conflict(path, mine, there)

    def _twice(self, path: tuple[str, ...], mine: Mapping[str, Any], there: Mapping[str, Any]) -> None:
        """An entry that both added, differently."""
        for key in dict.fromkeys((*mine, *there)):
            if not _same(mine.get(key, _NOTHING), there.get(key, _NOTHING)):
                self._conflict((*path, key), mine.get(key, _NOTHING), there.get(key, _NOTHING))

    def _set(self, path: tuple[str, ...], old: Any, mine: list[Any], there: list[Any]) -> None:
        added = [entry for entry in mine if entry not in old and entry not in there]
        removed = [entry for entry in old if entry not in mine and entry in there]
        self._list(path, [entry for entry in there if entry not in removed] + added, added, removed)

    def _promotions(self, path: tuple[str, ...], old: Any, mine: list[Any], there: list[Any]) -> None:
        before, ours, theirs = (_by_app(entries) for entries in (old, mine, there))
        added, removed = [], []
        for app in dict.fromkeys((*ours, *before)):
            was, wanted, is_there = (side.get(app) for side in (before, ours, theirs))
            if wanted in (was, is_there):
                continue
            if is_there != was:
                self._conflict((*path, app), wanted or _NOTHING, is_there or _NOTHING)
            elif wanted is None:
                removed.append(app)
            else:
                added.append(wanted)
        merged = {app: entry for app, entry in theirs.items() if app not in removed} | _by_app(added)
        self._list(path, list(merged.values()), added, removed)

    def _list(self, path: tuple[str, ...], value: list[Any], added: list[Any], removed: list[Any]) -> None:
        if added or removed:
            self.changes.append(_Change(path, value, added, removed))

    def _conflict(self, path: tuple[str, ...], mine: Any, there: Any) -> None:
        self.conflicts.append(Conflict(dotted(path), _shown(mine), _shown(there)))


def _same(one: Any, other: Any) -> bool:
    """Equal in type too: to Python, 1 is true and 1.0."""
    if one is _NOTHING or other is _NOTHING:
        return one is other
    return json.dumps(one, sort_keys=True, default=repr) == json.dumps(other, sort_keys=True, default=repr)


def _all(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def _is_named(path: Path) -> bool:
    return len(path) == 2 and path[0] in _NAMED


def _is_promotion_list(path: Path) -> bool:
    return len(path) == 3 and path[0] == "environments" and path[2] == "apps"


def _by_app(entries: Sequence[Any]) -> dict[str, Any]:
    return {str(entry).partition("@")[0]: entry for entry in entries}


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _sorted(data: dict[str, Any]) -> dict[str, Any]:
    """Promotion lists in the order of names, which is what order they have."""
    for name in _NAMED:
        if data.get(name) == {}:
            del data[name]  # With its last entry, a section has no header left.
    environments = data.get("environments")
    for environment in environments.values() if isinstance(environments, dict) else ():
        if isinstance(environment, dict) and isinstance(environment.get("apps"), list):
            environment["apps"] = sorted(map(str, environment["apps"]))
    return data


def _expected(theirs: Mapping[str, Any], changes: Sequence[_Change]) -> Any:
    data: Any = copy.deepcopy(theirs)
    for change in changes:
        table = data
        for part in change.path[:-1]:
            table = table.setdefault(part, {})
        if change.value is _NOTHING:
            del table[change.path[-1]]
        else:
            table[change.path[-1]] = copy.deepcopy(change.value)
    return _sorted(data)


def _proven(ours: str, theirs: str, there: Mapping[str, Any], changes: Sequence[_Change]) -> str | None:
    """The text of theirs with every change made, None where that does not come to what it should."""
    from tomlkit.exceptions import TOMLKitError

    try:
        text = _written(ours, theirs, changes)
        data = parse("", text.encode("utf-8", "surrogateescape")).data
        return text if _same(_sorted(data), _expected(there, changes)) else None
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError, TomlError, TOMLKitError):
        return None  # Neither text need be a registry: tables may be where the other has a list of them, or a number.


def _written(ours: str, theirs: str, changes: Sequence[_Change]) -> str:
    """The text of theirs with every change made: whole tables and promotion lists by line, the rest by tomlkit."""
    text, rest = theirs, []
    for change in changes:
        if _is_promotion_list(change.path) and (change.added or change.removed):
            text = _with_promotions(ours, text, change)
        elif change.value is _NOTHING and _tables(text, change.path):
            text = _without_tables(text, change.path)
        elif isinstance(change.value, dict) and _tables(ours, change.path):
            text = _with_tables(text, change.path, _tables(ours, change.path))
        else:
            rest.append(change)
    return _through_tomlkit(ours, text, rest) if rest else text


def _with_promotions(ours: str, text: str, change: _Change) -> str:
    environment = change.path[1]
    mine = edit.entry_list(parse("", ours.encode()), environment)
    remarks = {item.app: item.comment.removeprefix("#").strip() for item in mine.items} if mine else {}
    for app in change.removed:
        text = edit.remove_entry(parse("", text.encode()), environment, app)
    entries = [_placed(str(entry), remarks) for entry in change.added]
    return edit.set_entries(parse("", text.encode()), environment, entries) if entries else text


def _placed(entry: str, remarks: Mapping[str, str]) -> edit.Placed:
    app, at, pin = entry.partition("@")
    return edit.Placed(app, pin if at else None, remarks.get(app, ""))


class _Table(NamedTuple):
    """A table with its header, body and the comment lines directly above, as offsets."""

    path: Path
    start: int
    end: int


def _all_tables(text: str) -> list[_Table]:
    sections = list(edit.sections(text))
    starts = [comments_above(text, section.start) for section in sections] + [len(text)]
    return [_Table(section.path, *ends) for section, *ends in zip(sections, starts, starts[1:], strict=False)]


def _tables(text: str, path: Path) -> str:
    """The text of the table at `path` and of those below it, empty where it has no header of its own."""
    found = [table for table in _all_tables(text) if table.path[: len(path)] == path]
    return "".join(f"{text[table.start : table.end].rstrip()}\n\n" for table in found)


def _without_tables(text: str, path: Path) -> str:
    for table in reversed(_all_tables(text)):
        if table.path[: len(path)] == path:
            text = text[: table.start] + text[table.end :]
    return f"{text.rstrip()}\n"


def _with_tables(text: str, path: Path, block: str) -> str:
    """The text with a block of tables among its kind: in the order of names, or behind the last one."""
    kin = [table for table in _all_tables(text) if table.path and table.path[: len(path) - 1] == path[:-1]]
    kin = kin or [table for table in _all_tables(text) if table.path[:1] == path[:1]]
    later = [table.start for table in kin if table.path[: len(path)] > path]
    at = min(later, default=max((table.end for table in kin), default=len(text)))
    above = text[:at].rstrip()
    return f"{above}\n\n{block}{text[at:].lstrip()}".strip() + "\n"


def _through_tomlkit(ours: str, text: str, changes: Sequence[_Change]) -> str:
    import tomlkit

    mine: Any = tomlkit.parse(ours)
    whole: Any = tomlkit.parse(text)
    for change in changes:
        table, source = whole, mine
        for part in change.path[:-1]:
            table, source = table.setdefault(part, tomlkit.table()), source.get(part, {})
        key = change.path[-1]
        if change.value is _NOTHING:
            del table[key]
        elif change.added or change.removed:
            _edit_list(table[key], change)
        else:
            table[key] = source[key]
    return tomlkit.dumps(whole)


def _edit_list(entries: Any, change: _Change) -> None:
    for entry in change.removed:
        entries.remove(entry)
    for entry in change.added:
        entries.append(entry)
