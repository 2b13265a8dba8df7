"""`AppPlan` → a helm-unittest suite: what the app's template must render, and what the overrides do to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from generator.charts.plan import PROJECT_WAVE, AppPlan, EnvironmentPlan

_OTHER_SERVER = "https://other.example.com"
#: The floats without a fraction that Helm writes as integers: those that fit one of Go's.
_LEAST, _MOST = -(2.0**63), 2.0**64
_WAVE = 'metadata.annotations["argocd.argoproj.io/sync-wave"]'


def suite(env: EnvironmentPlan, app: AppPlan, project_namespace: str, argocd_namespace: str) -> dict[str, Any]:
    """The suite of one template, in helm-unittest's own words."""
    tests = [
        _application(env, app, argocd_namespace),
        _everywhere(app),
        _untouched(app),
    ]
    if app.members:
        tests.append(_project(app, project_namespace))
    return {"suite": f"{app.name} in {env.name}", "templates": [f"templates/{app.name}.yaml"], "tests": tests}


def _test(it: str, kind: str, asserts: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    selector = {"documentSelector": {"path": "kind", "value": kind}}
    return {"it": it, **({"set": values} if values else {}), **selector, "asserts": asserts}


def _equal(path: str, value: Any) -> dict[str, Any]:
    return {"equal": {"path": path, "value": value}}


def _application(env: EnvironmentPlan, app: AppPlan, namespace: str) -> dict[str, Any]:
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


def _sources(app: AppPlan) -> list[dict[str, Any]]:
    values = app.values
    if app.form != "source":
        return [{"exists": {"path": f"spec.{app.form}"}}, {"notExists": {"path": "spec.source"}}]
    told = ("repoURL", "targetRevision", "path", "chart")
    asserts = [_equal(f"spec.source.{key}", values[key]) for key in told if key in values]
    helm = values.get("helm")
    if not helm:
        return [*asserts, {"notExists": {"path": "spec.source.helm"}}]
    return [*asserts, _equal("spec.source.helm", _as_found(helm))]


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


def _everywhere(app: AppPlan) -> dict[str, Any]:
    asserts = [
        _equal("spec.destination.server", _OTHER_SERVER),
        {"notExists": {"path": "spec.destination.name"}},
        _equal("metadata.namespace", "other"),
    ]
    return _test(
        "follows destinationServer and argoNamespace",
        "Application",
        asserts,
        destinationServer=_OTHER_SERVER,
        argoNamespace="other",
    )


def _untouched(app: AppPlan) -> dict[str, Any]:
    ignored = {"clusterName": "some-cluster", "region": "some-region", "targetRevision": "other"}
    return _test(
        "ignores the values that are not its own", "Application", [_equal("metadata.name", app.application)], **ignored
    )


def _project(app: AppPlan, namespace: str) -> dict[str, Any]:
    asserts = [
        {"isKind": {"of": "AppProject"}},
        _equal("metadata.name", app.project),
        _equal("metadata.namespace", namespace),
        _equal(_WAVE, str(PROJECT_WAVE)),
        {"contains": {"path": "spec.sourceNamespaces", "content": "other"}},
    ]
    return _test(
        "renders the project that createProject asks for",
        "AppProject",
        asserts,
        sourceNamespaces=["other"],
        **{f"spec.apps.{app.key}.createProject": True},
    )
