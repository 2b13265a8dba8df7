"""What a chart deploys for the namespaces of teams, and that it permits nothing else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import pytest

from generator.charts import yaml
from generator.charts.change_set import compute_changes
from generator.charts.chart_folder import ChartFolder, is_in_chart, overlay_tree
from generator.charts.inventory import build_inventory
from generator.charts.layout import Chart, group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from generator.errors import RegistryError
from generator.helm.adoption import find_deployed_applications
from tests.charts.rendered import objects, problems_of, registry_of, through_parent, tree_of
from tests.charts.test_golden import NAMESPACES

TEXT = (NAMESPACES / "apps.toml").read_text()
DEV = "dev-applications-team-namespaces"


def _manifests(tree: RenderedTree, path: str) -> dict[str, Any]:
    items = yaml.load_all(tree.files[f"argo-team-namespaces/{path}.yaml"].decode())
    return {f"{item['kind']} {item['metadata']['name']}": item for item in items}


def test_an_environment_replaces_whole_keys_of_a_team() -> None:
    tree = tree_of(TEXT)
    dev, prod = _manifests(tree, "dev/billing"), _manifests(tree, "prod/billing")
    assert dev["RoleBinding team-edit"]["subjects"][0]["name"] == "payments-developers"
    assert "RoleBinding team-edit" not in prod
    assert prod["ResourceQuota team-quota"] == dev["ResourceQuota team-quota"]
    policies = [each["NetworkPolicy team-default-deny"]["spec"]["policyTypes"] for each in (dev, prod)]
    assert policies == [["Ingress"], ["Ingress", "Egress"]]


def test_a_shared_namespace_has_its_own_settings_and_reserved_ones_have_none() -> None:
    tree = tree_of(TEXT)
    listed = {path for path in tree.files if path.startswith("argo-team-namespaces/dev/")}
    assert listed == {f"argo-team-namespaces/dev/{name}.yaml" for name in ("billing", "monitoring", "payments-ledger")}
    assert {*_manifests(tree, "dev/monitoring")} == {"Namespace monitoring", "RoleBinding team-view"}


def test_the_project_permits_these_kinds_in_these_namespaces_alone() -> None:
    found = objects(group_by_chart(tree_of(TEXT).files)[Chart("dev")])
    spec = found["AppProject", DEV]["spec"]
    assert [place["namespace"] for place in spec["destinations"]] == [DEV, "billing", "monitoring", "payments-ledger"]
    assert {entry["name"] for entry in spec["clusterResourceWhitelist"]} == {"billing", "monitoring", "payments-ledger"}
    kinds = {
        item["kind"] for path in ("dev/billing", "dev/monitoring") for item in _manifests(tree_of(TEXT), path).values()
    }
    assert kinds == {"Namespace", *(entry["kind"] for entry in spec["namespaceResourceWhitelist"])}
    waves = {name: int(item["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for name, item in found.items()}
    others = [wave for (_, name), wave in waves.items() if name != DEV]
    assert waves["AppProject", DEV] < waves["Application", DEV] < min(others)


def test_no_deletion_reaches_a_namespace() -> None:
    tree = tree_of(TEXT)
    application = objects(group_by_chart(tree.files)[Chart("dev")])["Application", DEV]
    assert "finalizers" not in application["metadata"]
    namespace = _manifests(tree, "dev/billing")["Namespace billing"]
    assert namespace["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Delete=false,Prune=false"


def test_a_divided_environment_deploys_its_namespaces_from_the_parent_chart() -> None:
    above, below = through_parent(group_by_chart(tree_of(TEXT).files), "prod", {"destinationName": "other"})
    name = "prod-applications-team-namespaces"
    assert above["Application", name]["spec"]["destination"]["name"] == "other"
    assert ("Application", name) not in below
    shard = above["Application", "prod-applications-0"]["spec"]["source"]["helm"]["values"]
    assert "teamNamespaces" not in shard


def test_a_namespace_that_left_stays_permitted_for_a_week_so_that_its_access_is_pruned() -> None:
    before = build_inventory(tree_of(TEXT))
    without = registry_of(TEXT.replace('"billing", "ledger", "probe"', '"billing", "probe"'))
    for day, kept in ((1, True), (7, True), (9, False)):
        tree = render_plan(plan_charts(without, None, before, date(2026, 11, day)))
        found = objects(group_by_chart(tree.files)[Chart("dev")])
        places = [place["namespace"] for place in found["AppProject", DEV]["spec"]["destinations"]]
        assert ("payments-ledger" in places) is kept
        assert "payments-ledger" not in found["Application", DEV]["spec"]["source"]["directory"]["include"]
        before = build_inventory(tree)
    assert not any("payments-ledger" in path for path in tree.files)


_HUB = """\
version = 1
[workloads]
repository = "https://github.com/acme/workloads.git"
[environments.dev]
argocd = "hub"
createProjects = true
apps = ["web"]
[environments.test]
argocd = "hub"
nameSuffix = "-test"
apps = ["web"]
[teams.shop]
repositories = ["https://github.com/acme/"]
namespaces = ["web"]
quota = { pods = 9 }
[apps.web]
team = "shop"
repoURL = "https://github.com/acme/web.git"
path = "chart"
environments.test.helm.releaseName = "other"
"""


def test_a_namespace_of_two_environments_in_one_cluster_is_deployed_by_the_first() -> None:
    assert [path for path in tree_of(_HUB).files if "namespaces/" in path] == ["argo-team-namespaces/dev/web.yaml"]


def test_two_environments_cannot_give_different_settings_to_one_namespace() -> None:
    text = _HUB.replace("[apps.web]", "[teams.shop.environments.test]\nquota = { pods = 3 }\n[apps.web]")
    with pytest.raises(RegistryError) as caught:
        registry_of(text)
    assert 'namespace "web" is also in dev, in the same cluster, with other settings' in problems_of(caught.value)


def test_what_does_not_get_the_settings_of_a_team_is_noted() -> None:
    shared = '[namespaces.web]\nteams = ["shop"]\n[apps.web]'
    text = _HUB.replace('namespaces = ["web"]', "namespaces = []").replace("[apps.web]", shared)
    assert any("is shared by shop: it has the settings in this table alone" in note for note in registry_of(text).notes)
    text = _HUB.replace('path = "chart"', 'path = "chart"\nserver = "https://east.example.com"')
    text = text.replace("quota", 'allow = ["destination"]\nquota')
    assert any("web of dev runs in cluster https://east.example.com" in note for note in registry_of(text).notes)


@pytest.mark.parametrize("environments", [frozenset({"prod"}), frozenset({"dev"})])
def test_one_environment_is_written_with_its_namespaces(environments: frozenset[str]) -> None:
    tree = tree_of(TEXT)
    change = compute_changes(tree, build_inventory(tree_of("version = 1\n")), lambda path: None, environments)
    written = {path.split("/")[1] for path in change.added if path.startswith("argo-team-namespaces/")}
    assert written == environments


def test_a_registry_without_settings_has_none_of_it() -> None:
    tree = tree_of(_HUB.replace("quota = { pods = 9 }", ""))
    assert not [path for path in tree.files if "namespaces" in path]
    assert b"teamNamespaces" not in b"".join(tree.files.values())


def test_the_namespaces_of_an_edited_chart_are_no_apps_that_a_publish_would_remove() -> None:
    tree = tree_of(TEXT)
    files = {**tree.files, ".generated.json": build_inventory(tree).to_json_bytes()}

    def read_files(paths: Collection[str]) -> dict[str, bytes]:
        return {path: files[path] for path in paths if path in files}

    folder = ChartFolder("", [path for path in files if is_in_chart(path)], read_files)
    found = find_deployed_applications(folder, {}, overlay_tree(tree, folder))
    assert {key for key in found if key.startswith("dev/")} == {
        f"dev/{name}" for name in ("agent", "billing", "ledger", "probe", "web")
    }
