"""The asserts: what each kind asks of the documents that were selected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chart_suites.paths import SuiteError, find

Parameters = Mapping[str, Any]
#: Whether a value is what the parameters ask for. Raises UnfitError for a value of another kind.
Judge = Callable[[Any, Parameters], bool]


class UnfitError(Exception):
    """A value that an assert of this kind can say nothing about, negated or not."""


@dataclass(frozen=True)
class Kind:
    """One kind of assert: its parameters, and how it judges each value at `path`.

    `opposite` kinds are negated by their name. Those of a `whole` look at the document, not into it.
    """

    required: frozenset[str]
    judge: Judge
    optional: frozenset[str] = frozenset()
    opposite: bool = False
    whole: bool = False


def problems(kind: Kind, documents: Sequence[Any], parameters: Parameters, negated: bool) -> Iterator[str]:
    """What is wrong, one text for each value that is not as asserted; every document has to be."""
    negative = negated != kind.opposite
    if not documents and not negative:
        yield _told(parameters, negative, "no document at all")
    for document in documents:
        values = [document] if kind.whole else find(document, parameters["path"])
        if kind.judge is _exists:
            if bool(values) is negative:
                yield _told(parameters, negative, "the path is there" if values else "there is no such path")
        elif not values and not negative:
            yield _told(parameters, negative, "there is no such path")
        else:
            yield from _judged(kind, values, parameters, negative)


def _judged(kind: Kind, values: list[Any], parameters: Parameters, negative: bool) -> Iterator[str]:
    for value in values:
        try:
            if kind.judge(value, parameters) is negative:
                yield _told(parameters, negative, shown(value))
        except UnfitError as unfit:
            yield _told(parameters, negative, f"{shown(value)}, which is not {unfit}")


def _told(parameters: Parameters, negative: bool, actual: str) -> str:
    wanted = {key: value for key, value in parameters.items() if key != "path"}
    sole = shown(next(iter(wanted.values()))) if len(wanted) == 1 else shown(wanted) if wanted else "it to be so"
    path = f"path:     {parameters['path']}\n" if "path" in parameters else ""
    return f"{path}expected: {'not ' if negative else ''}{sole}\nactual:   {actual}"


def shown(value: Any) -> str:
    """A value as one line that tells types apart."""
    return json.dumps(value, ensure_ascii=False, default=str)


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type: to Python, but not to Kubernetes, 1, 1.0 and true are equal."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def _uniform(value: Any) -> Any:
    """A rendered value as helm-unittest compares it: without leading newlines and spaces before newlines."""
    if isinstance(value, str):
        return re.sub(r" +\r?\n", "\n", value).lstrip("\n")
    if isinstance(value, dict):
        return {key: _uniform(inner) for key, inner in value.items()}
    return [_uniform(inner) for inner in value] if isinstance(value, list) else value


def _equal(value: Any, parameters: Parameters) -> bool:
    return same(parameters["value"], _uniform(value))


def _exists(value: Any, parameters: Parameters) -> bool:
    raise AssertionError("judged by the number of values, not one by one")


def _field(name: str) -> Judge:
    return lambda document, parameters: bool(document.get(name) == parameters["of"])


def _contains(value: Any, parameters: Parameters) -> bool:
    if not isinstance(value, list):
        raise UnfitError("a list")
    content = parameters["content"]
    part = bool(parameters.get("any")) and isinstance(content, dict)
    return any(_part(item, content) if part and isinstance(item, dict) else same(item, content) for item in value)


def _part(whole: dict[str, Any], content: dict[str, Any]) -> bool:
    return all(same(whole.get(key), value) for key, value in content.items())


def _subset(value: Any, parameters: Parameters) -> bool:
    if not isinstance(value, dict) or not isinstance(parameters["content"], dict):
        raise UnfitError("a table, or is not compared with one")
    return _part(value, parameters["content"])


def _length(value: Any, parameters: Parameters) -> bool:
    if not isinstance(value, list):
        raise UnfitError("a list")
    return bool(len(value) == parameters["count"])


def _matches(value: Any, parameters: Parameters) -> bool:
    if not isinstance(value, str):
        raise UnfitError("a string")
    return pattern(parameters["pattern"]).search(value) is not None


def pattern(text: Any) -> re.Pattern[str]:
    """A regular expression that means the same to Go. Raises SuiteError for one that does not."""
    if not isinstance(text, str) or not text or re.search(r"\(\?[=!<]|\\[1-9Zz]", text):
        raise SuiteError(f"{text!r} is not a pattern that Go and Python read alike")
    try:
        # Go's `$` is the end of the text, Python's also stands before a last newline.
        return re.compile(re.sub(r"(?<!\\)\$\Z", r"\\Z", text))
    except re.error as error:
        raise SuiteError(f"pattern {text!r}: {error}") from error


def _empty(value: Any, parameters: Parameters) -> bool:
    return not value


def _count(documents: Any, parameters: Parameters) -> bool:
    return bool(len(documents) == parameters["count"])


def _unreached(value: Any, parameters: Parameters) -> bool:
    raise AssertionError("judged by whether the template renders")


def _pair(name: str, opposite: str, required: str, judge: Judge, optional: str = "") -> dict[str, Kind]:
    names, more = frozenset(required.split()), frozenset(optional.split())
    return {name: Kind(names, judge, more), opposite: Kind(names, judge, more, opposite=True)}


_ERROR = frozenset({"errorMessage", "errorPattern"})
#: Judged by the template as a whole, not by its documents.
FAILED, RENDERED, DOCUMENTS = "failedTemplate", "notFailedTemplate", "hasDocuments"
KINDS: Mapping[str, Kind] = {
    **_pair("equal", "notEqual", "path value", _equal),
    **_pair("exists", "notExists", "path", _exists),
    **_pair("contains", "notContains", "path content", _contains, "any"),
    **_pair("isSubset", "isNotSubset", "path content", _subset),
    **_pair("lengthEqual", "notLengthEqual", "path count", _length),
    **_pair("matchRegex", "notMatchRegex", "path pattern", _matches),
    **_pair("isNullOrEmpty", "isNotNullOrEmpty", "path", _empty),
    "isKind": Kind(frozenset({"of"}), _field("kind"), whole=True),
    "isAPIVersion": Kind(frozenset({"of"}), _field("apiVersion"), whole=True),
    DOCUMENTS: Kind(frozenset({"count"}), _count, frozenset({"filterAware"}), whole=True),
    FAILED: Kind(frozenset(), _unreached, _ERROR),
    RENDERED: Kind(frozenset(), _unreached, opposite=True),
}
