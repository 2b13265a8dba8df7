"""Find the environments of the imported sources, and the Applications of each. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple, TypeVar

from generator.importing.applications import Translated, TranslationError, explain_owner, translate_application
from generator.importing.manifests import Manifest, NotTaken, Unit
from generator.importing.shapes import find_shape_problem
from generator.importing.takeover import OldParent, find_parents
from generator.importing.teams import make_name

#: Words in the names of environments, in the order of releases.
_STAGES = (("dev",), ("int",), ("test", "qa"), ("stag", "preprod", "uat"), ("prod", "live"))
_Value = TypeVar("_Value", bound=Hashable)
#: The environment of a single source that has no name of its own.
ONLY_ENVIRONMENT = "main"


class ImportedApplication(NamedTuple):
    """An Application of the source, and its table in the registry."""

    manifest: Manifest
    translated: Translated


@dataclass
class ImportedEnvironment:
    """The Applications of an environment by name, and its AppProjects by name.

    `parents` are the live Applications that deploy them, whose place the chart of the registry takes.
    """

    name: str
    applications: dict[str, ImportedApplication] = field(default_factory=dict)
    projects: dict[str, Manifest] = field(default_factory=dict)
    parents: list[OldParent] = field(default_factory=list)

    @property
    def argocd_namespace(self) -> str:
        """The namespace of most of its Applications; "" if none names one."""
        named = (app.translated.argocd_namespace for app in self.applications.values())
        return most_frequent(name for name in named if name) or ""


def name_environments(units: Sequence[tuple[str, Unit]]) -> list[str]:
    """Name the environment of each unit, given with the name that the user chose for its source or "".

    Without such a name it is that of the unit's values file, else the first folder in which units with the same
    Applications differ; "main" if they do not. Where few folders of that level share an Application with another one,
    they do not stand for environments: only those few are kept apart.
    """
    unnamed = [unit for chosen, unit in units if not chosen and not unit.values_name]
    level = _find_distinguishing_level(unnamed)
    folders: dict[str, set[str]] = defaultdict(set)
    for unit in unnamed:
        folders[_name_at(unit, level)].update(app.name for app in _apps(unit))
    counts = Counter(app for apps in folders.values() for app in apps)
    sharing = {name for name, apps in folders.items() if any(counts[app] > 1 for app in apps)}
    kept = folders.keys() if 2 * len(sharing) >= len(folders) else sharing

    def choose_name(unit: Unit) -> str:
        name = _name_at(unit, level)
        return name if name in kept else ONLY_ENVIRONMENT

    return [chosen or unit.values_name or choose_name(unit) for chosen, unit in units]


def _find_distinguishing_level(units: Sequence[Unit]) -> int | None:
    """The depth of the folders whose names keep Applications of one name apart; None if all names differ."""
    counts = Counter(each.name for unit in units for each in _apps(unit))
    if all(count == 1 for count in counts.values()):
        return None
    depths = range(max((len(PurePosixPath(unit.folder).parts) for unit in units), default=0))

    def count_collisions(depth: int) -> int:
        seen = Counter((_name_at(unit, depth), each.name) for unit in units for each in _apps(unit))
        return sum(count - 1 for count in seen.values())

    return min(depths, key=count_collisions, default=None)


def _apps(unit: Unit) -> Iterable[Manifest]:
    return (each for each in unit.manifests if each.is_argocd and each.kind == "Application")


def _name_at(unit: Unit, level: int | None) -> str:
    parts = PurePosixPath(unit.folder).parts
    return make_name(parts[level]) if level is not None and level < len(parts) else ONLY_ENVIRONMENT


def collect_environments(
    units: Iterable[tuple[str, Unit]],
) -> tuple[dict[str, ImportedEnvironment], list[NotTaken]]:
    """Translate the objects of the units, given with their environments; and list what cannot be taken."""
    found: dict[str, ImportedEnvironment] = {}
    not_taken: list[NotTaken] = []
    every = list(units)
    for name in dict(every):
        found[name] = ImportedEnvironment(name)
        found[name].parents = find_parents(one for env, unit in every if env == name for one in unit.manifests)
    for name, unit in every:
        not_taken += unit.not_taken
        environment = found[name]
        has_apps = any(True for _ in _apps(unit))
        parents = {parent.name for parent in environment.parents}
        for manifest in unit.manifests:
            if manifest.kind == "Application" and manifest.name in parents:
                continue
            reason = _take(environment, manifest, is_deployed_with_apps=has_apps)
            if reason:
                what = f"{manifest.kind} {manifest.name}"
                not_taken.append(NotTaken(manifest.file, manifest.line, what, reason))
    for environment in found.values():
        not_taken += _drop_other_namespaces(environment)
    kept = {name: env for name, env in found.items() if env.applications}
    return {name: kept[name] for name in sorted(kept, key=_stage_order)}, list(dict.fromkeys(not_taken))


def _drop_other_namespaces(environment: ImportedEnvironment) -> list[NotTaken]:
    """Drop the Applications that are in another namespace than most of the environment, and list them."""
    usual = environment.argocd_namespace
    others = {
        name: app
        for name, app in environment.applications.items()
        if app.translated.argocd_namespace not in ("", usual)
    }
    environment.applications = {name: app for name, app in environment.applications.items() if name not in others}
    return [
        NotTaken(
            app.manifest.file,
            app.manifest.line,
            f"Application {name}",
            f'is in namespace "{app.translated.argocd_namespace}", and most of environment {environment.name} in '
            f'"{usual}": import it as another environment, ENV=SOURCE',
        )
        for name, app in others.items()
    ]


def _stage_order(name: str) -> tuple[int, str]:
    """Where an environment comes in the order of releases, by a stage that its name mentions; then its name."""
    places = (place for place, words in enumerate(_STAGES) if any(word in name for word in words))
    return max(places, default=len(_STAGES)), name


def _take(environment: ImportedEnvironment, manifest: Manifest, *, is_deployed_with_apps: bool) -> str | None:
    """Add an object to its environment, or return why it is not imported; None if it was added or needs no import."""
    if not manifest.is_argocd:
        reason = "is not an Application or AppProject: keep it in the chart as a file of your own"
        return reason if is_deployed_with_apps else None
    if manifest.kind in ("Application", "AppProject") and (wrong := find_shape_problem(manifest.kind, manifest.body)):
        return wrong
    if manifest.kind == "Application":
        return _take_application(environment, manifest)
    if manifest.kind == "AppProject":
        environment.projects.setdefault(manifest.name, manifest)
        return None
    if manifest.kind == "ApplicationSet":
        return "Argo CD generates Applications from it: keep it, or import those (kubectl get applications -A -o yaml)"
    return None


def _take_application(environment: ImportedEnvironment, manifest: Manifest) -> str | None:
    if owner := explain_owner(manifest.body):
        return owner
    try:
        translated = translate_application(manifest.body)
    except TranslationError as error:
        return str(error)
    other = environment.applications.get(translated.name)
    if other:
        return f"environment {environment.name} has another one of this name, in {other.manifest.file}:{other.manifest.line}"  # noqa: E501
    environment.applications[translated.name] = ImportedApplication(manifest, translated)
    return None


def most_frequent(values: Iterable[_Value]) -> _Value | None:
    """The most frequent value, the first of several; None if there is none."""
    counts = Counter(values)
    return max(counts, key=lambda value: counts[value], default=None)
