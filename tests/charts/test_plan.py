"""Registry → `ChartPlan`: what the files will say."""

from __future__ import annotations

from typing import Any

import pytest

from generator.charts.plan import ChartPlan, EnvironmentPlan, plan_charts
from generator.registry.reader import read_registry
from tests.charts.rendered import SHARED_HUB, chart_of, objects, registry_of, tree_of

_TEAM = """
[teams.t]
repositories = ["https://example.com/"]
namespaces = ["a", "b", "c"]
projects = ["p"]
allow = ["create-namespace", "spec"]
""".replace("https://example.com/", "https://example.com/t/")


def _app(name: str, more: str = "") -> str:
    return f'[apps.{name}]\nteam = "t"\nrepoURL = "https://example.com/t/{name}.git"\npath = "."\n{more}\n'


def _plan(text: str) -> ChartPlan:
    return plan_charts(registry_of(f"version = 1\n{_TEAM}\n{text}"))


def _environment(found: ChartPlan, name: str) -> EnvironmentPlan:
    return next(env for env in found.environments if env.name == name)


def _dev(text: str, apps: str = '"a", "b", "c"') -> dict[str, Any]:
    """The objects of a chart that creates its projects."""
    head = f"version = 1\n{_TEAM}\n[environments.dev]\ncreateProjects = true\napps = [{apps}]\n"
    return {f"{kind} {name}": one for (kind, name), one in objects(chart_of(tree_of(head + text), "dev")).items()}


def test_an_app_says_only_what_the_registry_says() -> None:
    found = _plan(f'[environments.dev]\napps = ["a"]\n{_app("a")}')
    (app,) = _environment(found, "dev").apps
    assert app.values == {
        "createProject": False, "repoURL": "https://example.com/t/a.git", "path": ".", "targetRevision": "HEAD"
    }  # fmt: skip
    assert app.form == "source"
    assert not app.own_sync_policy


def test_empty_sync_options_are_left_out_as_argo_cd_does() -> None:
    by_hand = "syncPolicy = { automated = false, syncOptions = [] }"
    found = _dev(_app("a", by_hand) + _app("b", "syncPolicy = { syncOptions = [] }"), apps='"a", "b"')
    assert "syncPolicy" not in found["Application a"]["spec"]
    assert found["Application b"]["spec"]["syncPolicy"] == {"automated": {"prune": True}}


def test_an_environment_without_a_server_is_argo_cds_own_cluster() -> None:
    assert _environment(_plan("[environments.dev]"), "dev").destination == {"server": "https://kubernetes.default.svc"}


def test_an_environment_without_apps_is_a_chart_without_objects() -> None:
    assert objects(chart_of(tree_of("version = 1\n[environments.dev]\n"), "dev")) == {}


def test_a_project_of_several_apps_is_their_union_once() -> None:
    shared = 'project = "p"\nnamespace = "a"'
    found = _dev(_app("a", shared) + _app("b", shared + '\nhelm.releaseName = "b"') + _app("c"))
    assert found["AppProject p"]["spec"] == {
        "sourceRepos": ["https://example.com/t/a.git", "https://example.com/t/b.git"],
        "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "a"}],
    }
    assert found["AppProject c"]["spec"]["sourceRepos"] == ["https://example.com/t/c.git"]
    assert set(found) == {"AppProject p", "AppProject c", "Application a", "Application b", "Application c"}


def test_the_plain_manifest_of_a_project_is_its_union_over_all_environments() -> None:
    found = plan_charts(read_registry(SHARED_HUB)).projects["argo-app-projects/shop.yaml"]
    assert found["metadata"] == {
        "name": "shop",
        "namespace": "argo-projects",
        "annotations": {"argocd.argoproj.io/sync-options": "PruneLast=true", "argocd.argoproj.io/sync-wave": "1"},
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
    }
    assert found["spec"]["destinations"] == [
        {"name": "dev-eu", "namespace": "shop-api"},
        {"name": "dev-eu", "namespace": "shop-web"},
        {"namespace": "shop-*", "server": "https://other.example.com"},
        {"namespace": "shop-api", "server": "https://prod.example.com:6443"},
        {"namespace": "shop-web", "server": "https://prod.example.com:6443"},
    ]


@pytest.mark.parametrize(("argocd", "shared"), [("hub", True), ("other", False)])
def test_a_created_project_serves_every_environment_of_its_argo_cd(argocd: str, shared: bool) -> None:
    text = f"""version = 1
{_TEAM}
[environments.dev]
argocd = "hub"
createProjects = true
apps = ["a"]
[environments.prod]
argocd = "{argocd}"
server = "https://prod.example.com"
nameSuffix = "-prod"
apps = ["a"]
{_app("a")}"""
    found = objects(chart_of(tree_of(text), "dev"))["AppProject", "a"]["spec"]["destinations"]
    assert ({"server": "https://prod.example.com", "namespace": "a"} in found) is shared
    assert {"server": "https://kubernetes.default.svc", "namespace": "a"} in found


_CREATING = 'syncPolicy.syncOptions = ["CreateNamespace=true"]'
_ANY_NAMESPACE = {"group": "", "kind": "Namespace"}


def test_a_namespace_is_whitelisted_by_name_exactly_where_it_is_created() -> None:
    found = _dev(
        _app("a", f'project = "p"\nnamespace = "a"\n{_CREATING}')
        + _app("b", f'project = "p"\n{_CREATING}\nhelm.releaseName = "b"')
        + _app("c", 'syncPolicy.syncOptions = ["CreateNamespace=false"]')
    )
    assert found["AppProject p"]["spec"]["clusterResourceWhitelist"] == [
        {**_ANY_NAMESPACE, "name": "a"},
        {**_ANY_NAMESPACE, "name": "b"},
    ]
    assert "clusterResourceWhitelist" not in found["AppProject c"]["spec"]


def test_the_plain_project_whitelists_the_namespaces_of_all_environments() -> None:
    text = '[environments.dev]\napps = ["a"]\n[environments.prod]\napps = ["a"]\nnameSuffix = "-prod"\n'
    text += f'{_app("a", _CREATING)}[apps.a.environments.prod]\nnamespace = "b"\n'
    assert _plan(text).projects["argo-app-projects/a.yaml"]["spec"]["clusterResourceWhitelist"] == [
        {**_ANY_NAMESPACE, "name": "a"},
        {**_ANY_NAMESPACE, "name": "b"},
    ]


def test_an_argo_cd_that_knows_no_names_in_a_whitelist_gets_the_kind() -> None:
    found = _dev(_app("a", _CREATING) + '[argocd]\nversion = "3.2"\n', '"a"')
    assert found["AppProject a"]["spec"]["clusterResourceWhitelist"] == [_ANY_NAMESPACE]


def test_a_whitelist_of_the_registry_is_kept_and_not_repeated() -> None:
    project = """[projects.a]
clusterResourceWhitelist = [{ group = "", kind = "Namespace" }, { group = "*", kind = "ClusterRole" }]
"""
    found = _dev(_app("a", _CREATING) + project, '"a"')
    assert found["AppProject a"]["spec"]["clusterResourceWhitelist"] == [
        _ANY_NAMESPACE,
        {"group": "*", "kind": "ClusterRole"},
    ]


def test_a_namespace_whitelist_is_never_empty() -> None:
    found = _dev(_app("a") + _app("b") + _app("c"))
    assert all("namespaceResourceWhitelist" not in one["spec"] for name, one in found.items() if "Project" in name)


def test_every_repository_of_an_app_is_its_projects() -> None:
    text = """[apps.a]
team = "t"
[[apps.a.sources]]
repoURL = "https://example.com/t/one.git"
path = "."
[[apps.a.sources]]
repoURL = "https://example.com/t/two.git"
ref = "values"
[apps.b]
team = "t"
[apps.b.sourceHydrator]
drySource = { repoURL = "https://example.com/t/dry.git", path = "x", targetRevision = "main" }
syncSource = { targetBranch = "env/dev", path = "x" }
"""
    found = _dev(text, '"a", "b"')
    repositories = ["https://example.com/t/one.git", "https://example.com/t/two.git"]
    assert found["AppProject a"]["spec"]["sourceRepos"] == repositories
    assert found["AppProject b"]["spec"]["sourceRepos"] == ["https://example.com/t/dry.git"]
    assert set(found["Application b"]["spec"]) >= {"sourceHydrator"}
    assert "source" not in found["Application b"]["spec"]


def test_finalizer_and_sync_wave() -> None:
    found = _dev(_app("a", 'finalizer = "none"\nsyncWave = 7') + _app("b", 'finalizer = "background"') + _app("c"))
    assert "finalizers" not in found["Application a"]["metadata"]
    assert found["Application a"]["metadata"]["annotations"] == {"argocd.argoproj.io/sync-wave": "7"}
    finalizer = "resources-finalizer.argocd.argoproj.io"
    assert found["Application b"]["metadata"]["finalizers"] == [f"{finalizer}/background"]
    assert found["Application c"]["metadata"]["finalizers"] == [finalizer]


def test_a_field_that_is_false_or_zero_is_said_too() -> None:
    text = _app("a", "revisionHistoryLimit = 0\nsyncPolicy.automated.prune = false")
    spec = _dev(text, '"a"')["Application a"]["spec"]
    assert spec["revisionHistoryLimit"] == 0
    assert spec["syncPolicy"]["automated"] == {"prune": False}


def test_no_automation_at_all() -> None:
    policy = _dev(_app("a", "syncPolicy.automated = false"), '"a"')["Application a"]["spec"]["syncPolicy"]
    assert policy == {"syncOptions": ["CreateNamespace=false"]}


def test_a_field_that_only_a_newer_argo_cd_has_is_carried_as_it_is() -> None:
    text = _app("a", 'spec = { novelty = { on = "yes", many = [1, {}] } }') + '[argocd]\nversion = "9.0"\n'
    allowed = f'version = 1\n{_TEAM}[environments.dev]\napps = ["a"]\n{text}'
    spec = objects(chart_of(tree_of(allowed), "dev"))["Application", "a"]["spec"]
    assert spec["novelty"] == {"on": "yes", "many": [1, {}]}


def test_what_makes_an_application_the_one_it_is() -> None:
    identity = _environment(plan_charts(read_registry(SHARED_HUB)), "prod").applications["web"]
    assert {key: identity[key] for key in ("name", "argocdNamespace", "project", "cluster", "namespace")} == {
        "name": "web-prod",
        "argocdNamespace": "argo-apps",
        "project": "shop",
        "cluster": "server:https://prod.example.com:6443",
        "namespace": "shop-web",
    }


@pytest.mark.parametrize(
    "name", ["null", "true", "yes", "no", "on", "y", "nil", "range", "end", "values", "default-x", "e1"]
)
def test_names_that_are_words_of_yaml_and_go(name: str) -> None:
    text = f'version = 1\n{_TEAM}\n[environments.dev]\ncreateProjects = true\napps = ["{name}"]\n'
    text += _app(name, 'namespace = "a"')
    found = objects(chart_of(tree_of(text), "dev"))
    assert set(found) == {("AppProject", name), ("Application", name)}
    assert found["Application", name]["spec"]["project"] == name
