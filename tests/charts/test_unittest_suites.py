"""The generated suites hold for the charts they belong to, whatever the registry says, and fail for others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from generator.charts import yaml
from tests.chart_suites.run import find_failures, read_suite
from tests.charts.rendered import SAMPLE, SHARED_HUB, tree_at, tree_of
from tests.charts.test_golden import EVERY_FIELD, NAMESPACES
from tests.charts.test_values_file import NUMBERS, STRINGS, _registry

_HOSTILE = {"valuesObject": {"strings": STRINGS, "numbers": NUMBERS, "booleans": [True, False], "empty": [{}, []]}}


def _written(files: dict[str, bytes] | Any, root: Path) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root / "argo-app-of-apps"


def _wrong(charts: Path) -> list[str]:
    return [
        f"{place.name} {test['it']}: {text}"
        for place in sorted(charts.glob("*/tests/*_test.yaml"))
        for suite in [read_suite(place.read_text(encoding="utf-8"))]
        for test in suite["tests"]
        for text in find_failures(place.parent.parent, suite, test)
    ]


@pytest.fixture(params=["sample", "shared-hub", "every-field", "team-namespaces", "hostile"])
def charts(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = {
        "sample": SAMPLE,
        "shared-hub": SHARED_HUB,
        "every-field": EVERY_FIELD / "apps.toml",
        "team-namespaces": NAMESPACES / "apps.toml",
    }.get(request.param)
    tree = tree_at(place) if place else tree_of(_registry({"helm": _HOSTILE, "createProject": True}))
    return _written(tree.files, tmp_path)


def test_the_suites_hold(charts: Path) -> None:
    assert not _wrong(charts)


@pytest.mark.go
def test_the_suites_hold_for_helm_unittest(charts: Path, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["charts"] == "hostile":
        pytest.skip("its own YAML writer does not bring back some of these strings")
    binary = shutil.which("helm-unittest") or shutil.which("helm-unittest", path=Path.home() / "go" / "bin")
    if binary is None:
        pytest.skip("there is no helm-unittest on PATH or in ~/go/bin")
    done = subprocess.run(
        [binary, "--strict", *map(str, sorted(charts.iterdir()))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("of", "to"),
    [
        ('targetRevision: "main"', 'targetRevision: "other"'),
        ('path: "kubernetes/', 'path: "elsewhere/'),
        ('value: "3"', 'value: "4"'),
        ('env: "dev"', 'env: "prod"'),
        ('server: "https://kubernetes', 'server: "https://elsewhere'),
        ("enabled: true", "enabled: false"),
    ],
)
def test_a_change_of_the_values_by_hand_fails_a_suite(tmp_path: Path, of: str, to: str) -> None:
    charts = _written(tree_at(SAMPLE).files, tmp_path)
    values = charts / "dev" / "values.yaml"
    values.write_text(values.read_text(encoding="utf-8").replace(of, to), encoding="utf-8")
    assert _wrong(charts)


@pytest.mark.parametrize(
    ("of", "to"),
    [
        ('"server" .', '"name" .'),
        ("$values.argoNamespace", "$values.elsewhere"),
        ("$.chart.Values.argoProjectNamespace", "$.chart.Values.elsewhere"),
        ("$.chart.Values.sourceNamespaces", "list"),
        ("$labels := $values.labels", "$labels := dict"),
        ('default "2"', 'default "3"'),
        ('sync-wave: "1"', 'sync-wave: "3"'),
        ("if $app.createProject", "if false"),
        ("$app.name | default .name", "$values.clusterName"),
        ("default .namespace | quote", "default .key | quote"),
        ("prune: true", "prune: false"),
    ],
)
def test_a_change_of_the_helpers_by_hand_fails_a_suite(tmp_path: Path, of: str, to: str) -> None:
    charts = _written(tree_at(SAMPLE).files, tmp_path)
    helpers = charts / "dev" / "templates" / "_helpers.tpl"
    text = helpers.read_text(encoding="utf-8")
    assert of in text
    helpers.write_text(text.replace(of, to), encoding="utf-8")
    assert _wrong(charts)


@pytest.mark.parametrize(("of", "to"), [("Nodejs", "Crystal"), ("-nodejs", "-crystal")])
def test_a_change_of_a_template_by_hand_fails_a_suite(tmp_path: Path, of: str, to: str) -> None:
    charts = _written(tree_at(SAMPLE).files, tmp_path)
    template = charts / "prod" / "templates" / "ecsdemo-nodejs.yaml"
    text = template.read_text(encoding="utf-8")
    assert of in text
    template.write_text(text.replace(of, to), encoding="utf-8")
    assert _wrong(charts)


def test_every_app_has_a_suite_of_its_own() -> None:
    tree = tree_at(SAMPLE)
    text = yaml.load(tree.files["argo-app-of-apps/prod/tests/ecsdemo-nodejs_test.yaml"].decode())
    assert text["suite"] == "ecsdemo-nodejs in prod"
    assert text["templates"] == ["templates/ecsdemo-nodejs.yaml"]
    assert len(text["tests"]) == 2
