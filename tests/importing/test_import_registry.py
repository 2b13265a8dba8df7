"""An import writes a registry that renders the same Applications, and turns nothing on that was off."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.errors import GeneratorError, RefusedError, UsageError
from generator.importing.build import ImportOptions
from generator.importing.import_registry import ImportResult, import_registry
from generator.importing.manifests import ReadOptions
from tests.importing import layouts

OPTIONS = ImportOptions("3.4")


def imported(*sources: Path, options: ImportOptions = OPTIONS, **reading: Any) -> ImportResult:
    return import_registry([("", source) for source in sources], ReadOptions(**reading), options)


def dump(folder: Path, *objects: dict[str, Any]) -> Path:
    """A file as `kubectl get -o json` writes it."""
    path = folder / "dump.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    return path


def tables(result: ImportResult) -> dict[str, Any]:
    return tomli.loads(result.files["apps.toml"].decode())


def test_a_chart_with_values_files_becomes_an_environment_for_each(tmp_path: Path) -> None:
    result = imported(layouts.write(tmp_path, layouts.HELM_CHART))
    assert (len(result.exact), result.changed, result.not_taken) == (3, [], [])
    found = tables(result)
    assert found["environments"]["dev"]["apps"] == ["cart", "tax"]
    assert found["environments"]["prod"]["apps"] == ["cart@v1.2.0"]
    assert found["apps"]["cart"]["targetRevision"] == "main"


def test_values_files_can_be_named(tmp_path: Path) -> None:
    chart = layouts.write(tmp_path, layouts.HELM_CHART)
    result = imported(chart, values_files={"live": [chart / "values-prod.yaml"]})
    assert tables(result)["environments"].keys() == {"live"}


def test_folders_become_environments_with_their_clusters(tmp_path: Path) -> None:
    result = imported(layouts.write(tmp_path, layouts.PLAIN_FOLDERS))
    assert (len(result.exact), result.changed, result.not_taken) == (2, [], [])
    found = tables(result)
    assert found["environments"]["prod"]["cluster"] == "prod-cluster"
    assert found["environments"]["prod"]["labels"] == {"env": "prod"}
    assert found["environments"]["prod"]["createProjects"] is True
    assert found["projects"]["shop"]["sourceRepos"] == ["https://git.example.org/shop/*"]


@pytest.mark.skipif(shutil.which("kustomize") is None, reason="kustomize is not on PATH")
def test_a_kustomization_is_built_and_its_base_is_not_taken_twice(tmp_path: Path) -> None:
    result = imported(layouts.write(tmp_path, layouts.KUSTOMIZATION))
    assert tables(result)["apps"]["web"]["targetRevision"] == "v2.0.0"
    assert len(result.exact) == 1


def test_without_kustomize_the_command_to_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match=r"kustomize is not installed.*kustomize build"):
        imported(layouts.write(tmp_path / "source", layouts.KUSTOMIZATION))


def test_what_a_cluster_adds_is_dropped(tmp_path: Path) -> None:
    live = layouts.application("web")
    live["metadata"] |= {
        "uid": "0b4e",
        "resourceVersion": "7",
        "labels": {"app.kubernetes.io/instance": "root", "tier": "front"},
        "annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:argocd/web"},
    }
    live["status"] = {"sync": {"status": "Synced"}}
    result = imported(dump(tmp_path, live))
    assert len(result.exact) == 1
    assert tables(result)["environments"]["main"]["labels"] == {"tier": "front"}
    assert "annotations" not in tables(result)["apps"]["web"]


def test_nothing_is_turned_on(tmp_path: Path) -> None:
    app = imported(dump(tmp_path, layouts.application("web"))).registry.find_effective_app("main", "web")
    assert app is not None
    assert "automated" not in app.fields["syncPolicy"]
    assert app.fields["finalizer"] == "none"


def test_automation_of_most_apps_does_not_reach_the_others(tmp_path: Path) -> None:
    automated = {"syncPolicy": {"automated": {"prune": True, "selfHeal": True, "allowEmpty": True}}}
    usual = {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}
    apps = [layouts.application(f"auto-{index}", **usual) for index in range(3)]
    apps += [layouts.application("empty", **automated), layouts.application("by-hand")]
    apps += [layouts.application("careful", syncPolicy={"automated": {}})]
    assert len(imported(dump(tmp_path, *apps)).exact) == 6


def test_what_the_registry_cannot_express_is_listed_with_its_file_and_reason(tmp_path: Path) -> None:
    odd = layouts.application("odd")
    odd["metadata"]["finalizers"] = ["example.org/keep"]
    generated = layouts.application("generated")
    generated["metadata"]["ownerReferences"] = [{"kind": "ApplicationSet", "name": "all"}]
    number = layouts.application("number")
    number["spec"]["source"]["targetRevision"] = 1.5
    result = imported(dump(tmp_path, layouts.application("web"), odd, generated, number))
    reasons = {each.what: each.reason for each in result.not_taken}
    assert reasons.keys() == {"Application odd", "Application generated", "Application number"}
    assert "example.org/keep" in reasons["Application odd"]
    assert "ApplicationSet all" in reasons["Application generated"]
    assert "quote it" in reasons["Application number"]


@pytest.mark.parametrize("written", ["1.10", "2", "1e3", "1.0  # the first", '"1.0"', "'1.0'"])
def test_a_revision_that_looks_like_a_number_is_its_text(written: str, tmp_path: Path) -> None:
    manifest = f"""\
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {{name: web}}
        spec:
          project: shop
          source:
            repoURL: https://git.example.org/shop/web.git
            path: deploy
            targetRevision: {written}
          destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}
        """
    layouts.write(tmp_path, {"web.yaml": manifest})
    result = imported(tmp_path / "web.yaml")
    assert (len(result.exact), result.changed) == (1, [])
    assert tables(result)["apps"]["web"]["targetRevision"] == written.partition(" ")[0].strip("'\"")


def test_an_app_that_the_registry_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    secret = layouts.application("secret")
    secret["spec"]["source"]["repoURL"] = "https://user:password@git.example.org/shop/web.git"
    result = imported(dump(tmp_path, layouts.application("web"), secret))
    assert [each.what for each in result.not_taken] == ["Application secret"]
    assert len(result.exact) == 1


def test_placeholders_are_filled_in(tmp_path: Path) -> None:
    app = layouts.application("web")
    app["spec"]["source"]["repoURL"] = "<REPOSITORY>"
    result = imported(dump(tmp_path, app), replacements={"<REPOSITORY>": "https://git.example.org/shop/web.git"})
    assert len(result.exact) == 1


def test_sync_waves_keep_their_order(tmp_path: Path) -> None:
    later, first = layouts.application("later"), layouts.application("first")
    later["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "5"}
    result = imported(dump(tmp_path, later, first))
    assert [each.name for each in result.exact] == ["later", "first"]


def test_teams_come_from_projects_and_can_be_given(tmp_path: Path) -> None:
    path = dump(tmp_path, layouts.application("web"), layouts.application("root", project="default"))
    assert tables(imported(path))["apps"]["root"]["team"] == "platform"
    result = imported(path, options=ImportOptions("3.4", (("w*", "storefront"),)))
    assert tables(result)["apps"]["web"]["team"] == "storefront"


def test_apps_of_each_team_can_have_a_file(tmp_path: Path) -> None:
    source = layouts.write(tmp_path, layouts.HELM_CHART)
    result = import_registry([("", source)], ReadOptions(), OPTIONS, split_by_team=True)
    assert result.files.keys() == {"apps.toml", "apps.schema.json", "teams/shop.toml"}
    assert len(result.exact) == 3


def test_two_imports_write_the_same_bytes(tmp_path: Path) -> None:
    source = layouts.write(tmp_path, layouts.PLAIN_FOLDERS)
    assert imported(source).files == imported(source).files


def test_a_source_without_applications_says_what_to_name(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RefusedError, match="no Application could be imported"):
        imported(tmp_path / "empty")
    with pytest.raises(UsageError, match="does not exist"):
        imported(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    ["{{ if }}\nkind: Application # argoproj.io/", "kind: Application\na: [argoproj.io/", "\x00argoproj.io/", "[]"],
)
def test_files_that_are_no_manifests_are_listed_or_left_alone(text: str, tmp_path: Path) -> None:
    layouts.write(tmp_path, {"odd.yaml": text, "web.json": json.dumps(layouts.application("web"))})
    assert len(imported(tmp_path).exact) == 1


def test_a_template_without_a_chart_is_called_one(tmp_path: Path) -> None:
    template = "{{- range .Values.apps }}\nkind: Application\napiVersion: argoproj.io/v1alpha1\n{{- end }}\n"
    layouts.write(tmp_path, {"odd.yaml": template, "web.json": json.dumps(layouts.application("web"))})
    (refused,) = imported(tmp_path).not_taken
    assert refused.reason == "is a template ({{ … }}): import what it renders"


_NAMES = st.sampled_from(["web", "cart", "tax-calc", "a1"])
_POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "automated": st.fixed_dictionaries(
            {}, optional={key: st.booleans() for key in ("prune", "selfHeal", "allowEmpty")}
        ),
        "syncOptions": st.lists(
            st.sampled_from(["CreateNamespace=true", "PruneLast=true", "Prune=true", "ServerSideApply=true"]),
            unique=True,
        ),
        "retry": st.just({"limit": 3}),
    },
)
_HELM = st.fixed_dictionaries(
    {},
    optional={
        "parameters": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["a", "b.c", "d"]),
                    "value": st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"])),
                },
                optional={"forceString": st.booleans()},
            ),
            max_size=3,
        ),
        "valueFiles": st.lists(st.sampled_from(["values.yaml", "values-dev.yaml"]), unique=True),
        "valuesObject": st.dictionaries(
            st.sampled_from(["image", "x.y", "Z"]),
            st.one_of(st.integers(-9, 9), st.booleans(), st.just(""), st.just({"tag": "1.0"}), st.just([1, "2"])),
        ),
    },
)
_APPS = st.fixed_dictionaries(
    {
        "policy": _POLICIES,
        "helm": _HELM,
        "revision": st.sampled_from(["main", "v1.0.0", ""]),
        "finalizer": st.booleans(),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(environments=st.lists(st.dictionaries(_NAMES, _APPS, min_size=1), min_size=1, max_size=3))
def test_every_import_renders_what_it_was_made_from(environments: list[dict[str, Any]], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("import")
    for index, apps in enumerate(environments):
        bodies = [_random_application(name, app) for name, app in apps.items()]
        (folder / f"env{index}.json").write_text(json.dumps({"kind": "List", "items": bodies}))
    sources = [(f"env{index}", folder / f"env{index}.json") for index in range(len(environments))]
    result = import_registry(sources, ReadOptions(), OPTIONS)
    assert (result.changed, result.not_taken) == ([], [])
    assert len(result.exact) == sum(map(len, environments))


def _random_application(name: str, app: dict[str, Any]) -> dict[str, Any]:
    body = layouts.application(name, syncPolicy=app["policy"])
    body["spec"]["source"] |= {"targetRevision": app["revision"], "helm": app["helm"]}
    if app["finalizer"]:
        body["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    return body


def test_a_problem_of_no_app_is_reported_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError):
        imported(dump(tmp_path, layouts.application("web")), options=ImportOptions("99.99.99.99"))


def test_the_chart_version_of_an_app_with_several_sources_becomes_a_pin(tmp_path: Path) -> None:
    for env, version in {"dev": "2.0.0", "prod": "1.9.0"}.items():
        parts = [
            {"repoURL": "https://charts.example.org", "chart": "redis", "targetRevision": version},
            {"repoURL": "https://git.example.org/shop/values.git", "ref": "values", "targetRevision": "main"},
        ]
        app = layouts.application("cache", sources=parts)
        del app["spec"]["source"]
        (tmp_path / f"{env}.json").write_text(json.dumps(app))
    sources = [(env, tmp_path / f"{env}.json") for env in ("dev", "prod")]
    result = import_registry(sources, ReadOptions(), OPTIONS)
    assert len(result.exact) == 2
    assert tables(result)["apps"]["cache"]["pins"] == ["sources.0"]
    assert tables(result)["environments"]["prod"]["apps"] == ["cache@1.9.0"]


def test_each_environment_may_have_an_argocd_of_its_own(tmp_path: Path) -> None:
    sources = []
    for env, namespace in {"dev": "argocd", "test": "argocd", "prod": "gitops-prod"}.items():
        app = layouts.application("web")
        app["metadata"]["namespace"] = namespace
        stray = layouts.application("stray")
        stray["metadata"]["namespace"] = "elsewhere"
        apps = [app, layouts.application("tax"), stray] if env == "dev" else [app]
        (tmp_path / f"{env}.json").write_text(json.dumps({"kind": "List", "items": apps}))
        sources.append((env, tmp_path / f"{env}.json"))
    result = import_registry(sources, ReadOptions(), OPTIONS)
    assert (len(result.exact), result.changed) == (4, [])
    assert tables(result)["argocd"]["instances"] == {"gitops-prod": {"namespace": "gitops-prod"}}
    assert [each.what for each in result.not_taken] == ["Application stray"]


def test_folders_that_share_nothing_are_no_environments(tmp_path: Path) -> None:
    for folder in ("redis", "vault", "kafka", "minio", "loki", "old-loki"):
        (tmp_path / folder).mkdir()
        app = layouts.application(folder.removeprefix("old-"))
        (tmp_path / folder / "app.json").write_text(json.dumps(app))
    listed = {env: table["apps"] for env, table in tables(imported(tmp_path))["environments"].items()}
    assert listed == {"main": ["kafka", "minio", "redis", "vault"], "loki": ["loki"], "old-loki": ["loki"]}


def test_environments_with_applications_of_one_name_do_not_share_an_argocd(tmp_path: Path) -> None:
    sources = []
    for env, namespace in {"dev": "argocd", "test": "argocd", "live": "gitops", "live-eu": "gitops"}.items():
        app = layouts.application("web")
        app["metadata"]["namespace"] = namespace
        (tmp_path / f"{env}.json").write_text(json.dumps(app))
        sources.append((env, tmp_path / f"{env}.json"))
    result = import_registry(sources, ReadOptions(), OPTIONS)
    assert (len(result.exact), result.changed, result.not_taken) == (4, [], [])
    assert tables(result)["argocd"]["instances"].keys() == {"live", "live-eu"}


def test_a_namespace_may_begin_with_a_digit(tmp_path: Path) -> None:
    app = layouts.application("web", destination={"server": "https://kubernetes.default.svc", "namespace": "1web"})
    assert len(imported(dump(tmp_path, app)).exact) == 1


def test_a_project_that_the_source_does_not_create_is_left_to_what_does(tmp_path: Path) -> None:
    source = layouts.write(tmp_path, layouts.PLAIN_FOLDERS)
    other = layouts.application("tax", project="billing")
    (source / "dev" / "tax.json").write_text(json.dumps(other))
    result = imported(source)
    assert (len(result.exact), result.changed) == (3, [])
    assert tables(result)["argocd"]["existingProjects"] == ["billing"]


def test_a_null_in_a_project_is_an_absent_field(tmp_path: Path) -> None:
    destination = {"server": "https://kubernetes.default.svc", "namespace": "shop", "name": None}
    spec = {"sourceRepos": ["https://git.example.org/shop/web.git"], "destinations": [destination]}
    project = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop"}, "spec": spec}
    result = imported(dump(tmp_path, layouts.application("web"), project))
    assert (len(result.exact), result.changed) == (1, [])
    assert "name" not in tables(result)["projects"]["shop"]["destinations"][0]


def test_projects_of_their_own_are_listed_as_changes(tmp_path: Path) -> None:
    path = dump(tmp_path, layouts.application("root", project="default"))
    result = imported(path, options=ImportOptions("3.4", own_projects=True))
    assert [(each.kind, each.name) for each in result.changed] == [("Application", "root"), ("AppProject", "root")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata.labels", "x"),
        ("metadata.finalizers", [1]),
        ("spec.source", []),
        ("spec.source.helm", "x"),
        ("spec.source.repoURL", 1),
        ("spec.syncPolicy.automated", True),
        ("spec.syncPolicy.syncOptions", [{}]),
        ("spec.destination.namespace", {}),
        ("spec.project", False),
    ],
)
def test_a_field_of_another_kind_is_named(field: str, value: Any, tmp_path: Path) -> None:
    odd = layouts.application("odd", syncPolicy={})
    *above, last = field.split(".")
    table = odd
    for key in above:
        table = table[key]
    table[last] = value
    result = imported(dump(tmp_path, layouts.application("web"), odd))
    (refused,) = result.not_taken
    assert refused.reason.startswith(f"{field} holds ")
