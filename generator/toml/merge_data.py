"""Three-way merge of the data of a TOML file. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from generator.toml.data import equal_data
from generator.toml.document import KeyPath, format_key_path

ABSENT: Any = object()
_LONGEST_SHOWN = 160


@dataclass(frozen=True)
class Conflict:
    """A key that both sides changed differently."""

    key: str
    user_value: str
    branch_value: str

    def __str__(self) -> str:
        return f"  {self.key}: yours {self.user_value}, the branch's {self.branch_value}"


class MergeRules(Protocol):
    """What a format means by its tables and lists."""

    def is_named_table(self, path: KeyPath) -> bool:
        """Whether two new tables at `path` with different content are a conflict."""
        ...

    def entry_name(self, path: KeyPath) -> Callable[[Any], str] | None:
        """For a list of independent entries, what identifies an entry; None for a list that is one value."""
        ...

    def is_sorted(self, path: KeyPath) -> bool:
        """Whether new entries of a list go before the first entry with a greater name."""
        ...


@dataclass
class DataMerge:
    rules: MergeRules

    def __post_init__(self) -> None:
        self.conflicts: list[Conflict] = []
        #: Tables of which each side removed some members, and both together all: without a header, they are gone.
        self.emptied_tables: list[KeyPath] = []

    def merge(self, path: KeyPath, base: Any, user: Any, branch: Any) -> Any:
        """The merged value, or `ABSENT`; records a conflict where both sides changed a value."""
        if is_same(user, base) or is_same(user, branch):
            return branch
        if isinstance(user, dict) and isinstance(branch, dict):
            return self._merge_tables(path, base, user, branch)
        if is_same(branch, base):
            return user
        name_of = self.rules.entry_name(path)
        sides = [side if isinstance(side, list) else [] for side in (base, user, branch)]
        if name_of and isinstance(user, list) and isinstance(branch, list):
            named = [{name_of(entry): entry for entry in side} for side in sides]
            if all(len(names) == len(side) for names, side in zip(named, sides, strict=True)):
                return self._merge_entries(path, *named)
        return self._conflict(path, user, branch)

    def _merge_tables(self, path: KeyPath, base: Any, user: dict[str, Any], branch: dict[str, Any]) -> Any:
        if base is ABSENT and self.rules.is_named_table(path):
            for key in dict.fromkeys((*user, *branch)):
                sides = user.get(key, ABSENT), branch.get(key, ABSENT)
                if not is_same(*sides):
                    self._conflict((*path, key), *sides)
            return branch
        before = base if isinstance(base, dict) else {}
        merged = {}
        for key in dict.fromkeys((*branch, *user)):
            value = self.merge((*path, key), *(side.get(key, ABSENT) for side in (before, user, branch)))
            if value is not ABSENT:
                merged[key] = value
        if user and branch and not merged:
            self.emptied_tables.append(path)
        return merged

    def _merge_entries(
        self, path: KeyPath, base: Mapping[str, Any], user: Mapping[str, Any], branch: Mapping[str, Any]
    ) -> list[Any]:
        """Merge a list of independent entries, given by their names."""
        merged = {}
        for name in dict.fromkeys((*branch, *user)):
            was, wanted, there = (side.get(name, ABSENT) for side in (base, user, branch))
            if wanted in (was, there):
                merged[name] = there
            else:
                merged[name] = wanted if there == was else self._conflict((*path, name), wanted, there)
        kept = [name for name in branch if merged[name] is not ABSENT]
        added = [name for name in user if name not in branch and merged[name] is not ABSENT]
        return [merged[name] for name in _insert_names(kept, added, is_sorted=self.rules.is_sorted(path))]

    def _conflict(self, path: KeyPath, user: Any, branch: Any) -> Any:
        self.conflicts.append(Conflict(format_key_path(path), format_value(user), format_value(branch)))
        return branch


def _insert_names(names: list[str], added: list[str], *, is_sorted: bool) -> list[str]:
    """Append names, or insert each before the first greater one, in linear time."""
    if not is_sorted:
        return names + added
    result: list[str] = []
    waiting = sorted(added, reverse=True)
    for name in names:
        while waiting and waiting[-1] < name:
            result.append(waiting.pop())
        result.append(name)
    return result + waiting[::-1]


def is_same(left: Any, right: Any) -> bool:
    """Whether two values are equal in value and type; ABSENT equals only itself."""
    return left is right or (left is not ABSENT and right is not ABSENT and equal_data(left, right))


def format_value(value: Any) -> str:
    """Format a value as JSON for a message, cut if it is long; `nothing` for ABSENT."""
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def canonical_text(value: Any) -> str:
    """The same text for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, default=repr)


def find_value_or_absent(data: Any, path: KeyPath) -> Any:
    """Return the value at a path of keys; ABSENT if it is missing."""
    for part in path:
        if not (isinstance(data, dict) and part in data):
            return ABSENT
        data = data[part]
    return data
