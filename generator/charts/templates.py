"""Render a chart's files from Jinja templates."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.charts import yaml
from generator.charts.app_projects import FINALIZER, PROJECT_WAVE
from generator.charts.layout import HELPERS_FILE, NOTICE
from generator.charts.plan import APPLICATION_WAVE, AppPlan, ChartPlan, ProjectMember
from generator.registry.effective import BUILT_IN_DEFAULTS, SOURCE_KEYS, SOURCE_TOOLS

if TYPE_CHECKING:
    import jinja2


def render_template(name: str, **names: Any) -> str:
    """Render a template file of the chart; `names` contain validated names, and no other text of the registry."""
    return _load_chart_template(name).render(**names)


def render_app_template(app: AppPlan) -> str:
    """Render the template of an app."""
    arguments = "".join(f'\n  "{name}" {value}' for name, value in _list_template_arguments(app))
    return render_template("templates/app.yaml", app=app, arguments=arguments)


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
        ("ownSyncPolicy", app.own_sync_policy),
        ("projectElsewhere", not app.members),
        ("handedOver", len(app.members) == 1 and app.members[0].handed_over),
    )
    yield from ((name, f'"{value}"') for name, value, usual in texts if value != usual)
    yield from ((name, "true") for name, applies in marks if applies)
    if len(app.members) > 1:
        yield "members", "".join(["(dict", *map(_format_member, app.members), ")"])


def _format_member(member: ProjectMember) -> str:
    marks = (("ownDestination", member.own_destination), ("handedOver", member.handed_over))
    fields = "".join(f' "{name}" true' for name, value in marks if value)
    return f'\n    "{member.key}" (dict "namespace" "{member.namespace}"{fields})'


def _quote_words(words: Iterable[str]) -> str:
    return " ".join(f'"{word}"' for word in words)


def render_helpers(plan: ChartPlan) -> str:
    """Render what the templates of a chart's apps share."""
    return render_template(
        HELPERS_FILE,
        argocd_namespace=plan.argocd_namespace,
        project_namespace=plan.project_namespace,
        project_wave=PROJECT_WAVE,
        application_wave=APPLICATION_WAVE,
        finalizer=FINALIZER,
        source_names=_quote_words(field for field in SOURCE_KEYS if field not in ("repoURL", *SOURCE_TOOLS)),
        source_tools=_quote_words(SOURCE_TOOLS),
        sync_policy=yaml.dump(BUILT_IN_DEFAULTS["syncPolicy"], "    "),
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
