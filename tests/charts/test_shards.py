"""An environment in shards: what stands above them, and that they come to what one chart comes to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.charts.chart_folder import EMPTY_FOLDER, overlay_tree
from generator.charts.layout import Chart, OutputLocation, group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from generator.helm.engine import HelmRefusal
from generator.helm.manifests import render_manifest_files
from generator.helm.verify import ChartError, verify_charts
from tests.charts.rendered import SAMPLE, SHARED_HUB, Objects, registry_of, sharded, through_parent, tree_of
from tests.workspace import REGISTRY

_IN_CLUSTER = "https://kubernetes.default.svc"
_LEFT_ALONE = "Delete=false,Prune=false"
_OPTIONS = "argocd.argoproj.io/sync-options"
_CASCADING = ["resources-finalizer.argocd.argoproj.io"]


@functools.cache
def _tree(shards: str, hub: bool = False) -> RenderedTree:
    text = (SHARED_HUB if hub else SAMPLE).read_text(encoding="utf-8")
    return tree_of(sharded(text, shards) if shards else text)


def _above(tree: RenderedTree, environment: str = "dev", values: Mapping[str, Any] | None = None) -> Objects:
    return through_parent(group_by_chart(tree.files), environment, values)[0]


def _below(tree: RenderedTree, environment: str = "dev", values: Mapping[str, Any] | None = None) -> Objects:
    return through_parent(group_by_chart(tree.files), environment, values)[1]


def _application(tree: RenderedTree, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return _above(tree, values=values)["Application", "dev-applications-ecsdemo"]


def test_the_parent_is_where_the_environments_chart_was() -> None:
    assert {chart for chart in group_by_chart(_tree('"team"').digests) if chart.environment == "dev"} == {
        Chart("dev"),
        Chart("dev", "ecsdemo"),
    }
    assert Chart("dev").folder == "argo-app-of-apps/dev"


def test_a_shard_is_an_application_of_its_chart() -> None:
    one = _application(_tree('"team"'))
    assert one["metadata"]["finalizers"] == _CASCADING
    assert one["metadata"]["labels"] == {"env": "dev"}
    # What other shards say is no reason to render this one again.
    assert one["metadata"]["annotations"]["argocd.argoproj.io/manifest-generate-paths"] == "."
    assert one["spec"]["project"] == "dev-applications"
    assert one["spec"]["destination"] == {"server": _IN_CLUSTER, "namespace": "argocd"}
    assert one["spec"]["syncPolicy"] == {"automated": {"prune": True}}
    source = one["spec"]["source"]
    assert source["repoURL"] == "https://github.com/acme/workloads.git"
    assert source["targetRevision"] == "main"
    assert source["path"] == "multi-repo/argo-app-shards/dev/ecsdemo"
    assert source["helm"]["releaseName"] == "applications"  # The Application's own name may be too long for Helm.


def test_the_project_of_the_shards_allows_applications_and_projects_where_argo_cd_lives_and_nothing_else() -> None:
    project = _above(_tree('"team"', hub=True))["AppProject", "dev-applications"]
    assert project["metadata"]["namespace"] == "argo-projects"
    assert project["spec"] == {
        "sourceRepos": ["https://github.com/acme/workloads.git"],
        "destinations": [{"server": _IN_CLUSTER, "namespace": name} for name in ("argo-apps", "argo-projects")],
        "namespaceResourceWhitelist": [
            {"group": "argoproj.io", "kind": kind} for kind in ("AppProject", "Application")
        ],
    }
    assert _above(_tree('"team"', hub=True), values={"spec": {"shards": {"createProject": False}}}).keys() == {
        ("Application", "dev-applications-shop")
    }


def test_where_the_shards_are_is_the_bootstraps_to_say() -> None:
    told = {
        "repoURL": "https://mirror.example.com/w.git",
        "targetRevision": "1.10",
        "path": "x/dev",
        "server": "https://s",
    }
    above = _above(_tree('"team"'), values={"spec": {"shards": {**told, "syncPolicy": None}}})
    spec = above["Application", "dev-applications-ecsdemo"]["spec"]
    assert (spec["source"]["repoURL"], spec["source"]["targetRevision"]) == (told["repoURL"], "1.10")
    assert spec["source"]["path"] == "x/dev/ecsdemo"
    assert spec["destination"]["server"] == "https://s"
    assert "syncPolicy" not in spec
    project = above["AppProject", "dev-applications"]["spec"]
    assert project["sourceRepos"] == [told["repoURL"]]
    assert {destination["server"] for destination in project["destinations"]} == {"https://s"}


def test_the_environments_server_is_not_where_shards_go() -> None:
    values = {"destinationServer": "https://elsewhere", "argoNamespace": "here", "sourceNamespaces": ["here"]}
    above = _above(_tree('"team"'), values=values)
    one, project = above["Application", "dev-applications-ecsdemo"], above["AppProject", "dev-applications"]
    assert one["spec"]["destination"] == {"server": _IN_CLUSTER, "namespace": "here"}
    assert one["metadata"]["namespace"] == "here"
    assert project["spec"]["sourceNamespaces"] == ["here"]
    assert {"server": _IN_CLUSTER, "namespace": "here"} in project["spec"]["destinations"]


@pytest.mark.parametrize("key", ["repoURL", "server"])
def test_without_a_place_for_shards_the_chart_is_refused(key: str) -> None:
    with pytest.raises(HelmRefusal):
        _above(_tree('"team"'), values={"spec": {"shards": {key: None}}})


def test_a_shard_by_itself_is_refused_for_it_has_no_destination() -> None:
    from generator.helm import engine as helm

    with pytest.raises(HelmRefusal, match="there is no destination"):
        helm.render_chart(group_by_chart(_tree('"team"').files)[Chart("dev", "ecsdemo")])


def test_onboarding_an_app_changes_only_which_overrides_the_parent_takes() -> None:
    before = group_by_chart(tree_of(sharded(REGISTRY, '"team"').replace('  "ledger",\n', "")).digests)
    after = group_by_chart(tree_of(sharded(REGISTRY, '"team"')).digests)
    changed = {path for path, digest in after[Chart("dev")].items() if digest != before[Chart("dev")][path]}
    assert changed == {"values.schema.json"}
    assert before[Chart("dev", "payments")] != after[Chart("dev", "payments")]


def test_without_apps_there_is_nothing_above() -> None:
    tree = tree_of(sharded("version = 1\n[environments.dev]\n", '"team"'))
    assert _above(tree) == {}


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff"))
_KEYS = st.text("abcxyz", min_size=1, max_size=4)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
_HELM = st.fixed_dictionaries({}, optional={"values": _TEXTS, "valuesObject": st.dictionaries(_KEYS, _VALUES)})
_APP = st.fixed_dictionaries(
    {},
    optional={
        "createProject": st.booleans() | st.none(),
        "namespace": st.sampled_from(["other", "", None]),
        "targetRevision": _TEXTS | st.none(),
        "path": _TEXTS | st.none(),
        "helm": _HELM | st.none(),
    },
)
_BOOTSTRAPS = st.fixed_dictionaries(
    {},
    optional={
        "destinationServer": st.sampled_from(["https://x", "", None]),
        "argoNamespace": st.sampled_from(["here", "", None]),
        "sourceNamespaces": st.lists(st.sampled_from(["a", "b"])) | st.none(),
        "labels": st.dictionaries(st.sampled_from(["env", "tier"]), _TEXTS | st.none()) | st.none(),
        "clusterName": _TEXTS,
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "destination": st.fixed_dictionaries(
                    {}, optional={"server": st.sampled_from(["https://y", None]), "name": st.sampled_from(["c", None])}
                ),
                "apps": st.dictionaries(st.sampled_from(["ecsdemoNodejs", "ecsdemoCrystal", "unknown"]), _APP),
            },
        ),
    },
)


@settings(max_examples=60, deadline=None)
@given(values=_BOOTSTRAPS, shards=st.sampled_from(['"team"', "2", "16"]))
def test_whatever_a_bootstrap_passes_shards_come_to_what_one_chart_comes_to(values: Any, shards: str) -> None:
    try:
        whole = _above(_tree(""), values=values)
    except HelmRefusal:
        with pytest.raises(HelmRefusal):
            _below(_tree(shards), values=values)
    else:
        assert _below(_tree(shards), values=values) == whole


def _handed_over(text: str, apps: str) -> RenderedTree:
    return tree_of(text.replace("[environments.dev]\n", f"[environments.dev]\nhandOver = {apps}\n"))


@pytest.mark.parametrize("shards", ["", '"team"', "4"])
def test_what_is_handed_over_is_left_alone(shards: str) -> None:
    text = sharded(REGISTRY, shards) if shards else REGISTRY
    charts_ = group_by_chart(_handed_over(text, "true").files)
    above, below = through_parent(charts_, "dev")
    for (kind, _), one in (below if shards else above).items():
        assert one["metadata"]["annotations"][_OPTIONS] == _LEFT_ALONE
        assert kind == "AppProject" or "finalizers" not in one["metadata"]
    for (kind, name), one in above.items() if shards else ():
        assert kind == "AppProject" or "finalizers" not in one["metadata"], name


def test_what_is_not_handed_over_stays_as_it_was() -> None:
    text = sharded(REGISTRY, '"team"')
    found, before = _below(_handed_over(text, '["ledger"]')), _below(tree_of(text))
    assert {key for key, one in found.items() if one != before[key]} == {
        ("Application", "ledger"),
        ("AppProject", "ledger"),
    }


def test_confirmation_is_asked_of_shards_too_but_not_of_what_is_handed_over() -> None:
    policy = "\n[environments.dev.policy]\nconfirmDeletion = true\n"
    text = sharded(REGISTRY, '"team"').replace("\n# Who owns what", f"{policy}\n# Who owns what")
    asked = "Delete=confirm,Prune=confirm"
    for one in (
        _above(tree_of(text))["Application", "dev-applications-payments"],
        _below(tree_of(text))["Application", "ledger"],
    ):
        assert one["metadata"]["annotations"][_OPTIONS] == asked
    found = _below(_handed_over(text, '["ledger"]'))
    assert found["Application", "ledger"]["metadata"]["annotations"][_OPTIONS] == _LEFT_ALONE
    assert found["Application", "billing"]["metadata"]["annotations"][_OPTIONS] == asked


def test_the_charts_lie_where_they_are_said_to() -> None:
    registry = registry_of(sharded(REGISTRY, '"team"'))
    deep = OutputLocation("https://github.com/acme/other.git", "deep/multi-repo")
    tree = render_plan(plan_charts(registry, deep))
    source = _above(tree)["Application", "dev-applications-payments"]["spec"]["source"]
    assert source["path"] == "deep/multi-repo/argo-app-shards/dev/payments"
    assert source["repoURL"] == "https://github.com/acme/other.git"
    top = render_plan(plan_charts(registry, deep._replace(path=".")))
    at_the_top = _above(top)["Application", "dev-applications-payments"]["spec"]["source"]
    assert at_the_top["path"] == "argo-app-shards/dev/payments"


@pytest.mark.parametrize("shards", ['"team"', "4"])
def test_helm_and_argo_cd_take_every_shard(shards: str) -> None:
    registry = registry_of(sharded(SHARED_HUB.read_text(encoding="utf-8"), shards))
    verify_charts(overlay_tree(render_plan(plan_charts(registry)), EMPTY_FOLDER), registry)


def test_what_is_wrong_in_a_shard_is_told_with_its_name() -> None:
    registry = registry_of(sharded(REGISTRY, '"team"'))
    tree = render_plan(plan_charts(registry))
    path = "argo-app-shards/dev/payments/templates/ledger.yaml"
    files = {**tree.files, path: b"a: b\n"}
    broken = replace(tree, files=files)
    with pytest.raises(ChartError) as refused:
        verify_charts(overlay_tree(broken, EMPTY_FOLDER), registry)
    assert "chart dev, shard payments: Application ledger is missing" in str(refused.value)


def test_the_objects_of_shards_are_among_an_environments_manifests() -> None:
    registry = registry_of(sharded(REGISTRY, '"team"'))
    names = set(render_manifest_files(render_plan(plan_charts(registry)), ["dev"]).files)
    folder = "argo-app-of-apps/dev"
    assert {f"{folder}/application-{name}.yaml" for name in ("billing", "ledger", "dev-applications-payments")} <= names
