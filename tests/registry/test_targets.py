"""What the kind and the version of each Argo CD allow: self-managed ones, and the managed one of EKS."""

from __future__ import annotations

from typing import Any

import pytest

from generator.charts.layout import group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import RegistryError
from generator.helm.engine import HelmRefusal
from generator.helm.environment_objects import render_environment_objects
from generator.helm.objects import find_object_problems
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.registry.writer import toml

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
IN_CLUSTER = "https://kubernetes.default.svc"


def registry(environment: dict[str, Any], *, kind: str = "eks-capability", **argocd: Any) -> dict[str, Any]:
    """A registry of one app in prod, on an Argo CD of that kind."""
    return {
        "version": 1,
        "workloads": {"repository": "https://git.example.com/org/workloads.git"},
        "argocd": {"kind": kind, "version": "3.3", **argocd},
        "environments": {"prod": {"createProjects": True, "apps": ["till"], **environment}},
        "teams": {"bank": {"repositories": ["https://git.example.com/org/"], "namespaces": ["till"]}},
        "apps": {"till": {"team": "bank", "repoURL": "https://git.example.com/org/till.git", "path": "chart"}},
    }


def read(data: dict[str, Any]) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": toml(data).encode()}), "apps.toml")


def problems(data: dict[str, Any]) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read(data)
    return [f"{problem.key}: {problem.text}" for problem in caught.value.problems]


def objects(data: dict[str, Any], values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    files = group_by_chart(render_plan(plan_charts(read(data))).files)
    found = [items for _, items in render_environment_objects(files, "prod", values)]
    for items in found:
        assert not list(
            find_object_problems(items, {i["metadata"]["name"] for i in items if i["kind"] == "Application"})
        )
    return [item for items in found for item in items]


@pytest.mark.parametrize("destination", [{"server": ARN}, {"cluster": "prod-eu"}, {"cluster": ARN}])
def test_a_capability_knows_clusters_by_arn_or_name(destination: dict[str, str]) -> None:
    found = {item["kind"]: item for item in objects(registry(destination))}
    field, value = ("server", ARN) if "server" in destination else ("name", destination["cluster"])
    assert found["Application"]["spec"]["destination"] == {field: value, "namespace": "till"}
    assert found["AppProject"]["spec"]["destinations"] == [{field: value, "namespace": "till"}]
    assert found["AppProject"]["spec"]["sourceNamespaces"] == ["argocd"]


@pytest.mark.parametrize(
    "destination", [{}, {"server": IN_CLUSTER}, {"server": "https://x.eks.amazonaws.com"}, {"cluster": "in-cluster"}]
)
def test_a_capability_does_not_know_other_clusters(destination: dict[str, str]) -> None:
    (found,) = problems(registry(destination))
    assert found.startswith("environments.prod")
    assert "the EKS Capability for Argo CD" in found
    data = registry({"cluster": "prod"})
    data["teams"]["bank"]["allow"] = ["destination"]
    data["apps"]["till"] |= destination
    if destination:
        (found,) = problems(data)
        assert found.startswith("apps.till.")


def test_a_self_managed_argo_cd_has_no_arn_for_a_server() -> None:
    (found,) = problems(registry({"server": ARN}, kind="self-managed"))
    assert 'or put a name into cluster, or set kind = "eks-capability" in argocd' in found


def test_what_a_capability_lacks_is_refused_at_its_line() -> None:
    data = registry({"cluster": "prod"}, projectNamespace="projects")
    data["teams"]["bank"]["allow"] = ["plugin"]
    data["apps"]["till"]["plugin"] = {"name": "x"}
    data["projects"] = {
        "till": {
            "sourceNamespaces": ["argocd", "elsewhere"],
            "destinations": [{"server": IN_CLUSTER, "namespace": "till"}],
        }
    }
    assert [found.partition(": ")[0] for found in problems(data)] == [
        "argocd.projectNamespace",
        "apps.till.plugin",
        "projects.till.sourceNamespaces",
        "projects.till.destinations[0].server",
    ]


def test_source_namespaces_of_argo_cd_itself_are_for_a_capability_only() -> None:
    data = registry({"cluster": "prod"}, kind="self-managed")
    data["projects"] = {"till": {"sourceNamespaces": ["argocd"]}}
    assert "is always allowed: remove it" in problems(data)[0]
    data["argocd"]["kind"] = "eks-capability"
    read(data)


def test_a_capability_has_a_limit_of_applications() -> None:
    data = registry({"cluster": "prod", "createProjects": False, "shards": "team"}, cluster="tools")
    till = {**data["apps"]["till"], "namespace": "till"}
    data["apps"] = {f"till-{number}": till for number in range(1000)}
    data["environments"]["prod"]["apps"] = list(data["apps"])
    (found,) = problems(data)
    assert found == (
        'environments.prod.apps: Argo CD "prod" would have 1,001 Applications, and the EKS Capability has 1,000: '
        "run this environment in another one"
    )
    del data["environments"]["prod"]["shards"]
    read(data)


def test_overrides_of_a_capability_keep_to_it() -> None:
    data = registry({"server": ARN})
    named = objects(data, {"destinationName": "blue"})
    assert {"name": "blue", "namespace": "till"} in [item["spec"].get("destination") for item in named]
    with pytest.raises(HelmRefusal, match="the EKS Capability for Argo CD has no cluster"):
        objects(data, {"destinationServer": IN_CLUSTER})


@pytest.mark.parametrize(
    ("kind", "environment", "argocd", "expected"),
    [
        ("self-managed", {}, {}, {"server": IN_CLUSTER}),
        ("self-managed", {"server": "https://prod.example.com"}, {}, {"server": IN_CLUSTER}),
        ("self-managed", {"cluster": "prod"}, {}, {"name": "prod"}),
        ("self-managed", {"cluster": "prod"}, {"cluster": "in-cluster"}, {"name": "in-cluster"}),
        ("self-managed", {"cluster": "prod", "argocd": "hub"}, {}, {"server": IN_CLUSTER}),
        ("eks-capability", {"server": ARN}, {}, {"server": ARN}),
        ("eks-capability", {"cluster": "prod", "argocd": "hub"}, {"server": ARN}, {"server": ARN}),
    ],
)
def test_shards_are_deployed_where_argo_cd_runs(
    kind: str, environment: dict[str, Any], argocd: dict[str, Any], expected: dict[str, str]
) -> None:
    data = registry({"shards": "team", **environment}, kind=kind, **argocd)
    found = {item["metadata"]["name"]: item["spec"] for item in objects(data) if item["kind"] == "Application"}
    assert found["prod-applications-bank"]["destination"] == {**expected, "namespace": "argocd"}
    (project,) = (item for item in objects(data) if item["metadata"]["name"] == "prod-applications")
    assert project["spec"]["destinations"] == [{**expected, "namespace": "argocd"}]
    for override in ({"name": "blue"}, {"server": "https://blue.example.com"}):
        moved = objects(data, {"spec": {"shards": override}})
        places = {item["metadata"]["name"]: item["spec"].get("destination") for item in moved}
        assert places["prod-applications-bank"] == {**override, "namespace": "argocd"}


def test_shards_of_a_capability_need_the_cluster_that_it_runs_in() -> None:
    (found,) = problems(registry({"shards": "team", "cluster": "prod", "argocd": "hub"}))
    assert found.startswith("environments.prod.shards: ")


def with_instances() -> dict[str, Any]:
    data = registry({"argocd": "aws", "cluster": "prod"}, kind="self-managed")
    data["argocd"] |= {"version": "3.6", "url": "https://argocd.example.com"}
    data["argocd"]["instances"] = {"aws": {"kind": "eks-capability", "version": "3.2", "namespace": "capability"}}
    data["environments"] = {"dev": {"createProjects": True, "apps": ["till"]}, **data["environments"]}
    return data


def test_each_argo_cd_has_its_own_settings_and_the_rest_of_those_of_all() -> None:
    found = read(with_instances()).environments
    assert [one.argocd_settings.namespace for one in found.values()] == ["argocd", "capability"]
    assert {str(one.argocd_settings.url) for one in found.values()} == {"https://argocd.example.com"}
    plan = plan_charts(read(with_instances()))
    assert {path: manifest["metadata"]["namespace"] for path, manifest in plan.projects.items()} == {
        "argo-app-projects/till.yaml": "argocd",
        "argo-app-projects/aws/till.yaml": "capability",
    }


def test_a_field_must_be_known_where_the_app_runs() -> None:
    data = with_instances()
    data["apps"]["till"]["environments"] = {"dev": {"tagPrefix": "till-", "targetRevision": ">=1 <2"}}
    data["projects"] = {"till": {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "till"}]}}
    (found,) = problems(data)
    assert found.startswith("projects.till.clusterResourceWhitelist[0].name: needs Argo CD 3.3")
    del data["projects"]
    read(data)
    data["apps"]["till"]["environments"]["prod"] = data["apps"]["till"]["environments"]["dev"]
    assert problems(data)[0].startswith("apps.till.environments.prod.tagPrefix: needs Argo CD 3.5")


def test_namespaces_of_every_argo_cd_are_reserved() -> None:
    data = with_instances()
    data["teams"]["bank"]["namespaces"].append("capability")
    assert 'namespace "capability" is reserved for teams with platform = true' in problems(data)[0]


def test_an_unknown_argo_cd_is_refused_where_they_are_declared() -> None:
    data = with_instances()
    data["environments"]["prod"]["argocd"] = "awz"
    assert 'environments.prod.argocd: unknown Argo CD "awz" (did you mean "aws"?)' in problems(data)
