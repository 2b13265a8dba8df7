"""Run the generated helm-unittest suites without Go: only what they use, as helm-unittest judges it."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python

from generator.charts import yaml

Table = Mapping[str, Any]
_SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")
_PATH_STEP = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]+)\]|\["(?P<quoted>[^"]+)"\]""")
_SUITE_KEYS, _TEST_KEYS = {"suite", "templates", "set", "tests"}, {"it", "set", "documentSelector", "asserts"}
_SELECTOR_KEYS = {"path", "value", "matchMany", "skipEmptyTemplates"}


class SuiteError(Exception):
    """A suite with something that this runner does not know."""


def read_suite(text: str) -> Table:
    """Read a suite. Raises SuiteError for anything but what the generated suites use."""
    suite = yaml.load(text)
    _require_keys(suite, _SUITE_KEYS, {"suite", "tests"})
    for test in suite["tests"]:
        _require_keys(test, _TEST_KEYS, _TEST_KEYS - {"set"})
        _require_keys(test["documentSelector"], _SELECTOR_KEYS, {"path", "value"})
        for assertion in test["asserts"]:
            _require_keys(assertion, set(_KINDS), set())
            for kind, parameters in assertion.items():
                _require_keys(parameters, _KINDS[kind][0], _KINDS[kind][0])
        if not test["asserts"]:
            raise SuiteError(f"test {test['it']!r} has no asserts")
    return dict(suite)


def _require_keys(table: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(table, dict):
        raise SuiteError(f"{table!r} is not a table")
    wrong = sorted(table.keys() - known) or sorted(needed - table.keys())
    if wrong:
        raise SuiteError(f"{wrong[0]!r} is unknown to this runner, or missing")


def find_failures(chart: Path, suite: Table, test: Table) -> list[str]:
    """What is wrong with a chart according to one test of a suite; empty where nothing is."""
    values: dict[str, Any] = {}
    for path, value in {**suite.get("set", {}), **test.get("set", {})}.items():
        _put(values, path.split("."), value)
    try:
        documents = _render(chart, suite.get("templates", []), values)
    except helm_python.HelmError as error:
        return [f"Helm refuses the chart: {error}"]
    selector = test["documentSelector"]
    selected = [
        one for one in documents if any(_same(found, selector["value"]) for found in _find(one, selector["path"]))
    ]
    if not selected and not selector.get("skipEmptyTemplates"):
        return [f"no document has {selector['path']} {selector['value']!r}"]
    if len(selected) > 1 and not selector.get("matchMany"):
        return [f"{len(selected)} documents have {selector['path']} {selector['value']!r}"]
    return list(_judge(selected, test["asserts"]))


def _judge(documents: Iterable[Any], asserts: Iterable[Table]) -> Iterator[str]:
    for document in documents:
        for assertion in asserts:
            for kind, parameters in assertion.items():
                found = _find(document, parameters["path"])
                if not _KINDS[kind][1](found, parameters):
                    shown = json.dumps(found[0], default=str) if found else "nothing"
                    yield f"{kind} {json.dumps(parameters, default=str)}\nfound: {shown}"


def _put(values: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        values = values.setdefault(step, {})
    values[steps[-1]] = value


def _render(chart: Path, templates: list[str], values: dict[str, Any]) -> list[Any]:
    with helm_python.Chart.load_archive(_pack(chart, templates)) as loaded:
        texts = loaded.render(values, name="RELEASE-NAME", namespace="NAMESPACE")
    parts = (part for text in texts.values() for part in _SEPARATOR.split(text))
    return [document for part in parts if (document := yaml.load(part))]


def _pack(chart: Path, templates: list[str]) -> bytes:
    """The chart with these templates alone, or all of them, and what they share."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path in sorted(chart.rglob("*")):
            name = path.relative_to(chart).as_posix()
            other = templates and name.startswith("templates/") and "/_" not in name and name not in templates
            if path.is_file() and not other and not name.startswith("tests/"):
                archive.add(path, f"chart/{name}")
    return buffer.getvalue()


def _find(document: Any, path: str) -> list[Any]:
    """The value of a manifest at a path such as `spec.sources[0].path`, in a list that is empty where there is none."""
    at, value = 0, document
    text = f".{path}"
    while at < len(text):
        step = _PATH_STEP.match(text, at)
        if step is None:
            raise SuiteError(f"path {path!r} is not one that this runner reads")
        key: Any = int(step["index"]) if step["index"] else step["name"] or step["quoted"]
        held = (
            isinstance(value, list) and key < len(value) if step["index"] else isinstance(value, dict) and key in value
        )
        if not held:
            return []
        value, at = value[key], step.end()
    return [value]


def _same(left: Any, right: Any) -> bool:
    """Equal in value and in type: to Python, but not to Kubernetes, 1, 1.0 and true are equal."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and bool(left == right)


def _uniform(value: Any) -> Any:
    """A rendered value as helm-unittest compares it: without leading newlines and spaces before newlines."""
    if isinstance(value, str):
        return re.sub(r" +\r?\n", "\n", value).lstrip("\n")
    if isinstance(value, dict):
        return {key: _uniform(inner) for key, inner in value.items()}
    return [_uniform(inner) for inner in value] if isinstance(value, list) else value


def _is_subset(found: list[Any], parameters: Table) -> bool:
    tables = [one for one in found if isinstance(one, dict)]
    return any(all(_same(one.get(key), value) for key, value in parameters["content"].items()) for one in tables)


#: Each kind of assert: its parameters, and how it judges what is at its path.
_KINDS: Mapping[str, tuple[set[str], Callable[[list[Any], Table], bool]]] = {
    "equal": ({"path", "value"}, lambda found, given: any(_same(given["value"], _uniform(one)) for one in found)),
    "notExists": ({"path"}, lambda found, given: not found),
    "contains": (
        {"path", "content"},
        lambda found, given: any(
            isinstance(one, list) and any(_same(item, given["content"]) for item in one) for one in found
        ),
    ),
    "isSubset": ({"path", "content"}, _is_subset),
    "matchRegex": (
        {"path", "pattern"},
        lambda found, given: any(isinstance(one, str) and bool(re.search(given["pattern"], one)) for one in found),
    ),
}
