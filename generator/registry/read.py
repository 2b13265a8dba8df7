"""Files → `Registry`: every problem of every file in one run, or a registry that can be trusted."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from generator.errors import GeneratorError, LocalError, Problem, RefusedError, RegistryError
from generator.registry import model
from generator.registry.draft import Draft
from generator.registry.files import Files, Folder
from generator.registry.includes import included
from generator.registry.memo import FILE, FORGETFUL, Memo
from generator.registry.project import ProjectFields
from generator.registry.registry import Registry
from generator.registry.report import Report, TooManyError, kind, suggestion, unknown_key
from generator.registry.review import review
from generator.registry.shape import Shaped, shape
from generator.registry.text import name_problem, shown
from generator.registry.toml import Document, Path, TomlError, parse

_SECTIONS: Mapping[str, tuple[type[BaseModel], int]] = {
    "environments": (model.Environment, 63),
    "teams": (model.Team, 63),
    "projects": (ProjectFields, 63),
    "apps": (model.App, 53),
}


class _Include(NamedTuple):
    """An included file, the digest of its bytes, and whether its tables are known to be of the right shape."""

    document: Document
    key: str
    judged: bool


def read_registry(path: FilePath, memo: Memo = FORGETFUL) -> Registry:
    """The registry at `path` on disk. Raises what `read_from` does."""
    return read_from(Folder(path.parent), path.name, str(path.parent), memo)


def read_workloads(path: FilePath, memo: Memo = FORGETFUL) -> model.Workloads:
    """Where the charts of the registry at `path` are committed, of which the rest is read only where that is not sound.

    Raises what `read_registry` does.
    """
    try:
        root = _root(Folder(path.parent).read(path.name) or b"")
        return model.Workloads.model_validate(root.get("workloads", {}))
    except (TomlError, ValidationError):
        return read_registry(path, memo).workloads


def read_from(files: Files, name: str, shown_below: str = ".", memo: Memo = FORGETFUL) -> Registry:
    """The registry whose root is the file `name`. Raises what `read_draft` does."""
    return registry_of(read_draft(files, name, shown_below, memo))


def read_judged(
    files: Files, name: str, shown_below: str = ".", memo: Memo = FORGETFUL
) -> tuple[Registry, tuple[Problem, ...]]:
    """A registry that need only be well-formed, and what policy and tenancy refuse of it.

    For looking at, never for rendering to where it counts. Raises what `read_draft` does for any other problem.
    """
    refused: list[Problem] = []
    registry = registry_of(read_draft(files, name, shown_below, memo, refused))
    return registry, tuple(refused)


def read_draft(
    files: Files,
    name: str,
    shown_below: str = ".",
    memo: Memo = FORGETFUL,
    refused: list[Problem] | None = None,
) -> Draft:
    """Everything that the root file `name` and what it includes say, without problems.

    What `memo` knows, files that are as they were and apps judged under the same rules, is not read again.
    `shown_below` is what problems put before file names. Raises RegistryError with every problem,
    LocalError or UsageError where the root cannot be read at all. Where all that is wrong is refused by
    policy or tenancy, `refused`, if given, takes the problems instead.
    """
    raw = files.read(name)
    prefix = "" if shown_below == "." else f"{shown_below}/"
    if raw is None:
        raise LocalError(f"{prefix}{name} does not exist", remedy="name the registry with --registry FILE")
    report = Report()
    report.file(prefix + name)
    draft = Draft(report)
    stopped = ""
    try:
        _gather(draft, files, name, prefix, raw, memo)
    except TooManyError:
        stopped = " (reading stopped there)"
    if report.problems:
        error = RegistryError(report.problems, prefix + name + stopped)
        if refused is None or stopped or error.exit_code != RefusedError.exit_code:
            raise error
        refused += error.problems
    return draft


def _gather(draft: Draft, files: Files, name: str, prefix: str, raw: bytes, memo: Memo) -> None:
    root = _parse(draft.report, prefix + name, raw)
    if root is None:
        return
    _gather_root(draft, root)
    for include in _included(draft, files, name, prefix, memo):
        draft.documents.append(include.document)
        problems = len(draft.report.problems)
        _gather_included(draft, include.document, judged=include.judged)
        if not include.judged and len(draft.report.problems) == problems:
            memo.put(FILE, include.key, include.document.data)
    review(draft, memo)


def _parse(report: Report, name: str, raw: bytes) -> Document | None:
    try:
        return parse(name, raw)
    except TomlError as error:
        report.syntax(name, error)
        return None


def _shape(draft: Draft, document: Document, at: Path, table: type[BaseModel], raw: Any) -> Shaped:
    return shape(draft.report, document, at, table, raw)


def _gather_root(draft: Draft, root: Document) -> None:
    draft.root = root
    draft.documents.append(root)
    rest = {key: value for key, value in root.data.items() if key not in {*_SECTIONS, "defaults"}}
    settings = _shape(draft, root, (), model.RootFile, rest)
    draft.settings = settings.table or model.RootFile.model_validate({**settings.data, "version": 1})
    draft.complete = not any(path[:1] == ("include",) for path in settings.refused)
    draft.defaults = _shape(draft, root, ("defaults",), model.AppFields, root.data.get("defaults", {})).data
    for section, (table, longest) in _SECTIONS.items():
        for name, raw in _named(draft, root, section, longest):
            _declare(draft, root, section, name, _shape(draft, root, (section, name), table, raw), raw)


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


def _declare(draft: Draft, document: Document, section: str, name: str, shaped: Shaped, raw: Any) -> None:
    if section == "apps":
        draft.declare_app(document, name, shaped)
        return
    draft.names[section][name] = document
    if section == "environments":
        # Also of an environment that is not valid: what it lists is then not missing elsewhere.
        draft.list_apps(document, name, raw)
    if shaped.table is None:
        return
    if section == "environments":
        draft.environments[name] = shaped.table
    elif section == "teams":
        draft.teams[name] = shaped.table
    else:
        draft.projects[name] = dict(shaped.data)


def _gather_included(draft: Draft, document: Document, *, judged: bool) -> None:
    """Add what an included file says; where it is `judged` already, its tables are known to be of the right shape."""
    for key in sorted(document.data.keys() - {"environments", "apps"}):
        draft.report.key(document, (key,), _foreign(key, model.RootFile, "environments", "apps"))
    for name, raw in _named(draft, document, "apps", 53):
        at = ("apps", name)
        draft.declare_app(document, name, Shaped(raw, raw) if judged else _shape(draft, document, at, model.App, raw))
    for name, raw in _named(draft, document, "environments", 63):
        _gather_list(draft, document, name, raw, judged=judged)
    draft.one_team(document)


def _foreign(key: str, whole: type[BaseModel], *known: str) -> str:
    """The refusal of a key that an included file does not have; the root file's `whole` may."""
    if key in {info.alias for info in whole.model_fields.values()}:
        return f"only the root file may say this; an included file has {' and '.join(known)}: move it to the root file"
    return unknown_key(key, known)


def _gather_list(draft: Draft, document: Document, name: str, raw: Any, *, judged: bool) -> None:
    at = ("environments", name)
    if name not in draft.names["environments"]:
        hint = suggestion(name, draft.names["environments"])
        draft.report.key(document, at, f"unknown environment{hint}: declare it in the root file")
    foreign = sorted(raw.keys() - {"apps"}) if isinstance(raw, dict) else []
    for key in foreign:
        draft.report.key(document, (*at, key), _foreign(key, model.Environment, "apps"))
    if not judged:
        own = {key: value for key, value in raw.items() if key == "apps"} if isinstance(raw, dict) else raw
        _shape(draft, document, at, model.IncludedEnvironment, own)
    draft.list_apps(document, name, raw)


def _included(draft: Draft, files: Files, root: str, prefix: str, memo: Memo) -> Iterator[_Include]:
    """The included files that can be read; of the others, what keeps them from it is reported."""
    for place, name, wrong in included(files, root, draft.settings.include):
        include = None
        if wrong:
            draft.complain(("include", place), wrong)
        else:
            include = _read_include(draft, files, place, name, prefix, memo)
        if include is None:
            draft.complete = False
        else:
            yield include


def _read_include(draft: Draft, files: Files, index: int, name: str, prefix: str, memo: Memo) -> _Include | None:
    try:
        raw = files.read(name)
    except GeneratorError as error:
        draft.complain(("include", index), error.message)
        return None
    if raw is None:
        draft.complain(("include", index), f"{shown(name)} does not exist: create it, or remove it here")
        return None
    draft.report.file(prefix + name)
    key = hashlib.sha256(raw).hexdigest()
    known = memo.get(FILE, key)
    if known is not None:
        return _Include(Document(prefix + name, raw.decode().replace("\r\n", "\n"), known), key, judged=True)
    document = _parse(draft.report, prefix + name, raw)
    return None if document is None else _Include(document, key, judged=False)


def registry_of(draft: Draft) -> Registry:
    """The finished registry of a draft without problems."""
    settings = draft.settings
    registry = Registry(
        workloads=settings.workloads,
        argocd=settings.argocd,
        environments={name: draft.finished(name) for name in draft.environments},
        teams=draft.teams,
        projects=draft.projects,
        apps={name: app.layer for name, app in draft.apps.items()},
        defaults=draft.defaults,
    )
    registry.merged.update(draft.merged)
    return registry


def registry_files(files: Files, name: str) -> list[str]:
    """The names of the files that a readable registry is made of, the root first."""
    told = _root(files.read(name) or b"").get("include")
    entries = told if isinstance(told, list) else []  # Whoever reads the registry says what is wrong.
    return [name, *(file.name for file in included(files, name, entries) if file.name)]


@functools.lru_cache(maxsize=2)
def _root(raw: bytes) -> Mapping[str, Any]:
    """The tables of a root file, to look at; a branch's is most often the one that is checked out."""
    return parse("", raw).data
