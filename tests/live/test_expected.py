"""What drift compares with is what Helm renders, and what Argo CD treats as equal is no difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generator.charts.layout import group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.live.applications import LiveApplication
from generator.live.expected import build_expected_application, list_edited_fields
from generator.registry.reader import read_registry
from tests.charts.rendered import DATA, SAMPLE, registry_of, through_parent
from tests.live.sample import healthy, set_field
from tests.workspace import REGISTRY

_REGISTRIES = [
    SAMPLE,
    *(DATA / "golden" / name / "apps.toml" for name in ("every-field", "sharded", "pins", "eks-capability")),
    *sorted((DATA / "registries" / "valid").glob("*.toml")),
]


@pytest.mark.parametrize("path", _REGISTRIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_expected_application_is_what_helm_renders(path: Path) -> None:
    registry = read_registry(path)
    charts = group_by_chart(render_plan(plan_charts(registry)).files)
    for environment in registry.environments.values():
        rendered = through_parent(charts, environment.name)
        by_name = {name: item for found in rendered for (kind, name), item in found.items() if kind == "Application"}
        for app in registry.list_effective_apps(environment.name):
            live = LiveApplication.from_object(by_name[app.application])
            assert list_edited_fields(build_expected_application(environment, app), live) == []


def _edited(path: str, value: object) -> list[str]:
    registry = registry_of(REGISTRY)
    environment = registry.environments["test"]
    app = registry.find_effective_app("test", "billing")
    assert app
    item = set_field(healthy(environment, app, "1" * 40), path, value)
    found = list_edited_fields(build_expected_application(environment, app), LiveApplication.from_object(item))
    return [each.field for each in found]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec/syncPolicy/automated/selfHeal", False),
        ("spec/syncPolicy/automated/allowEmpty", False),
        ("spec/syncPolicy/syncOptions", ["CreateNamespace=false", "Validate=true"]),
        ("spec/syncPolicy/syncOptions", []),
        ("spec/source/helm", {}),
        ("spec/source/directory", {"recurse": False}),
        ("spec/sources", []),
        ("spec/ignoreDifferences", []),
        ("metadata/annotations/argocd.argoproj.io~1refresh", "hard"),
        ("metadata/annotations/example.org~1seen", "yes"),
        ("metadata/labels", {"team": "x"}),
        ("metadata/finalizers", ["resources-finalizer.argocd.argoproj.io/foreground"]),
        (
            "metadata/finalizers",
            ["resources-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"],
        ),
    ],
)
def test_what_argo_cd_treats_as_equal_is_not_edited(path: str, value: Any) -> None:
    assert _edited(path, value) == []


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec/source/targetRevision", "v9", "spec.source.targetRevision"),
        ("spec/source/targetRevision", None, "spec.source.targetRevision"),
        ("spec/source/path", "other", "spec.source.path"),
        ("spec/source/helm", {"parameters": [{"name": "a", "value": "1"}]}, "spec.source.helm"),
        ("spec/destination/namespace", "other", "spec.destination.namespace"),
        ("spec/project", "default", "spec.project"),
        ("spec/syncPolicy/automated", None, "spec.syncPolicy.automated"),
        ("spec/syncPolicy/automated/prune", False, "spec.syncPolicy.automated.prune"),
        ("spec/syncPolicy/automated/enabled", False, "spec.syncPolicy.automated.enabled"),
        ("spec/ignoreDifferences", [{"kind": "Service"}], "spec.ignoreDifferences"),
        ("metadata/finalizers", None, "metadata.finalizers"),
        (
            "metadata/annotations/argocd.argoproj.io~1skip-reconcile",
            "true",
            "metadata.annotations[argocd.argoproj.io/skip-reconcile]",
        ),
        (
            "metadata/annotations/argocd.argoproj.io~1sync-wave",
            "7",
            "metadata.annotations[argocd.argoproj.io/sync-wave]",
        ),
    ],
)
def test_an_edited_field_is_named(path: str, value: Any, field: str) -> None:
    assert _edited(path, value) == [field]


def test_a_number_that_json_does_not_have_is_shown_as_text() -> None:
    registry = registry_of(REGISTRY)
    environment, app = registry.environments["test"], registry.find_effective_app("test", "billing")
    assert app
    live = LiveApplication.from_object(set_field(healthy(environment, app, "1" * 40), "spec/info", [float("inf")]))
    assert [each.live for each in list_edited_fields(build_expected_application(environment, app), live)] == [["inf"]]
