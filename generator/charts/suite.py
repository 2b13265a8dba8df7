"""`AppPlan`, or the shards → a helm-unittest suite: what a template must render, what overrides do to it. Pure."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from generator.charts import yaml
from generator.charts.layout import PARENT
from generator.charts.plan import AppPlan, EnvironmentPlan, ShardsPlan
from generator.charts.projects import PROJECT_WAVE
from generator.registry.shards import shard_application, shard_project

_OTHER_SERVER = "https://other.example.com"
#: The floats without a fraction that Helm writes as integers: those that fit one of Go's.
_LEAST, _MOST = -(2.0**63), 2.0**64
#: So many apps' texts are kept for the environments to come.
_SEVERAL = 4096
_HELM = '      - equal:\n          path: "spec.source.helm"\n          value:'
_WAVE = 'metadata.annotations["argocd.argoproj.io/sync-wave"]'


def suite(env: EnvironmentPlan, app: AppPlan, project_namespace: str, argocd_namespace: str) -> tuple[str, ...]:
    """The suite of one template in helm-unittest's own words, as YAML in parts that other suites share."""
    labels = {**env.settings["labels"], **app.values.get("labels", {})}
    return (
        f"suite: {yaml.quoted(f'{app.name} in {env.name}')}\n",
        _template(app.name),
        _given_from_above(env) if app.chart.shard else "",
        "tests:\n",
        _application(app.application, argocd_namespace, app.wave, app.project, app.namespace),
        _labels(*labels.items()),
        *_sources(app),
        _everywhere(),
        _untouched(app.application),
        _project(app.project, app.key, project_namespace) if app.members else "",
    )


def _given_from_above(env: EnvironmentPlan) -> str:
    """What a shard has only from the chart above it."""
    destination = {f"spec.destination.{key}": value for key, value in env.destination.items()}
    labels = env.settings["labels"]
    return yaml.dump({"set": {**destination, **({"labels": labels} if labels else {})}})


def shards_suite(environment: str, shards: ShardsPlan, names: Sequence[str]) -> tuple[str, ...]:
    """The suite of the template of an environment's shards, `names`."""
    named = yaml.quoted(f"the shards of {environment}"), yaml.quoted(f"templates/{PARENT}.yaml")
    tests = [text for name in names for text in _shard(environment, name, shards)]
    project = _test("renders their project", "AppProject", [_equal("metadata.name", shard_project(environment))])
    return ("suite: {}\ntemplates:\n  - {}\ntests:\n".format(*named), project, *tests)


def _shard(environment: str, name: str, shards: ShardsPlan) -> Iterator[str]:
    selector = {"documentSelector": {"path": "metadata.name", "value": shard_application(environment, name)}}
    expected = {
        "spec.source.repoURL": shards.values["repoURL"],
        "spec.source.targetRevision": shards.values["targetRevision"],
        "spec.source.path": f"{shards.values['path']}/{name}",
        "spec.project": shard_project(environment),
    }
    asserts = [{"equal": {"path": path, "value": value}} for path, value in expected.items()]
    yield yaml.dump_items([{"it": f"makes an Application of shard {name}", **selector, "asserts": asserts}], "  ")
    given = {"set": {"spec.apps.some.targetRevision": "some-revision"}}
    handed_on = [{"matchRegex": {"path": "spec.source.helm.values", "pattern": "some-revision"}}]
    test = {"it": f"hands values on to shard {name}", **given, **selector, "asserts": handed_on}
    yield yaml.dump_items([test], "  ")


def _test(it: str, kind: str, asserts: list[str], **values: Any) -> str:
    return "".join([_head(it, kind, **values), *asserts])


@functools.lru_cache(maxsize=_SEVERAL)
def _head(it: str, kind: str, **values: Any) -> str:
    told = f"    set:\n{yaml.dump(values, '      ')}" if values else ""
    return f"  - it: {yaml.quoted(it)}\n{told}{_selecting(kind)}    asserts:\n"


@functools.cache
def _selecting(kind: str) -> str:
    return yaml.dump({"documentSelector": {"path": "kind", "value": kind}}, "    ")


def _assert(one: Mapping[str, Any]) -> str:
    return yaml.dump_items([one], "      ")


def _equal(path: str, value: Any) -> str:
    if isinstance(value, str) and "\n" not in value:
        # What `_assert` gives, in a tenth of the time.
        return f"      - equal:\n          path: {yaml.quoted(path)}\n          value: {yaml.quoted(value)}\n"
    return _assert({"equal": {"path": path, "value": value}})


@functools.lru_cache(maxsize=_SEVERAL)
def _template(app: str) -> str:
    return f"templates:\n  - {yaml.quoted(f'templates/{app}.yaml')}\n"


@functools.lru_cache(maxsize=_SEVERAL)
def _application(name: str, argocd_namespace: str, wave: int, project: str, namespace: str) -> str:
    asserts = [
        _equal("metadata.name", name),
        _equal("metadata.namespace", argocd_namespace),
        _equal(_WAVE, str(wave)),
        _equal("spec.project", project),
        _equal("spec.destination.namespace", namespace),
    ]
    return _test("points at the app's source", "Application", asserts)


@functools.lru_cache(maxsize=_SEVERAL)
def _labels(*labels: tuple[str, str]) -> str:
    return "".join(_equal(f"metadata.labels.{key}", value) for key, value in labels if key.isalnum())


def _sources(app: AppPlan) -> list[str]:
    values = app.values
    if app.form != "source":
        return [_assert({"exists": {"path": f"spec.{app.form}"}}), _absent("spec.source")]
    helm = values.get("helm")
    place = _source(values.get("repoURL"), values.get("targetRevision"), values.get("path"), values.get("chart"))
    return [place, _helm(helm) if helm else _absent("spec.source.helm")]


@functools.lru_cache(maxsize=_SEVERAL)
def _source(*told: str | None) -> str:
    named = zip(("repoURL", "targetRevision", "path", "chart"), told, strict=True)
    return "".join([_equal(f"spec.source.{key}", value) for key, value in named if value is not None])


@yaml.once
def helm_value(helm: Mapping[str, Any]) -> yaml.Written:
    """What `helm` says, as an app's entry in values.yaml has it."""
    return yaml.written(helm, "      ")


@yaml.once
def _helm(helm: Mapping[str, Any]) -> str:
    found = _as_found(helm)
    if found is not helm:
        return _equal("spec.source.helm", found)
    # Most often it is what values.yaml has too, four columns further in.
    return f"{_HELM}{yaml.deeper(helm_value(helm))}\n"


@functools.cache
def _absent(path: str) -> str:
    return _assert({"notExists": {"path": path}})


def _as_found(value: Any) -> Any:
    """A value as helm-unittest finds it in what Helm writes: it drops some white space, and Helm a float's `.0`.

    What neither changes is `value` itself.
    """
    if isinstance(value, dict):
        inner = {key: _as_found(inner) for key, inner in value.items()}
        return value if all(map(operator.is_, inner.values(), value.values())) else inner
    if isinstance(value, list):
        items = [_as_found(inner) for inner in value]
        return value if all(map(operator.is_, items, value)) else items
    if isinstance(value, str):
        return re.sub(r" +\r?\n", "\n", value).lstrip("\n") if "\n" in value else value
    whole = isinstance(value, float) and value.is_integer() and _LEAST <= value < _MOST
    return int(Decimal(repr(value))) if whole else value


@functools.cache
def _everywhere() -> str:
    asserts = [
        _equal("spec.destination.server", _OTHER_SERVER),
        _absent("spec.destination.name"),
        _equal("metadata.namespace", "other"),
    ]
    return _test(
        "follows destinationServer and argoNamespace",
        "Application",
        asserts,
        destinationServer=_OTHER_SERVER,
        argoNamespace="other",
    )


@functools.lru_cache(maxsize=_SEVERAL)
def _untouched(application: str) -> str:
    ignored = {"clusterName": "some-cluster", "region": "some-region", "targetRevision": "other"}
    return _test(
        "ignores the values that are not its own", "Application", [_equal("metadata.name", application)], **ignored
    )


@functools.lru_cache(maxsize=_SEVERAL)
def _project(project: str, key: str, namespace: str) -> str:
    return _test(
        "renders the project that createProject asks for",
        "AppProject",
        [_kind("AppProject"), _equal("metadata.name", project), _of_every_project(namespace)],
        sourceNamespaces=("other",),
        **{f"spec.apps.{key}.createProject": True},
    )


@functools.cache
def _kind(kind: str) -> str:
    return _assert({"isKind": {"of": kind}})


@functools.cache
def _of_every_project(namespace: str) -> str:
    sources = _assert({"contains": {"path": "spec.sourceNamespaces", "content": "other"}})
    return _equal("metadata.namespace", namespace) + _equal(_WAVE, str(PROJECT_WAVE)) + sources
