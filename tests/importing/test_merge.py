"""An import into a registry that exists adds what is new, and changes nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.errors import UsageError
from generator.importing.build import ImportOptions
from generator.importing.import_registry import ImportResult, import_registry, merge_into_registry
from generator.importing.manifests import ReadOptions
from generator.importing.proof import find_changed_applications
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from tests.importing import layouts

OPTIONS = ImportOptions("3.4")
Sources = list[tuple[str, Path]]


def first_import(sources: Sources, **options: Any) -> EditableRegistry:
    return editable(dict(import_registry(sources, ReadOptions(), OPTIONS, **options).files))


def editable(files: dict[str, bytes]) -> EditableRegistry:
    return read_editable_registry(MemoryFiles(files), "apps.toml")


def merged(existing: EditableRegistry, sources: Sources) -> ImportResult:
    return merge_into_registry(existing, sources, ReadOptions(), OPTIONS)


def dump(path: Path, *objects: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"kind": "List", "items": list(objects)}))
    return path


@pytest.mark.parametrize("layout", [layouts.HELM_CHART, layouts.PLAIN_FOLDERS], ids=["chart", "folders"])
@pytest.mark.parametrize("split", [False, True])
def test_nothing_new_changes_nothing(layout: dict[str, str], split: bool, tmp_path: Path) -> None:
    sources = [("", layouts.write(tmp_path, layout))]
    result = merged(first_import(sources, split_by_team=split), sources)
    assert (result.files, result.changed, result.added) == ({}, [], [])
    assert len(result.exact) == len(import_registry(sources, ReadOptions(), OPTIONS).exact)


def test_new_apps_are_added_between_the_lines_of_a_person(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"), layouts.application("zoo"))
    before = first_import([("dev", path)]).documents["apps.toml"].text
    edited = before.replace('  "zoo",', '  # Not at night.\n  "zoo",  # ask Ann').replace(
        "[apps.zoo]", "\n# Animals.\n[apps.zoo]"
    )
    new = layouts.application("pay", syncPolicy={"automated": {"prune": True}})
    dump(path, layouts.application("web"), layouts.application("zoo"), new)
    result = merged(editable({"apps.toml": edited.encode()}), [("dev", path)])
    after = result.files["apps.toml"].decode()
    assert (len(result.exact), result.changed, result.added) == (3, [], [("dev", "pay")])
    assert tomli.loads(after)["apps"]["pay"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": False}
    kept = iter(after.splitlines())
    assert all(line in kept for line in edited.splitlines()), "every line is there, in its order"


def test_an_app_comes_into_another_environment(tmp_path: Path) -> None:
    chart = layouts.write(tmp_path, layouts.HELM_CHART)
    existing = first_import([("", chart)])
    layouts.write(
        chart, {"values-prod.yaml": "suffix: -prod\napps:\n  cart: {revision: v1.2.0}\n  tax: {revision: v3}\n"}
    )
    result = merged(existing, [("", chart)])
    found = tomli.loads(result.files["apps.toml"].decode())
    assert (len(result.exact), result.changed) == (4, [])
    assert found["environments"]["prod"]["apps"] == ["cart@v1.2.0", "tax@v3"]
    assert found["apps"]["tax"]["environments"] == {"prod": {"helm": {"valueFiles": ["values-prod.yaml"]}}}
    assert result.additions == ["new in prod: tax"]


def test_a_new_environment_is_added(tmp_path: Path) -> None:
    chart = layouts.write(tmp_path, layouts.HELM_CHART)
    existing = first_import([("", chart)])
    layouts.write(chart, {"values-live.yaml": "suffix: -live\napps:\n  cart: {revision: v1.1.0}\n"})
    result = merged(existing, [("", chart)])
    assert (len(result.exact), result.changed) == (4, [])
    assert result.additions == ["new environment: live", "new in live: cart"]


def test_an_original_that_changed_is_reported_and_not_written(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"))
    existing = first_import([("dev", path)])
    changed = layouts.application("web", syncPolicy={"automated": {"prune": True}})
    result = merged(existing, [("dev", dump(path, changed))])
    assert result.files == {}
    assert [change.field for each in result.changed for change in each.changes] == ["spec.syncPolicy.automated"]
    assert not result.is_new(result.changed[0])


def test_what_an_app_cannot_leave_out_makes_an_app_of_its_own(tmp_path: Path) -> None:
    helm = {"helm": {"releaseName": "shop", "valueFiles": ["a.yaml"]}}
    web = layouts.application("web")
    web["spec"]["source"] |= helm
    existing = first_import([("dev", dump(tmp_path / "dev.json", web))])
    sources = [("prod", dump(tmp_path / "prod.json", layouts.application("web")))]
    result = merged(existing, sources)
    assert (len(result.exact), result.changed) == (1, [])
    found = tomli.loads(result.files["apps.toml"].decode())
    assert found["environments"]["prod"]["apps"] == ["web-prod"]
    assert found["apps"]["web-prod"]["name"] == "web"


def test_the_defaults_turn_nothing_on_for_new_apps(tmp_path: Path) -> None:
    automated = {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}
    path = dump(tmp_path / "apps.json", *(layouts.application(f"auto-{n}", **automated) for n in range(3)))
    existing = first_import([("dev", path)])
    result = merged(existing, [("dev", dump(path, layouts.application("by-hand")))])
    assert (len(result.exact), result.changed) == (1, [])


def test_a_repository_and_a_namespace_of_two_teams_become_shared(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"))
    existing = first_import([("dev", path)])
    result = merged(existing, [("dev", dump(path, layouts.application("pay", project="billing")))])
    found = tomli.loads(result.files["apps.toml"].decode())
    assert found["repositories"]["web"]["teams"] == found["namespaces"]["shop"]["teams"] == ["shop", "billing"]
    assert "repositories" not in found["teams"]["shop"]
    assert "team shop: shares shop now, in [namespaces]" in result.additions
    again = merged(editable({"apps.toml": result.files["apps.toml"]}), [("dev", path)])
    assert again.files == {}


def test_a_third_team_joins_what_is_shared(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"), layouts.application("pay", project="billing"))
    existing = first_import([("dev", path)])
    result = merged(existing, [("dev", dump(path, layouts.application("tax", project="revenue")))])
    found = tomli.loads(result.files["apps.toml"].decode())
    assert found["repositories"]["web"]["teams"] == ["billing", "shop", "revenue"]
    assert found["namespaces"]["shop"]["teams"] == ["billing", "shop", "revenue"]


def test_a_new_team_gets_a_file_where_teams_have_files(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"))
    existing = first_import([("dev", path)], split_by_team=True)
    new = [layouts.application("cart"), layouts.application("pay", project="billing")]
    result = merged(existing, [("dev", dump(path, *new))])
    assert result.files.keys() == {"apps.toml", "teams/shop.toml", "teams/billing.toml"}
    assert tomli.loads(result.files["teams/billing.toml"].decode())["environments"]["dev"]["apps"] == ["pay"]
    assert tomli.loads(result.files["teams/shop.toml"].decode())["environments"]["dev"]["apps"] == ["cart", "web"]


def test_what_the_registry_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"))
    existing = first_import([("dev", path)])
    secret, stray = layouts.application("secret"), layouts.application("stray")
    secret["spec"]["source"]["repoURL"] = "https://user:password@git.example.org/shop/web.git"
    stray["metadata"]["namespace"] = "elsewhere"
    result = merged(existing, [("dev", dump(path, secret, stray, layouts.application("pay")))])
    assert [each.what for each in result.not_taken] == ["Application stray", "Application secret"]
    assert result.added == [("dev", "pay")]


def test_a_source_must_say_which_environment_it_is(tmp_path: Path) -> None:
    path = dump(tmp_path / "apps.json", layouts.application("web"))
    existing = first_import([("dev", path)])
    with pytest.raises(UsageError, match="which environment it is; the registry has dev"):
        merged(existing, [("", path)])


def test_a_changed_application_of_the_registry_is_found() -> None:
    def registry(path: str) -> EditableRegistry:
        return editable(
            {
                "apps.toml": f"""version = 1
                [environments.dev]
                server = "https://kubernetes.default.svc"
                apps = ["web"]
                [teams.shop]
                repositories = ["https://git.example.org/shop/web.git"]
                namespaces = ["web"]
                [apps.web]
                team = "shop"
                repoURL = "https://git.example.org/shop/web.git"
                path = "{path}"
                """.encode()
            }
        )

    one, other = registry("a").registry, registry("b").registry
    assert [*find_changed_applications(one, one)] == []
    assert [*find_changed_applications(one, other)] == ["dev/web"]


_APPS = st.dictionaries(
    st.sampled_from(["web", "cart", "tax-dev", "a1", "web-prod"]),
    st.fixed_dictionaries(
        {
            "syncPolicy": st.sampled_from([{}, {"automated": {}}, {"automated": {"prune": True, "allowEmpty": True}}]),
            "path": st.sampled_from(["deploy", "deploy/dev", "${x}"]),
            "revision": st.sampled_from(["main", "v1", ""]),
            "wave": st.sampled_from(["", "-1", "7"]),
        }
    ),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(_APPS.filter(len), min_size=1, max_size=2), later=st.lists(_APPS, min_size=3, max_size=3))
def test_two_imports_in_a_row_render_every_original(
    first: list[dict[str, Any]], later: list[dict[str, Any]], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    existing = first_import(_write_environments(folder, first))
    both = [{**new, **old} for new, old in zip(later, [*first, {}, {}], strict=False)]
    sources = _write_environments(folder, both)
    result = merged(existing, sources)
    files = {**existing.file_contents(), **result.files}
    assert [each.what for each in result.not_taken if "${x}" not in each.reason] == []
    assert {change.field for each in result.changed for change in each.changes} <= {"sync wave, by order"}
    assert merged(editable(files), sources).files == {}


def _write_environments(folder: Path, environments: list[dict[str, Any]]) -> Sources:
    sources = []
    for name, apps in zip(("dev", "prod", "eu"), environments, strict=False):
        bodies = []
        for app, found in apps.items():
            project = "billing" if app in ("cart", "a1") else "shop"
            body = layouts.application(app, project=project, syncPolicy=found["syncPolicy"])
            body["spec"]["source"] |= {"path": found["path"], "targetRevision": found["revision"]}
            if found["wave"]:
                body["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": found["wave"]}
            bodies.append(body)
        if bodies:
            sources.append((name, dump(folder / f"{name}.json", *bodies)))
    return sources
