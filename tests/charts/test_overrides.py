"""Overrides that would change nothing are refused by the chart's values.schema.json, whichever Helm renders it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from generator.charts.layout import Chart, group_by_chart
from generator.helm import engine as helm
from generator.registry.model import AppFields
from tests.charts.rendered import SAMPLE, SHARED_HUB, Objects, chart_of, objects, sharded, through_parent, tree_of

_BINARIES = ("helm", "helm3", "helm4")


def _hub() -> str:
    return SHARED_HUB.read_text(encoding="utf-8")


def _helm_binary(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=Path.home() / "go" / "bin")


@pytest.fixture(params=["library", *(pytest.param(name, marks=pytest.mark.go) for name in _BINARIES)])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Render with the library, or with one of the Helm binaries that are installed."""
    if request.param != "library":
        found = _helm_binary(request.param)
        if found is None:
            pytest.skip(f"there is no {request.param} on PATH or in ~/go/bin")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "helm").symlink_to(found)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        monkeypatch.setattr(helm, "_import_helm_library", lambda: None)
    return str(request.param)


def _app(key: str, **values: Any) -> dict[str, Any]:
    return {"spec": {"apps": {key: values}}}


#: Values for the environment dev of the shared hub, and what Helm says of them.
_WITHOUT_EFFECT: dict[str, tuple[dict[str, Any], str]] = {
    "unknown app": (_app("nobody", targetRevision="v2"), "nobody"),
    "unknown app, all of it": (_app("nobody", repoURL="https://github.com/acme/x.git", path="."), "nobody"),
    "unknown app, null": ({"spec": {"apps": {"nobody": None}}}, "nobody"),
    "app by its registry name": ({"spec": {"apps": {"web-shop": {"path": "x"}}}}, "web-shop"),
    "misspelt field": (_app("web", targetRevison="v2"), "targetRevison"),
    "misspelt field, null": (_app("web", syncPolcy=None), "syncPolcy"),
    "field of another case": (_app("web", repoUrl="https://github.com/acme/x.git"), "repoUrl"),
    "field that only the registry has": (_app("web", syncWave=5), "syncWave"),
    "revision of an app with several sources": (_app("api", targetRevision="v2"), "targetRevision"),
    "sources of an app with one source": (_app("web", sources=[{"repoURL": "https://x", "path": "."}]), "sources"),
    "destination of an app in the environment's": (_app("web", destination={"server": "https://x"}), "destination"),
    "field of its destination": (_app("jobs", destination={"namespace": "x"}), "namespace"),
    "field of the destination": ({"spec": {"destination": {"namespace": "x"}}}, "namespace"),
    "misspelt field of helm": (_app("web", helm={"paramters": []}), "paramters"),
    "null where there is nothing to remove": (_app("jobs", helm=None), "helm"),
    "null in helm where there is nothing to remove": (_app("web", helm={"releaseName": None}), "releaseName"),
    "helm parameters as a table": (_app("web", helm={"parameters": {"a": "1"}}), "parameters"),
    "misspelt automated": (_app("web", syncPolicy={"automatic": None}), "automatic"),
    "misspelt prune": (_app("web", syncPolicy={"automated": {"prun": False}}), "prun"),
    "misspelt sync option": (_app("web", syncPolicy={"syncOptions": ["CreateNamespaces=true"]}), "syncOptions"),
    "first of several sources": (_app("api", sources=[{"targetRevision": "v2"}]), "sources/0|repoURL"),
    "second of several sources": (_app("api", sources=[None, {"targetRevision": "v2"}]), "sources/[01]"),
    "source without its path": (_app("api", sources=[{"repoURL": "https://x"}]), "sources/0"),
    "second parameter": (_app("web", helm={"parameters": [None, {"name": "a", "value": "1"}]}), "parameters/0"),
    "value of a parameter": (_app("web", helm={"parameters": [{"value": "5"}]}), "parameters/0|name"),
    "apps as a list": ({"spec": {"apps": [{"targetRevision": "v2"}]}}, "apps"),
    "label to remove that there is not": ({"labels": {"nobody": None}}, "labels/nobody"),
    "unknown project": ({"spec": {"projects": {"nobody": {"description": "x"}}}}, "nobody"),
    "misspelt field of a project": ({"spec": {"projects": {"shop": {"descripton": "x"}}}}, "descripton"),
}


@pytest.mark.parametrize("case", _WITHOUT_EFFECT)
def test_an_override_without_effect_is_refused(engine: str, case: str) -> None:
    values, refusal = _WITHOUT_EFFECT[case]
    with pytest.raises(helm.HelmRefusal, match=refusal):
        objects(chart_of(tree_of(_hub()), "dev"), values)


#: With a null, only the shard knows whether there is something to remove.
_ONLY_IN_A_SHARD = {name for name in _WITHOUT_EFFECT if name.startswith(("null ", "second "))}


@pytest.mark.parametrize("case", _WITHOUT_EFFECT)
def test_it_is_refused_by_the_chart_above_shards_or_by_the_shard(case: str) -> None:
    values, refusal = _WITHOUT_EFFECT[case]
    charts = group_by_chart(tree_of(sharded(_hub(), '"team"')).files)
    with pytest.raises(helm.HelmRefusal, match=refusal):
        through_parent(charts, "dev", values)
    if case not in _ONLY_IN_A_SHARD:
        with pytest.raises(helm.HelmRefusal, match=refusal):
            objects(charts[Chart("dev")], values)


def _dev(values: dict[str, Any]) -> Objects:
    return objects(chart_of(tree_of(_hub()), "dev"), values)


def test_each_way_of_stopping_automated_sync_stops_it(engine: str) -> None:
    policies: tuple[dict[str, Any] | None, ...] = (None, {"automated": None}, {"syncOptions": []})
    for policy in policies:
        application = _dev(_app("jobs", syncPolicy=policy))["Application", "jobs"]
        assert not application["spec"].get("syncPolicy", {}).get("automated")
    paused = _dev(_app("jobs", syncPolicy={"automated": {"enabled": False}}))["Application", "jobs"]
    assert paused["spec"]["syncPolicy"]["automated"]["enabled"] is False


def test_automated_enabled_is_refused_where_argo_cd_does_not_know_it() -> None:
    text = _hub().replace('version = "3.5"', 'version = "3.0"').replace(', syncOptions = ["CreateNamespace=true"]', "")
    with pytest.raises(helm.HelmRefusal, match="enabled"):
        objects(chart_of(tree_of(text), "dev"), _app("jobs", syncPolicy={"automated": {"enabled": False}}))


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize(
    "values", [{"destinationName": "x"}, {"destinationName": "x", "destinationServer": "https://y"}]
)
def test_destination_name_is_that_of_every_destination(environment: str, values: dict[str, Any]) -> None:
    found = objects(chart_of(tree_of(_hub()), environment), values)
    for (kind, _), item in found.items():
        if kind == "Application":
            assert item["spec"]["destination"] == {"name": "x", "namespace": item["spec"]["destination"]["namespace"]}


def test_a_cluster_name_beats_the_server_that_the_registry_gives(engine: str) -> None:
    chart = chart_of(tree_of(_hub()), "prod")
    found = objects(chart, {"spec": {"destination": {"name": "blue"}, "apps": {"web": {"createProject": True}}}})
    assert found["Application", "web-prod"]["spec"]["destination"] == {"name": "blue", "namespace": "shop-web"}
    assert {"name": "blue", "namespace": "shop-web"} in found["AppProject", "shop"]["spec"]["destinations"]


def test_the_name_of_a_cluster_beats_the_server_of_one_app() -> None:
    found = _dev(_app("jobs", destination={"name": "blue"}))
    assert found["Application", "jobs"]["spec"]["destination"] == {"name": "blue", "namespace": "jobs"}
    assert found["AppProject", "jobs"]["spec"]["destinations"] == [{"name": "blue", "namespace": "jobs"}]


def test_every_field_of_the_registry_is_known_or_without_effect() -> None:
    schema = json.loads(chart_of(tree_of(_hub()), "dev")["values.schema.json"])
    known = {key for name, one in schema["definitions"].items() if name.startswith("app-") for key in one["properties"]}
    without_effect = {"server", "cluster", "syncWave", "finalizer", "sourceHydrator"}
    assert known - {"destination"} == {str(field.alias) for field in AppFields.model_fields.values()} - without_effect


def test_the_sample_bootstraps_with_every_helm(engine: str) -> None:
    chart = chart_of(tree_of(SAMPLE.read_text(encoding="utf-8")), "dev")
    found = objects(chart, {"clusterName": "blueprints", "spec": {"ingress": {"host": "dev.blueprint.com"}}})
    assert len(found) == 6


@pytest.mark.go
@pytest.mark.parametrize("name", _BINARIES)
@pytest.mark.parametrize(
    ("parameter", "refusal"),
    [
        ("spec.apps.api.sources[0].targetRevision=v2", "repoURL"),
        ("spec.apps.web.helm.parameters[0].value=5", "name"),
        ("spec.apps.nobody.targetRevision=v2", "nobody"),
        ("spec.apps[0].targetRevision=v2", "apps"),
    ],
)
def test_a_parameter_as_argo_cd_passes_it_is_refused(name: str, parameter: str, refusal: str, tmp_path: Path) -> None:
    binary = _helm_binary(name)
    if binary is None:
        pytest.skip(f"there is no {name} on PATH or in ~/go/bin")
    for path, data in chart_of(tree_of(_hub()), "dev").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    command = [binary, "template", "apps", str(tmp_path), "--set", parameter]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert refusal in done.stderr
