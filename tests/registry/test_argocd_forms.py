"""What Argo CD takes in several forms, and the registry takes too."""

from __future__ import annotations

from typing import Any

import pytest

from generator.charts.layout import group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import RegistryError
from generator.helm.environment_objects import render_environment_objects
from generator.helm.objects import find_object_problems
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.registry.writer import toml

URL = "https://git.example.com/org/deploy.git"


def registry(environment: dict[str, Any] | None = None, **apps: dict[str, Any]) -> dict[str, Any]:
    """A registry of one team that may use anything on one host; every app is in dev."""
    usual = {"team": "crew", "namespace": "deck", "repoURL": URL, "path": "charts/web"}
    return {
        "version": 1,
        "argocd": {"version": "3.6"},
        "environments": {"dev": {"apps": list(apps), "createProjects": True, **(environment or {})}},
        "teams": {"crew": {"repositories": ["https://git.example.com/org/"], "namespaces": ["deck"]}},
        "apps": {name: {**usual, **app} for name, app in apps.items()},
    }


def read(data: dict[str, Any]) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": toml(data).encode()}), "apps.toml")


def problems(data: dict[str, Any]) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read(data)
    return [f"{problem.key}: {problem.text}" for problem in caught.value.problems]


def objects(data: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """What Helm renders of dev, by kind and name; `workloads check` accepts it."""
    files = group_by_chart(render_plan(plan_charts(read(data))).files)
    found = [item for _, items in render_environment_objects(files, "dev") for item in items]
    assert not list(find_object_problems(found, {i["metadata"]["name"] for i in found if i["kind"] == "Application"}))
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


def with_url(url: str, **more: Any) -> dict[str, Any]:
    """A registry with one app from a URL that its team is granted."""
    data = registry(web={"repoURL": url, **more})
    data["teams"]["crew"]["repositories"] = [url.rstrip("/")]
    return data


@pytest.mark.parametrize(
    "url",
    [
        "https://dev.azure.com/org/My%20Project/_git/web",
        "https://org@dev.azure.com/org/pay/_git/web",
        "https://Org@dev.azure.com/org/My%20Project/_git/web",
        "git@ssh.dev.azure.com:v3/org/pay/web",
        "ssh://git@bitbucket.example.com:7999/pay/web.git",
        "git@git.example.com/org/web",
        "https://git.example.com/a/b/c/d.git",
        "https://git.example.com/~sailor/web",
    ],
)
def test_a_url_that_hosts_print_is_taken_as_it_is(url: str) -> None:
    (source,) = read(with_url(url)).list_effective_apps("dev")[0].sources
    assert source["repoURL"] == url


@pytest.mark.parametrize(
    "url",
    [
        "https://token@git.example.com/org/web",
        "https://token@dev.azure.com/org/pay/_git/web",
        "https://org:token@dev.azure.com/org/pay/_git/web",
        "https://git.example.com/org/%2e%2e/web",
        "https://git.example.com/org%2fweb",
        "git@git.example.com/../web",
        "s3://charts/stable",
        "https://git.example.com/org/web//",
    ],
)
def test_a_url_with_a_secret_or_a_way_out_is_refused(url: str) -> None:
    data = with_url(url)
    data["teams"]["crew"]["repositories"] = []
    assert problems(data)[0].startswith("apps.web.repoURL: ")
    assert "token@" not in problems(data)[0]


def test_a_slash_at_the_end_of_a_git_url_is_left_out_with_a_note() -> None:
    url = "https://git.example.com/org/web.git/"
    found = read(with_url(url))
    assert found.list_effective_apps("dev")[0].repositories == [url[:-1]]
    (note,) = found.notes
    assert "apps.web.repoURL: the '/' at its end is left out" in note


def test_a_slash_at_the_end_of_a_chart_repository_stays() -> None:
    data = with_url("https://charts.example.com/stable/")
    del data["apps"]["web"]["path"]
    data["apps"]["web"] |= {"chart": "redis", "targetRevision": "1.0.0"}
    found = read(data)
    assert (found.list_effective_apps("dev")[0].repositories, found.notes) == (
        ["https://charts.example.com/stable/"],
        (),
    )
    data["teams"]["crew"]["repositories"] = ["https://charts.example.com/other"]
    assert "is not granted to team" in problems(data)[0]


def test_a_prefix_also_covers_the_repository_at_its_own_url() -> None:
    data = with_url("https://charts.example.com/stable/")
    data["teams"]["crew"]["repositories"] = ["https://charts.example.com/stable/"]
    read(data)
    data["teams"]["crew"]["repositories"] = ["https://charts.example.com/"]
    assert "is a whole host: remove the '/' at its end, or add a path" in problems(data)[0]


def hydrator(files: list[str]) -> dict[str, Any]:
    """An app whose source hydrator reads value files."""
    dry = {"repoURL": URL, "path": "charts/web", "targetRevision": "main", "helm": {"valueFiles": files}}
    return {"drySource": dry, "syncSource": {"targetBranch": "environments/dev", "path": "web"}}


@pytest.mark.parametrize("file", ["envs/*.yaml", "envs/**/values.yaml", "values-?.yaml", "values-[ab].yaml"])
def test_a_glob_of_value_files_needs_argo_cd_3_4(file: str) -> None:
    one = {"repoURL": URL, "path": "charts/web", "helm": {"valueFiles": [f"$values/{file}"]}}
    several = registry(web={"sources": [one, {"repoURL": URL, "ref": "values"}]})
    del several["apps"]["web"]["repoURL"], several["apps"]["web"]["path"]
    dry = registry(web={"sourceHydrator": hydrator([file])})
    del dry["apps"]["web"]["repoURL"], dry["apps"]["web"]["path"]
    for data, key, text in (
        (registry(web={"helm": {"valueFiles": ["values.yaml", file]}}), "helm.valueFiles", file),
        (several, "sources[0].helm.valueFiles", f"$values/{file}"),
        (dry, "sourceHydrator.drySource.helm.valueFiles", file),
    ):
        data["argocd"]["version"] = "3.4"
        read(data)
        data["argocd"]["version"] = "3.3"
        assert problems(data) == [
            f'apps.web.{key}: "{text}" is a glob, which needs Argo CD 3.4, and argocd.version is 3.3: '
            "list the files, or raise argocd.version"
        ]


def test_a_glob_of_value_files_is_refused_only_where_argo_cd_is_older() -> None:
    data = registry({"argocd": "old"}, web={"helm": {"valueFiles": ["envs/*.yaml"]}})
    data["argocd"]["instances"] = {"old": {"version": "3.2"}}
    (found,) = problems(data)
    assert "needs Argo CD 3.4, and argocd.version is 3.2" in found
    del data["environments"]["dev"]["argocd"]
    read(data)


def test_sync_options_that_change_nothing_are_left_out_with_a_note() -> None:
    options = ["Validate=true", "CreateNamespace=true", "Prune=true", "ApplyOutOfSyncOnly=false"]
    found = read(registry(web={"syncPolicy": {"syncOptions": options}}))
    assert found.list_effective_apps("dev")[0].fields["syncPolicy"]["syncOptions"] == ["CreateNamespace=true"]
    (note,) = found.notes
    assert '"Validate=true" and "Prune=true" and "ApplyOutOfSyncOnly=false" is what Argo CD does anyway' in note


def test_a_null_reaches_argo_cd() -> None:
    values = {"limits": {"cpu": {"null": True}}, "list": [{"null": True}], "null": "text"}
    layers = {"helm": {"valuesObject": values}, "environments": {"dev": {"helm": {"valuesObject": {"x": 1}}}}}
    app = objects(registry(web=layers))["Application", "web"]
    assert app["spec"]["source"]["helm"] == {"values": 'list:\n  - null\n"null": "text"\nlimits:\n  cpu: null\nx: 1\n'}


def test_a_null_is_overridden_and_overrides() -> None:
    layers = {
        "helm": {"valuesObject": {"a": {"null": True}, "b": {"c": 1}}},
        "environments": {"dev": {"helm": {"valuesObject": {"a": {"x": 1}, "b": {"null": True}}}}},
    }
    fields = read(registry(web=layers)).list_effective_apps("dev")[0].fields
    assert fields["helm"]["valuesObject"] == {"a": {"x": 1}, "b": None}


def test_a_null_of_yaml_is_named_with_what_to_write() -> None:
    text = toml(registry(web={})) + "[apps.web.helm.valuesObject]\ncpu = null\n"
    with pytest.raises(RegistryError) as caught:
        read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")
    assert "TOML has no null: write { null = true }" in str(caught.value.problems[0])


@pytest.mark.parametrize("wave", [-(2**31) + 2, -5, 0, 1, 2, 7])
def test_projects_are_created_before_every_app(wave: int) -> None:
    found = objects(registry(web={"syncWave": wave}, docs={}))
    waves = {key: int(item["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for key, item in found.items()}
    apps = {name: each for (kind, name), each in waves.items() if kind == "Application"}
    assert apps == {"web": wave, "docs": 2}
    assert {each for (kind, _), each in waves.items() if kind == "AppProject"} == {min(1, wave - 1)}


def test_an_application_may_have_another_name() -> None:
    web = {"name": "org.web", "environments": {"dev": {"name": "web.dev"}}}
    found = objects(registry({"nameSuffix": "-d"}, web=web, docs={}))
    assert {name for kind, name in found if kind == "Application"} == {"web.dev-d", "docs-d"}


def test_a_key_that_is_no_name_is_refused_with_the_key_for_it() -> None:
    data = registry(**{"org.web": {}})
    assert 'for the name of the Application, write name = "org.web"' in problems(data)[0]


def test_names_are_unique_after_the_suffix() -> None:
    found = problems(registry(web={"name": "docs"}, docs={}))
    assert 'Application "docs" is also that of "web" in dev' in found[0]


@pytest.mark.parametrize(
    ("app", "valid"),
    [
        ({"helm": {"releaseName": "web"}}, True),
        ({"kustomize": {"namePrefix": "a-"}}, True),
        ({"directory": {}}, True),
        ({}, False),
    ],
)
def test_a_long_name_needs_a_release_name_where_helm_may_render(app: dict[str, Any], valid: bool) -> None:
    data = registry(web={"name": "web." * 13 + "web", **app})
    if valid:
        read(data)
    else:
        assert "is too long for a Helm release: set helm.releaseName" in problems(data)[0]
    data["apps"]["web"]["name"] = "a" * 254
    assert "is not the name of an Application" in problems(data)[0]


def test_a_release_clashes_only_where_helm_renders_both() -> None:
    chart = {"repoURL": "https://git.example.com/org/charts", "helm": {"releaseName": "web"}}
    assert "release" in problems(registry(web={}, chart=chart))[0]
    for tool in ({"kustomize": {"namePrefix": "a-"}}, {"directory": {"recurse": True}}):
        read(registry(web=tool, chart=chart))


def test_each_source_that_helm_renders_has_a_release() -> None:
    sources = [
        {"repoURL": URL, "path": "a"},
        {"repoURL": URL, "path": "b", "helm": {"releaseName": "other"}},
        {"repoURL": URL, "ref": "values"},
    ]
    data = registry(web={}, many={}, third={"helm": {"releaseName": "other"}})
    data["apps"]["many"] = {"team": "crew", "namespace": "deck", "sources": sources}
    assert ['release "other"' in found for found in problems(data)] == [True]


@pytest.mark.parametrize(
    "annotations",
    [
        {"argocd.argoproj.io/compare-options": "ServerSideDiff=true", "argocd.argoproj.io/skip-reconcile": "true"},
        {"argocd.argoproj.io/manifest-generate-paths": ".;/shared", "link.argocd.argoproj.io/logs": "https://x.io"},
        {"argocd-image-updater.argoproj.io/image-list": "x=org/x"},
        {"argocd.argoproj.io/sync-options": "Delete=false, Replace=true"},
        {"notifications.argoproj.io/subscribe.on-sync-failed.slack": "deck"},
    ],
)
def test_annotations_that_workloads_does_not_write_are_yours(annotations: dict[str, str]) -> None:
    app = objects(registry(web={"annotations": annotations}))["Application", "web"]
    assert app["metadata"]["annotations"] == {"argocd.argoproj.io/sync-wave": "2", **annotations}


def test_a_policy_of_the_environment_wins_over_an_annotation() -> None:
    own = {"argocd.argoproj.io/sync-options": "Delete=false,Replace=true"}
    app = objects(registry({"policy": {"confirmDeletion": True}}, web={"annotations": own}))["Application", "web"]
    assert app["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == (
        "Delete=confirm,Prune=confirm,Replace=true"
    )


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("argocd.argoproj.io/sync-wave", "0"),
        ("argocd.argoproj.io/hook", "PreSync"),
        ("argocd.argoproj.io/deletion-approved", "2026-01-01T00:00:00Z"),
        ("argocd.argoproj.io/refresh", "hard"),
        ("argocd.argoproj.io/hydrate-timestamp", "x"),
        ("argocd.argoproj.io/tracking-id", "other:argoproj.io/Application:argocd/other"),
        ("argocd.argoproj.io/sync-options", "Force=true"),
        ("argocd.argoproj.io/sync-options", 'a=b" (fail "x")'),
        ("helm.sh/hook", "pre-install"),
    ],
)
def test_annotations_that_act_on_their_own_are_refused(annotation: str, value: str) -> None:
    (found,) = problems(registry(web={"annotations": {annotation: value}}))
    assert found.startswith(f'apps.web.annotations."{annotation}": ')


def test_a_project_may_have_server_and_name_of_one_destination() -> None:
    both = {"name": "in-cluster", "namespace": "deck", "server": "https://kubernetes.default.svc"}
    data = registry(web={})
    data["projects"] = {"web": {"destinations": [both]}}
    assert both in objects(data)["AppProject", "web"]["spec"]["destinations"]


@pytest.mark.parametrize(
    ("file", "valid"),
    [
        ("../values.yaml", True),
        ("../../values.yaml", True),
        ("/values.yaml", True),
        ("../../../values.yaml", False),
        ("../{../x,values}.yaml", False),
        ("https://example.com/values.yaml", False),
        ("//example.com/values.yaml", False),
    ],
)
def test_files_may_be_anywhere_in_the_repository(file: str, valid: bool) -> None:
    data = registry(web={"helm": {"valueFiles": [file]}})
    if valid:
        read(data)
    else:
        (found,) = problems(data)
        assert "is not inside the repository" in found


def test_the_project_default_is_used_and_never_created() -> None:
    data = registry(web={"project": "default"})
    assert "reserved for teams with platform = true" in problems(data)[0]
    data["teams"]["crew"]["platform"] = True
    assert set(objects(data)) == {("Application", "web")}
    assert not plan_charts(read(data)).projects


def test_a_platform_team_may_deploy_what_belongs_to_the_cluster() -> None:
    data = registry(web={"namespace": "kube-system"}, argo={"namespace": "argocd"})
    data["teams"]["crew"] |= {"platform": True, "namespaces": ["kube-system", "argocd"]}
    found = objects(data)
    assert found["AppProject", "web"]["spec"]["clusterResourceWhitelist"] == [{"group": "*", "kind": "*"}]
    data["projects"] = {"web": {"clusterResourceWhitelist": [{"group": "rbac.authorization.k8s.io", "kind": "*"}]}}
    assert objects(data)["AppProject", "web"]["spec"]["clusterResourceWhitelist"] == [
        {"group": "rbac.authorization.k8s.io", "kind": "*"}
    ]


def test_a_project_may_have_labels() -> None:
    data = registry(web={})
    data["projects"] = {"web": {"labels": {"tier": "1", "empty": ""}}}
    project = objects(data)["AppProject", "web"]
    assert project["metadata"]["labels"] == {"tier": "1", "empty": ""}
    assert "labels" not in project["spec"]
    (manifest,) = plan_charts(read(data)).projects.values()
    assert manifest["metadata"]["labels"] == {"tier": "1", "empty": ""}
    assert "labels" not in manifest["spec"]
    data["projects"]["web"]["labels"] = {"a b": "x", "tier": "no label"}
    assert len(problems(data)) == 2
