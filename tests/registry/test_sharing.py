"""Repositories and namespaces that several teams use: folders of one repository, and what the root file shares."""

from __future__ import annotations

from typing import Any

import pytest

from generator.errors import RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.registry.writer import toml

MONO = "https://git.example.com/org/mono.git"
CHARTS = "https://charts.example.com/stable"


def data(**apps: dict[str, Any]) -> dict[str, Any]:
    """A registry of two teams with a folder each in one repository; every app is in dev."""
    return {
        "version": 1,
        "environments": {"dev": {"apps": list(apps)}},
        "teams": {
            "sea": {"repositories": [f"{MONO}//apps/sea"], "namespaces": ["sea", "sea-*"]},
            "sky": {"repositories": [f"{MONO}//apps/sky"], "namespaces": ["sky"]},
        },
        "apps": {name: {"team": "sea", "namespace": "sea", "repoURL": MONO, **app} for name, app in apps.items()},
    }


def read(registry: dict[str, Any]) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": toml(registry).encode()}), "apps.toml")


def problems(registry: dict[str, Any]) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read(registry)
    return [f"{problem.key}: {problem.text}" for problem in caught.value.problems]


def test_two_teams_have_a_folder_each_in_one_repository() -> None:
    boat = {"path": "apps/sea/boat", "helm": {"valueFiles": ["../shared.yaml", "/apps/sea/values.yaml"]}}
    plane = {"team": "sky", "namespace": "sky", "path": "apps/sky"}
    assert set(read(data(boat=boat, plane=plane)).apps) == {"boat", "plane"}


@pytest.mark.parametrize(
    "path", ["apps/sky/plane", "apps", ".", "apps/seaside", "apps/SEA/boat", "apps/sea%2f..%2fsky", "./apps/./sky"]
)
def test_a_path_outside_of_the_granted_folder_is_refused(path: str) -> None:
    (found,) = problems(data(boat={"path": path}))
    assert found == (f'apps.boat.path: "{path}" is not granted: use a path below apps/sea, which team "sea" is granted')


def test_a_chart_is_in_no_folder() -> None:
    (found,) = problems(data(boat={"chart": "boat", "targetRevision": "1.0.0"}))
    assert found.startswith("apps.boat.chart: a chart is in no folder")


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("helm.valueFiles", {"helm": {"valueFiles": ["../../sky/secret.yaml"]}}),
        ("helm.valueFiles", {"helm": {"valueFiles": ["/apps/sky/secret.yaml"]}}),
        ("helm.valueFiles", {"helm": {"valueFiles": ["../../*/secret.yaml"]}}),
        ("helm.fileParameters[0].path", {"helm": {"fileParameters": [{"name": "a", "path": "../../sky/key"}]}}),
        ("kustomize.components", {"kustomize": {"components": ["../../sky"]}}),
        ("kustomize.patches[0].path", {"kustomize": {"patches": [{"path": "../../sky/patch.yaml"}]}}),
        ("directory.jsonnet.libs", {"directory": {"jsonnet": {"libs": ["apps/sky/lib"]}}}),
    ],
)
def test_a_file_outside_of_the_granted_folder_is_refused(key: str, source: dict[str, Any]) -> None:
    (found,) = problems(data(boat={"path": "apps/sea/boat", **source}))
    assert found.startswith(f"apps.boat.{key}: ")
    assert "is not granted: use a path below apps/sea" in found


def test_a_file_of_another_source_stays_in_the_granted_folder() -> None:
    registry = data(boat={})
    app = registry["apps"]["boat"]
    del app["repoURL"]
    app["sources"] = [
        {"repoURL": MONO, "path": "apps/sea/boat", "helm": {"valueFiles": ["$values/apps/sea/values.yaml"]}},
        {"repoURL": MONO, "ref": "values"},
    ]
    read(registry)
    app["sources"][0]["helm"]["valueFiles"] = ["$values/apps/sea/../sky/values.yaml"]
    assert problems(registry) == [
        'apps.boat.sources[0].helm.valueFiles: "$values/apps/sea/../sky/values.yaml" is not granted: '
        'use a path below apps/sea, which team "sea" is granted'
    ]


def test_a_source_hydrator_reads_and_writes_in_the_granted_folder() -> None:
    registry = data(boat={})
    app = registry["apps"]["boat"]
    del app["repoURL"]
    app["sourceHydrator"] = {
        "drySource": {"repoURL": MONO, "path": "apps/sea/boat", "targetRevision": "main"},
        "syncSource": {"targetBranch": "hydrated", "path": "apps/sea/boat"},
    }
    read(registry)
    app["sourceHydrator"]["syncSource"]["path"] = "apps/sky/plane"
    (found,) = problems(registry)
    assert found.startswith("apps.boat.sourceHydrator.syncSource.path: ")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (f"{MONO}//apps", f"{MONO}//apps/sky"),
        (f"{MONO}//apps/sky", f"{MONO}//apps/Sky/"),
        (f"{MONO}//apps/sky", "git@git.example.com:org/mono//apps"),
        (f"{MONO}//apps/sky", "https://GIT.example.com:443/Org/Mono.git//APPS/SKY/x"),
        (MONO, f"{MONO}//apps/sky"),
        (f"{MONO}//apps/sky", MONO),
    ],
)
def test_two_teams_have_no_folders_that_contain_each_other(one: str, two: str) -> None:
    registry = data()
    registry["teams"]["sea"]["repositories"], registry["teams"]["sky"]["repositories"] = [one], [two]
    (found,) = problems(registry)
    assert found.startswith("teams.sky.repositories: ")
    assert 'belongs to team "sea", which contain each other' in found


@pytest.mark.parametrize(
    "folder",
    [
        "..",
        "apps/../sky",
        ".",
        "",
        "apps//sky",
        "apps/%2e%2e",
        "apps/sky%20",
        "äpps",
        "apps/s\u200bky",
        "*",
        "a b",
        "...",
    ],
)
def test_a_folder_that_could_be_read_in_two_ways_is_refused(folder: str) -> None:
    registry = data()
    registry["teams"]["sky"]["repositories"] = [f"{MONO}//{folder}"]
    (found,) = problems(registry)
    assert found.startswith("teams.sky.repositories: ")


def test_a_folder_of_a_prefix_is_refused() -> None:
    registry = data()
    registry["teams"]["sky"]["repositories"] = ["https://git.example.com/org///apps"]
    assert len(problems(registry)) == 1


def test_teams_that_both_need_a_repository_are_told_how() -> None:
    registry = data()
    for team in registry["teams"].values():
        team["repositories"] = [MONO]
    assert problems(registry) == [
        f'teams.sky.repositories: repository "{MONO}" belongs to team "sea": '
        "grant folders of it with //folder, or share it: [repositories.NAME] url"
    ]


@pytest.mark.parametrize(
    "grant",
    [
        "https://git.example.com/",
        "https://git.example.com/org/*",
        "https://git.example.com/org/mono.git//../apps",
        "https://git.example.com/org/mono.git//",
        "https://user:secret@git.example.com/org/",
        "https://git.example.com/org/mono.git?ref=main",
        "https://git.example.com/org//",
    ],
)
def test_an_invalid_grant_is_reported_once_and_not_where_it_is_used(grant: str) -> None:
    boat = {"path": "apps/sea/boat"}
    elsewhere = {"repoURL": "https://charts.example.com/stable", "chart": "redis", "targetRevision": "1.0.0"}
    registry = data(boat=boat, cache=elsewhere)
    registry["teams"]["sea"]["repositories"] = [grant]
    found, unrelated = problems(registry)
    assert found.startswith("teams.sea.repositories: ")
    assert unrelated.startswith('apps.cache.repoURL: "https://charts.example.com/stable" is not granted to team "sea"')


def test_an_invalid_folder_is_reported_once_and_not_where_it_is_used() -> None:
    values = {"repoURL": MONO, "ref": "values"}
    chart = {"repoURL": MONO, "path": "apps/ship", "helm": {"valueFiles": ["$values/apps/ship/values.yaml"]}}
    registry = data(boat={"path": "apps/ship"}, ship={"sources": [chart, values]})
    del registry["apps"]["ship"]["repoURL"]
    registry["teams"]["sea"]["repositories"] += [f"{MONO}//apps/./ship"]
    (found,) = problems(registry)
    assert found.startswith("teams.sea.repositories: ")


def test_a_grant_that_is_no_list_is_reported_once_and_not_where_it_is_used() -> None:
    registry = data(boat={"path": "apps/sea/boat"})
    registry["teams"]["sea"]["repositories"] = MONO
    (found,) = problems(registry)
    assert found.startswith("teams.sea.repositories: is a string")


def test_an_invalid_grant_hides_no_use_by_another_team() -> None:
    registry = data(plane={"team": "sky", "namespace": "sky", "path": "apps/sky"})
    registry["teams"]["sea"]["repositories"] = ["https://git.example.com/"]
    registry["teams"]["sky"]["repositories"] = []
    _, used = problems(registry)
    assert used.startswith("apps.plane.repoURL: ")


def shared(**repository: Any) -> dict[str, Any]:
    registry = data(cache={"repoURL": CHARTS, "chart": "redis", "targetRevision": "20.0.0"})
    registry["repositories"] = {"stable": {"url": CHARTS, **repository}}
    return registry


def test_every_team_may_use_a_shared_repository() -> None:
    registry = shared()
    registry["apps"]["sessions"] = {**registry["apps"]["cache"], "team": "sky", "namespace": "sky"}
    registry["repositories"]["stable"]["url"] = "https://charts.example.com/sta/../"
    assert len(problems(registry)) == 3
    registry["repositories"]["stable"]["url"] = "https://charts.example.com/stable/"
    read(registry)


def test_a_registry_of_charts_may_be_shared() -> None:
    registry = shared()
    registry["repositories"]["stable"]["url"] = "registry.example.com/charts"
    registry["apps"]["cache"]["repoURL"] = "registry.example.com/charts"
    registry["apps"]["sessions"] = {**registry["apps"]["cache"], "team": "sky", "namespace": "sky"}
    read(registry)


def test_a_shared_repository_may_be_for_some_teams_and_charts() -> None:
    read(shared(teams=["sea"], charts=["redis", "postgresql"]))
    assert problems(shared(teams=["sky"])) == [
        f'apps.cache.repoURL: "{CHARTS}" is not granted to team "sea": '
        "add it to teams.sea.repositories in the root file"
    ]
    assert problems(shared(charts=["postgresql", "nginx"])) == [
        f'apps.cache.chart: only these charts of "{CHARTS}" are shared: postgresql, nginx: use one of them'
    ]
    assert problems(shared(teams=["sea", "see"])) == [
        'repositories.stable.teams: unknown team "see" (did you mean "sea"?)'
    ]


def test_a_shared_repository_belongs_to_nobody() -> None:
    registry = shared()
    registry["teams"]["sky"]["repositories"].append(CHARTS)
    assert problems(registry) == [
        f'repositories.stable.url: repository "{CHARTS}" belongs to team "sky": remove one of the two'
    ]


def test_a_shared_namespace_is_for_its_teams() -> None:
    registry = data(boat={"path": "apps/sea/boat", "namespace": "monitoring"})
    registry["namespaces"] = {"monitoring": {"teams": ["sea", "sky"]}}
    read(registry)
    registry["namespaces"]["monitoring"]["teams"] = ["sky"]
    assert problems(registry) == [
        'apps.boat.namespace: namespace "monitoring" is not granted to team "sea": '
        "add it to teams.sea.namespaces in the root file"
    ]
    registry["teams"]["sea"]["namespaces"].append("monitoring")
    assert problems(registry)[0].startswith('teams.sea.namespaces: namespace "monitoring" is shared')


def test_namespaces_may_be_granted_by_a_glob() -> None:
    read(data(boat={"path": "apps/sea/boat", "namespace": "sea-boat"}))
    assert len(problems(data(boat={"path": "apps/sea/boat", "namespace": "seaboat"}))) == 1


@pytest.mark.parametrize("glob", ["sea-*", "se*", "s*-x", "sea-x*", "*"])
def test_globs_of_two_teams_match_no_common_namespace(glob: str) -> None:
    registry = data()
    registry["teams"]["sky"]["namespaces"] = [glob]
    assert len(problems(registry)) == 1


def test_a_reserved_namespace_is_shared_by_platform_teams_only() -> None:
    registry = data()
    registry["namespaces"] = {"kube-system": {"teams": ["sea"]}}
    assert problems(registry) == [
        'namespaces.kube-system.teams: namespace "kube-system" is reserved for teams with platform = true: remove "sea"'
    ]
    registry["teams"]["sea"]["platform"] = True
    read(registry)


def test_a_source_hydrator_has_no_other_source_to_refer_to() -> None:
    registry = data(boat={})
    app = registry["apps"]["boat"]
    del app["repoURL"]
    helm = {"valueFiles": ["$values/apps/sea/values.yaml"]}
    app["sourceHydrator"] = {
        "drySource": {"repoURL": MONO, "path": "apps/sea/boat", "targetRevision": "main", "helm": helm},
        "syncSource": {"targetBranch": "hydrated", "path": "apps/sea/boat"},
    }
    (found,) = problems(registry)
    assert found.endswith('none of this app\'s sources has ref = "values"')
