"""Helm verifies every chart whole, with the foreign files that stay in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generator.cache import ResultCache
from generator.charts.chart_folder import ChartFolder, OverlaidFolder, overlay_tree
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from generator.errors import RefusedError
from generator.helm import engine as helm
from generator.helm.verify import ChartError, ForeignFileObject, HelmScope, verify_charts
from generator.registry.registry import Registry
from tests.charts.rendered import registry_of, sharded
from tests.workspace import REGISTRY

_TEMPLATES = "argo-app-of-apps/dev/templates"
_EXTRA = """\
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata:
  name: {name}
  namespace: argocd
spec:
  project: default
  source: {{ repoURL: "https://github.com/acme/extra.git", path: x, targetRevision: main }}
  destination: {{ namespace: extra, server: "https://kubernetes.default.svc" }}
"""


def extra(name: str, kind: str = "Application") -> bytes:
    return _EXTRA.format(name=name, kind=kind).encode()


def tree_of(registry: Registry) -> RenderedTree:
    return render_plan(plan_charts(registry))


def folder_with(registry: Registry, foreign: Mapping[str, bytes] | None = None) -> OverlaidFolder:
    """The folder of a registry's charts, with foreign files."""
    files = dict(foreign or {})
    there = ChartFolder(
        "multi-repo", frozenset(files), lambda paths: {path: files[path] for path in paths if path in files}
    )
    return overlay_tree(tree_of(registry), there)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return registry_of(REGISTRY)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The files of each chart that Helm has rendered since."""
    asked: list[list[str]] = []
    known = helm.render_chart_by_file

    def counted(files: Mapping[str, bytes], values: Mapping[str, Any] | None = None) -> dict[str, list[helm.Manifest]]:
        asked.append(sorted(files))
        return known(files, values)

    monkeypatch.setattr(helm, "render_chart_by_file", counted)
    return asked


def test_objects_of_foreign_files_are_listed(registry: Registry) -> None:
    files = {f"{_TEMPLATES}/extra.yaml": extra("extra"), f"{_TEMPLATES}/_notes.tpl": b'{{ define "x" }}{{ end }}'}
    found = verify_charts(folder_with(registry, files), registry).foreign_file_objects
    assert found == [ForeignFileObject(f"{_TEMPLATES}/extra.yaml", "Application", "argocd", "extra")]


def test_objects_of_a_foreign_subchart_and_of_crds_are_listed(registry: Registry) -> None:
    subchart = "argo-app-of-apps/dev/charts/sub"
    files = {
        f"{subchart}/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        f"{subchart}/templates/a.yaml": extra("from-subchart"),
        "argo-app-of-apps/dev/crds/b.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-crds\n",
    }
    found = verify_charts(folder_with(registry, files), registry).foreign_file_objects
    assert [item.name for item in found] == ["from-subchart", "from-crds"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("extra.yaml", extra("billing"), "Application billing has a name that the registry uses"),
        ("extra.yaml", extra("ledger", "AppProject"), "AppProject ledger has a name that the registry uses"),
        ("extra.yaml", b"{{ .Values.spec.apps.nobody.path }}", "Helm refuses chart dev with it"),
        ("extra.yaml", b"no table\n", "Helm refuses chart dev with it"),
        (
            "extra.yaml",
            extra("twice") + b"---\n" + extra("twice"),
            "renders Application argocd/twice 2 times",
        ),
    ],
)
def test_a_foreign_template_that_spoils_the_chart_is_refused_with_its_name(
    registry: Registry, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        verify_charts(folder_with(registry, {f"{_TEMPLATES}/{name}": data}), registry)
    assert f"multi-repo/{_TEMPLATES}/{name}: " in refused.value.message
    assert message in refused.value.message


def test_a_name_of_another_environment_of_the_same_argo_cd_is_taken_too() -> None:
    text = REGISTRY.replace("[environments.prod]", '[environments.prod]\nnameSuffix = "-live"')
    for argocd, refused in (("", True), ('argocd = "hub"\n', False)):
        registry = registry_of(text.replace('nameSuffix = "-live"', f'nameSuffix = "-live"\n{argocd}'))
        folder = folder_with(registry, {f"{_TEMPLATES}/extra.yaml": extra("billing-live")})
        if refused and registry.environments["prod"].argocd == registry.environments["dev"].argocd:
            with pytest.raises(RefusedError, match="billing-live has a name that the registry uses"):
                verify_charts(folder, registry)
        else:
            assert verify_charts(folder, registry).foreign_file_objects


def test_a_foreign_helper_that_changes_generated_objects_is_refused(registry: Registry) -> None:
    helper = b'{{ define "applications.app" }}a: b{{ end }}'
    with pytest.raises(RefusedError, match="changes what generated templates render"):
        verify_charts(folder_with(registry, {f"{_TEMPLATES}/_a.tpl": helper}), registry)


def test_what_is_wrong_with_the_generated_part_is_the_registrys_to_solve(registry: Registry) -> None:
    tree = tree_of(registry)
    path = f"{_TEMPLATES}/billing.yaml"
    broken = replace(tree, files={**tree.files, path: b"{{ nonsense }}"})
    with pytest.raises(ChartError, match="chart dev: Helm refuses it"):
        verify_charts(overlay_tree(broken, ChartFolder("", (), lambda paths: {})), registry)


def test_a_scope_of_charts_with_foreign_files_renders_no_others(registry: Registry, rendered: list[list[str]]) -> None:
    verify_charts(folder_with(registry), registry, scope=HelmScope.WITH_FOREIGN_FILES)
    assert not rendered
    files = {f"{_TEMPLATES}/extra.yaml": extra("extra")}
    verify_charts(folder_with(registry, files), registry, scope=HelmScope.WITH_FOREIGN_FILES)
    assert ["templates/extra.yaml" in names for names in rendered] == [False, True]


def test_a_verified_chart_is_not_rendered_again_until_one_of_its_bytes_changes(
    rendered: list[list[str]], tmp_path: Path
) -> None:
    cache, files = ResultCache(tmp_path, "1"), {f"{_TEMPLATES}/extra.yaml": extra("extra")}
    first = registry_of(REGISTRY)
    found = verify_charts(folder_with(first, files), first, cache)
    rendered.clear()
    assert verify_charts(folder_with(first, files), first, cache) == found
    assert not rendered
    verify_charts(folder_with(first, {f"{_TEMPLATES}/extra.yaml": extra("other")}), first, cache)
    assert len(rendered) == 2  # dev alone, without and with the foreign file


@pytest.mark.parametrize(
    "kept",
    [1, "ab", [1], {"a": 1}, (1, 2), ([], [], []), ([("a",)], []), ([(1, 2, 3, 4)], []), ([], [(("dev", "x"), 1)])],
)
def test_a_kept_value_that_is_no_verdict_is_not_used(
    kept: object, rendered: list[list[str]], registry: Registry, tmp_path: Path
) -> None:
    class Poisoned(ResultCache):
        def get(self, key: str) -> object:
            return kept

    cache, files = Poisoned(tmp_path, "1"), {f"{_TEMPLATES}/extra.yaml": extra("extra")}
    found = verify_charts(folder_with(registry, files), registry, cache)
    assert rendered
    assert [item.name for item in found.foreign_file_objects] == ["extra"]


def test_a_refused_chart_is_rendered_again(registry: Registry, rendered: list[list[str]], tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, "1")
    for _ in range(2):
        rendered.clear()
        with pytest.raises(RefusedError):
            verify_charts(folder_with(registry, {f"{_TEMPLATES}/extra.yaml": b"no table"}), registry, cache)
        assert rendered


def test_a_shard_is_rendered_again_when_the_values_from_its_parent_change(
    rendered: list[list[str]], tmp_path: Path
) -> None:
    cache = ResultCache(tmp_path, "1")
    text = sharded(REGISTRY, '"team"')
    first = registry_of(text)
    verify_charts(folder_with(first), first, cache)
    rendered.clear()
    verify_charts(folder_with(first), first, cache)
    assert not rendered
    labelled = registry_of(text.replace('labels = { env = "dev" }', 'labels = { env = "x" }', 1))
    verify_charts(folder_with(labelled), labelled, cache)
    assert len(rendered) > 1
