"""Write a registry of the Applications that exist: read, translate, fold, validate, prove."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generator.errors import RefusedError, RegistryError
from generator.importing.build import ImportOptions, NewRegistry, build_tables
from generator.importing.environments import ImportedEnvironment, collect_environments, name_environments
from generator.importing.manifests import NotTaken, ReadOptions, read_units
from generator.importing.proof import Compared, prove_import
from generator.importing.write import write_registry_files
from generator.registry.files import REGISTRY_NAME, MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry

_PROJECT_KEY = re.compile(r"projects\.([a-z0-9-]+)\.(\w+)")
_APP_KEY = re.compile(r"apps\.([a-z0-9-]+)(?:\.|$)(.*)")


@dataclass(frozen=True)
class ImportResult:
    """The files of a new registry, and what became of each Application of the source."""

    files: Mapping[str, bytes]
    registry: Registry
    compared: Sequence[Compared]
    not_taken: Sequence[NotTaken]

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
    found = [(chosen, unit) for chosen, path in sources for unit in read_units(path, reading)]
    names = name_environments(found)
    environments, not_taken = collect_environments((name, unit) for name, (_, unit) in zip(names, found, strict=True))
    while environments:
        tables = build_tables(environments, options)
        files = write_registry_files(tables, split_by_team=split_by_team)
        try:
            registry = read_registry_from(MemoryFiles(files), REGISTRY_NAME)
        except RegistryError as error:
            not_taken += (lost := _drop_project_fields(environments, error))
            if lost:
                continue
            refused = _find_refused(error, tables)
            not_taken += _list_refused(environments, refused)
            environments = _without_apps(environments, refused)
        else:
            return ImportResult(files, registry, prove_import(registry, environments), not_taken)
    raise _nothing_to_import(not_taken)


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
    reasons: dict[str, str] = {}
    for problem in error.problems:
        found = _APP_KEY.match(problem.key)
        if found:
            key = f"{found[2]}: " if found[2] else ""
            reasons.setdefault(found[1], f"{key}{problem.text}")
    refused = {
        (env, name): reasons[key] for env, keys in tables.keys.items() for name, key in keys.items() if key in reasons
    }
    if not refused:
        lines = "".join(f"\n  {problem.key}: {problem.text}" for problem in error.problems[:10])
        raise RefusedError(
            "WL8003",
            f"the source has values that a registry cannot hold:{lines}",
            remedy="correct them in the source, or import the other Applications alone",
            not_done="nothing was written",
        ) from error
    return refused


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
