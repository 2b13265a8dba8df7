"""Compares and changes the data of TOML documents by key path. Pure; no function changes its arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from generator.toml.syntax import KeyPath


def equal_data(left: Any, right: Any) -> bool:
    """Whether two values are equal in value and type; Python's == treats 1, True and 1.0 as equal."""
    return json.dumps(left, sort_keys=True, default=repr) == json.dumps(right, sort_keys=True, default=repr)


def value_at(data: Any, path: KeyPath) -> Any:
    """The value at `path`, which must exist."""
    for part in path:
        data = data[part]
    return data


def with_value(data: Any, path: KeyPath, value: Any) -> Any:
    """A copy of `data` with `value` at `path`; missing tables are added."""
    if not path:
        return value
    if isinstance(data, list):
        return [with_value(each, path[1:], value) if index == path[0] else each for index, each in enumerate(data)]
    return {**data, path[0]: with_value(data.get(path[0], {}), path[1:], value)}


def without_value(data: Mapping[Any, Any], path: KeyPath) -> dict[Any, Any]:
    """Return a copy of `data` without the value at `path`. Raises KeyError if a table above it is missing."""
    if len(path) == 1:
        return {key: value for key, value in data.items() if key != path[0]}
    return {**data, path[0]: without_value(data[path[0]], path[1:])}


def without_empty_tables(data: Any, path: KeyPath) -> Any:
    """`data` without the tables above `path` that are empty."""
    if len(path) < 2 or not isinstance(data, dict) or path[0] not in data:
        return data
    inner = without_empty_tables(data[path[0]], path[1:])
    return {key: inner if key == path[0] else value for key, value in data.items() if key != path[0] or inner != {}}


def list_leaves(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values of a table and of the tables in it that are not tables themselves, each with its path."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from list_leaves(value, (*path, key))
        else:
            yield (*path, key), value
