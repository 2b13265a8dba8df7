"""Render a `ChartPlan` to the text of every file. Pure, except that it loads its own templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from generator.charts import templates, yaml
from generator.charts.app_projects import FINALIZER, PROJECT_WAVE
from generator.charts.file_set import FileSet, TextPieces
from generator.charts.layout import HELPERS_FILE, NOTICE, PROJECTS_FOLDER, SHARDS_TEMPLATE, Chart
from generator.charts.plan import APPLICATION_WAVE, AppPlan, ChartPlan, EnvironmentPlan
from generator.charts.unittest_suites import render_app_suite, render_shards_suite
from generator.charts.values_file import join_blocks
from generator.registry.shards import bootstrap_name, shard_application_name

_NOTICE_LINE = f"# {NOTICE}\n"
_Identities = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class RenderedTree:
    """Every generated file by path below the output folder, and each Application's identity by `<env>/<app>`."""

    files: FileSet
    applications: _Identities

    @property
    def digests(self) -> Mapping[str, str]:
        """The SHA-256 of each file, without making its bytes."""
        return self.files.digests


class TreePart(NamedTuple):
    """What some of the apps contribute to a tree: whole files, and their lines of each chart's values.yaml.

    `entries` and `projects` are the lines of values.yaml by the chart's folder, and by app or project;
    `applications` are the identities by environment.
    """

    files: FileSet
    entries: Mapping[str, Mapping[str, str]]
    projects: Mapping[str, Mapping[str, str]]
    applications: Mapping[str, _Identities]


def render_plan(plan: ChartPlan) -> RenderedTree:
    """Render all files of a plan. The same plan gives the same bytes."""
    return assemble_tree(plan, [render_tree_part(plan)])


def render_tree_part(plan: ChartPlan) -> TreePart:
    """Render the files of a plan's apps and projects, and their lines of each chart's values.yaml."""
    entries: dict[str, dict[str, str]] = {}
    for app in (app for env in plan.environments for app in env.apps):
        entries.setdefault(app.chart.folder, {})[app.name] = _format_app_entry(app)
    projects = {
        chart.folder: {name: yaml.dump({name: fields}, "    ") for name, fields in found.items()}
        for env in plan.environments
        for chart, found in env.projects.items()
    }
    applications = {env.name: env.applications for env in plan.environments}
    return TreePart(FileSet.from_text(dict(_render_files(plan))), entries, projects, applications)


def assemble_tree(plan: ChartPlan, parts: Iterable[TreePart]) -> RenderedTree:
    """Assemble the tree of a plan's environments from the apps in `parts`; apps in the plan itself are ignored."""
    parts = list(parts)
    shared: dict[str, TextPieces] = {".gitattributes": (f"{_NOTICE_LINE}* text eol=lf linguist-generated=true\n",)}
    charts = [chart for env in plan.environments for chart in _build_chart_texts(env, parts)]
    for chart in charts:
        shared.update(_render_chart_files(plan, chart, parts))
    for env in plan.environments:
        shared.update(_render_shards_parent(plan, env, parts))
    identities = {
        f"{env.name}/{app}": identity for env in plan.environments for app, identity in _list_identities(env, parts)
    }
    # These few files are the largest and are read several times, so their bytes are kept.
    own = FileSet.from_bytes({path: "".join(pieces).encode() for path, pieces in shared.items()})
    files = FileSet.join_sets([*(part.files for part in parts), own])
    return RenderedTree(files, dict(sorted(identities.items())))


def _list_identities(env: EnvironmentPlan, parts: list[TreePart]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for part in parts:
        yield from part.applications[env.name].items()


def _format_app_entry(app: AppPlan) -> str:
    """An app's lines of values.yaml."""
    return yaml.dump({app.key: app.values}, "    ")


def _render_files(plan: ChartPlan) -> Iterator[tuple[str, TextPieces]]:
    for env in plan.environments:
        for app in env.apps:
            folder = app.chart.folder
            yield f"{folder}/templates/{app.name}.yaml", (templates.render_app_template(app),)
            yield f"{folder}/tests/{app.name}_test.yaml", (_NOTICE_LINE, render_app_suite(env, app))
    for project, manifest in plan.projects.items():
        yield f"{PROJECTS_FOLDER}/{project}.yaml", (_NOTICE_LINE, yaml.dump(manifest))


class _ChartText(NamedTuple):
    """A chart before it is text: the head of its values.yaml, and its apps in groups that are verified together.

    `shards` are the shards that the chart is the parent of, None if it has apps itself.
    """

    chart: Chart
    values_head: TextPieces
    part_groups: list[list[TreePart]]
    shards: list[str] | None = None


def _build_chart_texts(env: EnvironmentPlan, parts: list[TreePart]) -> Iterator[_ChartText]:
    own = Chart(env.name)
    head = yaml.dump(env.settings), "spec:\n", yaml.dump({"destination": env.destination}, "  ")
    if env.shards is None:
        yield _ChartText(own, head, [[part] for part in parts if own.folder in part.entries] or [[]])
        return
    shards = _list_shards(env, parts)
    yield _ChartText(own, (*head, yaml.dump({"shards": env.shards.values}, "  ")), [[]], shards)
    for shard in shards:
        chart = Chart(env.name, shard)
        # The values that all its apps share come from the parent chart.
        yield _ChartText(chart, ("spec:\n",), [[part for part in parts if chart.folder in part.entries]])


def _list_shards(env: EnvironmentPlan, parts: list[TreePart]) -> list[str]:
    charts = {Chart.from_folder(folder) for part in parts for folder in part.entries}
    return sorted(chart.shard for chart in charts if chart.environment == env.name and chart.shard)


def _render_chart_files(
    plan: ChartPlan, chart_text: _ChartText, parts: list[TreePart]
) -> Iterator[tuple[str, TextPieces]]:
    """Render a chart's files other than its apps' templates and suites."""
    chart = chart_text.chart
    for name in ("Chart.yaml", ".helmignore", "values.schema.json"):
        names = {"environment": chart.environment, "shard": chart.shard, "sharded": chart_text.shards is not None}
        yield f"{chart.folder}/{name}", (templates.render_template(name, **names),)
    if chart_text.shards is None:
        yield f"{chart.folder}/{HELPERS_FILE}", (templates.render_helpers(plan),)
    yield f"{chart.folder}/values.yaml", _render_values(chart_text, parts)


def _render_values(chart_text: _ChartText, parts: list[TreePart]) -> TextPieces:
    """Render a chart's values.yaml with the apps of these parts."""
    return (
        _NOTICE_LINE,
        *chart_text.values_head,
        *(_join_chart_blocks(chart_text.chart, parts) if chart_text.shards is None else ()),
    )


def _join_chart_blocks(chart: Chart, parts: list[TreePart]) -> TextPieces:
    """The lines of a chart's values.yaml about its projects and apps."""
    projects, apps = (
        _sort_texts(told[chart.folder] for told in each if chart.folder in told)
        for each in ([part.projects for part in parts], [part.entries for part in parts])
    )
    return (join_blocks(projects, apps),)


def _render_shards_parent(
    plan: ChartPlan, env: EnvironmentPlan, parts: list[TreePart]
) -> Iterator[tuple[str, TextPieces]]:
    """Render the template of an environment's shards, its suite, and the shards' AppProject; nothing if it has none."""
    shards = _list_shards(env, parts)
    if env.shards is None or not shards:
        return
    # Deleting a shard's Application must not delete an app that is handed over.
    leaving = {told.get("shard") for _, told in _list_identities(env, parts) if "handOver" in told}
    text = templates.render_template(
        f"templates/{SHARDS_TEMPLATE}.yaml",
        project=bootstrap_name(env.name),
        shards=[(shard, shard_application_name(env.name, shard), shard in leaving) for shard in shards],
        sync_options=env.shards.sync_options,
        argocd_namespace=plan.argocd_namespace,
        project_namespace=plan.project_namespace,
        waves=(PROJECT_WAVE, APPLICATION_WAVE),
        finalizer=FINALIZER,
    )
    folder = Chart(env.name).folder
    yield f"{folder}/templates/{SHARDS_TEMPLATE}.yaml", (text,)
    yield (
        f"{folder}/tests/{SHARDS_TEMPLATE}_test.yaml",
        (_NOTICE_LINE, render_shards_suite(env.name, env.shards, shards)),
    )
    yield f"{PROJECTS_FOLDER}/{bootstrap_name(env.name)}.yaml", (_NOTICE_LINE, yaml.dump(env.shards.project))


def _sort_texts(texts: Iterable[Mapping[str, str]]) -> list[str]:
    return [text for _, text in sorted(item for part in texts for item in part.items())]
