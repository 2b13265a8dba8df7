"""Render the helm-unittest suites of a chart: what each template renders, and what overrides change. Pure."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from generator.charts import yaml
from generator.charts.app_projects import NO_FINALIZER, USUAL_SYNC_POLICY
from generator.charts.layout import NAMESPACES_TEMPLATE, SHARDS_TEMPLATE
from generator.registry.effective import SOURCE_KEYS
from generator.registry.shards import bootstrap_name, shard_application_name, team_namespaces_name

if TYPE_CHECKING:
    from generator.charts.app_projects import ShardsPlan
    from generator.charts.plan import AppPlan, EnvironmentPlan
    from generator.charts.team_namespaces import TeamNamespacesPlan

_OTHER_SERVER = "https://other.example.com"
_OTHER_NAME = "other"
_WAVE_ANNOTATION, _OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
#: Fields of an app's entry in values.yaml that its Application's spec has unchanged.
_SPEC_FIELDS = ("ignoreDifferences", "info", "revisionHistoryLimit")
#: Helm writes whole floats in this range as integers: those that fit a Go integer.
_GO_INTEGER_MIN, _GO_INTEGER_LIMIT = -(2.0**63), 2.0**64


def render_app_suite(env: EnvironmentPlan, app: AppPlan) -> str:
    """Render the helm-unittest suite of an app's template."""
    annotations = {_WAVE_ANNOTATION: str(app.wave), **app.values.get("annotations", {})}
    if app.sync_options:
        annotations[_OPTIONS_ANNOTATION] = app.sync_options
    values = app.values
    asserts = [
        _assert_equal("metadata.name", app.application),
        _assert_labels({**env.settings["labels"], **values.get("labels", {})}),
        _assert_given("metadata.annotations", annotations),
        _assert_equal("metadata.finalizers", [app.finalizer]) if app.finalizer != NO_FINALIZER else "",
        _assert_source(app),
        _assert_own_policy(values["syncPolicy"]) if app.own_sync_policy else _assert_usual_policy(),
        *(_assert_given(f"spec.{field}", values[field]) for field in _SPEC_FIELDS if field in values),
        _assert_equal("spec.destination", {**values.get("destination", env.destination), "namespace": app.namespace}),
        _assert_equal("spec.project", app.project),
    ]
    tests = _format_test("is deployed as the registry says", "Application", asserts)
    if app.members:
        created = {f"spec.apps.{app.key}.createProject": True}
        tests += _format_test(
            "creates its project", "AppProject", [_assert_equal("metadata.name", app.project)], created
        )
    return _format_suite(f"{app.name} in {env.name}", [app.name], tests, _parent_values(env) if app.chart.shard else {})


def render_overrides_suite(env: EnvironmentPlan, apps: Sequence[AppPlan]) -> str:
    """Render the helm-unittest suite that sets each override which all apps of a chart share."""
    tests = _format_application_overrides(env)
    if any(app.values["createProject"] for app in apps):
        tests += _format_project_overrides(env)
    # The project of the teams' namespaces is in another sync wave.
    templates = [app.name for app in apps] if env.namespaces else []
    return _format_suite(
        f"the apps in {env.name}", templates, tests, _parent_values(env) if apps[0].chart.shard else {}
    )


def _format_application_overrides(env: EnvironmentPlan) -> str:
    followed = {"destinationServer": _OTHER_SERVER, "argoNamespace": _OTHER_NAME, "labels.fromOverride": _OTHER_NAME}
    asserts = [
        _assert_equal("spec.destination.server", _OTHER_SERVER),
        _assert_absent("spec.destination.name"),
        _assert_equal("metadata.namespace", _OTHER_NAME),
        _assert_equal("metadata.labels.fromOverride", _OTHER_NAME),
    ]
    ignored = {"clusterName": _OTHER_NAME, "region": _OTHER_NAME, "targetRevision": _OTHER_NAME}
    usual = [_assert_equal("metadata.namespace", env.settings["argoNamespace"])]
    return _format_test(
        "follow destinationServer, argoNamespace and labels", "Application", asserts, followed, every=True
    ) + _format_test("ignore other values", "Application", usual, ignored, every=True)


def _format_project_overrides(env: EnvironmentPlan) -> str:
    followed = {
        "destinationServer": _OTHER_SERVER,
        "argoProjectNamespace": _OTHER_NAME,
        "sourceNamespaces": [_OTHER_NAME],
    }
    wave = {_WAVE_ANNOTATION: str(env.project_wave)}
    asserts = [
        _assert_equal("metadata.namespace", _OTHER_NAME),
        _format_assertion("isSubset", {"path": "metadata.annotations", "content": wave}),
        _assert_equal("spec.destinations[0].server", _OTHER_SERVER),
        _format_assertion("contains", {"path": "spec.sourceNamespaces", "content": _OTHER_NAME}),
    ]
    return _format_test("have projects that follow the overrides", "AppProject", asserts, followed, every=True)


def render_shards_suite(env: EnvironmentPlan, shards: ShardsPlan, names: Sequence[str]) -> str:
    """Render the helm-unittest suite of the template for an environment's shards, `names`."""
    project = _format_test(
        "renders their project", "AppProject", [_assert_equal("metadata.name", bootstrap_name(env.name))]
    )
    tests = [_format_shard_tests(env, name, shards) for name in names]
    return _format_suite(f"the shards of {env.name}", [SHARDS_TEMPLATE], "".join([project, *tests]))


def render_team_namespaces_suite(env: EnvironmentPlan, plan: TeamNamespacesPlan) -> str:
    """Render the helm-unittest suite of the template that deploys the namespaces of the teams."""
    name, listed = team_namespaces_name(env.name), plan.values["namespaces"]
    kept = [*listed, *plan.values.get("formerNamespaces", ())]
    destinations = [{**env.destination, "namespace": each} for each in (name, *kept)]
    project = [
        _assert_equal("metadata.name", name),
        _assert_equal("spec.sourceRepos", [plan.values["repoURL"]]),
        _assert_equal("spec.destinations", destinations),
    ]
    application = [
        _assert_equal("metadata.name", name),
        _assert_absent("metadata.finalizers"),
        _assert_equal("spec.source.path", plan.values["path"]),
        _assert_equal("spec.source.directory.include", f"{{{','.join(f'{each}.yaml' for each in listed)}}}"),
        _assert_equal("spec.project", name),
    ]
    tests = _format_test("permits these namespaces alone", "AppProject", project)
    tests += _format_test("deploys them and deletes none", "Application", application)
    return _format_suite(f"the namespaces of the teams in {env.name}", [NAMESPACES_TEMPLATE], tests)


def _format_shard_tests(env: EnvironmentPlan, name: str, shards: ShardsPlan) -> str:
    selector = _format_selector({"path": "metadata.name", "value": shard_application_name(env.name, name)})
    expected = {
        "spec.source.repoURL": shards.values["repoURL"],
        "spec.source.targetRevision": shards.values["targetRevision"],
        "spec.source.path": f"{shards.values['path']}/{name}",
        "spec.project": bootstrap_name(env.name),
    }
    handed_on = {"path": "spec.source.helm.values", "pattern": _OTHER_NAME}
    return _join_test(
        f"makes an Application of shard {name}", selector, [_assert_equal(*item) for item in expected.items()]
    ) + _join_test(
        f"hands values on to shard {name}",
        selector,
        [_format_assertion("matchRegex", handed_on)],
        {f"spec.apps.{env.apps[0].key}.namespace": _OTHER_NAME},
    )


def _parent_values(env: EnvironmentPlan) -> dict[str, Any]:
    """The values that a shard gets only from its parent chart."""
    destination = {f"spec.destination.{key}": value for key, value in env.destination.items()}
    settings = {key: value for key, value in env.settings.items() if value}
    return {**destination, **settings}


def _format_suite(name: str, templates: Iterable[str], tests: str, values: Mapping[str, Any] | None = None) -> str:
    named = [f"templates/{template}.yaml" for template in templates]
    head = {"suite": name, **({"templates": named} if named else {}), **({"set": values} if values else {})}
    return yaml.dump_lines(head) + f"tests:\n{tests}"


def _format_test(
    description: str, kind: str, asserts: Iterable[str], values: Mapping[str, Any] | None = None, *, every: bool = False
) -> str:
    """Format a test of the objects of a kind: one of them, or `every` one in any template."""
    return _join_test(description, _select_kind(kind, every), asserts, values)


@functools.cache
def _select_kind(kind: str, every: bool) -> str:
    many = {"matchMany": True, "skipEmptyTemplates": True} if every else {}
    return _format_selector({"path": "kind", "value": kind, **many})


def _format_selector(selector: Mapping[str, Any]) -> str:
    return yaml.dump_lines({"documentSelector": selector}, "    ")


def _join_test(description: str, selector: str, asserts: Iterable[str], values: Mapping[str, Any] | None = None) -> str:
    given = yaml.dump_lines({"set": values}, "    ") if values else ""
    return f"  - it: {yaml.quote_yaml_string(description)}\n{given}{selector}    asserts:\n{''.join(asserts)}"


def _format_assertion(kind: str, parameters: Mapping[str, Any]) -> str:
    return f"      - {kind}: {yaml.dump_inline(parameters)}\n"


def _assert_equal(path: str, value: Any) -> str:
    return f"      - equal: {{path: {yaml.quote_yaml_string(path)}, value: {yaml.dump_inline(value)}}}\n"


def _assert_given(path: str, value: Any) -> str:
    """Assert a value that the registry gives as it is."""
    return _assert_equal(path, _as_read_by_unittest(value))


def _assert_own_policy(policy: Mapping[str, Any]) -> str:
    return _assert_given("spec.syncPolicy", policy) if policy else _assert_absent("spec.syncPolicy")


@functools.cache
def _assert_usual_policy() -> str:
    return _assert_equal("spec.syncPolicy", USUAL_SYNC_POLICY)


def _assert_labels(labels: Mapping[str, str]) -> str:
    return _assert_equal("metadata.labels", labels) if labels else _assert_absent("metadata.labels")


def _assert_absent(path: str) -> str:
    return _format_assertion("notExists", {"path": path})


def _assert_source(app: AppPlan) -> str:
    """Assert the whole source of an Application, whatever form it has."""
    values = app.values
    source = {key: values[key] for key in SOURCE_KEYS if values.get(key)} if app.form == "source" else values[app.form]
    return _assert_given(f"spec.{app.form}", source)


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
