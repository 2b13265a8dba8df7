"""Collect what is wrong, each problem at its place in its file, in words that say what to do."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sized
from datetime import date, datetime, time
from itertools import islice
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from generator.errors import Problem
from generator.registry.table import TAGS, WANTED
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
#: More problems than this are one mistake (a generated or a foreign file), and nobody reads on.
MOST_PROBLEMS = 1000
# Names beyond these are not compared for a suggestion: it is a help, and must not cost what it helps with.
_MOST_COMPARED, _LONGEST_COMPARED = 100, 64
# A number, boolean or date as it stands in the text.
_TOKEN = re.compile(r"[0-9-]{10} [0-9:.]+(?:[Zz]|[+-][0-9:]+)?|[^\s,\]}#]+")
_WANTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "datetime_type": "a date with time and offset, such as 2026-12-19T00:00:00Z",
}
_BOUNDS = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "is empty: fill it in, or remove it",
    "too_long": "is {actual_length} characters long; at most {max_length} are allowed",
    "too_short": "is an empty list, which is not the same as none: remove it",
}


class TooManyError(Exception):
    """There are `MOST_PROBLEMS`, and reading on would find more."""


class Report:
    """The problems found so far over all files of one registry."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._order: dict[str, int] = {}
        self._left_out: dict[tuple[str, Path], list[int]] = defaultdict(list)

    def file(self, name: str) -> int:
        """The place of a file in file order; the first one asked about is the root."""
        return self._order.setdefault(name, len(self._order))

    def text(self, name: str, line: int, column: int, text: str, key: str = "", refused: bool = False) -> None:
        if len(self.problems) >= MOST_PROBLEMS:
            raise TooManyError
        self.problems.append(Problem(self.file(name), line, column, name, key, text, refused))

    def syntax(self, name: str, error: TomlError) -> None:
        for position, key, text in error.problems:
            self.text(name, position.line, position.column, text, key)

    def left_out(self, document: Document, paths: Iterable[Path]) -> None:
        """Note elements that are not in the lists that are judged from now on, so that places stay right."""
        for path in sorted(paths, key=repr):
            if isinstance(path[-1], int):
                self._left_out[document.name, path[:-1]].append(path[-1])

    def value(self, document: Document, path: Path, text: str, *, refused: bool = False) -> None:
        """A problem of the value at `path`, or of the nearest table around it that the file has."""
        place: Path = ()
        for part in path:
            place += (self._index(document, place, part) if isinstance(part, int) else part,)
        self.written(document, place, text, refused=refused)

    def _index(self, document: Document, path: Path, index: int) -> int:
        for left_out in sorted(self._left_out.get((document.name, path), ())):
            index += left_out <= index
        return index

    def written(self, document: Document, path: Path, text: str, *, refused: bool = False) -> None:
        """As `value`, of a path in the file itself and not in what was made of it."""
        position = document.value_position(path)
        self.text(document.name, position.line, position.column, text, _key(path), refused)

    def key(self, document: Document, path: Path, text: str) -> None:
        """A problem of the key at `path` itself."""
        position = document.key_position(path)
        self.text(document.name, position.line, position.column, text, _key(path))

    def invalid(self, document: Document, at: Path, model: type[BaseModel], raw: Any, error: ValidationError) -> None:
        """Every finding of pydantic about the table `raw` at `at`, which was read as `model`."""
        if error.error_count() > MOST_PROBLEMS:
            self.written(document, at, f"has {error.error_count()} problems: is this meant to be a registry?")
            return
        for finding in error.errors(include_url=False):
            self._finding(document, at, model, finding, location(raw, finding["loc"]))

    def _finding(
        self, document: Document, at: Path, model: type[BaseModel], finding: Mapping[str, Any], place: Path
    ) -> None:
        if finding["type"] == "extra_forbidden":
            known = _fields_at(model, place[:-1])
            self.key(document, at + place, unknown_key(str(place[-1]), known))
        elif finding["type"] == "missing":
            self.written(document, at + place[:-1], f"{dotted(place[-1:])} is missing: add it")
        elif place and place[-1] == "[key]":
            self.key(document, at + place[:-1], finding["msg"])
        else:
            self.written(document, at + place, _wording(finding, _Written(document, at + place)))


class _Written(NamedTuple):
    """A value as it stands in its file: 1.10 stays 1.10."""

    document: Document
    path: Path

    def __str__(self) -> str:
        line, column = self.document.value_position(self.path)
        found = _TOKEN.match(self.document.text.split("\n", line)[line - 1], column - 1)
        return found[0][:_LONGEST_COMPARED] if found else ""


def location(raw: Any, loc: Path) -> Path:
    """Where in `raw` pydantic's `loc` is: without the tags of `by_shape`, which are no keys there."""
    path: list[str | int] = []
    for part in loc:
        if part in TAGS and not (isinstance(raw, dict) and part in raw):
            continue
        path.append(part)
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            raw = None
    return tuple(path)


def _key(path: Path) -> str:
    """The dotted key as it is shown: without the index of a list's element, and with names cut that are none."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return dotted(tuple(part if isinstance(part, int) or len(part) <= 80 else f"{part[:80]}…" for part in path))


def kind(value: object) -> str:
    """What TOML calls the type of `value`."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "nothing")


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if not isinstance(value, (list, dict)) else "…"


def _wording(finding: Mapping[str, Any], written: _Written) -> str:
    value, found = finding["input"], str(finding["type"])
    wanted = str(finding["msg"]) if found == WANTED else _WANTED.get(found)
    if wanted == "a string" and not isinstance(value, (list, dict)):
        return f'is {kind(value)}, but must be a string: quote it, "{written}"'
    if wanted:
        return f"is {kind(value)}, but must be {wanted}"
    if found == "literal_error":
        return _choice(value, finding["ctx"]["expected"])
    if found in _BOUNDS:
        return _BOUNDS[found].format(**finding["ctx"])
    return str(finding["msg"])


def _choice(value: object, expected: str) -> str:
    if expected == "False":
        return f"is {_literal(value)}, but must be a table or false"
    if isinstance(value, str) and not expected.startswith("'"):
        return f"is a string, but must be {expected}"
    choices = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    said = shown(value) if isinstance(value, str) else _literal(value)
    return f"{said} is not one of {', '.join(choices)}{suggestion(str(value), choices)}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The refusal of a key that a closed table does not have."""
    hint = suggestion(key, known)
    return (
        f"unknown key{hint}" if hint else f"unknown key: remove it (known here: {', '.join(sorted(known)) or 'none'})"
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the nearest known word, or nothing."""
    if len(word) > _LONGEST_COMPARED:
        return ""
    folded = word.lower()
    near = (name for name in known if abs(len(name) - len(word)) <= len(word) // 2)
    if isinstance(known, Sized) and len(known) > _MOST_COMPARED:
        near = (name for name in near if name[:2].lower() == folded[:2] or name[-2:].lower() == folded[-2:])
    by_fold: dict[str, str] = {}
    for name in islice(near, _MOST_COMPARED):
        by_fold.setdefault(name.lower(), name)
    close = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.6)
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
