"""A chart drops no AppProject that Argo CD would wait for ever to delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from generator.charts.chart_folder import ChartFolder
from generator.charts.inventory import INVENTORY_FILE, build_inventory
from generator.errors import RefusedError
from generator.publishing.project_guard import refuse_dropped_projects
from tests.charts.rendered import registry_of, tree_of

_REGISTRY = """\
version = 1
[argocd]
existingProjects = ["shop"]
[environments.dev]
argocd = "hub"
createProjects = true
apps = ["web"]
[environments.test]
argocd = "hub"
nameSuffix = "-test"
apps = []
[teams.shop]
repositories = ["https://example.com/shop/"]
namespaces = ["web", "web-test"]
projects = ["shop"]
[apps.web]
team = "shop"
repoURL = "https://example.com/shop/web.git"
path = "chart"
[apps.web.environments.test]
namespace = "web-test"
"""
_NOT_CREATED = _REGISTRY.replace('existingProjects = ["shop"]', 'existingProjects = ["web"]')
_BOTH = _REGISTRY.replace("apps = []", 'apps = ["web"]')
_MOVED = _BOTH.replace('"hub"\ncreateProjects', '"hub"\n#').replace('"-test"', '"-test"\ncreateProjects = true')
_CREATED_BY_ANOTHER = _MOVED.replace('apps = ["web"]', "apps = []", 1)


def _folder(text: str) -> ChartFolder:
    tree = tree_of(text)
    files = {**tree.files, INVENTORY_FILE: build_inventory(tree).to_json_bytes()}
    return ChartFolder("", tuple(tree.files), lambda paths: {path: files[path] for path in paths if path in files})


@pytest.mark.parametrize("after", [_NOT_CREATED, _CREATED_BY_ANOTHER, _MOVED])
def test_a_project_that_would_be_deleted_under_an_app_is_refused(after: str) -> None:
    with pytest.raises(RefusedError, match=r"the chart of dev no longer creates project web, and .*/web uses it"):
        refuse_dropped_projects(registry_of(after), _folder(_REGISTRY))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_REGISTRY.replace("createProjects", "handOver = true\ncreateProjects"), _NOT_CREATED),
        (_BOTH, _MOVED),
        (_REGISTRY, _REGISTRY.replace('apps = ["web"]', "apps = []")),
        (_REGISTRY, _REGISTRY.replace("[apps.web]", '[apps.web]\nproject = "shop"\ncreateProject = true')),
        (_NOT_CREATED, _NOT_CREATED),
        (_REGISTRY, _REGISTRY.replace("environments.dev", "environments.qa")),
    ],
    ids=["handed-over", "shared-before", "unused", "another-project", "never-created", "environment-gone"],
)
def test_a_project_that_is_not_deleted_or_not_used_may_go(before: str, after: str) -> None:
    refuse_dropped_projects(registry_of(after), _folder(before))


def test_the_files_of_all_projects_are_read_at_once() -> None:
    folder, asked = _folder(_BOTH), list[int]()

    def read_files(paths: Collection[str]) -> Mapping[str, bytes]:
        asked.append(len(paths))
        return folder.read_files(paths)

    counted = ChartFolder("", folder.chart_paths, read_files)
    counted.inventory  # noqa: B018 - it is read on first use
    before = len(asked)
    refuse_dropped_projects(registry_of(_NOT_CREATED), counted)
    assert len(asked) - before <= 2
