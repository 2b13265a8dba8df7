"""Validate TOML data as a model, and keep the valid part if some of it is invalid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from generator.registry.problems import MAX_PROBLEMS, ProblemCollector, resolve_error_path
from generator.toml.document import Document, KeyPath


class ValidatedTable(NamedTuple):
    """A validated table, its source data, and the invalid paths that were left out.

    `table` is None if no part of the data is valid.
    """

    table: Any
    data: Mapping[str, Any]
    refused: tuple[KeyPath, ...] = ()


def validate_table(
    problems: ProblemCollector, document: Document, table_path: KeyPath, model: type[BaseModel], data: Any
) -> ValidatedTable:
    """Validate `data` as a `model`. Invalid parts are reported and left out, so that validation can continue."""
    try:
        return ValidatedTable(model.model_validate(data), data)
    except ValidationError as error:
        problems.add_validation_error(document, table_path, model, data, error)
        if not isinstance(data, dict) or error.error_count() > MAX_PROBLEMS:
            return ValidatedTable(None, {})
        refused = tuple(resolve_error_path(data, finding["loc"]) for finding in error.errors(include_url=False))
    known = {_existing_path(data, path) for path in refused}
    for paths in (known, {_enclosing_element_path(path) for path in known}, {path[:1] for path in known}):
        rest = _without_paths(data, paths)
        try:
            table = model.model_validate(rest)
        except ValidationError:
            continue
        problems.record_removed_elements(document, (table_path + path for path in paths))
        return ValidatedTable(table, rest, refused)
    return ValidatedTable(None, {}, refused)


def _existing_path(data: Any, path: KeyPath) -> KeyPath:
    """The longest prefix of `path` that exists in `data`."""
    for count, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return path[:count]
    return path


def _enclosing_element_path(path: KeyPath) -> KeyPath:
    """The path of the innermost list element that contains `path`, or `path` itself."""
    last = max((count for count, part in enumerate(path, 1) if isinstance(part, int)), default=len(path))
    return path[:last]


def _without_paths(value: Any, paths: Iterable[KeyPath]) -> Any:
    """A copy of `value` without the parts at `paths`."""
    below: dict[str | int, list[KeyPath]] = defaultdict(list)
    for path in filter(None, paths):
        below[path[0]].append(path[1:])
    kept = {key for key, rests in below.items() if () not in rests}
    if isinstance(value, dict):
        return {
            key: _without_paths(inner, below[key]) if key in below else inner
            for key, inner in value.items()
            if key in kept or key not in below
        }
    if isinstance(value, list):
        return [
            _without_paths(inner, below[index]) if index in below else inner
            for index, inner in enumerate(value)
            if index in kept or index not in below
        ]
    return value


def overlaps_refused_path(path: KeyPath, refused: Iterable[KeyPath]) -> bool:
    """Whether `path` is, contains, or lies inside a part that was left out as invalid."""
    return any(not path or path[: len(part)] == part or part[: len(path)] == path for part in refused)
