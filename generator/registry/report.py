"""Collect what is wrong, each problem at its place in its file, in words that say what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from generator.errors import Problem
from generator.registry.text import shown
from generator.registry.toml import Document, Path, TomlError, dotted

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a float"),
    ((datetime, date, time), "a date or time"),
    (str, "a string"),
    (list, "a list"),
    (dict, "a table"),
)
_WANTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "datetime_type": "a date with time and offset, such as 2026-12-19T00:00:00Z",
}


class Report:
    """The problems found so far over all files of one registry."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._order: dict[str, int] = {}

    def file(self, name: str) -> int:
        """The place of a file in file order; the first one asked about is the root."""
        return self._order.setdefault(name, len(self._order))

    def text(self, name: str, line: int, column: int, text: str, key: str = "", refused: bool = False) -> None:
        self.problems.append(Problem(self.file(name), line, column, name, key, text, refused))

    def syntax(self, name: str, error: TomlError) -> None:
        for position, key, text in error.problems:
            self.text(name, position.line, position.column, text, key)

    def value(self, document: Document, path: Path, text: str, *, refused: bool = False) -> None:
        """A problem of the value at `path`, or of the nearest table around it that the file has."""
        position = document.value_position(path)
        self.text(document.name, position.line, position.column, text, _key(path), refused)

    def key(self, document: Document, path: Path, text: str) -> None:
        """A problem of the key at `path` itself."""
        position = document.key_position(path)
        self.text(document.name, position.line, position.column, text, _key(path))

    def invalid(self, document: Document, at: Path, model: type[BaseModel], error: ValidationError) -> None:
        """Every finding of pydantic about the table at `at`, which was read as `model`."""
        for finding in error.errors(include_url=False):
            self._finding(document, at, model, finding)

    def _finding(self, document: Document, at: Path, model: type[BaseModel], finding: Mapping[str, Any]) -> None:
        location = tuple(part for part in finding["loc"] if not str(part).startswith("<"))
        if finding["type"] == "extra_forbidden":
            known = _fields_at(model, location[:-1])
            self.key(document, at + location, unknown_key(str(location[-1]), known))
        elif finding["type"] == "missing":
            self.value(document, at + location[:-1], f"{dotted(location[-1:])} is missing: add it")
        elif location and location[-1] == "[key]":
            self.key(document, at + location[:-1], finding["msg"])
        else:
            self.value(document, at + location, _wording(finding))


def _key(path: Path) -> str:
    """The dotted key as it is shown: without the index of a list's element."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return dotted(path)


def kind(value: object) -> str:
    """What TOML calls the type of `value`."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "nothing")


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if not isinstance(value, (list, dict)) else "…"


def _wording(finding: Mapping[str, Any]) -> str:
    value, found = finding["input"], str(finding["type"])
    wanted = _WANTED.get(found)
    if wanted == "a string" and not isinstance(value, (list, dict)):
        return f'is {kind(value)}, but must be a string: quote it, "{_literal(value)}"'
    if wanted:
        return f"is {kind(value)}, but must be {wanted}"
    if found == "literal_error":
        return _choice(value, finding["ctx"]["expected"])
    return str(finding["msg"])


def _choice(value: object, expected: str) -> str:
    choices = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    said = shown(value) if isinstance(value, str) else _literal(value)
    return f"{said} is not one of {', '.join(choices).replace('False', 'false')}{suggestion(str(value), choices)}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The refusal of a key that a closed table does not have."""
    hint = suggestion(key, known)
    return (
        f"unknown key{hint}" if hint else f"unknown key: remove it (known here: {', '.join(sorted(known)) or 'none'})"
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the nearest known word, or nothing."""
    by_fold = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_fold, n=1, cutoff=0.6)
    return f' (did you mean "{by_fold[close[0]]}"?)' if close else ""


def _fields_at(model: type[BaseModel], location: Path) -> list[str]:
    """The keys of the table that `location` leads to from `model`."""
    current: type[BaseModel] | None = model
    for part in location:
        if current is None:
            return []
        fields = {info.alias: info for info in current.model_fields.values()}
        if part in fields:
            current = _model_in(fields[str(part)].annotation)
    return [str(info.alias) for info in current.model_fields.values()] if current else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first table type inside an annotation such as `dict[Name, Table] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
