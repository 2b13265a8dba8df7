"""Environments of one Argo CD that have one cluster and namespace, and so perhaps the same objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.cache import ResultCache
from generator.errors import RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from tests.charts.rendered import registry_of

_REGISTRY = """\
version = 1
[environments.dev]
argocd = "hub"
apps = ["web"]
[environments.test]
argocd = "hub"
nameSuffix = "-test"
apps = ["web"]
[teams.shop]
repositories = ["https://example.com/shop/"]
namespaces = ["web", "web-test"]
[apps.web]
team = "shop"
repoURL = "https://example.com/shop/web.git"
path = "deploy"
"""


@pytest.mark.parametrize("tool", ["kustomize", "directory"])
def test_the_same_manifests_in_one_namespace_are_refused(tool: str) -> None:
    with pytest.raises(RegistryError) as caught:
        registry_of(f"{_REGISTRY}{tool} = {{}}\n")
    (problem,) = caught.value.problems
    assert (
        'the set of objects of "deploy" in example.com/shop/web, in namespace "web", is also that of "web" in'
        in str(problem)
    )


@pytest.mark.parametrize(
    "own",
    [
        '[apps.web.environments.test]\nnamespace = "web-test"\nkustomize = {}\n',
        '[apps.web.environments.test]\nkustomize.nameSuffix = "-test"\n',
        '[apps.web.environments.test]\npath = "deploy/test"\nkustomize = {}\n',
    ],
)
def test_other_names_or_another_namespace_are_fine(own: str) -> None:
    assert registry_of(f"{_REGISTRY}kustomize = {{}}\n{own}").notes == ()
    assert registry_of(_REGISTRY.replace('argocd = "hub"\nname', "name") + "kustomize = {}\n").notes == ()


def test_a_chart_in_one_namespace_is_noted_because_its_names_are_not_known() -> None:
    (note,) = registry_of(_REGISTRY).notes
    assert (
        "web has the same cluster and namespace as in dev: objects whose names do not contain the Helm release" in note
    )
    assert registry_of(f'{_REGISTRY}[apps.web.environments.test]\nnamespace = "web-test"\n').notes == ()


def test_a_note_is_there_each_time_that_a_registry_is_read(tmp_path: Path) -> None:
    cache, files = ResultCache(tmp_path, "1"), MemoryFiles({"apps.toml": _REGISTRY.encode()})
    first = read_registry_from(files, "apps.toml", cache=cache).notes
    assert len(first) == 1
    assert read_registry_from(files, "apps.toml", cache=cache).notes == first
