"""Validate tables as models, and collect the problems of all files with their positions and messages."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sized
from datetime import date, datetime, time
from itertools import islice
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from generator.argocd.strings import quoted_excerpt
from generator.argocd.table import TYPE_TAGS, WRONG_TYPE_ERROR
from generator.errors import Problem, UsageError
from generator.registry.findings import Finding
from generator.toml.document import Document, KeyPath, Position, TomlError, format_key_path

_TYPE_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a float"),
    ((datetime, date, time), "a date or time"),
    (str, "a string"),
    (list, "a list"),
    (dict, "a table"),
)
#: More problems than this have one cause (a generated or unrelated file), and reading stops.
MAX_PROBLEMS = 1000
# Limits for the names that a suggestion compares, to keep it cheap.
_MAX_SUGGESTION_CANDIDATES, _MAX_SUGGESTION_LENGTH = 100, 64
#: With more names than this, an error suggests only the nearest.
_MAX_LISTED_CHOICES = 8
# A number, boolean or date as it stands in the text.
_LITERAL_TOKEN = re.compile(r"[0-9-]{10} [0-9:.]+(?:[Zz]|[+-][0-9:]+)?|[^\s,\]}#]+")
_EXPECTED_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "datetime_type": "a date with time and offset, such as 2026-12-19T00:00:00Z",
}
_BOUND_MESSAGES = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "is empty: fill it in, or remove it",
    "too_long": "has {actual_length} characters: shorten it to {max_length}",
    "too_short": "is an empty list, which differs from no list: remove it",
}
#: The code of each type of finding; of all others it is WL2106, the form of a value.
_CODES = {
    WRONG_TYPE_ERROR: "WL2103",
    **dict.fromkeys(_EXPECTED_TYPES, "WL2103"),
    **dict.fromkeys(_BOUND_MESSAGES, "WL2104"),
    "literal_error": "WL2105",
}


class TooManyProblemsError(Exception):
    """The limit of `MAX_PROBLEMS` is reached, and reading stops."""


def format_position(document: Document, position: Position) -> str:
    """A place in a file, for messages: `apps.toml:3:5`."""
    return f"{document.name}:{position.line}:{position.column}"


class ProblemCollector:
    """Collects the problems of all files of one registry."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        #: Remarks about valid values.
        self.notes: list[Problem] = []
        self._file_order: dict[str, int] = {}
        self._removed_indexes: dict[tuple[str, KeyPath], list[int]] = defaultdict(list)

    def file_order(self, name: str) -> int:
        """The position of a file in reading order; the first file requested is the root."""
        return self._file_order.setdefault(name, len(self._file_order))

    def add_problem(self, name: str, line: int, column: int, code: str, text: str, key: str = "") -> None:
        """Add a problem at a 1-based position of a file. Raises TooManyProblemsError at the limit."""
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooManyProblemsError
        self.problems.append(Problem(self.file_order(name), line, column, name, key, text, code))

    def add_note(self, document: Document, path: KeyPath, text: str) -> None:
        """Add a note about a valid value."""
        line, column = document.value_position(path)
        order = self.file_order(document.name)
        self.notes.append(Problem(order, line, column, document.name, _displayed_key(path), text, ""))

    def add_syntax_errors(self, name: str, error: TomlError) -> None:
        """Add the problems of a file that is not valid TOML."""
        for position, key, text in error.problems:
            self.add_problem(name, position.line, position.column, "WL2001", text, key)

    def record_removed_elements(self, document: Document, paths: Iterable[KeyPath]) -> None:
        """Record elements removed from lists before validation, so that later indexes map to the file."""
        for path in sorted(paths, key=repr):
            if isinstance(path[-1], int):
                self._removed_indexes[document.name, path[:-1]].append(path[-1])

    def add_value_problem(self, document: Document, path: KeyPath, code: str, text: str) -> None:
        """Add a problem of the value at `path`, or of the nearest enclosing table in the file."""
        place: KeyPath = ()
        for part in path:
            place += (self._index_in_file(document, place, part) if isinstance(part, int) else part,)
        self.add_problem_at_path(document, place, code, text)

    def _index_in_file(self, document: Document, path: KeyPath, index: int) -> int:
        for left_out in sorted(self._removed_indexes.get((document.name, path), ())):
            index += left_out <= index
        return index

    def add_problem_at_path(self, document: Document, path: KeyPath, code: str, text: str) -> None:
        """Like `add_value_problem`, for a path in the file itself instead of in the validated data."""
        position = document.value_position(path)
        self.add_problem(document.name, position.line, position.column, code, text, _displayed_key(path))

    def add_key_problem(self, document: Document, path: KeyPath, code: str, text: str) -> None:
        """Add a problem of the key at `path`."""
        position = document.key_position(path)
        self.add_problem(document.name, position.line, position.column, code, text, _displayed_key(path))

    def add_validation_error(
        self, document: Document, table_path: KeyPath, model: type[BaseModel], raw: Any, error: ValidationError
    ) -> None:
        """Add every pydantic error of the table `raw` at `table_path`, which was validated as `model`."""
        if error.error_count() > MAX_PROBLEMS:
            text = f"has {error.error_count()} problems: is this meant to be a registry?"
            self.add_problem_at_path(document, table_path, "WL2002", text)
            return
        for finding in error.errors(include_url=False):
            path = resolve_error_path(raw, finding["loc"])
            last = path[-1] if path else ""
            if finding["type"] == "extra_forbidden":
                known = _keys_of_table_at(model, path[:-1])
                self.add_key_problem(document, table_path + path, "WL2101", unknown_key_message(str(last), known))
            elif finding["type"] == "missing":
                text = f"{format_key_path(path[-1:])} is missing: add {'it' if path != ('version',) else 'version = 2'}"
                if not document.data:
                    text = "is empty: remove it, and run 'workloads init', or 'workloads import' for what exists"
                self.add_problem_at_path(document, table_path + path[:-1], "WL2102", text)
            elif last == "[key]":
                self.add_key_problem(document, table_path + path[:-1], "WL2106", finding["msg"])
            else:
                text = _finding_message(finding, document, table_path + path)
                self.add_problem_at_path(document, table_path + path, _CODES.get(finding["type"], "WL2106"), text)


def _literal_text(document: Document, path: KeyPath) -> str:
    """The text of a value as written in its file: 1.10 stays 1.10."""
    line, column = document.value_position(path)
    found = _LITERAL_TOKEN.match(document.text.split("\n", line)[line - 1], column - 1)
    return found[0][:_MAX_SUGGESTION_LENGTH] if found else ""


def resolve_error_path(raw: Any, error_location: KeyPath) -> KeyPath:
    """The path in `raw` of a pydantic error location, without the tags of `union_by_toml_type`."""
    path: list[str | int] = []
    for part in error_location:
        if part in TYPE_TAGS and not (isinstance(raw, dict) and part in raw):
            continue
        path.append(part)
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            raw = None
    return tuple(path)


def _displayed_key(path: KeyPath) -> str:
    """The dotted key for messages: without a trailing list index, and with overlong parts shortened."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    shortened = (part if isinstance(part, int) or len(part) <= 80 else f"{part[:80]}…" for part in path)
    return format_key_path(tuple(shortened))


def toml_type_name(value: object) -> str:
    """The TOML type name of `value` for messages, such as "a string"."""
    return next((name for types, name in _TYPE_NAMES if isinstance(value, types)), "nothing")


def _toml_literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if not isinstance(value, (list, dict)) else "…"


def _finding_message(finding: Mapping[str, Any], document: Document, path: KeyPath) -> str:
    value, found = finding["input"], str(finding["type"])
    wanted = str(finding["msg"]) if found == WRONG_TYPE_ERROR else _EXPECTED_TYPES.get(found)
    if wanted == "a string" and not isinstance(value, (list, dict)):
        return f'is {toml_type_name(value)}, but must be a string: quote it, "{_literal_text(document, path)}"'
    if wanted:
        return f"is {toml_type_name(value)}, but must be {wanted}"
    if found == "literal_error":
        return _choice_message(value, finding["ctx"]["expected"])
    if found in _BOUND_MESSAGES:
        return _BOUND_MESSAGES[found].format(**finding["ctx"])
    return str(finding["msg"])


def _choice_message(value: object, expected: str) -> str:
    if expected == "False":
        return f"is {_toml_literal(value)}, but must be a table or false"
    if isinstance(value, str) and not expected.startswith("'"):
        return f"is a string, but must be {expected}"
    choices = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    said = quoted_excerpt(value) if isinstance(value, str) else _toml_literal(value)
    return f"{said} is not one of {', '.join(choices)}{suggest_nearest(str(value), choices)}"


def unknown_key_message(key: str, known: Iterable[str]) -> str:
    """The message for a key that the table does not have."""
    hint = suggest_name(key, list(known))
    return f"unknown key{hint}" if "did you mean" in hint else f"unknown key{hint}: remove it"


def suggest_nearest(word: str, candidates: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the nearest candidate, or an empty string."""
    if len(word) > _MAX_SUGGESTION_LENGTH:
        return ""
    folded = word.lower()
    near = (name for name in candidates if abs(len(name) - len(word)) <= len(word) // 2)
    if isinstance(candidates, Sized) and len(candidates) > _MAX_SUGGESTION_CANDIDATES:
        near = (name for name in near if name[:2].lower() == folded[:2] or name[-2:].lower() == folded[-2:])
    by_fold: dict[str, str] = {}
    for name in islice(near, _MAX_SUGGESTION_CANDIDATES):
        by_fold.setdefault(name.lower(), name)
    close = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    return f' (did you mean "{by_fold[close[0]]}"?)' if close else ""


def suggest_name(word: str, candidates: Collection[str]) -> str:
    """Like `suggest_nearest`, but where no candidate is near, ` (known: a, b)` for at most eight candidates."""
    if not candidates or len(candidates) > _MAX_LISTED_CHOICES:
        return suggest_nearest(word, candidates)
    return suggest_nearest(word, candidates) or f" (known: {', '.join(sorted(candidates))})"


def require_known_name(name: str, names: Collection[str], kind: str, remedy: str = "") -> None:
    """Raise UsageError, with the nearest match or a few choices, if `name` is not among `names`."""
    if name not in names:
        raise UsageError("WL1005", f'unknown {kind} "{name}"{suggest_name(name, names)}', remedy=remedy)


def require_known_names(chosen: Iterable[str], names: Collection[str], kind: str) -> None:
    """Raise UsageError for the first chosen name that is not among `names`."""
    for name in chosen:
        require_known_name(name, names, kind)


def _keys_of_table_at(model: type[BaseModel], table_path: KeyPath) -> list[str]:
    """The keys of the table at `table_path` below `model`."""
    current: type[BaseModel] | None = model
    for part in table_path:
        if current is None:
            return []
        fields = {info.alias: info for info in current.model_fields.values()}
        if part in fields:
            current = _first_model_in(fields[str(part)].annotation)
    return [str(info.alias) for info in current.model_fields.values()] if current else []


def _first_model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model inside an annotation such as `dict[DnsLabel, Table] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _first_model_in(arg))), None)


class ValidatedTable(NamedTuple):
    """A validated table (None if no part is valid), its data, and the invalid paths that were left out of both."""

    table: Any
    data: Mapping[str, Any]
    invalid_paths: tuple[KeyPath, ...] = ()


def validate_table(
    problems: ProblemCollector,
    document: Document,
    table_path: KeyPath,
    model: type[BaseModel],
    data: Any,
    argocd_version: str,
    *,
    interpolate: bool = False,
) -> ValidatedTable:
    """Validate `data` as a `model`. Invalid parts are reported and left out, so that validation can continue.

    With `interpolate`, strings with "${" are not validated: see `find_model_problems`.
    """
    context = {"argocd_version": argocd_version, "interpolate": interpolate}
    try:
        return ValidatedTable(model.model_validate(data, context=context), data)
    except ValidationError as error:
        problems.add_validation_error(document, table_path, model, data, error)
        if not isinstance(data, dict) or error.error_count() > MAX_PROBLEMS:
            return ValidatedTable(None, {})
        invalid_paths = tuple(resolve_error_path(data, finding["loc"]) for finding in error.errors(include_url=False))
    known = {_existing_path(data, path) for path in invalid_paths}
    for paths in (known, {_enclosing_element_path(path) for path in known}, {path[:1] for path in known}):
        rest = _without_paths(data, paths)
        try:
            table = model.model_validate(rest, context=context)
        except ValidationError:
            continue
        problems.record_removed_elements(document, (table_path + path for path in paths))
        return ValidatedTable(table, rest, invalid_paths)
    return ValidatedTable(None, {}, invalid_paths)


def find_model_problems(model: type[BaseModel], data: Any, argocd_version: str) -> Iterator[Finding]:
    """Yield what is wrong with the values of a table that has valid types."""
    try:
        model.model_validate(data, context={"argocd_version": argocd_version})
    except ValidationError as error:
        for finding in error.errors(include_url=False):
            yield Finding(resolve_error_path(data, finding["loc"]), "WL2106", str(finding["msg"]))


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


def overlaps_invalid_path(path: KeyPath, invalid_paths: Iterable[KeyPath]) -> bool:
    """Whether `path` is, contains, or lies inside a part that was left out as invalid."""
    return any(not path or path[: len(part)] == part or part[: len(path)] == path for part in invalid_paths)
