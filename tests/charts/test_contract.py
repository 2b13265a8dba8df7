"""The contract with whoever bootstraps a chart: the values that work, and what each of them does."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from generator.charts import layout
from generator.helm.engine import HelmRefusal
from generator.registry.uniqueness import helm_values_key
from tests.charts.rendered import DATA, SAMPLE, SHARED_HUB, Objects, chart_of, objects, sharded, through_parent, tree_of

_SERVER = "https://elsewhere.example.com"
_CDK = {
    "clusterName": "blueprints",
    "region": "eu-west-1",
    "repoUrl": "https://github.com/aws-samples/eks-blueprints-workloads.git",
    "targetRevision": "main",
    "service": {"type": "LoadBalancer"},
    "spec": {"ingress": {"host": "dev.blueprint.com"}},
}
#: Every chart that the tests know: registry file, environment, and the shards that it is divided into, if it is.
_PLACES = [(SAMPLE, "dev"), (SAMPLE, "test"), (SAMPLE, "prod"), (SHARED_HUB, "dev"), (SHARED_HUB, "prod")]
_CHARTS = [(*place, shards) for place in _PLACES for shards in ("", '"team"', "3")]
charts = pytest.mark.parametrize(
    "chart",
    [pytest.param(place, id="-".join([place[0].stem, place[1], place[2].strip('"') or "whole"])) for place in _CHARTS],
    indirect=True,
)


@functools.cache
def _files(registry: Path, shards: str) -> Mapping[layout.Chart, Mapping[str, bytes]]:
    text = registry.read_text(encoding="utf-8")
    return layout.group_by_chart(tree_of(sharded(text, shards) if shards else text).files)


@functools.cache
def _base(registry: Path, environment: str, shards: str) -> Objects:
    return Chart(registry, environment, shards).with_values({})


class Chart:
    """The apps' objects of an environment of one of the registries, whether in one chart or in shards."""

    def __init__(self, registry: Path, environment: str, shards: str = "") -> None:
        self._place = registry, environment, shards

    @property
    def base(self) -> Objects:
        return copy.deepcopy(_base(*self._place))

    def with_values(self, values: Mapping[str, Any]) -> Objects:
        registry, environment, shards = self._place
        above, below = through_parent(_files(registry, shards), environment, values)
        return below if shards else above

    def app(self, called: str, /, **values: Any) -> Objects:
        """The objects with values for the app of that name."""
        return self.with_values({"spec": {"apps": {helm_values_key(called): values}}})


@pytest.fixture
def chart(request: pytest.FixtureRequest) -> Chart:
    return Chart(*request.param)


def _sample(environment: str = "dev") -> Chart:
    return Chart(SAMPLE, environment)


def _hub(environment: str = "dev") -> Chart:
    return Chart(SHARED_HUB, environment)


def _of_kind(found: Objects, kind: str) -> list[dict[str, Any]]:
    return [one for (of, _), one in found.items() if of == kind]


def _applications(found: Objects) -> list[dict[str, Any]]:
    return _of_kind(found, "Application")


def _projects(found: Objects) -> list[dict[str, Any]]:
    return _of_kind(found, "AppProject")


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
@pytest.mark.parametrize("shards", ["", '"team"', "3"])
@pytest.mark.parametrize("case", ["base", "cdk-bootstrap"])
def test_the_sample_yields_the_expected_manifests(environment: str, shards: str, case: str) -> None:
    expected = json.loads((DATA / "manifests" / f"{environment}.json").read_text(encoding="utf-8"))[case]
    values = {"base": {}, "cdk-bootstrap": _CDK}[case]
    found = Chart(SAMPLE, environment, shards).with_values(values)
    assert found == {(one["kind"], one["metadata"]["name"]): one for one in expected}


@charts
def test_destination_server_is_that_of_every_destination(chart: Chart) -> None:
    found = chart.with_values({"destinationServer": _SERVER})
    expected = chart.base
    for one in _applications(expected):
        one["spec"]["destination"] = {"server": _SERVER, "namespace": one["spec"]["destination"]["namespace"]}
    assert _applications(found) == _applications(expected)
    for one in _applications(found):
        for project in _projects(found):
            if project["metadata"]["name"] == one["spec"]["project"]:
                assert one["spec"]["destination"] in project["spec"]["destinations"]


def test_destination_server_replaces_the_apps_own_destinations_in_projects() -> None:
    found = _sample().with_values({"destinationServer": _SERVER})
    for project in _projects(found):
        assert project["spec"]["destinations"] == [{"server": _SERVER, "namespace": project["metadata"]["name"]}]


@charts
@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_destination_server_leaves_that_of_the_environment(chart: Chart, empty: str | None) -> None:
    assert chart.with_values({"destinationServer": empty}) == chart.base


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test_spec_destination_server(environment: str) -> None:
    chart = _sample(environment)
    expected = json.loads(json.dumps(list(chart.base.values())).replace("https://kubernetes.default.svc", _SERVER))
    assert list(chart.with_values({"spec": {"destination": {"server": _SERVER}}}).values()) == expected


def test_spec_destination_server_beats_the_cluster_name_of_the_environment() -> None:
    found = _hub().with_values({"spec": {"destination": {"server": _SERVER}}})
    assert found["Application", "web"]["spec"]["destination"] == {"server": _SERVER, "namespace": "shop-web"}
    assert {"server": _SERVER, "namespace": "shop-web"} in found["AppProject", "shop"]["spec"]["destinations"]
    own = {"server": "https://batch.example.com", "namespace": "jobs"}
    assert found["Application", "jobs"]["spec"]["destination"] == own
    assert found["AppProject", "jobs"]["spec"]["destinations"] == [own]


@pytest.mark.parametrize("destination", [None, {"server": ""}, {"server": None}])
def test_no_destination_at_all_is_refused(destination: Any) -> None:
    with pytest.raises(HelmRefusal, match=r"set destinationServer or spec.destination.server"):
        _sample().with_values({"spec": {"destination": destination}})


@charts
def test_argo_namespace(chart: Chart) -> None:
    expected = chart.base
    for one in _applications(expected):
        one["metadata"]["namespace"] = "here"
    assert chart.with_values({"argoNamespace": "here"}) == expected


@charts
def test_argo_project_namespace(chart: Chart) -> None:
    expected = chart.base
    for one in _projects(expected):
        one["metadata"]["namespace"] = "here"
    assert chart.with_values({"argoProjectNamespace": "here"}) == expected


@charts
@pytest.mark.parametrize("key", ["argoNamespace", "argoProjectNamespace"])
@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_namespace_is_the_registrys(chart: Chart, key: str, empty: str | None) -> None:
    assert chart.with_values({key: empty}) == chart.base


def test_the_namespaces_are_argocd_unless_the_registry_says_otherwise() -> None:
    assert {one["metadata"]["namespace"] for one in _sample().base.values()} == {"argocd"}
    assert {one["metadata"]["namespace"] for one in _applications(_hub().base)} == {"argo-apps"}
    assert {one["metadata"]["namespace"] for one in _projects(_hub().base)} == {"argo-projects"}


@charts
def test_source_namespaces_go_onto_every_project(chart: Chart) -> None:
    expected = chart.base
    for one in _projects(expected):
        one["spec"]["sourceNamespaces"] = ["team-a", "team-b", *one["spec"].get("sourceNamespaces", [])]
    assert chart.with_values({"sourceNamespaces": ["team-a", "team-b", "team-a"]}) == expected


@charts
@pytest.mark.parametrize("empty", [[], None])
def test_without_source_namespaces_the_field_is_absent(chart: Chart, empty: list[str] | None) -> None:
    assert chart.with_values({"sourceNamespaces": empty}) == chart.base
    assert all("sourceNamespaces" not in one["spec"] for one in _projects(_sample().base))


@charts
def test_labels_are_those_of_every_application(chart: Chart) -> None:
    expected = chart.base
    for one in _applications(expected):
        one["metadata"]["labels"] = {**one["metadata"]["labels"], "env": "other", "more": "true"}
    assert chart.with_values({"labels": {"env": "other", "more": "true"}}) == expected


def test_labels_can_be_taken_away() -> None:
    assert all("labels" not in one["metadata"] for one in _applications(_sample().with_values({"labels": None})))


def test_the_apps_own_labels_beat_those_of_all_applications_even_when_empty() -> None:
    text = SAMPLE.read_text(encoding="utf-8").replace(
        'replicaCount = "3" }\n\n[apps.ecsdemo-frontend]',
        'replicaCount = "3" }\nlabels = { env = "" }\n\n[apps.ecsdemo-frontend]',
    )
    found = objects(chart_of(tree_of(text), "dev"), {"labels": {"more": "x"}})
    assert found["Application", "ecsdemo-crystal"]["metadata"]["labels"] == {"env": "", "more": "x"}
    assert found["Application", "ecsdemo-nodejs"]["metadata"]["labels"] == {"env": "dev", "more": "x"}


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_create_project_renders_the_project_too(environment: str) -> None:
    chart = _sample(environment)
    assert not _projects(chart.base)
    found = chart.app("ecsdemo-nodejs", createProject=True)
    (project,) = _projects(found)
    assert project == Chart(SAMPLE, "dev").base["AppProject", "ecsdemo-nodejs"]
    assert _applications(found) == _applications(chart.base)


@pytest.mark.parametrize("off", [False, None])
def test_without_create_project_there_is_none(off: bool | None) -> None:
    found = _sample().app("ecsdemo-nodejs", createProject=off)
    assert ("AppProject", "ecsdemo-nodejs") not in found
    assert len(_projects(found)) == 2


def test_create_project_of_any_app_renders_the_project_that_it_shares() -> None:
    chart = _hub("prod")
    assert not _projects(chart.base)
    (project,) = _projects(chart.app("web", createProject=True))
    server = "https://prod.example.com:6443"
    assert project["metadata"]["name"] == "shop"
    assert project["spec"]["destinations"] == [
        {"server": server, "namespace": "shop-api"},
        {"server": server, "namespace": "shop-web"},
        {"server": "https://other.example.com", "namespace": "shop-*"},
    ]


@charts
def test_name_project_and_namespace(chart: Chart) -> None:
    for app in [one["metadata"]["name"] for one in _applications(chart.base)]:
        found = chart.app(
            app.removesuffix("-prod"), name="new-name", project="new-project", namespace="new-space", createProject=True
        )
        one, project = found["Application", "new-name"], found["AppProject", "new-project"]
        assert ("Application", app) not in found
        assert one["spec"]["project"] == "new-project"
        assert one["spec"]["destination"] == {
            **chart.base["Application", app]["spec"]["destination"],
            "namespace": "new-space",
        }
        assert one["spec"]["destination"] in project["spec"]["destinations"]


@charts
@pytest.mark.parametrize("empty", ["", None])
def test_empty_names_are_the_registrys(chart: Chart, empty: str | None) -> None:
    for one in _applications(chart.base):
        app = one["metadata"]["name"].removesuffix("-prod")
        assert chart.app(app, name=empty, project=empty, namespace=empty) == chart.base


def test_the_default_of_name_project_and_namespace_is_the_apps_name() -> None:
    for (kind, name), one in _sample().base.items():
        if kind == "Application":
            assert one["spec"]["project"] == one["spec"]["destination"]["namespace"] == name


def test_an_app_that_leaves_a_shared_project_takes_its_needs_with_it() -> None:
    found = _hub().app("web", project="alone")
    alone, shop = found["AppProject", "alone"]["spec"], found["AppProject", "shop"]["spec"]
    assert "https://github.com/acme/web.git" in alone["sourceRepos"]
    assert {"name": "dev-eu", "namespace": "shop-web"} in alone["destinations"]
    assert {"name": "dev-eu", "namespace": "shop-api"} not in alone["destinations"]
    assert {"name": "dev-eu", "namespace": "shop-web"} not in shop["destinations"]


@pytest.mark.parametrize("key", ["repoURL", "targetRevision", "path"])
def test_the_source(key: str) -> None:
    for environment in ("dev", "test", "prod"):
        chart = _sample(environment)
        expected = chart.base
        expected["Application", "ecsdemo-nodejs"]["spec"]["source"][key] = "https://example.com/1.10"
        if key == "repoURL" and environment == "dev":
            expected["AppProject", "ecsdemo-nodejs"]["spec"]["sourceRepos"] = ["https://example.com/1.10"]
        assert chart.app("ecsdemo-nodejs", **{key: "https://example.com/1.10"}) == expected


def test_a_repository_override_reaches_a_shared_project() -> None:
    found = _hub("prod").with_values(
        {"spec": {"apps": {"web": {"repoURL": "https://github.com/acme/fork.git", "createProject": True}}}}
    )
    repositories = found["AppProject", "shop"]["spec"]["sourceRepos"]
    assert "https://github.com/acme/fork.git" in repositories
    assert "https://github.com/acme/web.git" not in repositories


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize("key", ["targetRevision", "path"])
def test_an_empty_part_of_the_source_is_absent(key: str, empty: str | None) -> None:
    expected = _sample().base
    del expected["Application", "ecsdemo-nodejs"]["spec"]["source"][key]
    assert _sample().app("ecsdemo-nodejs", **{key: empty}) == expected


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_repository_is_refused(empty: str | None) -> None:
    with pytest.raises(HelmRefusal, match=r"spec.apps.ecsdemoNodejs.repoURL is empty"):
        _sample().app("ecsdemo-nodejs", repoURL=empty)


def test_sources_that_are_taken_away_are_refused() -> None:
    with pytest.raises(HelmRefusal, match=r"spec.apps.api.sources is empty"):
        _hub().app("api", sources=None)


def test_helm_is_merged_key_by_key_and_lists_replace() -> None:
    base = _sample().base["Application", "ecsdemo-nodejs"]["spec"]["source"]["helm"]
    added = {
        "releaseName": "other",
        "valuesObject": {"a": {"b": 1}},
        "skipCrds": True,
        "fileParameters": [{"name": "x", "path": "y"}],
    }
    found = _sample().app("ecsdemo-nodejs", helm=added)
    assert found["Application", "ecsdemo-nodejs"]["spec"]["source"]["helm"] == {**base, **added}
    parameters = [{"name": "image.tag", "value": "1.10", "forceString": True}]
    found = _sample().app("ecsdemo-nodejs", helm={"parameters": parameters})
    assert found["Application", "ecsdemo-nodejs"]["spec"]["source"]["helm"] == {"parameters": parameters}


def test_helm_values_merge_deeply() -> None:
    found = _hub().app("web", helm={"valuesObject": {"ingress": {"enabled": False, "className": "alb"}, "n": 1}})
    helm = found["Application", "web"]["spec"]["source"]["helm"]
    assert helm["valuesObject"] == {
        "ingress": {"enabled": False, "className": "alb", "hosts": ["a.example.com"]},
        "n": 1,
    }
    assert helm["parameters"] == [{"name": "replicaCount", "value": "3"}]


def test_helm_where_there_is_none() -> None:
    chart = Chart(SHARED_HUB, "dev")
    assert chart.app("jobs", helm={}) == chart.base
    assert "helm" not in chart.base["Application", "jobs"]["spec"]["source"]
    found = chart.app("jobs", helm={"valueFiles": ["values.yaml"]})
    assert found["Application", "jobs"]["spec"]["source"]["helm"] == {"valueFiles": ["values.yaml"]}


def test_helm_can_be_taken_away() -> None:
    expected = _sample().base
    del expected["Application", "ecsdemo-nodejs"]["spec"]["source"]["helm"]
    assert _sample().app("ecsdemo-nodejs", helm=None) == expected


@charts
@pytest.mark.parametrize(
    "values",
    [
        _CDK,
        {"clusterName": None, "region": 7, "repoUrl": [], "targetRevision": 1.1, "service": None, "nobody": {"a": {}}},
        {"spec": {"clusterName": "a", "ingress": None}},
        {"global": {"a": 1}},
    ],
    ids=["cdk", "odd", "below spec", "global"],
)
def test_anything_else_is_ignored(chart: Chart, values: dict[str, Any]) -> None:
    assert chart.with_values(values) == chart.base


@charts
def test_no_value_takes_an_app_away(chart: Chart) -> None:
    for one in _applications(chart.base):
        app = one["metadata"]["name"].removesuffix("-prod")
        with pytest.raises(HelmRefusal, match=f"spec.apps.{helm_values_key(app)} is empty, which would delete"):
            chart.with_values({"spec": {"apps": {helm_values_key(app): None}}})


@pytest.mark.parametrize("values", [{"spec": None}, {"spec": {"apps": None}}])
def test_no_value_takes_all_apps_away(values: dict[str, Any]) -> None:
    with pytest.raises(HelmRefusal, match="is empty, which would delete"):
        _sample().with_values(values)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"destinationServer": 5}, "/destinationServer"),
        ({"argoNamespace": True}, "/argoNamespace"),
        ({"argoProjectNamespace": ["a"]}, "/argoProjectNamespace"),
        ({"sourceNamespaces": "team-a"}, "/sourceNamespaces"),
        ({"sourceNamespaces": [1]}, "/sourceNamespaces/0"),
        ({"sourceNamespaces": [""]}, "/sourceNamespaces/0"),
        ({"sourceNamespaces": [None]}, "/sourceNamespaces/0"),
        ({"labels": ["a"]}, "/labels"),
        ({"labels": {"a": 1}}, "/labels/a"),
        ({"labels": {"a": True}}, "/labels/a"),
        ({"labels": {"a": None}}, "/labels/a"),
        ({"spec": "x"}, "/spec"),
        ({"spec": {"destination": {"server": 5}}}, "/spec/destination/server"),
        ({"spec": {"apps": {"ecsdemoNodejs": "x"}}}, "/spec/apps/ecsdemoNodejs"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"createProject": "false"}}}}, "/spec/apps/ecsdemoNodejs/createProject"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"name": 5}}}}, "/spec/apps/ecsdemoNodejs/name"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"project": 5}}}}, "/spec/apps/ecsdemoNodejs/project"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"namespace": 5}}}}, "/spec/apps/ecsdemoNodejs/namespace"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"repoURL": 5}}}}, "/spec/apps/ecsdemoNodejs/repoURL"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"targetRevision": 1.10}}}}, "/spec/apps/ecsdemoNodejs/targetRevision"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"path": False}}}}, "/spec/apps/ecsdemoNodejs/path"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"helm": "x"}}}}, "/spec/apps/ecsdemoNodejs/helm"),
        ({"spec": {"apps": {"ecsdemoNodejs": {"helm": {"values": {}}}}}}, "/spec/apps/ecsdemoNodejs/helm/values"),
        (
            {"spec": {"apps": {"ecsdemoNodejs": {"helm": {"parameters": {"a": "1"}}}}}},
            "/spec/apps/ecsdemoNodejs/helm/parameters",
        ),
        (
            {"spec": {"apps": {"ecsdemoNodejs": {"helm": {"parameters": [{"name": "a", "value": 3}]}}}}},
            "/spec/apps/ecsdemoNodejs/helm/parameters/0/value",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_key(values: dict[str, Any], key: str) -> None:
    with pytest.raises(HelmRefusal, match=f"at '{key}'"):
        _sample().with_values(values)


@charts
def test_deletion_takes_applications_before_their_projects(chart: Chart) -> None:
    for one in chart.base.values():
        wave = {"AppProject": "1", "Application": "2"}[one["kind"]]
        assert one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == wave
        assert one["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]


def test_a_name_suffix_keeps_the_applications_of_one_argo_cd_apart() -> None:
    names = [{one["metadata"]["name"] for one in _applications(_hub(env).base)} for env in ("dev", "prod")]
    assert names == [{"api", "jobs", "web"}, {"api-prod", "web-prod"}]
