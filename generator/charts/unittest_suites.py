"""Render the helm-unittest suites of chart templates: what each renders, and what overrides change. Pure."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from generator.charts import yaml
from generator.charts.app_projects import PROJECT_WAVE
from generator.charts.layout import SHARDS_TEMPLATE
from generator.charts.plan import AppPlan, EnvironmentPlan, ShardsPlan
from generator.registry.shards import shard_application_name, shard_project_name

_OTHER_SERVER = "https://other.example.com"
#: Helm writes whole floats in this range as integers: those that fit a Go integer.
_GO_INTEGER_MIN, _GO_INTEGER_LIMIT = -(2.0**63), 2.0**64
#: Number of texts that are cached, for other environments of the same apps.
_CACHED_TEXTS = 4096
_HELM_ASSERTION = '      - equal:\n          path: "spec.source.helm"\n          value:'
_SYNC_WAVE_PATH = 'metadata.annotations["argocd.argoproj.io/sync-wave"]'


def render_app_suite(
    env: EnvironmentPlan, app: AppPlan, project_namespace: str, argocd_namespace: str
) -> tuple[str, ...]:
    """Render the helm-unittest suite of an app's template, as YAML in parts that other suites share."""
    labels = {**env.settings["labels"], **app.values.get("labels", {})}
    return (
        f"suite: {yaml.quote_string(f'{app.name} in {env.name}')}\n",
        _format_suite_templates(app.name),
        _set_parent_values(env) if app.chart.shard else "",
        "tests:\n",
        _format_application_test(app.application, argocd_namespace, app.wave, app.project, app.namespace),
        _assert_labels(*labels.items()),
        *_assert_sources(app),
        _format_destination_test(),
        _format_ignored_values_test(app.application),
        _format_project_test(app.project, app.key, project_namespace) if app.members else "",
    )


def _set_parent_values(env: EnvironmentPlan) -> str:
    """The values that a shard gets only from its parent chart."""
    destination = {f"spec.destination.{key}": value for key, value in env.destination.items()}
    labels = env.settings["labels"]
    return yaml.dump({"set": {**destination, **({"labels": labels} if labels else {})}})


def render_shards_suite(environment: str, shards: ShardsPlan, names: Sequence[str]) -> tuple[str, ...]:
    """Render the helm-unittest suite of the template for an environment's shards, `names`."""
    named = yaml.quote_string(f"the shards of {environment}"), yaml.quote_string(f"templates/{SHARDS_TEMPLATE}.yaml")
    tests = [text for name in names for text in _format_shard_tests(environment, name, shards)]
    project = _format_test(
        "renders their project", "AppProject", [_assert_equal("metadata.name", shard_project_name(environment))]
    )
    return ("suite: {}\ntemplates:\n  - {}\ntests:\n".format(*named), project, *tests)


def _format_shard_tests(environment: str, name: str, shards: ShardsPlan) -> Iterator[str]:
    selector = {"documentSelector": {"path": "metadata.name", "value": shard_application_name(environment, name)}}
    expected = {
        "spec.source.repoURL": shards.values["repoURL"],
        "spec.source.targetRevision": shards.values["targetRevision"],
        "spec.source.path": f"{shards.values['path']}/{name}",
        "spec.project": shard_project_name(environment),
    }
    asserts = [{"equal": {"path": path, "value": value}} for path, value in expected.items()]
    yield yaml.dump_items([{"it": f"makes an Application of shard {name}", **selector, "asserts": asserts}], "  ")
    given = {"set": {"spec.apps.some.targetRevision": "some-revision"}}
    handed_on = [{"matchRegex": {"path": "spec.source.helm.values", "pattern": "some-revision"}}]
    test = {"it": f"hands values on to shard {name}", **given, **selector, "asserts": handed_on}
    yield yaml.dump_items([test], "  ")


def _format_test(description: str, kind: str, asserts: list[str], **values: Any) -> str:
    return "".join([_format_test_head(description, kind, **values), *asserts])


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _format_test_head(description: str, kind: str, **values: Any) -> str:
    told = f"    set:\n{yaml.dump(values, '      ')}" if values else ""
    return f"  - it: {yaml.quote_string(description)}\n{told}{_select_kind(kind)}    asserts:\n"


@functools.cache
def _select_kind(kind: str) -> str:
    return yaml.dump({"documentSelector": {"path": "kind", "value": kind}}, "    ")


def _format_assertion(assertion: Mapping[str, Any]) -> str:
    return yaml.dump_items([assertion], "      ")


def _assert_equal(path: str, value: Any) -> str:
    if isinstance(value, str) and "\n" not in value:
        # The same text as from `_format_assertion`, in a tenth of the time.
        return (
            f"      - equal:\n          path: {yaml.quote_string(path)}\n          value: {yaml.quote_string(value)}\n"
        )
    return _format_assertion({"equal": {"path": path, "value": value}})


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _format_suite_templates(app: str) -> str:
    return f"templates:\n  - {yaml.quote_string(f'templates/{app}.yaml')}\n"


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _format_application_test(name: str, argocd_namespace: str, wave: int, project: str, namespace: str) -> str:
    asserts = [
        _assert_equal("metadata.name", name),
        _assert_equal("metadata.namespace", argocd_namespace),
        _assert_equal(_SYNC_WAVE_PATH, str(wave)),
        _assert_equal("spec.project", project),
        _assert_equal("spec.destination.namespace", namespace),
    ]
    return _format_test("points at the app's source", "Application", asserts)


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _assert_labels(*labels: tuple[str, str]) -> str:
    return "".join(_assert_equal(f"metadata.labels.{key}", value) for key, value in labels if key.isalnum())


def _assert_sources(app: AppPlan) -> list[str]:
    values = app.values
    if app.form != "source":
        return [_format_assertion({"exists": {"path": f"spec.{app.form}"}}), _assert_absent("spec.source")]
    helm = values.get("helm")
    place = _assert_single_source(
        values.get("repoURL"), values.get("targetRevision"), values.get("path"), values.get("chart")
    )
    return [place, _assert_helm(helm) if helm else _assert_absent("spec.source.helm")]


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _assert_single_source(*fields: str | None) -> str:
    named = zip(("repoURL", "targetRevision", "path", "chart"), fields, strict=True)
    return "".join([_assert_equal(f"spec.source.{key}", value) for key, value in named if value is not None])


@yaml.cache_by_identity
def format_helm_value(helm: Mapping[str, Any]) -> yaml.FormattedYaml:
    """Format an app's `helm` field as in its entry in values.yaml."""
    return yaml.format_mapping(helm, "      ")


@yaml.cache_by_identity
def _assert_helm(helm: Mapping[str, Any]) -> str:
    found = _as_read_by_unittest(helm)
    if found is not helm:
        return _assert_equal("spec.source.helm", found)
    # Usually it is the text from values.yaml, indented by four more columns.
    return f"{_HELM_ASSERTION}{yaml.indent_further(format_helm_value(helm))}\n"


@functools.cache
def _assert_absent(path: str) -> str:
    return _format_assertion({"notExists": {"path": path}})


def _as_read_by_unittest(value: Any) -> Any:
    """A value as helm-unittest reads it: it drops some white space, and Helm drops a float's `.0`.

    Returns `value` itself if neither changes it.
    """
    if isinstance(value, dict):
        inner = {key: _as_read_by_unittest(inner) for key, inner in value.items()}
        return value if all(map(operator.is_, inner.values(), value.values())) else inner
    if isinstance(value, list):
        items = [_as_read_by_unittest(inner) for inner in value]
        return value if all(map(operator.is_, items, value)) else items
    if isinstance(value, str):
        return re.sub(r" +\r?\n", "\n", value).lstrip("\n") if "\n" in value else value
    whole = isinstance(value, float) and value.is_integer() and _GO_INTEGER_MIN <= value < _GO_INTEGER_LIMIT
    return int(Decimal(repr(value))) if whole else value


@functools.cache
def _format_destination_test() -> str:
    asserts = [
        _assert_equal("spec.destination.server", _OTHER_SERVER),
        _assert_absent("spec.destination.name"),
        _assert_equal("metadata.namespace", "other"),
    ]
    return _format_test(
        "follows destinationServer and argoNamespace",
        "Application",
        asserts,
        destinationServer=_OTHER_SERVER,
        argoNamespace="other",
    )


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _format_ignored_values_test(application: str) -> str:
    ignored = {"clusterName": "some-cluster", "region": "some-region", "targetRevision": "other"}
    return _format_test(
        "ignores the values that are not its own",
        "Application",
        [_assert_equal("metadata.name", application)],
        **ignored,
    )


@functools.lru_cache(maxsize=_CACHED_TEXTS)
def _format_project_test(project: str, key: str, namespace: str) -> str:
    return _format_test(
        "renders the project that createProject asks for",
        "AppProject",
        [_assert_kind("AppProject"), _assert_equal("metadata.name", project), _assert_project_defaults(namespace)],
        sourceNamespaces=("other",),
        **{f"spec.apps.{key}.createProject": True},
    )


@functools.cache
def _assert_kind(kind: str) -> str:
    return _format_assertion({"isKind": {"of": kind}})


@functools.cache
def _assert_project_defaults(namespace: str) -> str:
    sources = _format_assertion({"contains": {"path": "spec.sourceNamespaces", "content": "other"}})
    return _assert_equal("metadata.namespace", namespace) + _assert_equal(_SYNC_WAVE_PATH, str(PROJECT_WAVE)) + sources
