"""An AppProject keeps what an Application that left it may still need until Argo CD has synced."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from generator.charts.inventory import Inventory, build_inventory, parse_inventory
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from tests.charts.rendered import chart_of, objects, registry_of

_DAY = date(2026, 11, 28)
_IN_CLUSTER = "https://kubernetes.default.svc"
_REGISTRY = """\
version = 1
[environments.dev]
argocd = "hub"
createProjects = true
apps = ["api", "web"]
[environments.test]
argocd = "hub"
nameSuffix = "-test"
apps = ["web"]
[teams.shop]
repositories = ["https://example.com/shop/"]
namespaces = ["api", "web", "web-test", "new"]
projects = ["shop"]
[defaults]
path = "chart"
project = "shop"
[apps.api]
team = "shop"
repoURL = "https://example.com/shop/api.git"
[apps.web]
team = "shop"
repoURL = "https://example.com/shop/web.git"
[apps.web.environments.test]
namespace = "web-test"
"""


def _render(text: str, before: Inventory, today: date | None = _DAY) -> RenderedTree:
    return render_plan(plan_charts(registry_of(text), before=before, today=today))


def _published(text: str = _REGISTRY) -> Inventory:
    return build_inventory(_render(text, Inventory()))


def _destinations(tree: RenderedTree, values: dict[str, Any] | None = None) -> dict[str, str]:
    project = objects(chart_of(tree, "dev"), values)["AppProject", "shop"]
    return {each["namespace"]: each["server"] for each in project["spec"]["destinations"]}


_WITHOUT_WEB = _REGISTRY.replace('["api", "web"]', '["api"]')
_WITHOUT_TEST = _REGISTRY.replace('apps = ["web"]', "apps = []")
_MOVED = _REGISTRY.replace("shop/web.git", 'shop/web.git"\nnamespace = "new')


@pytest.mark.parametrize(("after", "kept"), [(_WITHOUT_WEB, "web"), (_WITHOUT_TEST, "web-test"), (_MOVED, "web")])
def test_a_project_keeps_the_destination_of_an_app_that_is_gone_or_moved_for_a_week(after: str, kept: str) -> None:
    changed = _render(after, _published())
    assert _destinations(changed)[kept] == _IN_CLUSTER
    later = build_inventory(changed)
    assert later == build_inventory(_render(after, later, date(2026, 12, 5)))
    assert kept not in _destinations(_render(after, later, date(2026, 12, 6)))
    assert kept in _destinations(_render(after, later, None)), "a check does not depend on the day"


def test_the_inventory_keeps_them_and_reads_them_back() -> None:
    inventory = build_inventory(_render(_WITHOUT_WEB, _published()))
    assert {" ".join(each): since for each, since in inventory.former_destinations.items()} == {
        f"dev shop web server:{_IN_CLUSTER}": "2026-11-28"
    }
    assert parse_inventory(inventory.to_json_bytes(), "here") == inventory


def test_a_destination_in_the_own_cluster_follows_the_override_of_that() -> None:
    changed = _render(_WITHOUT_WEB, _published())
    override = {"destinationServer": "https://other.example.com"}
    assert _destinations(changed, override)["web"] == "https://other.example.com"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_REGISTRY.replace("[teams", 'retired.web = "2026-11-28"\n[teams'), _WITHOUT_TEST),  # its workload stays
        (_REGISTRY, _REGISTRY.replace("[apps.web]", "[apps.web]\nsyncWave = 3")),
        (_WITHOUT_WEB, _REGISTRY),
        (
            _REGISTRY.replace('"web-test"\n', '"web"\nhelm.releaseName = "web-2"\n'),
            _WITHOUT_WEB.replace('"web-test"\n', '"web"\n'),
        ),
    ],
)
def test_no_destination_is_kept_that_nothing_needs_or_another_app_has(before: str, after: str) -> None:
    assert _render(after, _published(before)).former_destinations == {}


def test_an_app_that_comes_back_needs_no_kept_destination() -> None:
    gone = build_inventory(_render(_WITHOUT_WEB, _published()))
    assert _render(_REGISTRY, gone) == _render(_REGISTRY, Inventory())


def test_projects_are_pruned_last_and_never_by_one_chart_while_another_has_apps_of_them() -> None:
    options = "argocd.argoproj.io/sync-options"
    both = objects(chart_of(_render(_REGISTRY, Inventory()), "dev"))["AppProject", "shop"]["metadata"]["annotations"]
    own = objects(chart_of(_render(_WITHOUT_TEST, Inventory()), "dev"))["AppProject", "shop"]["metadata"]["annotations"]
    assert both[options] == "Delete=false,Prune=false"
    assert both["argocd.argoproj.io/compare-options"] == "IgnoreExtraneous"
    assert own == {options: "PruneLast=true", "argocd.argoproj.io/sync-wave": "1"}


def test_an_edited_inventory_permits_nothing_that_is_no_namespace() -> None:
    inventory = build_inventory(_render(_WITHOUT_WEB, _published()))
    text = inventory.to_json_bytes().decode()
    for namespace, cluster in (("*", "server:x"), ('a"}}', "server:x"), ("web", "x:y")):
        edited = text.replace(
            f"dev shop web server:{_IN_CLUSTER}", f"dev shop {namespace} {cluster}".replace('"', '\\"')
        )
        assert _render(_WITHOUT_WEB, parse_inventory(edited.encode(), "here")).former_destinations == {}


def test_a_namespace_may_begin_with_a_digit() -> None:
    text = _REGISTRY.replace("shop/web.git", 'shop/web.git"\nnamespace = "1web').replace('"new"]', '"1web"]')
    before = _published(text)
    assert "1web" in _destinations(_render(text.replace('["api", "web"]', '["api"]'), before))
