"""Write a registry of the Applications that exist: read, translate, fold, validate, prove."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generator.errors import RefusedError, RegistryError
from generator.importing.build import EmptyRegistry, ImportOptions, NewRegistry, build_tables
from generator.importing.environments import ImportedEnvironment, collect_environments, name_environments
from generator.importing.manifests import NotTaken, ReadOptions, read_units
from generator.importing.merge import (
    ExistingRegistry,
    add_tables,
    drop_other_namespaces,
    list_additions,
    refuse_unnamed_environment,
    select_new_applications,
)
from generator.importing.proof import Compared, find_changed_applications, prove_import
from generator.importing.takeover import OldParent, Step, find_tracker, list_notes, plan_takeover
from generator.importing.write import write_registry_files
from generator.registry.editable import EditableRegistry
from generator.registry.files import REGISTRY_NAME, MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry

_PROJECT_KEY = re.compile(r"projects\.([a-z0-9-]+)\.(\w+)")
_OVERRIDE_KEY = re.compile(r"environments\.([a-z0-9-]+)(?:\.|$)")
_APP_KEY = re.compile(r"apps\.([a-z0-9-]+)(?:\.|$)(.*)")


@dataclass(frozen=True)
class ImportResult:
    """The files of a registry that are new or changed, and what became of each Application of the source.

    `added` are the Applications that are new in the registry, by environment and name; `additions` what was added for
    them to a registry that existed, as lines to print.
    """

    files: Mapping[str, bytes]
    registry: Registry
    compared: Sequence[Compared]
    not_taken: Sequence[NotTaken]
    added: Sequence[tuple[str, str]]
    environments: Mapping[str, ImportedEnvironment]
    is_merge: bool = False
    additions: Sequence[str] = ()

    def is_new(self, compared: Compared) -> bool:
        """Whether an object is in the registry because of this import."""
        if compared.kind == "Application":
            return (compared.environment, compared.name) in self.added
        return not self.is_merge

    @property
    def parents(self) -> list[OldParent]:
        """The live Applications whose place the charts of the registry take."""
        return [parent for env in self.environments.values() for parent in env.parents]

    @property
    def exact(self) -> list[Compared]:
        return [each for each in self.compared if each.kind == "Application" and not each.changes]

    @property
    def changed(self) -> list[Compared]:
        return [each for each in self.compared if each.changes]


def import_registry(
    sources: Sequence[tuple[str, Path]],
    reading: ReadOptions,
    options: ImportOptions,
    *,
    split_by_team: bool = False,
) -> ImportResult:
    """Import the Applications of the sources, each given with the name of its environment or "".

    Raises UsageError and LocalError for a source that cannot be read, and RefusedError if it has no Application.
    """
    environments, not_taken = _read_environments(sources, reading)
    while environments:
        tables = build_tables(environments, options, EmptyRegistry())
        files = write_registry_files(tables, split_by_team=split_by_team)
        try:
            registry = read_registry_from(MemoryFiles(files), REGISTRY_NAME)
        except RegistryError as error:
            environments, lost = _without_refused(environments, environments, tables, error)
            not_taken += lost
        else:
            compared = prove_import(registry, environments)
            return ImportResult(files, registry, compared, not_taken, _list_applications(environments), environments)
    raise _nothing_to_import(not_taken)


def merge_into_registry(
    existing: EditableRegistry, sources: Sequence[tuple[str, Path]], reading: ReadOptions, options: ImportOptions
) -> ImportResult:
    """Import the Applications of the sources that a registry does not have, and compare all of them with it.

    What the registry has stays as it is. Raises what `import_registry` raises, and UsageError if a source names no
    environment.
    """
    environments, not_taken = _read_environments(sources, reading)
    refuse_unnamed_environment([chosen for chosen, _ in sources], environments, existing.registry)
    not_taken += drop_other_namespaces(environments, existing.registry)
    separate: set[tuple[str, str]] = set()
    while any(env.applications for env in environments.values()):
        start = ExistingRegistry(existing.registry, frozenset(separate))
        new = select_new_applications(environments, start)
        tables = build_tables(new, options, start)
        try:
            after = add_tables(existing, tables).revalidate()
        except RegistryError as error:
            if extended := _list_extended(tables).intersection(_find_app_reasons(error, tables)):
                separate |= extended
                continue
            environments, lost = _without_refused(environments, new, tables, error)
            not_taken += lost
            continue
        compared = prove_import(after.registry, environments)
        inexact = {(each.environment, each.name) for each in compared if each.changes and each.kind == "Application"}
        if extended := _list_extended(tables).intersection(inexact):
            separate |= extended
            continue
        _refuse_changed_applications(existing.registry, after.registry)
        files, additions = after.changed_files(existing), [*list_additions(existing, after)]
        added = _list_applications(new)
        return ImportResult(files, after.registry, compared, not_taken, added, environments, True, additions)
    raise _nothing_to_import(not_taken)


def plan_environments(result: ImportResult) -> Iterator[tuple[str, list[Step], list[str]]]:
    """Yield the steps by which each environment's live Applications change their parent, and notes on the rest."""
    for name, env in result.environments.items():
        table, apps = result.registry.environments[name], result.registry.list_effective_apps(name)
        projects = {app.project for app in apps if table.creates_project(app)}
        imported = [f"Application {app.application}" for app in apps] + [f"AppProject {one}" for one in projects]
        bodies = [app.manifest.body for app in env.applications.values()]
        by_annotation = any(find_tracker(body)[1] for body in bodies) or not any(
            find_tracker(body)[0] for body in bodies
        )
        yield (
            name,
            plan_takeover(name, env.parents, imported, by_annotation=by_annotation),
            [*list_notes(env.parents, imported)],
        )


def _list_extended(tables: NewRegistry) -> set[tuple[str, str]]:
    """The Applications, by environment and name, that become entries of apps that the registry has."""
    return {(env, name) for env, keys in tables.keys.items() for name, key in keys.items() if key in tables.extended}


def _list_applications(environments: Mapping[str, ImportedEnvironment]) -> list[tuple[str, str]]:
    return [(env, name) for env, found in environments.items() for name in found.applications]


def _read_environments(
    sources: Sequence[tuple[str, Path]], reading: ReadOptions
) -> tuple[dict[str, ImportedEnvironment], list[NotTaken]]:
    found = [(chosen, unit) for chosen, path in sources for unit in read_units(path, reading)]
    names = name_environments(found)
    return collect_environments((name, unit) for name, (_, unit) in zip(names, found, strict=True))


def _without_refused(
    environments: Mapping[str, ImportedEnvironment],
    new: Mapping[str, ImportedEnvironment],
    tables: NewRegistry,
    error: RegistryError,
) -> tuple[dict[str, ImportedEnvironment], list[NotTaken]]:
    """The environments without what the registry refuses of their `new` Applications, and a list of that."""
    if lost := _drop_project_fields(new, error):
        return dict(environments), lost
    refused = _find_refused(error, tables)
    return _without_apps(environments, refused), _list_refused(environments, refused)


def _refuse_changed_applications(before: Registry, after: Registry) -> None:
    if changed := [*find_changed_applications(before, after)]:
        raise RefusedError(
            "WL8007",
            f"the import would change Applications that the registry has: {', '.join(changed[:8])}",
            remedy="import into an empty folder, and copy what is new from there",
            not_done="nothing was written",
        )


def _drop_project_fields(environments: Mapping[str, ImportedEnvironment], error: RegistryError) -> list[NotTaken]:
    """Drop the fields of AppProjects that the registry refuses, and list them."""
    lost: list[NotTaken] = []
    for problem in error.problems:
        found = _PROJECT_KEY.match(problem.key)
        for env in environments.values() if found else ():
            manifest = env.projects.get(found[1]) if found else None
            if found and manifest and found[2] in manifest.body.get("spec", {}):
                del manifest.body["spec"][found[2]]
                what = f"AppProject {found[1]}, spec.{found[2]}"
                lost.append(NotTaken(manifest.file, manifest.line, what, problem.text))
    return lost


def _find_refused(error: RegistryError, tables: NewRegistry) -> dict[tuple[str, str], str]:
    """The Applications, by environment and name, that problems are about, each with the first problem.

    Raises RefusedError if none of its problems is an app's.
    """
    refused = _find_app_reasons(error, tables)
    if not refused:
        lines = "".join(f"\n  {problem.key}: {problem.text}" for problem in error.problems[:10])
        raise RefusedError(
            "WL8003",
            f"the source has values that a registry cannot hold:{lines}",
            remedy="correct them in the source, or import the other Applications alone",
            not_done="nothing was written",
        ) from error
    return refused


def _find_app_reasons(error: RegistryError, tables: NewRegistry) -> dict[tuple[str, str], str]:
    """The first problem of each Application, by environment and name; that of an override is its environment's."""
    reasons: dict[tuple[str, str], str] = {}
    for problem in error.problems:
        if found := _APP_KEY.match(problem.key):
            override = _OVERRIDE_KEY.match(found[2])
            key = f"{found[2]}: " if found[2] else ""
            reasons.setdefault((found[1], override[1] if override else ""), f"{key}{problem.text}")
    return {
        (env, name): reason
        for env, keys in tables.keys.items()
        for name, key in keys.items()
        if (reason := reasons.get((key, env)) or reasons.get((key, "")))
    }


def _list_refused(
    environments: Mapping[str, ImportedEnvironment], refused: Mapping[tuple[str, str], str]
) -> list[NotTaken]:
    manifests = {(env, name): environments[env].applications[name].manifest for env, name in refused}
    return [
        NotTaken(manifest.file, manifest.line, f"Application {name}", refused[env, name])
        for (env, name), manifest in manifests.items()
    ]


def _without_apps(
    environments: Mapping[str, ImportedEnvironment], refused: Mapping[tuple[str, str], str]
) -> dict[str, ImportedEnvironment]:
    kept = {
        env: replace(
            found, applications={name: app for name, app in found.applications.items() if (env, name) not in refused}
        )
        for env, found in environments.items()
    }
    return {env: found for env, found in kept.items() if found.applications}


def _nothing_to_import(not_taken: Sequence[NotTaken]) -> RefusedError:
    by_kind = sorted(not_taken, key=lambda each: not each.what.startswith("Application "))
    lines = "".join(f"\n  {each.file}:{each.line}: {each.what}: {each.reason}" for each in by_kind[:10])
    return RefusedError(
        "WL8002",
        f"no Application could be imported{':' if lines else ''}{lines}",
        remedy="name the file, the folder or the chart that holds the Applications",
        not_done="nothing was written",
    )
