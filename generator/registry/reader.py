"""Reads and validates registry files: returns a valid `Registry`, or reports the problems of all files at once."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from generator.argocd.project import ProjectFields
from generator.argocd.strings import name_problem, quoted_excerpt
from generator.errors import GeneratorError, LocalError, Problem, RefusedError, RegistryError
from generator.registry import model
from generator.registry.builder import RegistryBuilder
from generator.registry.files import FileOwners, FolderFiles, RegistryFiles, resolve_includes
from generator.registry.problems import (
    ProblemCollector,
    TooManyProblemsError,
    suggest_name,
    toml_type_name,
    unknown_key_message,
)
from generator.registry.registry import Registry
from generator.registry.validate import validate_registry
from generator.registry.validate_table import ValidatedTable, validate_table
from generator.toml.document import Document, KeyPath, TomlError, parse_document

_SECTIONS: Mapping[str, tuple[type[BaseModel], int]] = {
    "environments": (model.Environment, 63),
    "teams": (model.Team, 63),
    "projects": (ProjectFields, 63),
    "apps": (model.App, 53),
}


def read_registry(path: FilePath) -> Registry:
    """Read and validate the registry at `path` on disk. Raises what `read_registry_from` raises."""
    return read_registry_from(FolderFiles(path.parent), path.name, str(path.parent))


def read_workloads_settings(path: FilePath) -> model.Workloads:
    """Read the `workloads` table of the registry at `path`; validate the whole registry only if that table is invalid.

    Raises what `read_registry` raises.
    """
    try:
        root = _parse_root_data(FolderFiles(path.parent).read_bytes(path.name) or b"")
        return model.Workloads.model_validate(root.get("workloads", {}))
    except (TomlError, ValidationError):
        return read_registry(path).workloads


def parse_workloads_settings(raw: bytes) -> model.Workloads | None:
    """Parse the `workloads` table of a root file; None if the file or the table is invalid."""
    try:
        return model.Workloads.model_validate(_parse_root_data(raw).get("workloads", {}))
    except (TomlError, ValidationError):
        return None


def read_registry_from(files: RegistryFiles, root_name: str, display_folder: str = ".") -> Registry:
    """Read and validate the registry with root file `root_name`. Raises what `read_declarations` raises."""
    return build_registry(read_declarations(files, root_name, display_folder))


def read_registry_with_violations(
    files: RegistryFiles, root_name: str, display_folder: str = "."
) -> tuple[Registry, tuple[Problem, ...]]:
    """Read a well-formed registry, and list its violations of policy and tenancy instead of failing.

    Use this to show a registry, never to publish it. Raises what `read_declarations` raises for other problems.
    """
    refused: list[Problem] = []
    registry = build_registry(read_declarations(files, root_name, display_folder, refused))
    return registry, tuple(refused)


def read_declarations(
    files: RegistryFiles,
    root_name: str,
    display_folder: str = ".",
    violations: list[Problem] | None = None,
) -> RegistryBuilder:
    """Read and validate everything that the root file `root_name` and its included files declare.

    `display_folder` precedes file names in problems. Raises RegistryError with every problem, LocalError or UsageError
    if the root file cannot be read. If every problem is a violation of policy or tenancy, and `violations` is given,
    they are added to it instead.
    """
    raw = files.read_bytes(root_name)
    prefix = "" if display_folder == "." else f"{display_folder}/"
    if raw is None:
        raise LocalError(f"{prefix}{root_name} does not exist", remedy="name the registry with --registry FILE")
    report = ProblemCollector()
    report.file_order(prefix + root_name)
    draft = RegistryBuilder(report)
    stopped = ""
    try:
        _read_all_files(draft, files, root_name, prefix, raw)
    except TooManyProblemsError:
        stopped = " (reading stopped there)"
    if report.problems:
        error = RegistryError(report.problems, prefix + root_name + stopped)
        if violations is None or stopped or error.exit_code != RefusedError.exit_code:
            raise error
        violations += error.problems
    return draft


def _read_all_files(
    builder: RegistryBuilder, files: RegistryFiles, root_name: str, display_prefix: str, raw: bytes
) -> None:
    root = _parse_or_report(builder.report, display_prefix + root_name, raw)
    if root is None:
        return
    _read_root_tables(builder, root)
    for document in _read_included_documents(builder, files, root_name, display_prefix):
        builder.documents.append(document)
        _read_included_tables(builder, document)
    validate_registry(builder)


def _parse_or_report(report: ProblemCollector, name: str, raw: bytes) -> Document | None:
    try:
        return parse_document(name, raw)
    except TomlError as error:
        report.add_syntax_errors(name, error)
        return None


def _validate_declared_table(
    builder: RegistryBuilder, document: Document, path: KeyPath, table_model: type[BaseModel], raw: Any
) -> ValidatedTable:
    return validate_table(builder.report, document, path, table_model, raw)


def _read_root_tables(builder: RegistryBuilder, root: Document) -> None:
    builder.root = root
    builder.documents.append(root)
    rest = {key: value for key, value in root.data.items() if key not in {*_SECTIONS, "defaults"}}
    settings = _validate_declared_table(builder, root, (), model.RootFile, rest)
    builder.settings = settings.table or model.RootFile.model_validate({**settings.data, "version": 1})
    builder.is_complete = not any(path[:1] == ("include",) for path in settings.refused)
    builder.defaults = _validate_declared_table(
        builder, root, ("defaults",), model.AppFields, root.data.get("defaults", {})
    ).data
    for section, (table, longest) in _SECTIONS.items():
        for name, raw in _named_tables(builder, root, section, longest):
            _declare_table(
                builder, root, section, name, _validate_declared_table(builder, root, (section, name), table, raw), raw
            )


def _named_tables(
    builder: RegistryBuilder, document: Document, section: str, max_length: int
) -> Iterator[tuple[str, Any]]:
    """The named tables of a section; reports invalid names."""
    entries = document.data.get(section, {})
    if not isinstance(entries, dict):
        builder.report.add_value_problem(
            document, (section,), f"is {toml_type_name(entries)}, but must be a table of tables, [{section}.NAME]"
        )
        return
    for name, raw in entries.items():
        wrong = name_problem(name, max_length)
        if wrong:
            builder.report.add_key_problem(document, (section, name), wrong)
        yield name, raw


def _declare_table(
    builder: RegistryBuilder, document: Document, section: str, name: str, shaped: ValidatedTable, raw: Any
) -> None:
    if section == "apps":
        builder.declare_app(document, name, shaped)
        return
    builder.declared_names[section][name] = document
    if section == "environments":
        # Also for an invalid environment, so that its apps are not reported as missing elsewhere.
        builder.add_list_entries(document, name, raw)
    if shaped.table is None:
        return
    if section == "environments":
        builder.environments[name] = shaped.table
    elif section == "teams":
        builder.teams[name] = shaped.table
    else:
        builder.projects[name] = dict(shaped.data)


def _read_included_tables(builder: RegistryBuilder, document: Document) -> None:
    """Add the tables of an included file to the builder."""
    for key in sorted(document.data.keys() - {"environments", "apps"}):
        builder.report.add_key_problem(
            document, (key,), _misplaced_key_message(key, model.RootFile, "environments", "apps")
        )
    for name, raw in _named_tables(builder, document, "apps", 53):
        shaped = _validate_declared_table(builder, document, ("apps", name), model.App, raw)
        builder.declare_app(document, name, shaped)
        builder.check_app_owner(document, name)
    for name, raw in _named_tables(builder, document, "environments", 63):
        _read_list_table(builder, document, name, raw)


def _misplaced_key_message(key: str, root_model: type[BaseModel], *allowed_keys: str) -> str:
    """The message for a key that an included file cannot have; says so if the root file can have it."""
    if key in {info.alias for info in root_model.model_fields.values()}:
        return "is allowed only in the root file: move it there"
    return unknown_key_message(key, allowed_keys)


def _read_list_table(builder: RegistryBuilder, document: Document, name: str, raw: Any) -> None:
    at = ("environments", name)
    if name not in builder.declared_names["environments"]:
        hint = suggest_name(name, builder.declared_names["environments"])
        builder.report.add_key_problem(document, at, f"unknown environment{hint}: declare it in the root file")
    foreign = sorted(raw.keys() - {"apps"}) if isinstance(raw, dict) else []
    for key in foreign:
        builder.report.add_key_problem(document, (*at, key), _misplaced_key_message(key, model.Environment, "apps"))
    own = {key: value for key, value in raw.items() if key == "apps"} if isinstance(raw, dict) else raw
    _validate_declared_table(builder, document, at, model.IncludedEnvironment, own)
    builder.add_list_entries(document, name, raw)


def _read_included_documents(
    builder: RegistryBuilder, files: RegistryFiles, root_name: str, display_prefix: str
) -> Iterator[Document]:
    """Read the included files; report those that cannot be read, or that do not belong to one team."""
    owners = FileOwners(builder.settings.include, {name: team.files for name, team in builder.teams.items()})
    names_by_fold: dict[str, str] = {}
    for index, name, wrong in resolve_includes(files, root_name, builder.settings.include):
        if not wrong and (other := names_by_fold.setdefault(name.casefold(), name)) != name:
            wrong = f'"{other}" and {quoted_excerpt(name)} are one file on some disks: rename one'
        if wrong:
            builder.add_root_problem(("include", index), wrong)
        document = None if wrong else _read_included_file(builder, files, index, name, display_prefix)
        if document is None:
            builder.is_complete = False
            continue
        teams = owners.find_teams(name)
        if len(teams) == 1 and teams[0] in builder.declared_names["teams"]:
            builder.team_by_file[document.name] = teams[0]
        else:
            text = _file_owner_problem(builder, name, teams, document)
            builder.add_root_problem(("include", index), text, refused=True)
        yield document


def _file_owner_problem(builder: RegistryBuilder, name: str, teams: list[str], document: Document) -> str:
    """Why an included file does not belong to one team that exists, and what to write."""
    if len(teams) > 1:
        return f"{quoted_excerpt(name)} is a file of the teams {' and '.join(teams)}: remove it from the files of one"
    if teams:
        hint = suggest_name(teams[0], builder.declared_names["teams"])
        return f"{quoted_excerpt(name)} belongs to team {quoted_excerpt(teams[0])}, which does not exist{hint}: rename the file, or add [teams.{teams[0]}]"  # noqa: E501
    apps = document.data.get("apps")
    tables = apps.values() if isinstance(apps, dict) else ()
    found = {str(app.get("team")) for app in tables if isinstance(app, dict)}
    if len(found) == 1 and (team := found.pop()) in builder.teams:
        files = ", ".join(f'"{entry}"' for entry in [*builder.teams[team].files, name])
        return f"{quoted_excerpt(name)} belongs to no team: write files = [{files}] in [teams.{team}]"
    return (
        f"{quoted_excerpt(name)} belongs to no team: add it to the files of one team, "
        f'[teams.NAME] files = ["{name}"], or move its content to the root file'
    )


def _read_included_file(
    builder: RegistryBuilder, files: RegistryFiles, entry_index: int, name: str, display_prefix: str
) -> Document | None:
    wrong, raw = f"{quoted_excerpt(name)} does not exist: create it, or remove it here", None
    try:
        raw = files.read_bytes(name)
    except GeneratorError as error:
        wrong = error.message
    if raw is None:
        builder.add_root_problem(("include", entry_index), wrong)
        return None
    builder.report.file_order(display_prefix + name)
    return _parse_or_report(builder.report, display_prefix + name, raw)


def build_registry(builder: RegistryBuilder) -> Registry:
    """Build the registry from a builder without problems."""
    settings = builder.settings
    registry = Registry(
        workloads=settings.workloads,
        argocd=settings.argocd,
        environments={name: builder.build_environment(name) for name in builder.environments},
        teams=builder.teams,
        projects=builder.projects,
        apps={name: app.layer for name, app in builder.apps.items()},
        defaults=builder.defaults,
        include=tuple(settings.include),
    )
    registry.effective_app_cache.update(builder.effective_by_listing)
    return registry


def list_registry_files(files: RegistryFiles, root_name: str) -> list[str]:
    """List the names of the registry's files, the root file first."""
    told = _parse_root_data(files.read_bytes(root_name) or b"").get("include")
    entries = told if isinstance(told, list) else []  # Validation reports an invalid list.
    return [root_name, *(file.name for file in resolve_includes(files, root_name, entries) if file.name)]


@functools.lru_cache(maxsize=2)
def _parse_root_data(raw: bytes) -> Mapping[str, Any]:
    """Parse a root file's data, read-only. Cached, because the branch's file usually equals the checked-out one."""
    return parse_document("", raw).data
