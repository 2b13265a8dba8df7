"""`Test` + chart → what is wrong: rendered by Helm's own engine, judged as helm-unittest judges."""

from __future__ import annotations

import fnmatch
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python

from generator.charts import yaml
from tests.chart_suites.asserts import DOCUMENTS, FAILED, KINDS, RENDERED, pattern, problems, same
from tests.chart_suites.grammar import Assert, Selector, Suite, Test
from tests.chart_suites.paths import SuiteError, find, put

Documents = list[dict[str, Any]]
_SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")
_FAILURE = re.compile(r"\((?:[^()]*/)?templates/[^()]*:\d+:\d+\): (.+)", re.DOTALL)


@dataclass(frozen=True)
class Rendered:
    """The documents of each selected template, or Helm's words on why there are none."""

    documents: Mapping[str, Documents]
    error: str | None = None


class NothingSelectedError(Exception):
    """A selector that fits no document, or too many."""


def verdict(chart: Path, folder: Path, suite: Suite, test: Test) -> list[str]:
    """What is wrong with a chart according to one test of a suite in `folder`; empty where nothing is.

    Raises SuiteError for a test that cannot be run.
    """
    templates = _templates(chart, suite.templates)
    rendered = _render(chart, templates, _values(folder, test), test.release)
    return [
        f"assert {count}: {'not ' if one.negated else ''}{one.kind}\n{text}"
        for count, one in enumerate(test.asserts, 1)
        for text in _problems(one, test, rendered, templates)
    ]


def _templates(chart: Path, wanted: tuple[str, ...]) -> list[str]:
    there = [path.relative_to(chart).as_posix() for path in sorted((chart / "templates").rglob("*"))]
    there = [name for name in there if name.endswith((".yaml", ".yml", ".tpl")) and "/_" not in name]
    if not wanted:
        return there
    found = [name for pattern in wanted for name in there if fnmatch.fnmatchcase(name, _prefixed(pattern))]
    missing = [name for name in wanted if "*" not in name and _prefixed(name) not in there]
    if missing:
        raise SuiteError(f"template {missing[0]!r} does not exist")
    return list(dict.fromkeys(found))


def _prefixed(template: str) -> str:
    return template if template.startswith("templates/") else f"templates/{template}"


def _values(folder: Path, test: Test) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in test.values:
        try:
            read = yaml.load((folder / name).read_text(encoding="utf-8"))
        except (OSError, yaml.YamlError) as error:
            raise SuiteError(f"values file {name}: {error}") from error
        values = _over(values, read or {})
    chosen: dict[str, Any] = {}
    for path, value in test.settings.items():
        put(chosen, path, value)
    return _over(values, chosen)


def _over(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _over(merged[key], value) if both else value
    return merged


def _render(chart: Path, templates: list[str], values: dict[str, Any], release: Mapping[str, Any]) -> Rendered:
    options = {
        "name": release.get("name", "RELEASE-NAME"),
        "namespace": release.get("namespace", "NAMESPACE"),
        "revision": release.get("revision", 0),
        "is_upgrade": release.get("upgrade", False),
        "is_install": not release.get("upgrade", False),
    }
    try:
        with helm_python.Chart.load_archive(_archive(chart, templates)) as loaded:
            loaded.validate_schema(values)
            texts = loaded.render(values, **options)
    except helm_python.HelmError as error:
        found = _FAILURE.search(str(error))
        return Rendered({}, found[1] if found else str(error))
    by_name = {name.partition("/")[2]: text for name, text in texts.items()}
    return Rendered({name: _documents(by_name.get(name, "")) for name in templates})


def _documents(text: str) -> Documents:
    return [document for part in _SEPARATOR.split(text) if (document := yaml.load(part))]


def _archive(chart: Path, templates: list[str]) -> bytes:
    """The chart with these templates alone (and the partials), so that no other one can fail."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path in sorted(chart.rglob("*")):
            name = path.relative_to(chart).as_posix()
            foreign = name.startswith("templates/") and "/_" not in name and name not in templates
            if path.is_file() and not foreign and not name.startswith("tests/"):
                archive.add(path, f"chart/{name}")
    return buffer.getvalue()


def _problems(one: Assert, test: Test, rendered: Rendered, templates: list[str]) -> Iterator[str]:
    names = [_prefixed(name) for name in ((one.template,) if one.template else test.templates)] or templates
    unknown = [name for name in names if name not in templates]
    if unknown:
        raise SuiteError(f"template {unknown[0]!r} does not exist, or is not one of the suite's")
    selector = _narrower(test.selector, one.selector)
    if one.kind == FAILED:
        yield from _failed(one, rendered, selector)
    elif rendered.error is not None:
        yield f"expected: the template to render\nactual:   {rendered.error}"
    elif one.kind == RENDERED:
        if one.negated:
            yield "expected: the template to fail\nactual:   it renders"
    else:
        yield from _document_problems(one, {name: rendered.documents[name] for name in names}, selector)


def _narrower(test: Selector | None, own: Selector | None) -> Selector | None:
    """The assert's own selector before the test's, but the test's index before the assert's."""
    if own is None or test is None:
        return own or test
    picked = own if own.path else test
    index = own.index if test.index is None else test.index
    return Selector(index, picked.path, picked.value, picked.many, picked.skip_empty)


def _failed(one: Assert, rendered: Rendered, selector: Selector | None) -> Iterator[str]:
    if rendered.error is None:
        yield "expected: the template to fail\nactual:   it renders"
        return
    if selector and selector.path:
        yield "expected: a document that the selector finds\nactual:   a failed template has none"
        return
    told = one.parameters
    if len(told) > 1:
        raise SuiteError("failedTemplate takes errorMessage or errorPattern, not both")
    if "errorMessage" in told:
        fits = told["errorMessage"] == rendered.error
    else:
        wanted = told.get("errorPattern", "")
        fits = not wanted or wanted in rendered.error or pattern(wanted).search(rendered.error) is not None
    if fits is one.negated and told:
        yield f"expected: {'not ' if one.negated else ''}{next(iter(told.values()))}\nactual:   {rendered.error}"


def _document_problems(one: Assert, documents: Mapping[str, Documents], selector: Selector | None) -> Iterator[str]:
    kind = KINDS[one.kind]
    try:
        selected = _selected(documents, selector)
    except NothingSelectedError as error:
        yield f"expected: a document to judge\nactual:   {error}"
        return
    for name, chosen in selected.items():
        if one.kind == DOCUMENTS:
            counted = chosen if one.parameters.get("filterAware") else documents[name]
            told = {"count": one.parameters["count"]}
            if kind.judge(counted, told) is one.negated:
                yield f"expected: {'not ' if one.negated else ''}{told['count']} documents\nactual:   {len(counted)}"
        else:
            yield from problems(kind, chosen, one.parameters, one.negated)


def _selected(documents: Mapping[str, Documents], selector: Selector | None) -> Mapping[str, Documents]:
    if selector is None:
        return documents
    if not selector.path:
        return {name: _nth(chosen, selector.index or 0) for name, chosen in documents.items()}
    found = {name: [one for one in all_ if _fits(one, selector)] for name, all_ in documents.items()}
    found = {name: chosen for name, chosen in found.items() if chosen}
    count = sum(map(len, found.values()))
    if count == 0 and not selector.skip_empty:
        raise NothingSelectedError(f"the selector {selector.path} finds no document")
    if count > 1 and not selector.many:
        raise NothingSelectedError(f"the selector {selector.path} finds {count} documents: narrow it, or say matchMany")
    return found


def _nth(documents: Documents, index: int) -> Documents:
    if index >= len(documents):
        raise NothingSelectedError(f"there is no document {index}, but {len(documents)} in all")
    return [documents[index]]


def _fits(document: dict[str, Any], selector: Selector) -> bool:
    values = find(document, selector.path)
    return bool(values) if selector.value is None else any(same(value, selector.value) for value in values)
