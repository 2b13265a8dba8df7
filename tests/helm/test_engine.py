"""The door to Helm: in process and by the binary alike, and its refusals."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from generator.errors import LocalError
from generator.helm import engine as helm
from tests.charts.rendered import SAMPLE, SHARED_HUB, chart_of, objects, tree_at, tree_of
from tests.charts.test_golden import EVERY_FIELD
from tests.charts.test_values_file import NUMBERS, STRINGS, _every_place, _numbered, _registry

_CHART = {"Chart.yaml": b"apiVersion: v2\nname: x\nversion: 1.0.0\n"}
_REFUSED: list[tuple[dict[str, bytes], dict[str, Any], str]] = [
    ({"templates/a.yaml": b'{{ fail "no such thing" }}'}, {}, "no such thing"),
    ({"templates/a.yaml": b"{{ nonsense }}"}, {}, "nonsense"),
    ({"templates/a.yaml": b"a: b: c\n"}, {}, "mapping values"),
    ({"values.yaml": b"a: ["}, {}, "values.yaml"),
    (
        {"values.schema.json": b'{"properties": {"a": {"type": "string"}}}'},
        {"a": 5},
        "at '/a': got number, want string",
    ),
    ({"Chart.yaml": b"name: x\n"}, {}, "apiVersion|version"),
    ({"big.txt": b"x" * (helm.MAX_FILE_BYTES + 1)}, {}, r"big\.txt has 5242881 bytes"),
]


def _doors() -> list[Any]:
    return [pytest.param("process", id="in process"), pytest.param("binary", id="binary", marks=pytest.mark.go)]


@pytest.fixture(params=_doors())
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "binary":
        found = shutil.which("helm") or shutil.which("helm", path=Path.home() / "go" / "bin")
        if found is None:
            pytest.skip("there is no helm on PATH or in ~/go/bin")
        monkeypatch.setenv("PATH", f"{Path(found).parent}:/usr/bin:/bin")
        monkeypatch.setattr(helm, "_import_helm_library", lambda: None)
    return str(request.param)


@pytest.mark.parametrize(("files", "values", "told"), _REFUSED, ids=range(len(_REFUSED)))
def test_what_helm_does_not_take_is_told_in_its_words(
    door: str, files: dict[str, bytes], values: dict[str, Any], told: str
) -> None:
    with pytest.raises(helm.HelmRefusal, match=told):
        helm.render_chart({**_CHART, **files}, values)


def test_documents_come_one_by_one_and_empty_ones_not_at_all(door: str) -> None:
    text = b'---\n# none\n---\na: "1"\nb: |\n  ---\n--- \n\n---\nc: {{ .Values.c | quote }}\n'
    found = helm.render_chart({**_CHART, "templates/a.yaml": text, "templates/b.yaml": b"\n"}, {"c": "---"})
    assert found == [{"a": "1", "b": "---\n"}, {"c": "---"}]


def test_suites_are_not_handed_to_helm(door: str) -> None:
    assert helm.render_chart({**_CHART, "tests/a_test.yaml": b"x" * (helm.MAX_FILE_BYTES + 1)}) == []


@pytest.mark.go
@pytest.mark.parametrize("registry", [SAMPLE, SHARED_HUB, EVERY_FIELD / "apps.toml"], ids=lambda path: path.parent.name)
def test_both_doors_yield_the_same(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = shutil.which("helm") or shutil.which("helm", path=Path.home() / "go" / "bin")
    if binary is None:
        pytest.skip("there is no helm on PATH or in ~/go/bin")
    tree = tree_at(registry)
    charts = [chart_of(tree, env) for env in ("dev", "prod")]
    wanted = [objects(chart, {"destinationServer": "https://x"}) for chart in charts]
    monkeypatch.setenv("PATH", f"{Path(binary).parent}:/usr/bin:/bin")
    monkeypatch.setattr(helm, "_import_helm_library", lambda: None)
    assert [objects(chart, {"destinationServer": "https://x"}) for chart in charts] == wanted


def test_both_doors_yield_the_same_values(door: str) -> None:
    app = _every_place(_numbered([*STRINGS, *NUMBERS]))
    found = objects(chart_of(tree_of(_registry(app)), "dev"))["Application", "web"]["spec"]
    assert found["source"]["helm"]["valuesObject"]["list"][: len(STRINGS)] == STRINGS
    assert found["info"] == app["info"]


def test_a_chart_yields_the_same_each_time() -> None:
    """Argo CD would never be in sync with a chart whose lists change their order."""
    tree = tree_at(EVERY_FIELD / "apps.toml")
    for chart in (chart_of(tree, "dev"), chart_of(tree, "prod")):
        first = helm.render_chart(chart)
        assert all(helm.render_chart(chart) == first for _ in range(10))


def test_without_any_helm_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm, "_import_helm_library", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LocalError) as raised:
        helm.render_chart(_CHART)
    assert "gitops-workloads[helm]" in raised.value.remedy


def test_the_library_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    helm._import_helm_library.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "helm_python", None)
    assert helm._import_helm_library() is None
    helm._import_helm_library.cache_clear()
