"""`AppPlan`, or the shards → a helm-unittest suite: what a template must render, what overrides do to it. Pure."""

from __future__ import annotations

import functools
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
_SEVERAL = 1024
_WAVE = 'metadata.annotations["argocd.argoproj.io/sync-wave"]'


def suite(env: EnvironmentPlan, app: AppPlan, project_namespace: str, argocd_namespace: str) -> tuple[str, ...]:
    """The suite of one template in helm-unittest's own words, as YAML in parts that other suites share."""
    named = yaml.quoted(f"{app.name} in {env.name}"), yaml.quoted(f"templates/{app.name}.yaml")
    tests = [_application(env, app, argocd_namespace), _everywhere(), _untouched(app.application)]
    if app.members:
        tests.append(_project(app.project, app.key, project_namespace))
    given = _given_from_above(env) if app.chart.shard else ""
    return ("suite: {}\ntemplates:\n  - {}\n".format(*named), given, "tests:\n", *tests)


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
    return "".join([_head(it, kind, tuple(values.items())), "    asserts:\n", *asserts])


@functools.lru_cache(maxsize=_SEVERAL)
def _head(it: str, kind: str, values: tuple[tuple[str, Any], ...]) -> str:
    selector = {"documentSelector": {"path": "kind", "value": kind}}
    return yaml.dump_items([{"it": it, **({"set": dict(values)} if values else {}), **selector}], "  ")


def _assert(one: Mapping[str, Any]) -> str:
    return yaml.dump_items([one], "      ")


def _equal(path: str, value: Any) -> str:
    if isinstance(value, str) and "\n" not in value:
        # What `_assert` gives, in a tenth of the time.
        return f"      - equal:\n          path: {yaml.quoted(path)}\n          value: {yaml.quoted(value)}\n"
    return _assert({"equal": {"path": path, "value": value}})


def _application(env: EnvironmentPlan, app: AppPlan, namespace: str) -> str:
    asserts = [
        _equal("metadata.name", app.application),
        _equal("metadata.namespace", namespace),
        _equal(_WAVE, str(app.wave)),
        _equal("spec.project", app.project),
        _equal("spec.destination.namespace", app.namespace),
    ]
    labels = {**env.settings["labels"], **app.values.get("labels", {})}
    asserts += [_equal(f"metadata.labels.{key}", value) for key, value in labels.items() if key.isalnum()]
    asserts += _sources(app)
    return _test("points at the app's source", "Application", asserts)


def _sources(app: AppPlan) -> list[str]:
    values = app.values
    if app.form != "source":
        return [_assert({"exists": {"path": f"spec.{app.form}"}}), _absent("spec.source")]
    told = ("repoURL", "targetRevision", "path", "chart")
    asserts = [_equal(f"spec.source.{key}", values[key]) for key in told if key in values]
    helm = values.get("helm")
    return [*asserts, _helm(helm) if helm else _absent("spec.source.helm")]


@yaml.once
def _helm(helm: Mapping[str, Any]) -> str:
    return _equal("spec.source.helm", _as_found(helm))


@functools.cache
def _absent(path: str) -> str:
    return _assert({"notExists": {"path": path}})


def _as_found(value: Any) -> Any:
    """A value as helm-unittest finds it in what Helm writes: it drops some white space, and Helm a float's `.0`."""
    if isinstance(value, Mapping):
        return {key: _as_found(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_found(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r" +\r?\n", "\n", value).lstrip("\n")
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
    asserts = [
        _assert({"isKind": {"of": "AppProject"}}),
        _equal("metadata.name", project),
        _equal("metadata.namespace", namespace),
        _equal(_WAVE, str(PROJECT_WAVE)),
        _assert({"contains": {"path": "spec.sourceNamespaces", "content": "other"}}),
    ]
    return _test(
        "renders the project that createProject asks for",
        "AppProject",
        asserts,
        sourceNamespaces=("other",),
        **{f"spec.apps.{key}.createProject": True},
    )
