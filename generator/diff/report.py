"""Compare two sides and report what Argo CD will do, by environment, dangers first. Pure except for Helm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generator.charts import yaml
from generator.charts.layout import (
    CHARTS_FOLDER,
    PROJECTS_FOLDER,
    SHARDS_FOLDER,
    Chart,
    group_by_chart,
    is_unittest_suite,
    parse_chart_path,
)
from generator.diff.compare import (
    ABSENT,
    SHARD_FIELD,
    AppsByApplication,
    Manifest,
    ObjectDifference,
    ObjectKey,
    compare_objects,
    index_objects,
)
from generator.diff.compare_links import list_compare_links
from generator.diff.dangers import DANGERS, Danger, PinRules, find_dangers, removal_remark
from generator.diff.narrowing import narrow_to_changes
from generator.diff.sides import Side
from generator.helm import engine as helm
from generator.helm.environment_objects import ChartFiles, render_environment_objects
from generator.helm.verify import ChartError
from generator.registry.registry import Registry

#: More similar changes than this are shown as one entry.
FOLD_THRESHOLD = 20
#: The environment name of the chapter about plain AppProject manifests, which `kubectl apply` installs.
PLAIN_PROJECTS = ""
_PIN_STRICTNESS = ("any", "tag", "commit")
_CHANGE_SECTIONS = {"added": "added", "changed": "changed", "removed": "removed"}


@dataclass(frozen=True)
class AssessedDifference:
    """A difference with its dangers, a remark, and links to the commits between its revisions."""

    difference: ObjectDifference
    dangers: tuple[Danger, ...]
    remark: str
    links: tuple[str, ...]

    @property
    def section_name(self) -> str:
        """The name of its gravest danger; without danger, `added`, `changed` or `removed`."""
        return self.dangers[0].name if self.dangers else self.difference.change_type

    @property
    def similarity_key(self) -> Any:
        """A key that similar changes share: section, object kind, change, remark, and types of changed fields."""
        fields = ((field.path, _value_type(field.before), _value_type(field.after)) for field in self.difference.fields)
        return self.section_name, self.difference.key.kind, self.difference.change_type, self.remark, tuple(fields)


@dataclass(frozen=True)
class DiffSection:
    """The differences under one heading; an entry is one difference, or more than FOLD_THRESHOLD similar ones."""

    name: str
    entries: tuple[tuple[AssessedDifference, ...], ...]

    @property
    def is_dangerous(self) -> bool:
        return self.name in DANGERS

    @property
    def section_label(self) -> str:
        return DANGERS.get(self.name, self.name)

    @property
    def difference_count(self) -> int:
        return sum(map(len, self.entries))


@dataclass(frozen=True)
class DiffChapter:
    """The differences of one environment, or of the plain AppProjects (PLAIN_PROJECTS).

    `file_count` files differ in bytes; if `differences` is empty, no object differs.
    """

    environment: str
    differences: tuple[AssessedDifference, ...]
    file_count: int

    @cached_property
    def diff_sections(self) -> tuple[DiffSection, ...]:
        """The sections in order: dangers, gravest first, then added, changed and removed objects."""
        names = (*DANGERS, *_CHANGE_SECTIONS)
        by_name = {name: [told for told in self.differences if told.section_name == name] for name in names}
        return tuple(DiffSection(name, tuple(_fold_similar(told))) for name, told in by_name.items() if told)

    @property
    def dangerous_count(self) -> int:
        """The number of dangerous differences."""
        return sum(bool(told.dangers) for told in self.differences)


@dataclass(frozen=True)
class DiffReport:
    """The result of a comparison: both sides, and a chapter for each environment in which a file differs."""

    base: Side
    head: Side
    chapters: tuple[DiffChapter, ...]

    @property
    def has_differences(self) -> bool:
        """Whether any object differs between the sides."""
        return any(chapter.differences for chapter in self.chapters)


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
    chapters = []
    for done, name in enumerate(list_environments(base, head), 1):
        if not selected_environments or name in selected_environments:
            chapters.append(_compare_environment(base, head, name, job_variables))
        report_progress(done)
    if not selected_environments:
        chapters.append(_compare_plain_projects(base, head, job_variables))
    return DiffReport(base, head, tuple(chapter for chapter in chapters if chapter.file_count))


def list_environments(base: Side, head: Side) -> list[str]:
    """List the environments of both sides, in the order of the registry."""
    known = list(head.registry.environments) if head.registry else []
    charts = (
        path.split("/") for side in (head, base) for path in side.blob_ids if path.startswith(f"{CHARTS_FOLDER}/")
    )
    return list(dict.fromkeys([*known, *(parts[1] for parts in charts if len(parts) > 2)]))


def _compare_environment(
    base: Side, head: Side, environment_name: str, job_variables: Mapping[str, str]
) -> DiffChapter:
    prefixes = tuple(f"{top}/{environment_name}/" for top in (CHARTS_FOLDER, SHARDS_FOLDER))
    files = _list_differing_files(base, head, prefixes)
    if all(is_unittest_suite(path) for path in files):
        return DiffChapter(environment_name, (), len(files))
    before, after = _render_both_sides(base, head, environment_name, files)
    was, now = (_map_applications_to_apps(side, environment_name) for side in (base, head))
    rules = _stricter_pin_rules(base.registry, head.registry, environment_name)
    found = compare_objects(before, after, was, now)
    return DiffChapter(
        environment_name, tuple(_assess_difference(each, rules, job_variables) for each in found), len(files)
    )


def _list_differing_files(base: Side, head: Side, prefixes: tuple[str, ...]) -> list[str]:
    paths = {path for side in (base, head) for path in side.blob_ids if path.startswith(prefixes)}
    return sorted(path for path in paths if base.blob_ids.get(path) != head.blob_ids.get(path))


def _render_both_sides(
    base: Side, head: Side, environment_name: str, differing_files: list[str]
) -> Iterator[dict[ObjectKey, Manifest]]:
    """Render the objects of an environment on both sides, except those that no differing file can affect."""
    parts = narrow_to_changes(base, head, environment_name, differing_files)
    if parts is not None:
        yield from (
            _render_objects(side, environment_name, {Chart(environment_name): part})
            for side, part in zip((base, head), parts, strict=True)
        )
        return
    touched = {place.chart for path in differing_files if (place := parse_chart_path(path))}
    yield from (
        _render_objects(side, environment_name, _read_charts(side, environment_name, touched)) for side in (base, head)
    )


def _read_charts(side: Side, environment_name: str, touched_charts: set[Chart]) -> ChartFiles:
    """Read the files of an environment's charts, except the charts of untouched shards."""
    own = Chart(environment_name)
    prefixes = tuple(f"{top}/{environment_name}/" for top in (CHARTS_FOLDER, SHARDS_FOLDER))
    paths = [path for path in side.blob_ids if path.startswith(prefixes) and not is_unittest_suite(path)]
    if own not in touched_charts:
        paths = [path for path in paths if (place := parse_chart_path(path)) and place.chart in {own, *touched_charts}]
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
            f"chart {environment_name} {where}: Helm refuses it: {refusal}",
            remedy="compare with a revision that has a sound chart",
        ) from None


def _map_applications_to_apps(side: Side, environment_name: str) -> AppsByApplication:
    """The app name of each Application, from the inventory."""
    return {
        ObjectKey("Application", str(identity.get("argocdNamespace")), str(identity.get("name"))): key.partition("/")[2]
        for key, identity in side.applications.items()
        if key.startswith(f"{environment_name}/")
    }


def _stricter_pin_rules(base: Registry | None, head: Registry | None, environment_name: str) -> PinRules:
    """The stricter pin policy of both sides, because the change itself may loosen it."""
    pins = [
        registry.environments[environment_name].policy.pin
        for registry in (base, head)
        if registry and environment_name in registry.environments
    ]
    listings = head.environments[environment_name].listings if head and environment_name in head.environments else ()
    pinned = frozenset(listing.app for listing in listings if listing.pin is not None)
    return PinRules(max(pins, key=_PIN_STRICTNESS.index, default="any"), pinned)


def _compare_plain_projects(base: Side, head: Side, job_variables: Mapping[str, str]) -> DiffChapter:
    files = _list_differing_files(base, head, (f"{PROJECTS_FOLDER}/",))
    before, after = (_read_plain_manifests(side, files) for side in (base, head))
    told = (_assess_difference(each, PinRules(), job_variables) for each in compare_objects(before, after, {}, {}))
    return DiffChapter(PLAIN_PROJECTS, tuple(told), len(files))


def _read_plain_manifests(side: Side, files: list[str]) -> dict[ObjectKey, Manifest]:
    found: list[Manifest] = []
    for path, data in side.read_files([path for path in files if path in side.blob_ids]).items():
        try:
            found += [item for item in yaml.load_all(data.decode("utf-8", "replace")) if isinstance(item, Mapping)]
        except yaml.YamlError as error:
            raise ChartError(f"{path}: {error}", remedy="compare with a revision that has sound files") from None
    return index_objects(found)


def _assess_difference(
    difference: ObjectDifference, pin_rules: PinRules, job_variables: Mapping[str, str]
) -> AssessedDifference:
    return AssessedDifference(
        difference,
        find_dangers(difference, pin_rules),
        removal_remark(difference),
        tuple(dict.fromkeys(list_compare_links(difference, job_variables))),
    )


def _fold_similar(assessed: list[AssessedDifference]) -> Iterator[tuple[AssessedDifference, ...]]:
    """Group more than FOLD_THRESHOLD similar differences into one entry, at the position of the first."""
    groups: dict[Any, list[AssessedDifference]] = {}
    for each in assessed:
        groups.setdefault(each.similarity_key, []).append(each)
    for each in assessed:
        group = groups[each.similarity_key]
        if len(group) <= FOLD_THRESHOLD:
            yield (each,)
        elif group[0] is each:
            yield tuple(group)


def _value_type(value: Any) -> str:
    return "" if value is ABSENT else type(value).__name__
