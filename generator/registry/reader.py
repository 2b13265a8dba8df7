"""Reads and validates registry files: returns a valid `Registry`, or reports the problems of all files at once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from generator.argocd.project import ProjectFields
from generator.argocd.strings import APPLICATION_NAME, MAX_APP_NAME_LENGTH, name_problem, quoted_excerpt
from generator.argocd.versions import unknown_version_problem
from generator.cache import ResultCache, digest_data
from generator.errors import GeneratorError, LocalError, Problem, RefusedError, RegistryError
from generator.registry import model
from generator.registry.builder import RegistryBuilder
from generator.registry.deprecations import describe_unset_deletion
from generator.registry.files import FileOwners, FolderFiles, RegistryFiles, resolve_includes
from generator.registry.problems import TooManyProblemsError, suggest_name, toml_type_name, unknown_key_message
from generator.registry.registry import Registry
from generator.registry.validate import validate_registry
from generator.toml.document import Document, KeyPath, TomlError, parse_document

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "environments": model.Environment,
    "teams": model.Team,
    "projects": ProjectFields,
    "apps": model.App,
}


def read_registry(path: FilePath) -> Registry:
    """Read and validate the registry at `path` on disk. Raises what `read_registry_from` raises."""
    return read_registry_from(FolderFiles(path.parent), path.name, str(path.parent))


def parse_workloads_settings(raw: bytes) -> model.Workloads | None:
    """Parse the `workloads` table of a root file; None if the file or the table is invalid."""
    try:
        return model.Workloads.model_validate(_parse_root_data(raw).get("workloads", {}))
    except (TomlError, ValidationError):
        return None


def read_registry_from(
    files: RegistryFiles, root_name: str, display_folder: str = ".", cache: ResultCache | None = None
) -> Registry:
    """Read and validate the registry with root file `root_name`. Raises what `read_declarations` raises."""
    return build_registry(read_declarations(files, root_name, display_folder, cache=cache))


def read_registry_with_violations(
    files: RegistryFiles, root_name: str, display_folder: str = "."
) -> tuple[Registry, tuple[Problem, ...]]:
    """Read a well-formed registry, and list its violations of policy and tenancy instead of failing.

    Use this to show a registry, never to publish it. Raises what `read_declarations` raises for other problems.
    """
    found: list[Problem] = []
    registry = build_registry(read_declarations(files, root_name, display_folder, found))
    return registry, tuple(found)


def read_declarations(
    files: RegistryFiles,
    root_name: str,
    display_folder: str = ".",
    violations: list[Problem] | None = None,
    cache: ResultCache | None = None,
    parsed: Iterable[Document] = (),
) -> RegistryBuilder:
    """Read and validate everything that the root file `root_name` and its included files declare.

    `display_folder` precedes file names in problems. Raises RegistryError with every problem, LocalError or UsageError
    if the root file cannot be read. If every problem is a violation of policy or tenancy, and `violations` is given,
    they are added to it instead. `cache` remembers registries without problems, and
    `parsed` are documents that may have the same text.
    """
    raw = files.read_bytes(root_name)
    prefix = "" if display_folder == "." else f"{display_folder}/"
    if raw is None:
        raise LocalError(
            "WL2003", f"{prefix}{root_name} does not exist", remedy="name the registry with --registry FILE"
        )
    draft = RegistryBuilder(parsed)
    report, stopped = draft.report, ""
    try:
        _read_all_files(draft, files, root_name, prefix, raw, cache)
    except TooManyProblemsError:
        stopped = " (reading stopped there)"
    if report.problems:
        error = RegistryError(report.problems, prefix + root_name + stopped)
        if violations is None or stopped or error.exit_code != RefusedError.exit_code:
            raise error
        violations += error.problems
    return draft


def _read_all_files(
    builder: RegistryBuilder,
    files: RegistryFiles,
    root_name: str,
    display_prefix: str,
    raw: bytes,
    cache: ResultCache | None,
) -> None:
    root = builder.parse(display_prefix + root_name, raw)
    if root is None:
        return
    _read_root_tables(builder, root)
    for document in _read_included_documents(builder, files, root_name, display_prefix):
        builder.documents.append(document)
        _read_included_tables(builder, document)
    builder.digest = digest_data([(doc.name.removeprefix(display_prefix), doc.text) for doc in builder.documents])
    key = f"valid registry {builder.digest}"
    if builder.report.problems or cache is None or not cache.get(key):
        noted = len(builder.report.notes)
        validate_registry(builder)
        # A registry with notes of its own is validated again, since the cache does not keep them.
        if cache is not None and not builder.report.problems and len(builder.report.notes) == noted:
            cache.put(key, True)


def _read_root_tables(builder: RegistryBuilder, root: Document) -> None:
    builder.root = root
    builder.documents.append(root)
    rest = {key: value for key, value in root.data.items() if key not in {*_SECTIONS, "defaults"}}
    settings = builder.validate_table(root, (), model.RootFile, rest)
    builder.settings = settings.table or model.RootFile.model_validate({**settings.data, "version": 2})
    _note_unknown_versions(builder, root)
    builder.is_complete = not any(path[:1] == ("include",) for path in settings.invalid_paths)
    defaults = root.data.get("defaults", {})
    layer = builder.validate_table(root, ("defaults",), model.AppDefaults, defaults).data
    builder.defaults = builder.normalize(root, ("defaults",), layer)
    for section, table_model in _SECTIONS.items():
        for name, raw in _named_tables(builder, root, section):
            table = builder.validate_table(root, (section, name), table_model, raw)
            builder.declare(root, section, name, table, raw)


def _note_unknown_versions(builder: RegistryBuilder, root: Document) -> None:
    """Note the versions of Argo CD whose fields are not known."""
    argocd = builder.settings.argocd
    paths: dict[KeyPath, model.ArgoCD] = {("argocd", "version"): argocd}
    paths |= {("argocd", "instances", name, "version"): one for name, one in argocd.instances.items()}
    for path, one in paths.items():
        problem = unknown_version_problem(one.version) if "version" in one.model_fields_set else None
        if problem:
            builder.report.add_note(root, path, problem)


def _named_tables(builder: RegistryBuilder, document: Document, section: str) -> Iterator[tuple[str, Any]]:
    """Yield the named tables of a section; report invalid names."""
    entries = document.data.get(section, {})
    if not isinstance(entries, dict):
        text = f"is {toml_type_name(entries)}, but must be a table of tables, [{section}.NAME]"
        builder.report.add_value_problem(document, (section,), "WL2103", text)
        return
    for name, raw in entries.items():
        wrong = name_problem(name, MAX_APP_NAME_LENGTH if section == "apps" else 63)
        if wrong:
            named = section == "apps" and APPLICATION_NAME.fullmatch(name)
            hint = f'; for the name of the Application, write name = "{name}"' if named else ""
            builder.report.add_key_problem(document, (section, name), "WL2106", wrong + hint)
        yield name, raw


def _read_included_tables(builder: RegistryBuilder, document: Document) -> None:
    for key in sorted(document.data.keys() - model.IncludedFile.model_fields.keys()):
        code, text = _misplaced_key_problem(key, model.RootFile, *model.IncludedFile.model_fields)
        builder.report.add_key_problem(document, (key,), code, text)
    for name, raw in _named_tables(builder, document, "apps"):
        builder.declare_app(document, name, builder.validate_table(document, ("apps", name), model.App, raw))
        builder.check_app_owner(document, name)
    for name, raw in _named_tables(builder, document, "environments"):
        _read_list_table(builder, document, name, raw)


def _misplaced_key_problem(key: str, root_model: type[BaseModel], *allowed_keys: str) -> tuple[str, str]:
    """The code and message for a key that an included file cannot have; says so if the root file can have it."""
    if key in {info.alias for info in root_model.model_fields.values()}:
        return "WL2107", "is allowed only in the root file: move it there"
    return "WL2101", unknown_key_message(key, allowed_keys)


def _read_list_table(builder: RegistryBuilder, document: Document, name: str, raw: Any) -> None:
    at = ("environments", name)
    if name not in builder.declared_names["environments"]:
        hint = suggest_name(name, builder.declared_names["environments"])
        builder.report.add_key_problem(
            document, at, "WL2109", f"unknown environment{hint}: declare it in the root file"
        )
    own = raw
    if isinstance(raw, dict):
        own = {key: value for key, value in raw.items() if key == "apps"}
        for key in raw.keys() - {"apps"}:
            builder.report.add_key_problem(
                document, (*at, key), *_misplaced_key_problem(key, model.Environment, "apps")
            )
    builder.validate_table(document, at, model.IncludedEnvironment, own)
    builder.add_list_entries(document, name, raw)


def _read_included_documents(
    builder: RegistryBuilder, files: RegistryFiles, root_name: str, display_prefix: str
) -> Iterator[Document]:
    """Read the included files; report those that cannot be read, or that do not belong to one team."""
    owners = FileOwners(builder.settings.include, {name: team.files for name, team in builder.teams.items()})
    names_by_fold: dict[str, str] = {}
    for index, name, wrong in resolve_includes(files, root_name, builder.settings.include):
        raw = None
        if not wrong and (other := names_by_fold.setdefault(name.casefold(), name)) != name:
            wrong = f'"{other}" and {quoted_excerpt(name)} are one file on some disks: rename one'
        elif not wrong:
            try:
                raw = files.read_bytes(name)
                wrong = f"{quoted_excerpt(name)} does not exist: create it, or remove it here" if raw is None else None
            except GeneratorError as error:
                wrong = error.message
        if wrong:
            builder.add_root_problem(("include", index), "WL2006", wrong)
        document = None if raw is None else builder.parse(display_prefix + name, raw)
        if document is None:
            builder.is_complete = False
            continue
        teams = owners.find_teams(name)
        if len(teams) == 1 and teams[0] in builder.declared_names["teams"]:
            builder.team_by_file[document.name] = teams[0]
        else:
            text = _file_owner_problem(builder, name, teams, document)
            builder.add_root_problem(("include", index), "WL3207", text)
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
        version=settings.version,
        defaults=builder.defaults,
        include=tuple(settings.include),
        namespaces=settings.namespaces,
        digest=builder.digest,
        interpolate=settings.interpolate,
        credentials=settings.credentials,
        notes=tuple(map(str, sorted(builder.report.notes))),
        deprecation=describe_unset_deletion(builder),
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
