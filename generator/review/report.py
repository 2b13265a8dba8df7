"""Two sides → the report of what Argo CD will do: by environment, dangers first. Pure but for Helm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generator.charts import helm, yaml
from generator.charts.check import ChartError
from generator.charts.environment import ChartFiles, objects
from generator.charts.layout import CHARTS, PROJECTS, SHARDS, Chart, by_chart, is_suite, place_of
from generator.registry.registry import Registry
from generator.review.compare import ABSENT, SHARD, Apps, Difference, Key, Manifest, by_key, differences
from generator.review.danger import DANGERS, Danger, Rules, dangers, remark
from generator.review.links import links
from generator.review.narrow import narrowed
from generator.review.sides import Side

#: More than this many alike changes are told as one.
MANY = 20
#: The plain AppProject manifests, which `kubectl apply` brings to a cluster and no environment's chart.
PLAIN = ""
_STRICTNESS = ("any", "tag", "commit")
_CHANGES = {"added": "added", "changed": "changed", "removed": "removed"}


@dataclass(frozen=True)
class Told:
    """A difference with everything a reviewer should know about it."""

    difference: Difference
    dangers: tuple[Danger, ...]
    remark: str
    links: tuple[str, ...]

    @property
    def section(self) -> str:
        """Its gravest danger, or what becomes of it."""
        return self.dangers[0].name if self.dangers else self.difference.change

    @property
    def shape(self) -> Any:
        """What alike changes have in common: what becomes of which kind of object, and which fields become what."""
        fields = ((field.path, _kind(field.before), _kind(field.after)) for field in self.difference.fields)
        return self.section, self.difference.key.kind, self.difference.change, self.remark, tuple(fields)


@dataclass(frozen=True)
class Section:
    """The differences under one heading: each entry is one of them, or more than MANY alike ones."""

    name: str
    entries: tuple[tuple[Told, ...], ...]

    @property
    def dangerous(self) -> bool:
        return self.name in DANGERS

    @property
    def title(self) -> str:
        return DANGERS.get(self.name, self.name)

    @property
    def count(self) -> int:
        return sum(map(len, self.entries))


@dataclass(frozen=True)
class Chapter:
    """What changes in one environment (or, PLAIN, of the plain AppProjects).

    `files` of its files differ in bytes; where `told` is empty, that is all that changes.
    """

    environment: str
    told: tuple[Told, ...]
    files: int

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Dangers first, gravest first; then what is added, changed and removed."""
        names = (*DANGERS, *_CHANGES)
        by_name = {name: [told for told in self.told if told.section == name] for name in names}
        return tuple(Section(name, tuple(_folded(told))) for name, told in by_name.items() if told)

    @property
    def dangerous(self) -> int:
        """How many of its differences are dangerous."""
        return sum(bool(told.dangers) for told in self.told)


@dataclass(frozen=True)
class Report:
    """The whole of it: what was compared with what, and a chapter for each environment in which a file differs."""

    base: Side
    head: Side
    chapters: tuple[Chapter, ...]

    @property
    def differs(self) -> bool:
        """Whether any object differs."""
        return any(chapter.told for chapter in self.chapters)


def report(
    base: Side,
    head: Side,
    environment: Mapping[str, str],
    only: Sequence[str] = (),
    step: Callable[[int], None] = lambda done: None,
) -> Report:
    """Compare two sides, in the environments of `only` if any are named; `environment` holds the job's variables.

    A chart whose files are the same on both sides is not rendered. `step` is told how many charts are done.
    Raises ChartError where Helm refuses a chart, LocalError where there is no Helm.
    """
    chapters = []
    for done, name in enumerate(environments(base, head), 1):
        if not only or name in only:
            chapters.append(_chapter(base, head, name, environment))
        step(done)
    if not only:
        chapters.append(_plain(base, head, environment))
    return Report(base, head, tuple(chapter for chapter in chapters if chapter.files))


def environments(base: Side, head: Side) -> list[str]:
    """Every environment of either side, in the order of the registry."""
    known = list(head.registry.environments) if head.registry else []
    charts = (path.split("/") for side in (head, base) for path in side.ids if path.startswith(f"{CHARTS}/"))
    return list(dict.fromkeys([*known, *(parts[1] for parts in charts if len(parts) > 2)]))


def _chapter(base: Side, head: Side, name: str, environment: Mapping[str, str]) -> Chapter:
    prefixes = tuple(f"{top}/{name}/" for top in (CHARTS, SHARDS))
    files = _differing(base, head, prefixes)
    if all(is_suite(path) for path in files):
        return Chapter(name, (), len(files))
    before, after = _both(base, head, name, files)
    was, now = (_apps(side, name) for side in (base, head))
    rules = _rules(base.registry, head.registry, name)
    found = differences(before, after, was, now)
    return Chapter(name, tuple(_told(each, rules, environment) for each in found), len(files))


def _differing(base: Side, head: Side, prefixes: tuple[str, ...]) -> list[str]:
    paths = {path for side in (base, head) for path in side.ids if path.startswith(prefixes)}
    return sorted(path for path in paths if base.ids.get(path) != head.ids.get(path))


def _both(base: Side, head: Side, name: str, files: list[str]) -> Iterator[dict[Key, Manifest]]:
    """The objects of an environment on both sides, but for those that `files`, which differ, cannot touch."""
    parts = narrowed(base, head, name, files)
    if parts is not None:
        yield from (_objects(side, name, {Chart(name): part}) for side, part in zip((base, head), parts, strict=True))
        return
    touched = {place.chart for path in files if (place := place_of(path))}
    yield from (_objects(side, name, _charts(side, name, touched)) for side in (base, head))


def _charts(side: Side, name: str, touched: set[Chart]) -> ChartFiles:
    """The files of an environment's charts, but for those of shards that nothing touches."""
    own = Chart(name)
    prefixes = tuple(f"{top}/{name}/" for top in (CHARTS, SHARDS))
    paths = [path for path in side.ids if path.startswith(prefixes) and not is_suite(path)]
    if own not in touched:
        paths = [path for path in paths if (place := place_of(path)) and place.chart in {own, *touched}]
    files = by_chart(side.contents(paths))
    return {chart: found for chart, found in files.items() if "Chart.yaml" in found}


def _objects(side: Side, name: str, charts: ChartFiles) -> dict[Key, Manifest]:
    """The objects of an environment's charts."""
    try:
        return by_key(
            {**item, SHARD: chart.shard} if chart.shard else item
            for chart, items in objects(charts, name)
            for item in items
        )
    except helm.HelmRefusal as refusal:
        where = f"at {side.revision[:12]}" if side.revision else "of the working copy"
        raise ChartError(
            f"chart {name} {where}: Helm refuses it: {refusal}", remedy="compare with a revision that has a sound chart"
        ) from None


def _apps(side: Side, name: str) -> Apps:
    """The app of each Application, as the record of generated files has it."""
    return {
        Key("Application", str(identity.get("argocdNamespace")), str(identity.get("name"))): key.partition("/")[2]
        for key, identity in side.applications.items()
        if key.startswith(f"{name}/")
    }


def _rules(base: Registry | None, head: Registry | None, name: str) -> Rules:
    """The stricter policy of the two: the change itself may be what loosens it."""
    pins = [
        registry.environments[name].policy.pin
        for registry in (base, head)
        if registry and name in registry.environments
    ]
    listings = head.environments[name].listings if head and name in head.environments else ()
    pinned = frozenset(listing.app for listing in listings if listing.pin is not None)
    return Rules(max(pins, key=_STRICTNESS.index, default="any"), pinned)


def _plain(base: Side, head: Side, environment: Mapping[str, str]) -> Chapter:
    files = _differing(base, head, (f"{PROJECTS}/",))
    before, after = (_manifests(side, files) for side in (base, head))
    told = (_told(each, Rules(), environment) for each in differences(before, after, {}, {}))
    return Chapter(PLAIN, tuple(told), len(files))


def _manifests(side: Side, files: list[str]) -> dict[Key, Manifest]:
    found: list[Manifest] = []
    for path, data in side.contents([path for path in files if path in side.ids]).items():
        try:
            found += [item for item in yaml.load_all(data.decode("utf-8", "replace")) if isinstance(item, Mapping)]
        except yaml.YamlError as error:
            raise ChartError(f"{path}: {error}", remedy="compare with a revision that has sound files") from None
    return by_key(found)


def _told(difference: Difference, rules: Rules, environment: Mapping[str, str]) -> Told:
    return Told(
        difference, dangers(difference, rules), remark(difference), tuple(dict.fromkeys(links(difference, environment)))
    )


def _folded(told: list[Told]) -> Iterator[tuple[Told, ...]]:
    """Each by itself, but for more than MANY alike ones, which are told at the place of the first."""
    groups: dict[Any, list[Told]] = {}
    for each in told:
        groups.setdefault(each.shape, []).append(each)
    for each in told:
        group = groups[each.shape]
        if len(group) <= MANY:
            yield (each,)
        elif group[0] is each:
            yield tuple(group)


def _kind(value: Any) -> str:
    return "" if value is ABSENT else type(value).__name__
