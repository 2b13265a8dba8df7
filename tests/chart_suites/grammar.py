"""A suite's YAML → `Suite`: what helm-unittest would read, but with every unknown word refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.charts import yaml
from tests.chart_suites.asserts import KINDS
from tests.chart_suites.paths import SuiteError


@dataclass(frozen=True)
class Selector:
    """The documents of a template that a test or an assert is about."""

    index: int | None = None
    path: str = ""
    value: Any = None
    many: bool = False
    skip_empty: bool = False


@dataclass(frozen=True)
class Assert:
    kind: str
    parameters: Mapping[str, Any]
    negated: bool
    template: str | None
    selector: Selector | None


@dataclass(frozen=True)
class Test:
    __test__ = False  # not pytest's

    name: str
    templates: tuple[str, ...]
    values: tuple[str, ...]
    settings: Mapping[str, Any]
    selector: Selector | None
    release: Mapping[str, Any]
    skip: str
    asserts: tuple[Assert, ...]


@dataclass(frozen=True)
class Suite:
    name: str
    templates: tuple[str, ...]
    tests: tuple[Test, ...] = field(default=())


_SUITE = {"suite", "templates", "values", "set", "release", "skip", "tests"}
_TEST = {
    "it", "template", "templates", "values", "set", "release", "skip", "documentSelector", "documentIndex", "asserts",
}  # fmt: skip
_ASSERT = {"template", "not", "documentSelector", "documentIndex"}
_RELEASE = {"name": str, "namespace": str, "revision": int, "upgrade": bool}


def suites(text: str) -> list[Suite]:
    """Every suite of a file. Raises SuiteError for what cannot be run, and where there is none."""
    try:
        documents = yaml.load_all(text)
    except yaml.YamlError as error:
        raise SuiteError(f"is not YAML: {error}") from error
    if not documents:
        raise SuiteError("there is no suite in it")
    return [_suite(document) for document in documents]


def _suite(raw: Any) -> Suite:
    table = _table(raw, "the suite", _SUITE)
    name = _text(table.get("suite", ""), "suite")
    if not table.get("tests"):
        raise SuiteError(f"suite {name!r} has no tests")
    tests = [_test(test, f"test {count}", table) for count, test in enumerate(_list(table["tests"], "tests"), 1)]
    return Suite(name, tuple(_texts(table.get("templates", []), "templates")), tuple(_unique(tests)))


def _unique(tests: Iterable[Test]) -> Iterator[Test]:
    """The tests, each with a name of its own: pytest knows a test by its name."""
    seen: dict[str, int] = {}
    for test in tests:
        seen[test.name] = seen.get(test.name, 0) + 1
        count = f" ({seen[test.name]})" if seen[test.name] > 1 else ""
        yield Test(**{**vars(test), "name": f"{test.name}{count}"})


def _test(raw: Any, where: str, suite: Mapping[str, Any]) -> Test:
    table = _table(raw, where, _TEST)
    name = _text(table.get("it", ""), f"{where}: it")
    if not name:
        raise SuiteError(f"{where} has no name: give it an 'it'")
    if not table.get("asserts"):
        raise SuiteError(f"test {name!r} has no asserts")
    named = [table["template"]] if "template" in table else []
    release = {**_release(suite.get("release", {})), **_release(table.get("release", {}))}
    return Test(
        name=name,
        templates=tuple(_texts([*named, *table.get("templates", [])], "templates")),
        values=tuple(_texts([*suite.get("values", []), *table.get("values", [])], "values")),
        settings={**_table(suite.get("set", {}), "set"), **_table(table.get("set", {}), "set")},
        selector=_selector(table),
        release=release,
        skip=_skip(table) or _skip(suite),
        asserts=tuple(_assert(one, f"test {name!r}") for one in _list(table["asserts"], "asserts")),
    )


def _assert(raw: Any, where: str) -> Assert:
    table = _table(raw, f"{where}: an assert")
    kinds = [key for key in table if key not in _ASSERT]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise SuiteError(f"{where}: unknown assert {unknown[0]!r} (known: {', '.join(sorted(KINDS))})")
    if len(kinds) != 1:
        raise SuiteError(f"{where}: an assert has one kind, not {kinds or 'none'}")
    kind = kinds[0]
    allowed = KINDS[kind].required | KINDS[kind].optional
    parameters = _table(table[kind] or {}, f"{where}: {kind}", allowed)
    missing = KINDS[kind].required - parameters.keys()
    if missing:
        raise SuiteError(f"{where}: {kind} lacks {', '.join(sorted(missing))}")
    negated = _typed(table.get("not", False), bool, f"{where}: not")
    template = table.get("template")
    return Assert(kind, parameters, negated, template, _selector(table))


def _selector(table: Mapping[str, Any]) -> Selector | None:
    index = table.get("documentIndex")
    if index is not None and (_typed(index, int, "documentIndex") < 0):
        raise SuiteError(f"documentIndex {index} is negative")
    if "documentSelector" in table:
        raw = _table(
            table["documentSelector"], "documentSelector", {"path", "value", "matchMany", "skipEmptyTemplates"}
        )
        path = _text(raw.get("path", ""), "documentSelector.path")
        if not path:
            raise SuiteError("documentSelector has no path")
        many = _typed(raw.get("matchMany", False), bool, "matchMany")
        empty = _typed(raw.get("skipEmptyTemplates", False), bool, "skipEmptyTemplates")
        return Selector(index, path, raw.get("value"), many, empty)
    return Selector(index) if index is not None else None


def _release(raw: Any) -> dict[str, Any]:
    table = _table(raw, "release", _RELEASE.keys())
    return {key: _typed(value, _RELEASE[key], f"release.{key}") for key, value in table.items()}


def _skip(table: Mapping[str, Any]) -> str:
    return _text(_table(table.get("skip", {}), "skip", {"reason"}).get("reason", ""), "skip.reason")


def _table(raw: Any, where: str, allowed: Iterable[str] | None = None) -> dict[str, Any]:
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise SuiteError(f"{where} is not a table: {raw!r}")
    unknown = sorted(raw.keys() - set(allowed)) if allowed is not None else []
    if unknown:
        raise SuiteError(f"{where} has a key that this runner does not know: {', '.join(unknown)}")
    return raw


def _list(raw: Any, where: str) -> list[Any]:
    return list(_typed(raw, list, where))


def _texts(raw: Any, where: str) -> list[str]:
    return [_text(entry, where) for entry in _list(raw, where)]


def _text(raw: Any, where: str) -> str:
    return str(_typed(raw, str, where))


def _typed(raw: Any, kind: type, where: str) -> Any:
    if not isinstance(raw, kind) or (kind is int and isinstance(raw, bool)):
        raise SuiteError(f"{where} is {raw!r}, but must be of type {kind.__name__}")
    return raw
