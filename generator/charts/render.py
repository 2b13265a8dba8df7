"""Render a `ChartPlan` to every file. Pure, except that it loads its own templates."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.argocd.versions import NAMED_KINDS_SINCE, major_minor
from generator.charts import yaml
from generator.charts.app_projects import (
    APPLICATION_WAVE,
    FINALIZER,
    KEPT_PROJECT_OPTIONS,
    PROJECT_OPTIONS,
    PROJECT_WAVE,
    USUAL_SYNC_POLICY,
)
from generator.charts.digests import digest_file
from generator.charts.layout import HELPERS_FILE, NAMESPACES_TEMPLATE, NOTICE, OVERRIDES_SUITE, SHARDS_TEMPLATE, Chart
from generator.charts.team_namespaces import NAMESPACED_KINDS, TeamNamespacesPlan
from generator.charts.unittest_suites import (
    render_app_suite,
    render_overrides_suite,
    render_shards_suite,
    render_team_namespaces_suite,
)
from generator.charts.values_file import VALUES_FILE, join_blocks
from generator.charts.values_schema import VALUES_SCHEMA_FILE, build_definitions, select_app_definition
from generator.registry.effective import SOURCE_KEYS, SOURCE_TOOLS
from generator.registry.shards import bootstrap_name, shard_application_name, team_namespaces_name

if TYPE_CHECKING:
    import jinja2

    from generator.charts.app_projects import ShardsPlan
    from generator.charts.former_destinations import FormerDestination
    from generator.charts.plan import AppPlan, ChartPlan, EnvironmentPlan, ProjectMember

_NOTICE_LINE = f"# {NOTICE}\n"


@dataclass(frozen=True)
class RenderedTree:
    """Every generated file by path below the output folder, and each Application's identity by `<env>/<app>`.

    `former_destinations` are those that projects keep, each with the day since when.
    """

    files: Mapping[str, bytes]
    applications: Mapping[str, Mapping[str, str]]
    former_destinations: Mapping[FormerDestination, str] = field(default_factory=dict)

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
    files = {path: texts[path].encode() for path in sorted(texts)}
    return RenderedTree(files, dict(sorted(applications.items())), plan.former_destinations)


def _render_texts(plan: ChartPlan) -> Iterator[tuple[str, str]]:
    yield ".gitattributes", f"{_NOTICE_LINE}* text eol=lf linguist-generated=true\n"
    for path, manifest in plan.projects.items():
        yield path, _NOTICE_LINE + yaml.dump(manifest)
    for env in plan.environments:
        yield from _render_environment(env)
        if env.namespaces is not None:
            yield from _render_team_namespaces(env, env.namespaces)


def _render_environment(env: EnvironmentPlan) -> Iterator[tuple[str, str]]:
    apps: dict[Chart, list[AppPlan]] = defaultdict(list)
    for app in env.apps:
        apps[app.chart].append(app)
    shared: dict[str, Any] = {"destination": env.destination}
    if env.namespaces is not None:
        shared["teamNamespaces"] = env.namespaces.values
    shared_values = yaml.dump(env.settings) + "spec:\n" + yaml.dump(shared, "  ")
    if env.shards is None:
        yield from _render_chart(env, Chart(env.name), shared_values, env.apps)
        return
    shards = sorted(chart.shard for chart in apps)
    yield from _render_parent_chart(env, env.shards, shared_values, shards)
    for shard in shards:
        # The values that all apps share come from the parent chart.
        yield from _render_chart(env, Chart(env.name, shard), "spec:\n", apps[Chart(env.name, shard)])


def _render_chart(
    env: EnvironmentPlan, chart: Chart, shared_values: str, apps: Sequence[AppPlan]
) -> Iterator[tuple[str, str]]:
    folder = chart.folder
    yield from _render_fixed_files(chart)
    yield _render_values_schema(env, chart, apps)
    yield f"{folder}/{HELPERS_FILE}", _render_helpers(env)
    projects = env.projects.get(chart, {}).items()
    blocks = join_blocks(
        (yaml.dump({name: fields}, "    ") for name, fields in projects),
        (yaml.dump({app.key: app.values}, "    ") for app in apps),
    )
    yield f"{folder}/{VALUES_FILE}", f"{_NOTICE_LINE}{shared_values}{blocks}"
    for app in apps:
        yield f"{folder}/templates/{app.name}.yaml", _render_app_template(app)
        yield f"{folder}/tests/{app.name}_test.yaml", _NOTICE_LINE + render_app_suite(env, app)
    if apps:
        yield f"{folder}/tests/{OVERRIDES_SUITE}_test.yaml", _NOTICE_LINE + render_overrides_suite(env, apps)


def _render_team_namespaces(env: EnvironmentPlan, plan: TeamNamespacesPlan) -> Iterator[tuple[str, str]]:
    """Render the manifests of the namespaces, and the template that deploys them."""
    for path, items in plan.manifests.items():
        yield path, _NOTICE_LINE + "---\n".join(map(yaml.dump, items))
    folder = Chart(env.name).folder
    template = _render_template(
        f"templates/{NAMESPACES_TEMPLATE}.yaml",
        project=team_namespaces_name(env.name),
        by_name=json.dumps("name" in env.destination),
        argocd_namespace=env.argocd.namespaces[0],
        project_namespace=env.argocd.namespaces[1],
        waves=(env.project_wave - 2, env.project_wave - 1),
        project_options=PROJECT_OPTIONS,
        finalizer=FINALIZER,
        kinds=NAMESPACED_KINDS,
        named_kinds=major_minor(env.argocd.version) >= NAMED_KINDS_SINCE,
    )
    suite = render_team_namespaces_suite(env, plan)
    yield f"{folder}/templates/{NAMESPACES_TEMPLATE}.yaml", template
    yield f"{folder}/tests/{NAMESPACES_TEMPLATE}_test.yaml", _NOTICE_LINE + suite
    if env.shards is not None:
        yield f"{folder}/{HELPERS_FILE}", _render_helpers(env)


def _render_parent_chart(
    env: EnvironmentPlan, plan_of_shards: ShardsPlan, shared_values: str, shards: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Render the chart whose Applications are an environment's shards, and their AppProject."""
    chart = Chart(env.name)
    yield from _render_fixed_files(chart, sharded=True)
    yield _render_values_schema(env, chart, env.apps, sharded=True)
    values = yaml.dump({"shards": plan_of_shards.values}, "  ")
    yield f"{chart.folder}/{VALUES_FILE}", f"{_NOTICE_LINE}{shared_values}{values}"
    if not shards:
        return
    # Deleting a shard's Application must not delete an app that is handed over.
    leaving = {identity.get("shard") for identity in env.applications.values() if "handOver" in identity}
    template = _render_template(
        f"templates/{SHARDS_TEMPLATE}.yaml",
        project=bootstrap_name(env.name),
        shards=[(shard, shard_application_name(env.name, shard), shard in leaving) for shard in shards],
        sync_options=plan_of_shards.sync_options,
        by_name="name" in plan_of_shards.values,
        team_namespaces=env.namespaces is not None,
        argocd_namespace=env.argocd.namespaces[0],
        project_namespace=env.argocd.namespaces[1],
        waves=(PROJECT_WAVE, APPLICATION_WAVE),
        project_options=PROJECT_OPTIONS,
        finalizer=FINALIZER,
    )
    suite = render_shards_suite(env, plan_of_shards, shards)
    yield f"{chart.folder}/templates/{SHARDS_TEMPLATE}.yaml", template
    yield f"{chart.folder}/tests/{SHARDS_TEMPLATE}_test.yaml", _NOTICE_LINE + suite
    yield plan_of_shards.project_path, _NOTICE_LINE + yaml.dump(plan_of_shards.project)


def _render_fixed_files(chart: Chart, *, sharded: bool = False) -> Iterator[tuple[str, str]]:
    """Render the files of a chart that are the same whatever apps it has."""
    for name in ("Chart.yaml", ".helmignore", "README.md"):
        text = _render_template(name, environment=chart.environment, shard=chart.shard, sharded=sharded)
        yield f"{chart.folder}/{name}", text


def _render_values_schema(
    env: EnvironmentPlan, chart: Chart, apps: Sequence[AppPlan], *, sharded: bool = False
) -> tuple[str, str]:
    text = _render_template(
        VALUES_SCHEMA_FILE,
        sharded=sharded,
        apps=[(app.key, select_app_definition(app)) for app in apps],
        projects=sorted({app.project for app in apps}),
        # A shard receives the values of all apps.
        others="true" if chart.shard else "false",
        team_namespaces=env.namespaces is not None and not chart.shard,
        definitions=[
            (name, json.dumps(definition))
            for name, definition in build_definitions(apps, env.argocd.version, nullable=sharded).items()
        ],
    )
    return f"{chart.folder}/{VALUES_SCHEMA_FILE}", text


def _render_template(name: str, **names: Any) -> str:
    """Render a template file of the chart; `names` contain validated names, and no other text of the registry."""
    return _load_chart_template(name).render(**names)


def _render_app_template(app: AppPlan) -> str:
    """Render the template of an app."""
    arguments = "".join(f'\n  "{name}" {value}' for name, value in _list_template_arguments(app))
    return _render_template("templates/app.yaml", app=app, arguments=arguments)


def _list_template_arguments(app: AppPlan) -> Iterator[tuple[str, str]]:
    """The arguments with which an app's template differs from that of a usual app, as `_helpers.tpl` names them."""
    texts = (
        ("project", app.project, app.application),
        ("namespace", app.namespace, app.application),
        ("source", app.form, "source"),
        ("wave", str(app.wave), str(APPLICATION_WAVE)),
        ("finalizer", app.finalizer, FINALIZER),
        ("syncOptions", app.sync_options, ""),
    )
    marks = (
        ("ownDestination", app.own_destination),
        ("byName", app.by_name),
        ("ownSyncPolicy", app.own_sync_policy),
        ("projectElsewhere", not app.members),
        ("keepProject", len(app.members) == 1 and app.members[0].keeps_project),
    )
    yield from ((name, f'"{value}"') for name, value, usual in texts if value != usual)
    yield from ((name, "true") for name, applies in marks if applies)
    if len(app.members) > 1:
        yield "members", "".join(["(dict", *map(_format_member, app.members), ")"])


def _format_member(member: ProjectMember) -> str:
    marks = (
        ("ownDestination", member.own_destination),
        ("byName", member.by_name),
        ("keepProject", member.keeps_project),
    )
    fields = "".join(f' "{name}" true' for name, value in marks if value)
    return f'\n    "{member.key}" (dict "namespace" "{member.namespace}"{fields})'


def _quote_words(words: Iterable[str]) -> str:
    return " ".join(f'"{word}"' for word in words)


def _render_helpers(env: EnvironmentPlan) -> str:
    """Render what the templates of a chart's apps share."""
    return _render_template(
        HELPERS_FILE,
        argocd_namespace=env.argocd.namespaces[0],
        project_namespace=env.argocd.namespaces[1],
        in_cluster_server=IN_CLUSTER_SERVER if env.argocd.is_eks_capability else "",
        project_wave=env.project_wave,
        project_options=PROJECT_OPTIONS,
        kept_project_options=KEPT_PROJECT_OPTIONS,
        application_wave=APPLICATION_WAVE,
        finalizer=FINALIZER,
        source_names=_quote_words(field for field in SOURCE_KEYS if field not in ("repoURL", *SOURCE_TOOLS)),
        source_tools=_quote_words(SOURCE_TOOLS),
        sync_policy=yaml.dump(USUAL_SYNC_POLICY, "    "),
    )


@functools.cache
def _load_chart_template(name: str) -> jinja2.Template:
    return _create_text_environment().get_template(f"{name}.j2")


@functools.cache
def _create_text_environment() -> jinja2.Environment:
    import jinja2

    # Helm uses {{ }}, so Jinja gets other delimiters. The output is not HTML, so nothing is escaped.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(_find_template_folder()),
        variable_start_string="#{",
        variable_end_string="}#",
        block_start_string="#%",
        block_end_string="%#",
        comment_start_string="#|",
        comment_end_string="|#",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["notice"] = NOTICE
    return environment


def _find_template_folder() -> Path:
    """Find the chart templates: inside the installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "chart-templates"
    return (inside if inside.is_dir() else package.parent / "chart-templates") / "app-of-apps"
