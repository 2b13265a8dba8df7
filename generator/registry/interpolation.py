"""Fill `${environment.name}`, `${app.name}`, `${team.name}` and `${facts.NAME}` into the fields of an app. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.strings import quoted_excerpt
from generator.registry.source_tables import Layer, list_source_tables

if TYPE_CHECKING:
    from generator.toml.document import KeyPath

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{(?:([^{}]*)\})?")
_APP_FIELDS = (("namespace",), ("name",), ("labels",), ("annotations",))
_SOURCE_FIELDS = (
    *(("repoURL",), ("path",), ("kustomize",)),
    *(("helm", "valueFiles"), ("helm", "parameters"), ("helm", "valuesObject")),
)


class Interpolation(NamedTuple):
    """A string of an app as written, and as it is in one environment; `problem` says why it cannot be filled in."""

    path: KeyPath
    template: str
    text: str
    problem: str = ""

    @property
    def key(self) -> KeyPath:
        """Its path as it may be written: `helm.parameters.NAME`, without `value`."""
        return self.path[:-1] if self.path[-3:-2] == ("parameters",) else self.path


def find_interpolations(fields: Layer, names: Mapping[str, str]) -> Iterator[Interpolation]:
    """Yield the strings of an app that are filled in, with the values in `names`."""
    for path, template in _list_templates(fields):
        text, problem = _fill_in(template, names)
        yield Interpolation(path, template, text, problem)


def _list_templates(fields: Layer) -> Iterator[tuple[KeyPath, str]]:
    places = [((), field) for field in _APP_FIELDS]
    tables = list_source_tables(fields)
    places += [(at, field) for at, _ in tables for field in _SOURCE_FIELDS]  # type: ignore[misc]
    for at, field in places:
        yield from _find_strings((*at, *field), _value_at(fields, (*at, *field)))


def _value_at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part] if isinstance(part, int) else value.get(part, {})
    return value


def _find_strings(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        if "${" in value:
            yield path, value
    elif isinstance(value, (Mapping, list)):
        for part, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _find_strings((*path, part), inner)


def _fill_in(template: str, names: Mapping[str, str]) -> tuple[str, str]:
    """The text with every name filled in, and the problem of the first one that cannot be."""
    problems = []

    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if found[0] == "$${":
            return "${"
        if name not in names:
            problems.append(_name_problem(name, names))
        return names.get(name, "")

    text = _PLACEHOLDER.sub(replace, template)
    return text, next(iter(problems), "")


def _name_problem(name: str | None, names: Mapping[str, str]) -> str:
    if name is None:
        return '"${" has no "}": close it, or write "$${" for the text "${"'
    environment = names.get("environment.name", "")
    if name.startswith("facts."):
        facts = ", ".join(sorted(known for known in names if known.startswith("facts.")))
        remedy = f"add it to environments.{environment}.facts" + (f", or use {facts}" if facts else "")
        return f"{quoted_excerpt(name)} is not a fact of environment {environment}: {remedy}"
    known = "environment.name, app.name, team.name or facts.NAME"
    return f'{quoted_excerpt(name)} is not a name: use {known}, or write "$${{" for the text "${{"'
