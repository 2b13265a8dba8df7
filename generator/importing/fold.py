"""Fold the tables of one app in several environments into one table with overrides. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generator.charts.app_projects import APPLICATION_WAVE
from generator.toml.data import equal_data

Table = dict[str, Any]
KeyPath = tuple[str, ...]

#: What `[defaults]` may state: fields that every imported app has.
_DEFAULT_FIELDS: tuple[KeyPath, ...] = (
    ("finalizer",),
    ("syncPolicy", "automated"),
    ("syncPolicy", "syncOptions"),
    ("syncWave",),
)
#: Values that need not be stated, because they turn nothing on.
_BUILT_IN: dict[KeyPath, Any] = {("syncWave",): APPLICATION_WAVE}


@dataclass
class FoldedApp:
    """An app's table, its overrides by environment, and the pins of its entries in the promotion lists."""

    common: Table
    overrides: dict[str, Table] = field(default_factory=dict)
    pins: dict[str, str | None] = field(default_factory=dict)


def fold_app(tables: Mapping[str, Table]) -> FoldedApp:
    """Fold an app's tables by environment, so that the common table with an environment's overrides gives its table."""
    tables, pins = _split_pins(tables)
    values = list(tables.values())
    common = values[0]
    for other in values[1:]:
        common = _intersect(common, other)
    overrides = {env: subtract(table, common) for env, table in tables.items()}
    return FoldedApp(common, {env: table for env, table in overrides.items() if table}, pins)


def _split_pins(tables: Mapping[str, Table]) -> tuple[Mapping[str, Table], dict[str, str | None]]:
    """Move revisions that differ between the environments into pins; the most frequent one stays in the table."""
    source = _find_pinned_source(tables)
    revisions = {env: _read_revision(table, source) for env, table in tables.items()}
    if None in revisions.values() or (source is None and len(set(revisions.values())) == 1):
        return tables, dict.fromkeys(tables)
    usual = Counter(revisions.values()).most_common(1)[0][0]
    folded = {env: _with_revision(table, source, usual) for env, table in tables.items()}
    return folded, {env: revision if revision != usual else None for env, revision in revisions.items()}


def _find_pinned_source(tables: Mapping[str, Table]) -> int | None:
    """The one source of several whose revision differs between the environments, else the first chart; or None."""
    sources = [table.get("sources") for table in tables.values()]
    first = sources[0]
    if first is None or any(each is None or len(each) != len(first) for each in sources):
        return None
    changing = [
        index
        for index in range(len(first))
        if not all(equal_data(each[index], first[index]) for each in sources if each)
    ]
    if not changing:
        return next((index for index, source in enumerate(first) if "chart" in source), None)
    rest = [{**each[changing[0]], "targetRevision": ""} for each in sources if each]
    same = all(equal_data(each, rest[0]) for each in rest)
    return changing[0] if len(changing) == 1 and same else None


def _read_revision(table: Table, source: int | None) -> str | None:
    return table.get("targetRevision") if source is None else table["sources"][source].get("targetRevision")


def _with_revision(table: Table, source: int | None, revision: str | None) -> Table:
    if source is None:
        return {**table, "targetRevision": revision}
    sources = list(table["sources"])
    sources[source] = {**sources[source], "targetRevision": revision}
    return {**table, "sources": sources, "pins": [f"sources.{sources[source].get('name') or source}"]}


def _intersect(left: Table, right: Table) -> Table:
    """The entries that two tables share, table by table."""
    found: Table = {}
    for key in left.keys() & right.keys():
        one, other = left[key], right[key]
        if equal_data(one, other):
            found[key] = one
        elif isinstance(one, dict) and isinstance(other, dict):
            shared = _intersect(one, other)
            if shared or not one or not other:
                found[key] = shared
    return {key: found[key] for key in left if key in found}


def subtract(table: Table, common: Table) -> Table:
    """The entries of a table that merging it over `common` needs."""
    found: Table = {}
    for key, value in table.items():
        if key not in common:
            found[key] = value
        elif isinstance(value, dict) and isinstance(common[key], dict):
            if rest := subtract(value, common[key]):
                found[key] = rest
        elif not equal_data(value, common[key]):
            found[key] = value
    return found


def choose_defaults(tables: Sequence[Table]) -> Table:
    """The values that most apps have, of the fields that every app has."""
    chosen: Table = {}
    for path in _DEFAULT_FIELDS:
        values = [_get(table, path) for table in tables]
        usual = _most_frequent(value for value in values if _may_be_default(value))
        if usual is not None and None not in values and not equal_data(usual, _BUILT_IN.get(path)):
            _put(chosen, path, usual)
    return chosen


def _may_be_default(value: Any) -> bool:
    # An app that lacks one of the other keys would inherit it.
    return value is not None and not (isinstance(value, dict) and value.keys() - {"prune", "selfHeal"})


def _most_frequent(values: Iterable[Any]) -> Any:
    values = list(values)
    counts = Counter(map(repr, values))
    return next((value for value in values if repr(value) == counts.most_common(1)[0][0]), None)


def without_defaults(app: FoldedApp, defaults: Table) -> FoldedApp:
    """The app without the fields that are equal to the defaults."""
    common = _without_defaults(app.common, defaults)
    overrides = {
        env: _without_defaults(table, defaults) if _is_untouched(table, app.common) else table
        for env, table in app.overrides.items()
    }
    return FoldedApp(common, {env: table for env, table in overrides.items() if table}, app.pins)


def _is_untouched(table: Table, common: Table) -> bool:
    """Whether the app's common table says nothing of the fields of the defaults that this table says."""
    return not any(_get(table, path) is not None and _get(common, path) is not None for path in _DEFAULT_FIELDS)


def _without_defaults(table: Table, defaults: Table) -> Table:
    found = {key: dict(value) if isinstance(value, dict) else value for key, value in table.items()}
    for path in _DEFAULT_FIELDS:
        default = _get(defaults, path)
        if default is not None and equal_data(_get(found, path), default):
            _drop(found, path)
    return found


def _get(table: Any, path: KeyPath) -> Any:
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _put(table: Table, path: KeyPath, value: Any) -> None:
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value


def _drop(table: Table, path: KeyPath) -> None:
    inner = _get(table, path[:-1])
    del inner[path[-1]]
    if len(path) > 1 and not inner:
        del table[path[0]]
