"""`ChartPlan` → `RenderedTree`: the text of every file. Pure but for its own templates."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from generator.charts import templates, yaml
from generator.charts.files import Files, Pieces, digest
from generator.charts.layout import PARENT, PROJECTS, Chart
from generator.charts.plan import APPLICATION_WAVE, AppPlan, ChartPlan, EnvironmentPlan
from generator.charts.projects import FINALIZER, PROJECT_WAVE
from generator.charts.suite import helm_value, shards_suite, suite
from generator.charts.templates import NOTICE
from generator.charts.values import blocks
from generator.registry.memo import key_of
from generator.registry.shards import shard_application, shard_project

_HEAD = f"# {NOTICE}\n"

#: What an app's own names are in the text of all apps of one shape: no name has such characters.
_STAND_INS = ("<key>", "<application>", "<project>", "<namespace>")
_STAND_IN = re.compile(f"({'|'.join(_STAND_INS)})")
_ByApp = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Slice:
    """A chart, or as much of one as can be judged by itself: files by path below its root, identities by app.

    Both are `made` when they are asked for. `mark` tells it from all others, empty where only what it has does.
    """

    chart: Chart
    made: Callable[[], tuple[Files, _ByApp]]
    mark: str = ""

    @functools.cached_property
    def files(self) -> Files:
        """The files that Helm renders."""
        return self._both[0]

    @functools.cached_property
    def applications(self) -> _ByApp:
        """The identity of each Application that is to come of them."""
        return self._both[1]

    @functools.cached_property
    def _both(self) -> tuple[Files, _ByApp]:
        return self.made()


@dataclass(frozen=True)
class RenderedTree:
    """Every generated file by path below the output folder, and each Application's identity by `<env>/<app>`.

    `cut` makes the `slices`.
    """

    files: Files
    applications: _ByApp
    cut: Callable[[], Iterable[Slice]] = tuple

    @functools.cached_property
    def slices(self) -> tuple[Slice, ...]:
        """All charts in it, in pieces that are judged one by one; to write the charts does without them."""
        return tuple(self.cut())

    @property
    def digests(self) -> Mapping[str, str]:
        """The sha256 of each file, without making its bytes."""
        return self.files.digests


class Part(NamedTuple):
    """What some of the apps come to: whole files, and their part of what each chart says of all its apps.

    `entries` and `projects` are the lines of values.yaml by the chart's folder, and by app or project;
    `applications` the identities by environment; `mark` tells of all that it was made from, where that is known.
    """

    files: Files
    entries: Mapping[str, Mapping[str, str]]
    projects: Mapping[str, Mapping[str, str]]
    applications: Mapping[str, _ByApp]
    mark: str = ""


def render(plan: ChartPlan) -> RenderedTree:
    """All files of a plan. The same plan gives the same bytes."""
    return assemble(plan, [part_of(plan)])


def part_of(plan: ChartPlan) -> Part:
    """The files of a plan's apps and projects, and their part of the files that all apps of a chart share."""
    entries: dict[str, dict[str, str]] = {}
    for app in (app for env in plan.environments for app in env.apps):
        entries.setdefault(app.chart.folder, {})[app.name] = _entry(app)
    projects = {
        chart.folder: {name: yaml.dump({name: fields}, "    ") for name, fields in found.items()}
        for env in plan.environments
        for chart, found in env.projects.items()
    }
    applications = {env.name: env.applications for env in plan.environments}
    return Part(Files.written(dict(_files(plan))), entries, projects, applications)


def assemble(plan: ChartPlan, parts: Iterable[Part]) -> RenderedTree:
    """The tree of a plan's environments whose apps are in `parts`; which apps the plan itself has does not matter."""
    parts = list(parts)
    shared: dict[str, Pieces] = {".gitattributes": (f"{_HEAD}* text eol=lf linguist-generated=true\n",)}
    charts = [chart for env in plan.environments for chart in _charts(env, parts)]
    for chart in charts:
        shared.update(_chart(chart, parts))
    for env in plan.environments:
        shared.update(_parent(plan, env, parts))
    identities = {
        f"{env.name}/{app}": identity for env in plan.environments for app, identity in _identities(env, parts)
    }
    # Few, and the largest: their bytes are asked for again, to be weighed, judged and written.
    own = Files.of({path: "".join(pieces).encode() for path, pieces in shared.items()})
    files = Files.joined([*(part.files for part in parts), own])
    slices = functools.partial(_all_slices, charts, files)
    return RenderedTree(files, dict(sorted(identities.items())), slices)


def _identities(env: EnvironmentPlan, parts: list[Part]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for part in parts:
        yield from part.applications[env.name].items()


def _entry(app: AppPlan) -> str:
    """An app's lines of values.yaml."""
    helm = app.values.get("helm")
    return yaml.dump({app.key: {**app.values, "helm": helm_value(helm)} if helm else app.values}, "    ")


def _files(plan: ChartPlan) -> Iterator[tuple[str, Pieces]]:
    texts = _AppTemplates(plan)
    for env in plan.environments:
        for app in env.apps:
            folder = app.chart.folder
            yield f"{folder}/templates/{app.name}.yaml", (texts.text(app),)
            tests = suite(env, app, plan.project_namespace, plan.argocd_namespace)
            yield f"{folder}/tests/{app.name}_test.yaml", (_HEAD, *tests)
    for project, manifest in plan.projects.items():
        yield f"{PROJECTS}/{project}.yaml", (_HEAD, yaml.dump(manifest))


class _AppTemplates:
    """The template of each app of a plan: apps of one shape are rendered once, and then get their own names."""

    def __init__(self, plan: ChartPlan) -> None:
        self._plan = plan
        self._shapes: dict[tuple[Any, ...], list[str]] = {}
        self._texts: dict[tuple[Any, ...], str] = {}

    def text(self, app: AppPlan) -> str:
        read = app.read_by_template()
        if read not in self._texts:
            shape = app.shape()
            if shape not in self._shapes:
                self._shapes[shape] = self._rendered(app)
            parts = self._shapes[shape]
            names = dict(zip(_STAND_INS, (app.key, app.application, app.project, app.namespace), strict=True))
            self._texts[read] = "".join(map(names.get, parts, parts))
        return self._texts[read]

    def _rendered(self, app: AppPlan) -> list[str]:
        key, application, project, namespace = _STAND_INS
        text = templates.text(
            "templates/app.yaml",
            app=replace(app, key=key, application=application, project=project, namespace=namespace),
            argocd_namespace=self._plan.argocd_namespace,
            project_namespace=self._plan.project_namespace,
            project_wave=PROJECT_WAVE,
        )
        return _STAND_IN.split(text)


class _ChartText(NamedTuple):
    """A chart before it is text: the lines of its values.yaml about no app, and its apps as they are judged together.

    `below` are the shards that the chart leads to, None where it has apps itself.
    """

    chart: Chart
    head: Pieces
    groups: list[list[Part]]
    below: list[str] | None = None


def _charts(env: EnvironmentPlan, parts: list[Part]) -> Iterator[_ChartText]:
    own = Chart(env.name)
    head = yaml.dump(env.settings), "spec:\n", yaml.dump({"destination": env.destination}, "  ")
    if env.shards is None:
        yield _ChartText(own, head, [[part] for part in parts if own.folder in part.entries] or [[]])
        return
    shards = _shards(env, parts)
    yield _ChartText(own, (*head, yaml.dump({"shards": env.shards.values}, "  ")), [[]], shards)
    for shard in shards:
        chart = Chart(env.name, shard)
        # Whatever all its apps share comes from the chart above.
        yield _ChartText(chart, ("spec:\n",), [[part for part in parts if chart.folder in part.entries]])


def _shards(env: EnvironmentPlan, parts: list[Part]) -> list[str]:
    charts = {Chart.at(folder) for part in parts for folder in part.entries}
    return sorted(chart.shard for chart in charts if chart.environment == env.name and chart.shard)


def _chart(one: _ChartText, parts: list[Part]) -> Iterator[tuple[str, Pieces]]:
    """A chart's files beside its templates and suites."""
    chart = one.chart
    for name in ("Chart.yaml", ".helmignore", "values.schema.json"):
        names = {"environment": chart.environment, "shard": chart.shard, "sharded": one.below is not None}
        yield f"{chart.folder}/{name}", (templates.text(name, **names),)
    yield f"{chart.folder}/values.yaml", _values(one, parts)


def _values(one: _ChartText, parts: list[Part]) -> Pieces:
    """The values.yaml of a chart with the apps of these parts."""
    return (_HEAD, *one.head, *(_apps(one.chart, parts) if one.below is None else ()))


def _all_slices(charts: Iterable[_ChartText], files: Files) -> Iterator[Slice]:
    for one in charts:
        yield from _slices(one, files)


def _slices(one: _ChartText, files: Files) -> Iterator[Slice]:
    """A chart as charts that Helm can judge one by one: a template reads nothing but what its project's apps say."""
    for parts in one.groups:
        marks = [part.mark for part in parts]
        mark = key_of((tuple(one.chart), one.head, marks)) if marks and all(marks) else ""
        yield Slice(one.chart, functools.partial(_slice, one, parts, files), mark)


def _slice(one: _ChartText, parts: list[Part], files: Files) -> tuple[Files, _ByApp]:
    folder = one.chart.folder
    values = "".join(_values(one, parts)).encode()
    names = [PARENT] if one.below else [app for part in parts for app in part.entries[folder]]
    paths = ["Chart.yaml", "values.schema.json", *(f"templates/{name}.yaml" for name in names)]
    digests = {path: files.digests[f"{folder}/{path}"] for path in paths}
    judged = Files({**digests, "values.yaml": digest(values)}, functools.partial(_read, files, folder, values))
    return judged, _expected(one, parts)


def _read(files: Files, folder: str, values: bytes, path: str) -> bytes:
    return values if path == "values.yaml" else files[f"{folder}/{path}"]


def _expected(one: _ChartText, parts: list[Part]) -> _ByApp:
    environment, shard = one.chart
    if one.below is not None:
        return {name: {"name": shard_application(environment, name)} for name in one.below}
    told = (item for part in parts for item in part.applications[environment].items())
    return {app: identity for app, identity in told if identity.get("shard", "") == shard}


def _apps(chart: Chart, parts: list[Part]) -> Pieces:
    """A chart's lines of values.yaml about its apps."""
    projects, apps = (
        _sorted(told[chart.folder] for told in each if chart.folder in told)
        for each in ([part.projects for part in parts], [part.entries for part in parts])
    )
    return blocks(projects, apps)


def _parent(plan: ChartPlan, env: EnvironmentPlan, parts: list[Part]) -> Iterator[tuple[str, Pieces]]:
    """The template of the chart above its shards, its suite, and the shards' project; nothing where there is none."""
    shards = _shards(env, parts)
    if env.shards is None or not shards:
        return
    # What deletes a shard must not delete what is handed over in it.
    leaving = {told.get("shard") for _, told in _identities(env, parts) if "handOver" in told}
    text = templates.text(
        f"templates/{PARENT}.yaml",
        project=shard_project(env.name),
        shards=[(shard, shard_application(env.name, shard), shard in leaving) for shard in shards],
        sync_options=env.shards.sync_options,
        argocd_namespace=plan.argocd_namespace,
        project_namespace=plan.project_namespace,
        waves=(PROJECT_WAVE, APPLICATION_WAVE),
        finalizer=FINALIZER,
    )
    folder = Chart(env.name).folder
    yield f"{folder}/templates/{PARENT}.yaml", (text,)
    yield f"{folder}/tests/{PARENT}_test.yaml", (_HEAD, *shards_suite(env.name, env.shards, shards))
    yield f"{PROJECTS}/{shard_project(env.name)}.yaml", (_HEAD, yaml.dump(env.shards.project))


def _sorted(texts: Iterable[Mapping[str, str]]) -> list[str]:
    return [text for _, text in sorted(item for part in texts for item in part.items())]
