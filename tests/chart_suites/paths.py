"""The two path languages of a suite: where a value is in a manifest, and where `set` puts one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any], Iterator[Any]]


class SuiteError(Exception):
    """A suite that cannot be run as it is written."""


# Read with a dot before the first name, so that every name has one.
_TOKEN = re.compile(
    r"""\.(?P<name>[^\s.\[\](){}'"*$?@=!<>&|~,]+)
    |\.?\[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]
    |\.?\[(?P<index>-?[0-9]+)\]
    |(?P<every>\.\*|\.?\[\*\])
    |\.?\[\?\(\s*@\.(?P<key>[\w/-]+)\s*==\s*(?P<mark>['"])(?P<value>.*?)(?P=mark)\s*\)\]
    """,
    re.VERBOSE,
)
_SET_TOKEN = re.compile(
    r"""\.(?P<name>[^.\[\]{}=,\\]+)
    |\[(?P<index>[0-9]+)\]
    |\.\[(?P<quoted>[^\[\]{}=,]*[^0-9\[\]{}=,][^\[\]{}=,]*)\]
    """,
    re.VERBOSE,
)


def find(document: Any, path: str) -> list[Any]:
    """Every value of a manifest at a path such as `spec.sources[0].path` or `metadata.labels["a/b"]`."""
    found = [document]
    for step in _steps(path):
        found = [value for parent in found for value in step(parent)]
    return found


def _steps(path: str) -> Iterator[Step]:
    return map(_step, _tokens(_TOKEN, path[1:] if path.startswith("$") else f".{path}", path))


def _tokens(token: re.Pattern[str], text: str, path: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        found = token.match(text, at)
        if found is None:
            raise SuiteError(f"path {path!r} is not one that this runner reads, from {text[at:]!r}")
        yield found
        at = found.end()


def _step(token: re.Match[str]) -> Step:
    if token["every"]:
        return _children
    if token["index"]:
        index = int(token["index"])
        return lambda value: iter(value[index:][:1]) if isinstance(value, list) else iter(())
    if token["key"]:
        key, wanted = token["key"], token["value"]
        return lambda value: (child for child in _children(value) if _child(child, key) == [wanted])
    name = token["quoted"] if token["quote"] else token["name"]
    return lambda value: iter(_child(value, name))


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        return iter(value.values())
    return iter(value) if isinstance(value, list) else iter(())


def _child(value: Any, key: str) -> list[Any]:
    return [value[key]] if isinstance(value, dict) and key in value else []


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Put a value where a `set` path such as `spec.apps.web.helm` or `list[0].name` says.

    What is there already is kept beside it, tables key by key. Raises SuiteError where two paths meet in
    one place: which of them wins is chance.
    """
    _merge(values, _built(_set_steps(path), value), path)


def _set_steps(path: str) -> list[str | int]:
    found = _tokens(_SET_TOKEN, f".{path}", path)
    return [int(token["index"]) if token["index"] else token["name"] or token["quoted"] for token in found]


def _built(steps: list[str | int], value: Any) -> Any:
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [*([None] * step), value]
    return value


def _merge(below: dict[str, Any], over: dict[str, Any], path: str) -> None:
    for key, value in over.items():
        if key not in below:
            below[key] = value
        elif isinstance(value, dict) and isinstance(below[key], dict):
            _merge(below[key], value, path)
        else:
            raise SuiteError(f"set path {path!r} meets another one in {key!r}")
