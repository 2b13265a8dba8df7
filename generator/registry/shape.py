"""Plain TOML data → a table of the model, and what can still be judged where part of it is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from generator.registry.report import MOST_PROBLEMS, Report, location
from generator.registry.toml import Document, Path


class Shaped(NamedTuple):
    """A table, the data it was made of, and the paths in the data that were refused and are left out.

    `table` is None where nothing could be made of the data.
    """

    table: Any
    data: Mapping[str, Any]
    refused: tuple[Path, ...] = ()


def shape(report: Report, document: Document, at: Path, model: type[BaseModel], data: Any) -> Shaped:
    """`data` as a `model`. What is refused is reported and left out, so that it does not hide other problems."""
    try:
        return Shaped(model.model_validate(data), data)
    except ValidationError as error:
        report.invalid(document, at, model, data, error)
        if not isinstance(data, dict) or error.error_count() > MOST_PROBLEMS:
            return Shaped(None, {})
        refused = tuple(location(data, finding["loc"]) for finding in error.errors(include_url=False))
    known = {_known(data, path) for path in refused}
    for paths in (known, {_element(path) for path in known}, {path[:1] for path in known}):
        rest = _without(data, paths)
        try:
            table = model.model_validate(rest)
        except ValidationError:
            continue
        report.left_out(document, (at + path for path in paths))
        return Shaped(table, rest, refused)
    return Shaped(None, {}, refused)


def _known(data: Any, path: Path) -> Path:
    """As much of `path` as there is in `data`."""
    for count, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return path[:count]
    return path


def _element(path: Path) -> Path:
    """The list element around `path`: what is left of it may not be valid."""
    last = max((count for count, part in enumerate(path, 1) if isinstance(part, int)), default=len(path))
    return path[:last]


def _without(value: Any, paths: Iterable[Path]) -> Any:
    """A copy of `value` without what is at `paths`."""
    below: dict[str | int, list[Path]] = defaultdict(list)
    for path in filter(None, paths):
        below[path[0]].append(path[1:])
    kept = {key for key, rests in below.items() if () not in rests}
    if isinstance(value, dict):
        return {
            key: _without(inner, below[key]) if key in below else inner
            for key, inner in value.items()
            if key in kept or key not in below
        }
    if isinstance(value, list):
        return [
            _without(inner, below[index]) if index in below else inner
            for index, inner in enumerate(value)
            if index in kept or index not in below
        ]
    return value


def is_refused(path: Path, refused: Iterable[Path]) -> bool:
    """Whether what a finding at `path` speaks of was itself refused, or may be missing only for that."""
    return any(not path or path[: len(part)] == part or part[: len(path)] == path for part in refused)
