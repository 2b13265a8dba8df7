"""Render a `ChartPlan` to every file. Pure, except that it loads its own templates."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.charts import templates, yaml
from generator.charts.app_projects import FINALIZER, PROJECT_WAVE
from generator.charts.digests import digest_file
from generator.charts.layout import HELPERS_FILE, NOTICE, OVERRIDES_SUITE, PROJECTS_FOLDER, SHARDS_TEMPLATE, Chart
from generator.charts.plan import APPLICATION_WAVE, AppPlan, ChartPlan, EnvironmentPlan, ShardsPlan
from generator.charts.unittest_suites import render_app_suite, render_overrides_suite, render_shards_suite
from generator.charts.values_file import VALUES_FILE, join_blocks
from generator.registry.shards import bootstrap_name, shard_application_name

_NOTICE_LINE = f"# {NOTICE}\n"


@dataclass(frozen=True)
class RenderedTree:
    """Every generated file by path below the output folder, and each Application's identity by `<env>/<app>`."""

    files: Mapping[str, bytes]
    applications: Mapping[str, Mapping[str, str]]

    @functools.cached_property
    def digests(self) -> Mapping[str, str]:
        """The digest of each file, as the inventory lists it."""
        return {path: digest_file(path, data) for path, data in self.files.items()}


def render_plan(plan: ChartPlan) -> RenderedTree:
    """Render all files of a plan. The same plan gives the same bytes."""
    texts = dict(_render_texts(plan))
    applications = {
        f"{env.name}/{app}": identity for env in plan.environments for app, identity in env.applications.items()
    }
    return RenderedTree({path: texts[path].encode() for path in sorted(texts)}, dict(sorted(applications.items())))


def _render_texts(plan: ChartPlan) -> Iterator[tuple[str, str]]:
    yield ".gitattributes", f"{_NOTICE_LINE}* text eol=lf linguist-generated=true\n"
    for project, manifest in plan.projects.items():
        yield _render_project(project, manifest)
    for env in plan.environments:
        yield from _render_environment(plan, env)


def _render_project(name: str, manifest: Mapping[str, object]) -> tuple[str, str]:
    return f"{PROJECTS_FOLDER}/{name}.yaml", _NOTICE_LINE + yaml.dump(manifest)


def _render_environment(plan: ChartPlan, env: EnvironmentPlan) -> Iterator[tuple[str, str]]:
    apps: dict[Chart, list[AppPlan]] = defaultdict(list)
    for app in env.apps:
        apps[app.chart].append(app)
    shared_values = yaml.dump(env.settings) + "spec:\n" + yaml.dump({"destination": env.destination}, "  ")
    if env.shards is None:
        yield from _render_chart(plan, env, Chart(env.name), shared_values, env.apps)
        return
    shards = sorted(chart.shard for chart in apps)
    yield from _render_parent_chart(plan, env, env.shards, shared_values, shards)
    for shard in shards:
        # The values that all apps share come from the parent chart.
        yield from _render_chart(plan, env, Chart(env.name, shard), "spec:\n", apps[Chart(env.name, shard)])


def _render_chart(
    plan: ChartPlan, env: EnvironmentPlan, chart: Chart, shared_values: str, apps: Sequence[AppPlan]
) -> Iterator[tuple[str, str]]:
    folder = chart.folder
    yield from _render_fixed_files(chart)
    yield f"{folder}/{HELPERS_FILE}", templates.render_helpers(plan)
    projects = env.projects.get(chart, {}).items()
    blocks = join_blocks(
        (yaml.dump({name: fields}, "    ") for name, fields in projects),
        (yaml.dump({app.key: app.values}, "    ") for app in apps),
    )
    yield f"{folder}/{VALUES_FILE}", f"{_NOTICE_LINE}{shared_values}{blocks}"
    for app in apps:
        yield f"{folder}/templates/{app.name}.yaml", templates.render_app_template(app)
        yield f"{folder}/tests/{app.name}_test.yaml", _NOTICE_LINE + render_app_suite(env, app)
    if apps:
        yield f"{folder}/tests/{OVERRIDES_SUITE}_test.yaml", _NOTICE_LINE + render_overrides_suite(env, apps)


def _render_parent_chart(
    plan: ChartPlan, env: EnvironmentPlan, plan_of_shards: ShardsPlan, shared_values: str, shards: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Render the chart whose Applications are an environment's shards, and their AppProject."""
    chart = Chart(env.name)
    yield from _render_fixed_files(chart, sharded=True)
    values = yaml.dump({"shards": plan_of_shards.values}, "  ")
    yield f"{chart.folder}/{VALUES_FILE}", f"{_NOTICE_LINE}{shared_values}{values}"
    if not shards:
        return
    # Deleting a shard's Application must not delete an app that is handed over.
    leaving = {identity.get("shard") for identity in env.applications.values() if "handOver" in identity}
    template = templates.render_template(
        f"templates/{SHARDS_TEMPLATE}.yaml",
        project=bootstrap_name(env.name),
        shards=[(shard, shard_application_name(env.name, shard), shard in leaving) for shard in shards],
        sync_options=plan_of_shards.sync_options,
        argocd_namespace=plan.argocd_namespace,
        project_namespace=plan.project_namespace,
        waves=(PROJECT_WAVE, APPLICATION_WAVE),
        finalizer=FINALIZER,
    )
    suite = render_shards_suite(env.name, plan_of_shards, shards)
    yield f"{chart.folder}/templates/{SHARDS_TEMPLATE}.yaml", template
    yield f"{chart.folder}/tests/{SHARDS_TEMPLATE}_test.yaml", _NOTICE_LINE + suite
    yield _render_project(bootstrap_name(env.name), plan_of_shards.project)


def _render_fixed_files(chart: Chart, *, sharded: bool = False) -> Iterator[tuple[str, str]]:
    """Render the files of a chart that are the same whatever apps it has."""
    for name in ("Chart.yaml", ".helmignore", "values.schema.json", "README.md"):
        text = templates.render_template(name, environment=chart.environment, shard=chart.shard, sharded=sharded)
        yield f"{chart.folder}/{name}", text
