"""What starts Argo CD on a chart permits the chart, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import UsageError
from tests.bootstrap.roots import REPOSITORY, build
from tests.workspace import REGISTRY

CAPABILITY = REGISTRY.replace(
    "[environments.dev]\n",
    '[argocd]\nkind = "eks-capability"\nversion = "3.3"\n\n[environments.dev]\n'
    'server = "arn:aws:eks:eu-west-1:111122223333:cluster/hub_1"\n',
)


def test_the_root_project_permits_one_repository_and_two_kinds(tmp_path: Path) -> None:
    roots = build(tmp_path, REGISTRY)
    assert roots.project == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "dev-applications-root", "namespace": "argocd"},
        "spec": {
            "sourceRepos": [REPOSITORY],
            "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "argocd"}],
            "namespaceResourceWhitelist": [
                {"group": "argoproj.io", "kind": "AppProject"},
                {"group": "argoproj.io", "kind": "Application"},
            ],
        },
    }


@pytest.mark.parametrize("prune", [True, False])
@pytest.mark.parametrize("cascade", [True, False])
def test_the_root_application_does_what_was_chosen_and_never_allows_an_empty_chart(
    tmp_path: Path, *, prune: bool, cascade: bool
) -> None:
    roots = build(tmp_path, REGISTRY, "test", prune=prune, cascade=cascade)
    assert roots.application["spec"] == {
        "project": "test-applications-root",
        "source": {"repoURL": REPOSITORY, "targetRevision": "main", "path": "multi-repo/argo-app-of-apps/test"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "argocd"},
        "syncPolicy": {"automated": {"prune": prune, "selfHeal": False}},
    }
    finalizers = ["resources-finalizer.argocd.argoproj.io"] if cascade else None
    assert roots.application["metadata"].get("finalizers") == finalizers
    # Without its project, Argo CD would leave the workloads behind.
    assert roots.project["metadata"].get("finalizers") == finalizers


def test_environments_have_names_of_their_own_for_one_argocd(tmp_path: Path) -> None:
    roots = [build(tmp_path, REGISTRY, name) for name in ("dev", "test", "prod")]
    names = [each["metadata"]["name"] for root in roots for each in (root.project, root.application)]
    assert len(set(names)) == 6


def test_a_sharded_environment_has_one_root_application(tmp_path: Path) -> None:
    sharded = REGISTRY.replace("[environments.dev]\n", '[environments.dev]\nshards = "team"\n')
    roots = build(tmp_path, sharded, values={"labels": {"owner": "platform"}})
    assert roots.application["spec"]["source"]["path"] == "multi-repo/argo-app-of-apps/dev"


def test_namespaces_of_the_objects_are_permitted(tmp_path: Path) -> None:
    split = REGISTRY.replace(
        "[environments.dev]\n", '[argocd]\nnamespace = "apps"\nprojectNamespace = "argocd"\n\n[environments.dev]\n'
    )
    roots = build(tmp_path, split)
    assert [each["namespace"] for each in roots.project["spec"]["destinations"]] == ["apps", "argocd"]
    assert roots.project["spec"]["sourceNamespaces"] == ["apps"]
    assert (roots.project["metadata"]["namespace"], roots.application["metadata"]["namespace"]) == ("argocd", "apps")
    moved = build(tmp_path, REGISTRY, values={"argoNamespace": "elsewhere"})
    assert [each["namespace"] for each in moved.project["spec"]["destinations"]] == ["argocd", "elsewhere"]


def test_the_argocd_of_aws_gets_its_destinations_by_arn(tmp_path: Path) -> None:
    registry = CAPABILITY.replace("[environments.test]\n", '[environments.test]\ncluster = "test"\n')
    registry = registry.replace("[environments.prod]\n", '[environments.prod]\ncluster = "prod"\n')
    roots = build(tmp_path, registry)
    arn = "arn:aws:eks:eu-west-1:111122223333:cluster/hub_1"
    assert roots.application["spec"]["destination"] == {"server": arn, "namespace": "argocd"}
    assert roots.project["spec"]["sourceNamespaces"] == ["argocd"]


def test_the_argocd_of_aws_that_several_environments_use_must_name_its_own_cluster(tmp_path: Path) -> None:
    hub = '[argocd.instances.hub]\nkind = "eks-capability"\n\n[environments.dev]\nargocd = "hub"\ncluster = "dev"\n'
    registry = REGISTRY.replace("[environments.dev]\n", hub)
    with pytest.raises(UsageError, match="its own cluster is not set") as error:
        build(tmp_path, registry)
    assert error.value.remedy.endswith("in [argocd.instances.hub]")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"spec": {"apps": {"nobody": {"path": "x"}}}}, "nobody"),
        ({"spec": {"apps": {"billing": {"targetRevison": "v1"}}}}, "targetRevison"),
        ({"spec": {"apps": {"billing": {"targetRevision": 7}}}}, "targetRevision"),
        ({"labels": "owner"}, "labels"),
    ],
)
def test_the_chart_refuses_values_that_it_does_not_take(tmp_path: Path, values: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=f"the chart of dev refuses these values(.|\n)*{named}"):
        build(tmp_path, REGISTRY, values=values)


def test_a_chart_of_a_sharded_environment_refuses_them_too(tmp_path: Path) -> None:
    sharded = REGISTRY.replace("[environments.dev]\n", '[environments.dev]\nshards = "team"\n')
    with pytest.raises(UsageError, match="nobody"):
        build(tmp_path, sharded, values={"spec": {"apps": {"nobody": {"path": "x"}}}})


def test_a_null_is_passed_as_text(tmp_path: Path) -> None:
    values = {"spec": {"apps": {"billing": {"syncPolicy": None}}}}
    roots = build(tmp_path, REGISTRY, values=values)
    text = "spec:\n  apps:\n    billing:\n      syncPolicy: null\n"
    assert roots.application["spec"]["source"]["helm"] == {"values": text}
