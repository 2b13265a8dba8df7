"""Files → `Registry`: every problem of every file in one run, or a registry that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from generator.errors import GeneratorError, LocalError, RegistryError
from generator.registry import model
from generator.registry.argocd import ProjectFields
from generator.registry.draft import Draft
from generator.registry.files import Files, Folder
from generator.registry.registry import Registry
from generator.registry.report import Report, kind, suggestion
from generator.registry.review import review
from generator.registry.text import name_problem
from generator.registry.toml import Document, TomlError, parse

_SECTIONS: Mapping[str, tuple[type[BaseModel], int]] = {
    "environments": (model.Environment, 63),
    "teams": (model.Team, 63),
    "projects": (ProjectFields, 63),
    "apps": (model.App, 53),
}


def read_registry(path: FilePath) -> Registry:
    """The registry at `path` on disk. Raises what `read_from` does."""
    return read_from(Folder(path.parent), path.name, shown_below=str(path.parent))


def read_from(files: Files, name: str, shown_below: str = ".") -> Registry:
    """The registry whose root is the file `name`.

    `shown_below` is what problems put before file names. Raises RegistryError with every problem,
    LocalError or UsageError where the root cannot be read at all.
    """
    raw = files.read(name)
    prefix = "" if shown_below == "." else f"{shown_below}/"
    if raw is None:
        raise LocalError(f"{prefix}{name} does not exist", remedy="name the registry with --registry FILE")
    report = Report()
    report.file(prefix + name)
    draft = Draft(report)
    root = _parse(report, prefix + name, raw)
    if root is not None:
        _gather_root(draft, root)
        for included in _included(draft, files, name, prefix):
            _gather_included(draft, included)
        review(draft)
    if report.problems:
        raise RegistryError(report.problems, prefix + name)
    return _registry(draft)


def _parse(report: Report, name: str, raw: bytes) -> Document | None:
    try:
        return parse(name, raw)
    except TomlError as error:
        report.syntax(name, error)
        return None


def _shape(draft: Draft, document: Document, at: tuple[str, ...], table: type[BaseModel], raw: Any) -> Any:
    """`raw` as a `table`, or None with its problems reported."""
    try:
        return table.model_validate(raw)
    except ValidationError as error:
        draft.report.invalid(document, at, table, error)
        return None


def _gather_root(draft: Draft, root: Document) -> None:
    rest = {key: value for key, value in root.data.items() if key not in _SECTIONS}
    draft.root = root
    draft.settings = _shape(draft, root, (), model.RootFile, rest) or draft.settings
    for section, (table, longest) in _SECTIONS.items():
        for name, raw in _named(draft, root, section, longest):
            _declare(draft, root, section, name, raw, _shape(draft, root, (section, name), table, raw))


def _named(draft: Draft, document: Document, section: str, longest: int) -> Iterator[tuple[str, Any]]:
    """The entries of a section, each with a name that has been judged."""
    entries = document.data.get(section, {})
    if not isinstance(entries, dict):
        draft.report.value(document, (section,), f"is {kind(entries)}, but must be a table of tables, [{section}.NAME]")
        return
    for name, raw in entries.items():
        wrong = name_problem(name, longest)
        if wrong:
            draft.report.key(document, (section, name), wrong)
        yield name, raw


def _declare(draft: Draft, document: Document, section: str, name: str, raw: Any, table: Any) -> None:
    if section == "apps":
        draft.declare_app(document, name, raw if table is not None else None)
        return
    draft.names[section][name] = document
    if table is None:
        return
    if section == "environments":
        draft.environments[name] = table
        draft.list_apps(document, name, table.apps)
    elif section == "teams":
        draft.teams[name] = table
    else:
        draft.projects[name] = raw


def _gather_included(draft: Draft, document: Document) -> None:
    for key in document.data.keys() - {"environments", "apps"}:
        known = " and ".join(("[apps.*]", "[environments.*] apps"))
        hint = suggestion(key, ("environments", "apps"))
        draft.report.key(document, (key,), f"an included file holds {known} only{hint}: move it to the root file")
    for name, raw in _named(draft, document, "apps", 53):
        draft.declare_app(document, name, raw if _shape(draft, document, ("apps", name), model.App, raw) else None)
    for name, raw in _named(draft, document, "environments", 63):
        table = _shape(draft, document, ("environments", name), model.IncludedEnvironment, raw)
        if name not in draft.names["environments"]:
            hint = suggestion(name, draft.names["environments"])
            draft.report.key(
                document, ("environments", name), f"unknown environment{hint}: declare it in the root file"
            )
        elif table is not None:
            draft.list_apps(document, name, table.apps)
    draft.one_team(document)


def _included(draft: Draft, files: Files, root_name: str, prefix: str) -> Iterator[Document]:
    """The included files, each once, in the order of their patterns and then of their names."""
    seen = {root_name}
    for index, pattern in enumerate(draft.settings.include):
        for name in _matching(draft, files, index, pattern):
            if name in seen:
                continue
            seen.add(name)
            document = _read_include(draft, files, index, name, prefix)
            if document is not None:
                yield document


def _matching(draft: Draft, files: Files, index: int, pattern: str) -> list[str]:
    parts = pattern.split("/")
    if not pattern or pattern.startswith("/") or ".." in parts or "\\" in pattern or "" in parts:
        draft.complain(("include", index), "an include is a path or pattern below the registry's folder, without '..'")
        return []
    if any(sign in pattern for sign in "*?["):
        return files.match(pattern)
    return [pattern]


def _read_include(draft: Draft, files: Files, index: int, name: str, prefix: str) -> Document | None:
    try:
        raw = files.read(name)
    except GeneratorError as error:
        draft.complain(("include", index), error.message)
        return None
    if raw is None:
        draft.complain(("include", index), f'"{name}" does not exist: create it, or remove it here')
        return None
    draft.report.file(prefix + name)
    return _parse(draft.report, prefix + name, raw)


def _registry(draft: Draft) -> Registry:
    """The finished registry of a draft without problems."""
    settings = draft.settings
    return Registry(
        workloads=settings.workloads,
        argocd=settings.argocd,
        environments={name: draft.finished(name) for name in draft.environments},
        teams=draft.teams,
        projects=draft.projects,
        apps={name: app.layer for name, app in draft.apps.items()},
        defaults=draft.defaults,
    )


def registry_files(files: Files, name: str) -> list[str]:
    """The names of the files that a readable registry is made of, the root first."""
    root = parse(name, files.read(name) or b"")
    names = [name]
    for pattern in root.data.get("include", []):
        names += files.match(pattern) if any(sign in pattern for sign in "*?[") else [pattern]
    return list(dict.fromkeys(names))
