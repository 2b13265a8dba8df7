"""Render the charts of two sides with Helm, and report what Argo CD will do. Pure except for Helm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from generator.charts import yaml
from generator.charts.layout import (
    CHARTS_FOLDER,
    NAMESPACES_FOLDER,
    PROJECTS_FOLDER,
    SHARDS_FOLDER,
    Chart,
    group_by_chart,
    is_unittest_suite,
    parse_chart_path,
)
from generator.diff.applications import source_location
from generator.diff.compare import (
    SHARD_FIELD,
    AppsByApplication,
    FieldPath,
    Manifest,
    ObjectDifference,
    ObjectKey,
    compare_objects,
    index_objects,
)
from generator.diff.compare_links import list_compare_links
from generator.diff.context import EnvironmentContext
from generator.diff.dangers import find_dangers, find_remark, retires
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport, PlainProjects
from generator.diff.sides import Side
from generator.helm import engine as helm
from generator.helm.environment_objects import ChartFiles, render_environment_objects
from generator.helm.verify import ChartError
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment, Registry
from generator.registry.shards import bootstrap_name, shard_application_name, team_namespaces_name

_PIN_STRICTNESS = ("any", "tag", "commit")


def compare_sides(
    base: Side,
    head: Side,
    job_variables: Mapping[str, str],
    selected_environments: Sequence[str] = (),
    report_progress: Callable[[int], None] = lambda done: None,
) -> DiffReport:
    """Compare the charts of two sides, in all environments or in `selected_environments`.

    `job_variables` are the environment variables of the CI job. `report_progress` gets the number of finished
    environments. A chart whose files are the same on both sides is not rendered.
    Raises ChartError if Helm refuses a chart, LocalError if Helm is missing.
    """
    chosen = [
        name for name in list_environments(base, head) if not selected_environments or name in selected_environments
    ]
    chapters = []
    for done, name in enumerate(chosen, 1):
        chapters.append(_compare_environment(base, head, name, job_variables))
        report_progress(done)
    shown = [chapter for chapter in chapters if chapter.file_count]
    plain = PlainProjects() if selected_environments else _compare_plain_projects(base, head, shown)
    return DiffReport(base, head, tuple(shown), plain, tuple(_list_notes(base, head, shown)))


def list_environments(base: Side, head: Side) -> list[str]:
    """List the environments of both sides: those with a policy first, the last in promotion order before the others."""
    registries = [side.registry for side in (head, base) if side.registry]
    known = {name: env for registry in reversed(registries) for name, env in registry.environments.items()}
    charts = (
        path.split("/") for side in (head, base) for path in side.blob_ids if path.startswith(f"{CHARTS_FOLDER}/")
    )
    names = dict.fromkeys([*known, *(parts[1] for parts in charts if len(parts) > 2)])
    return sorted(names, key=lambda name: _review_order(name, known))


def _review_order(name: str, environments: Mapping[str, Environment]) -> tuple[bool, int]:
    guarded = name in environments and has_policy(environments[name])
    return (not guarded, -_promotion_depth(name, environments) if guarded else 0)


def has_policy(environment: Environment) -> bool:
    """Whether the environment's policy asks for a kind of pin or a soak time, or has freezes."""
    policy = environment.policy
    return policy.pin != "any" or bool(policy.soak or policy.freeze)


def _promotion_depth(name: str, environments: Mapping[str, Environment]) -> int:
    """How many promotions lie between an environment and a first one."""
    sources = [source for source in environments[name].promotes_from if source in environments]
    return 1 + max((_promotion_depth(source, environments) for source in sources), default=-1)


def _compare_environment(base: Side, head: Side, name: str, job_variables: Mapping[str, str]) -> DiffChapter:
    guarded = any(
        side.registry and name in side.registry.environments and has_policy(side.registry.environments[name])
        for side in (base, head)
    )
    tops = (CHARTS_FOLDER, SHARDS_FOLDER, NAMESPACES_FOLDER)
    files = _list_differing_files(base, head, tuple(f"{top}/{name}/" for top in tops))
    if all(is_unittest_suite(path) for path in files):
        return DiffChapter(name, (), len(files), guarded)
    touched = {chart_path.chart for path in files if (chart_path := parse_chart_path(path))}
    # Both sides may read from one Git process, so only Helm's engine, outside of Python's global lock, runs in threads.
    charts = [_read_charts(side, name, touched) for side in (base, head)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        before, after = pool.map(lambda side, files: _render_objects(side, name, files), (base, head), charts)
    manifests = _list_namespace_files(base, head, name)
    namespaces = [_read_plain_manifests(side, manifests) for side in (base, head)]
    before, after = {**before, **namespaces[0]}, {**after, **namespaces[1]}
    changes = compare_objects(before, after, *(_map_applications_to_apps(side, name) for side in (base, head)))
    found = [_mark_versions(each, name, (head.registry, base.registry)) for each in changes]
    context = _build_context(base, head, name, before, after)
    registered = _list_registered_objects(base, name) | _list_registered_objects(head, name)
    registered |= {(key.kind, key.name) for side in namespaces for key in side}
    assessed = (_assess_difference(each, context, registered, job_variables) for each in found)
    return DiffChapter(name, tuple(assessed), len(files), guarded, bool(before) and not after)


def _mark_versions(
    difference: ObjectDifference, environment: str, registries: Sequence[Registry | None]
) -> ObjectDifference:
    """Note how the versions compare in each `targetRevision` and each field that a pin of the app sets."""
    app = _find_app(difference.app, environment, registries)
    if app is None:
        return difference
    pinned = {field.path_in_source(app.fields) for field in app.pinned_fields}
    fields = (
        field._replace(version_order=app.version_order)
        if field.version_order or _path_in_source(field.path) in pinned
        else field
        for field in difference.fields
    )
    return replace(difference, fields=tuple(fields))


def _find_app(name: str, environment: str, registries: Sequence[Registry | None]) -> EffectiveApp | None:
    for registry in registries:
        known = registry is not None and environment in registry.environments
        if registry and known and (app := registry.find_effective_app(environment, name)):
            return app
    return None


def _path_in_source(path: FieldPath) -> FieldPath:
    """The path of a field of an Application within its source: from the tool on."""
    return path[next((at for at, part in enumerate(path) if part in ("helm", "kustomize")), 0) :]


def _list_differing_files(base: Side, head: Side, prefixes: tuple[str, ...]) -> list[str]:
    paths = {path for side in (base, head) for path in side.blob_ids if path.startswith(prefixes)}
    return sorted(path for path in paths if base.blob_ids.get(path) != head.blob_ids.get(path))


def _list_namespace_files(base: Side, head: Side, environment: str) -> list[str]:
    """The manifests of team namespaces that either side generates; Argo CD reads no other files there."""
    prefix = f"{NAMESPACES_FOLDER}/{environment}/"
    generated = {*base.generated_digests, *head.generated_digests}
    return sorted(path for path in generated if path.startswith(prefix))


def _read_charts(side: Side, environment_name: str, touched_charts: set[Chart]) -> ChartFiles:
    """Read the files of an environment's charts, except the charts of untouched shards."""
    own = Chart(environment_name)
    prefixes = tuple(f"{top}/{environment_name}/" for top in (CHARTS_FOLDER, SHARDS_FOLDER))
    paths = [path for path in side.blob_ids if path.startswith(prefixes) and not is_unittest_suite(path)]
    if own not in touched_charts:
        paths = [
            path
            for path in paths
            if (chart_path := parse_chart_path(path)) and chart_path.chart in {own, *touched_charts}
        ]
    files = group_by_chart(side.read_files(paths))
    return {chart: found for chart, found in files.items() if "Chart.yaml" in found}


def _render_objects(side: Side, environment_name: str, charts: ChartFiles) -> dict[ObjectKey, Manifest]:
    """Render the objects of an environment's charts with Helm."""
    try:
        return index_objects(
            {**item, SHARD_FIELD: chart.shard} if chart.shard else item
            for chart, items in render_environment_objects(charts, environment_name)
            for item in items
        )
    except helm.HelmRefusal as refusal:
        where = f"at {side.revision[:12]}" if side.revision else "of the working copy"
        raise ChartError(
            "WL7001",
            f"chart {environment_name} {where}: Helm refuses it: {refusal}",
            remedy="compare with a revision whose chart renders: --base REF",
        ) from None


def _map_applications_to_apps(side: Side, environment_name: str) -> AppsByApplication:
    """The app name of each Application, from the inventory."""
    return {
        ObjectKey("Application", str(identity.get("argocdNamespace")), str(identity.get("name"))): key.partition("/")[2]
        for key, identity in side.applications.items()
        if key.startswith(f"{environment_name}/")
    }


def _list_registered_objects(side: Side, environment: str) -> set[tuple[str, str]]:
    """The kinds and names of the objects that the generator makes for an environment."""
    identities = [identity for key, identity in side.applications.items() if key.startswith(f"{environment}/")]
    return {
        *(("Application", str(identity.get("name"))) for identity in identities),
        *(("AppProject", str(identity.get("project"))) for identity in identities),
        *(("Application", name) for name in _list_shard_applications(side, environment)),
        ("AppProject", bootstrap_name(environment)),
        *((kind, team_namespaces_name(environment)) for kind in ("Application", "AppProject")),
    }


def _list_shard_applications(side: Side, environment: str) -> frozenset[str]:
    """The names of the Applications of an environment's shards."""
    charts = {chart_path.chart for path in side.blob_ids if (chart_path := parse_chart_path(path))}
    return frozenset(
        shard_application_name(chart.environment, chart.shard)
        for chart in charts
        if chart.shard and chart.environment == environment
    )


def _build_context(
    base: Side, head: Side, name: str, before: Mapping[ObjectKey, Manifest], after: Mapping[ObjectKey, Manifest]
) -> EnvironmentContext:
    was, now = (side.registry.environments.get(name) if side.registry else None for side in (base, head))
    # The stricter pin policy of both sides, because the change itself may loosen it.
    pins = [environment.policy.pin for environment in (was, now) if environment]
    return EnvironmentContext(
        before,
        after,
        max(pins, key=_PIN_STRICTNESS.index, default="any"),
        _list_pinned_sources(base.registry, name),
        _list_pinned_sources(head.registry, name),
        frozenset(was.retired if was else ()),
        frozenset(now.retired if now else ()),
        _list_shard_applications(base, name) | _list_shard_applications(head, name),
        {**_map_applications_to_apps(base, name), **_map_applications_to_apps(head, name)},
        _list_other_users(head.registry, name),
        [{"project": each.project, "namespace": each.namespace, **each.destination} for each in base.kept_destinations],
    )


def _list_pinned_sources(registry: Registry | None, environment: str) -> frozenset[tuple[str, str]]:
    """The apps that the environment's list pins, with the location of each source that the pin sets."""
    known = registry is not None and environment in registry.environments
    return frozenset(
        (app.app, source_location(source))
        for app in (registry.list_effective_apps(environment) if registry and known else ())
        if app.pin is not None
        for source in app.pinned_sources
    )


def _list_other_users(registry: Registry | None, name: str) -> dict[str, tuple[str, ...]]:
    """The Applications by project in environments whose charts create no projects, so that another one does."""
    found: dict[str, list[str]] = {}
    for environment in registry.environments.values() if registry else ():
        if registry and environment.name != name and not environment.create_projects:
            for app in registry.list_effective_apps(environment.name):
                found.setdefault(app.project, []).append(f"{environment.name}/{app.app}")
    return {project: tuple(users) for project, users in found.items()}


def _compare_plain_projects(base: Side, head: Side, chapters: Sequence[DiffChapter]) -> PlainProjects:
    """Compare the plain manifests, without the projects that a chapter shows already."""
    files = _list_differing_files(base, head, (f"{PROJECTS_FOLDER}/",))
    before, after = (_read_plain_manifests(side, files) for side in (base, head))
    shown = {each.difference.key.name for chapter in chapters for each in chapter.differences}
    found = (each for each in compare_objects(before, after, {}, {}) if each.key.name not in shown)
    return PlainProjects(tuple(map(AssessedDifference, found)), len(files))


def _read_plain_manifests(side: Side, files: list[str]) -> dict[ObjectKey, Manifest]:
    found: list[Manifest] = []
    for path, data in side.read_files([path for path in files if path in side.blob_ids]).items():
        try:
            found += [item for item in yaml.load_all(data.decode("utf-8", "replace")) if isinstance(item, Mapping)]
        except yaml.YamlError as error:
            raise ChartError(
                "WL7001", f"{path}: {error}", remedy="compare with a revision whose files are valid: --base REF"
            ) from None
    return index_objects(found)


def _list_notes(base: Side, head: Side, chapters: Sequence[DiffChapter]) -> Iterator[str]:
    """List what a reader has to know of the comparison itself."""
    if base.registry and head.registry:
        old, new = base.registry.workloads, head.registry.workloads
        if old.path != new.path:
            yield (
                f"workloads.path changes from {old.path} to {new.path}: what Argo CD reads in {old.path} stays as it "
                f"is until each environment is bootstrapped from {new.path}"
            )
        if old.branch != new.branch:
            yield (
                f"workloads.branch changes from {old.branch} to {new.branch}: Argo CD reads {old.branch} until each "
                f"environment is bootstrapped from {new.branch}"
            )
    for chapter in chapters:
        if chapter.is_emptied:
            gone = not any(path.startswith(f"{Chart(chapter.environment).folder}/") for path in head.blob_ids)
            state, until = (
                ("gone: Argo CD reports an error", "deletes the parent Application")
                if gone
                else ("empty: Argo CD refuses to delete all objects", "syncs the parent Application with prune")
            )
            yield f"the chart of {chapter.environment} is {state}, and deletes nothing until somebody {until}"
    count = len(_find_rewritten_templates(base, head))
    if count:
        yield (
            f"another version of workloads generated the charts at the base: this one writes {count} "
            f"template{'' if count == 1 else 's'} differently, and objects may change for that reason alone"
        )


def _find_rewritten_templates(base: Side, head: Side) -> list[str]:
    """The templates at the base that this version of the generator writes differently for the same registry."""
    changed = [
        path
        for path, digest in base.generated_digests.items()
        if head.generated_digests.get(path, digest) != digest and "/templates/" in path
    ]
    again = base.digest_again() if changed and base.origin == "charts" else {}
    return [path for path in changed if again.get(path, base.generated_digests[path]) != base.generated_digests[path]]


def _assess_difference(
    difference: ObjectDifference,
    context: EnvironmentContext,
    registered: set[tuple[str, str]],
    job_variables: Mapping[str, str],
) -> AssessedDifference:
    return AssessedDifference(
        difference,
        find_dangers(difference, context),
        find_remark(difference, context),
        tuple(dict.fromkeys(list_compare_links(difference, job_variables))),
        (difference.key.kind, difference.key.name) not in registered,
        retires(difference, context),
    )
