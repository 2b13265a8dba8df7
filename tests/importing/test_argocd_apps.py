"""Values of the chart argocd-apps are imported as the objects that the chart renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli

from generator.errors import RefusedError
from generator.importing.argocd_apps import find_entry_line, render_values
from generator.importing.build import ImportOptions
from generator.importing.import_registry import ImportResult, import_registry
from generator.importing.manifests import ReadOptions
from tests.importing import layouts

_WEB = """\
    namespace: argocd
    finalizers: [resources-finalizer.argocd.argoproj.io]
    additionalAnnotations: {owner: 7}
    additionalLabels: {tier: front}
    project: shop
    source: {repoURL: https://git.example.org/shop/web.git, path: deploy, targetRevision: v1}
    destination: {server: https://kubernetes.default.svc, namespace: shop}
    syncPolicy: {automated: {selfHeal: true}}
"""
_SHOP = """\
    namespace: argocd
    sourceRepos: [https://git.example.org/shop/web.git]
    destinations: [{server: https://kubernetes.default.svc, namespace: shop}]
"""
BY_NAME = f"applications:\n  web:\n{_WEB}  unused: null\nprojects:\n  shop:\n{_SHOP}"
LISTED = f"applications:\n  - name: web\n{_WEB}projects:\n  - name: shop\n{_SHOP}"
_DEPENDENCY = "{name: argocd-apps, version: 2.0.0, repository: https://charts.example.org}"
WRAPPER = f"apiVersion: v2\nname: bootstrap\nversion: 1.0.0\ndependencies: [{_DEPENDENCY}]\n"


def imported(source: Path, **reading: Any) -> ImportResult:
    return import_registry([("", source)], ReadOptions(**reading), ImportOptions("3.4"))


def indented(text: str) -> str:
    return "argocd-apps:\n" + "".join(f"  {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("values", [BY_NAME, LISTED, indented(BY_NAME)], ids=["by name", "listed", "below a key"])
def test_applications_and_projects_of_values_are_imported(values: str, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(values)
    result = imported(tmp_path / "values.yaml")
    assert (len(result.exact), result.changed, result.not_taken) == (1, [], [])
    found = tomli.loads(result.files["apps.toml"].decode())
    assert found["apps"]["web"]["annotations"] == {"owner": "7"}
    assert found["projects"]["shop"]["destinations"][0]["namespace"] == "shop"
    assert result.compared[0].line == values[: values.index("web")].count("\n") + 1


def test_each_environment_has_values_of_its_own(tmp_path: Path) -> None:
    layouts.write(
        tmp_path, {"values.yaml": BY_NAME, "live.yaml": "applications: {web: {source: {targetRevision: v0}}}"}
    )
    values = {"dev": [], "live": [tmp_path / "live.yaml"]}
    result = imported(tmp_path / "values.yaml", values_files=values)
    found = tomli.loads(result.files["apps.toml"].decode())
    assert (len(result.exact), found["environments"]["live"]["apps"]) == (2, ["web@v0"])


def test_a_chart_that_depends_on_it_is_read(tmp_path: Path) -> None:
    later = "argocd-apps: {applications: {web: {source: {targetRevision: v0}}}}"
    files = {"Chart.yaml": WRAPPER, "values.yaml": indented(BY_NAME), "values-dev.yaml": "", "values-live.yaml": later}
    result = imported(layouts.write(tmp_path, files))
    assert [*result.registry.environments] == ["dev", "live"]
    assert len(result.exact) == 2


def test_templates_of_items_are_rendered() -> None:
    template = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: '{{ .name }}'}\n"
    values = {"itemTemplates": [{"items": [{"name": "a"}, {"name": "b"}], "template": template}]}
    assert [item["metadata"]["name"] for item in render_values(values)] == ["a", "b"]


def test_an_item_without_metadata_is_no_object() -> None:
    assert [*render_values({"itemTemplates": [{"items": [{"name": "a"}], "template": "kind: {{ .name }}"}]})] == []


def test_an_applicationset_of_values_is_named(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("applicationsets:\n  every-cluster:\n    template: {}\n")
    with pytest.raises(RefusedError, match=r"values.yaml:2: ApplicationSet every-cluster"):
        imported(tmp_path / "values.yaml")


def test_values_that_helm_refuses_are_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(BY_NAME.replace("project: shop", "project: '{{ .Nothing.here }}'"))
    with pytest.raises(RefusedError, match=r"the values: Helm does not render the chart argocd-apps with them"):
        imported(tmp_path / "values.yaml")


def test_the_line_of_an_entry_is_found_in_both_forms() -> None:
    assert find_entry_line("applications:\n  web:\n    a: b\n", "web") == 2
    assert find_entry_line("applications:\n- project: x\n  name: web # here\n", "web") == 3
    assert find_entry_line("applications: {}\n", "web") == 1
