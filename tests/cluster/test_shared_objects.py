"""What several apps or environments share: one namespace, an emptied chart, and Namespaces that charts contain."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import LiveRegistry, Names, tables
from tests.workspace import Done, spawn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def _config_map(name: str, value: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}


def _check(live: LiveRegistry) -> Done:
    live.write()
    return spawn("check", cwd=live.work)


def _start_in_one_namespace(start_live: StartLive, names: Names, **fields: Any) -> LiveRegistry:
    """An app in two environments, which deploy it into one namespace of one cluster."""
    found = tables(
        names,
        names.web,
        names.shop,
        dev={"createProjects": True, "apps": [names.web, names.shop]},
        test={"nameSuffix": "-test", "apps": [names.web]},
    )
    found["apps"][names.web] |= {"environments": {"test": {"project": names.web}}, **fields}
    return start_live(found, names.prefix)


def test_one_namespace_is_no_clash_where_names_contain_the_release(start_live: StartLive) -> None:
    names = Names()
    live = _start_in_one_namespace(start_live, names)
    kept = {f"{names.web}-test-limits", f"{names.web}-test-settings"}
    assert set(live.workload(names.web)) == {f"{names.web}-limits", f"{names.web}-settings", *kept}
    assert "SharedResourceWarning" not in str(live.conditions())
    live.tables["environments"]["dev"]["apps"].remove(names.web)
    live.tables["apps"][names.web]["environments"]["test"]["createProject"] = True
    live.publish()
    live.settle()
    assert set(live.workload(names.web)) == kept


def test_environments_in_one_namespace_overwrite_and_delete_objects_without_the_release(start_live: StartLive) -> None:
    names = Names()
    live = _start_in_one_namespace(start_live, names)
    live.add_chart("v3.0.0", _config_map("shared", "3"))
    live.add_chart("v4.0.0", _config_map("shared", "4"))
    app = live.tables["apps"][names.web]
    app.update(path="extra", targetRevision="v3.0.0")
    app["environments"]["test"]["targetRevision"] = "v4.0.0"
    assert "has the same cluster and namespace as in test" in _check(live).err
    live.publish()
    both = {names.web, f"{names.web}-test"}
    live.wait_until(lambda: any("SharedResourceWarning" in live.conditions().get(name, "") for name in both))
    owners: set[str] = set()
    for _ in range(2):
        live.sync_with_prune(names.web)
        live.wait_until(lambda: live.config_map(names.web, "shared")["data"] == {"value": "3"})
        owners.add(live.config_map(names.web, "shared")["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"])
        live.sync_with_prune(f"{names.web}-test")
        live.wait_until(lambda: live.config_map(names.web, "shared")["data"] == {"value": "4"})
        owners.add(live.config_map(names.web, "shared")["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"])
    assert {owner.partition(":")[0] for owner in owners} == both
    # The last to sync is the one that is removed, and takes the object that the other one runs along.
    live.tables["environments"]["test"]["apps"] = [names.shop]
    live.tables["apps"][names.shop]["environments"] = {"test": {"namespace": f"{names.shop}-test"}}
    live.publish()
    live.wait_until(lambda: f"{names.web}-test" not in {at.name for at in live.objects()})
    live.wait_until(lambda: live.workload(names.web) == {})


def test_plain_manifests_in_one_namespace_are_refused(start_live: StartLive) -> None:
    names = Names()
    live = _start_in_one_namespace(start_live, names)
    live.tables["apps"][names.web]["directory"] = {"recurse": True}
    assert "same" in live.refused()


def test_the_last_app_of_an_environment_runs_until_somebody_syncs_with_prune(start_live: StartLive) -> None:
    names = Names()
    live = start_live(tables(names, names.web, dev={"createProjects": True, "apps": [names.web]}), names.prefix)
    parent, before = f"{names.parent}-dev", live.workload(names.web)
    live.tables["environments"]["dev"]["apps"] = []
    live.write()
    told = spawn("diff", cwd=live.work).out
    assert "the chart of dev is empty: Argo CD refuses to delete all objects" in told
    live.publish("--allow-removal", f"dev/{names.web}", "--confirm-removals", "dev=1")
    live.wait_until(lambda: "auto-sync will wipe out all resources" in live.conditions().get(parent, ""))
    assert live.workload(names.web) == before
    assert live.application(parent)["spec"]["syncPolicy"]["automated"].get("allowEmpty") is None
    live.sync_with_prune(parent)
    live.wait_until(lambda: live.objects() == {})


def test_the_chart_of_a_team_cannot_take_the_namespace_of_another(start_live: StartLive) -> None:
    names = Names()
    live = start_live(
        tables(names, names.web, names.shop, dev={"createProjects": True, "apps": [names.web, names.shop]}),
        names.prefix,
    )
    other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names.shop}}
    own = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names.web}}
    live.add_chart("v3.0.0", _config_map("settings", "3"), other)
    live.add_chart("v4.0.0", _config_map("settings", "4"), own)
    live.add_chart("v5.0.0", _config_map("settings", "5"))
    app = live.tables["apps"][names.web]
    app.update(path="extra", targetRevision="v3.0.0", syncPolicy={"syncOptions": ["CreateNamespace=true"]})
    live.publish()
    refused = f"resource :Namespace is not permitted in project {names.web}"
    live.wait_until(lambda: refused in str(live.application(names.web)["status"].get("operationState", {})))
    live.tables["apps"][names.web]["targetRevision"] = "v5.0.0"
    live.publish()
    live.wait_until(lambda: live.config_map(names.web, "settings").get("data") == {"value": "5"})
    assert live.namespace_exists(names.shop)
    assert live.workload(names.shop)


def test_before_argo_cd_3_3_create_namespace_would_permit_every_namespace(start_live: StartLive) -> None:
    names = Names()
    found = tables(names, names.web, names.shop, dev={"createProjects": True, "apps": [names.web, names.shop]})
    found["argocd"] = {"version": "3.2"}
    live = start_live(found, names.prefix)
    other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names.shop}}
    live.add_chart("v3.0.0", _config_map("settings", "3"), other)
    live.add_chart("v4.0.0", _config_map("settings", "4"))
    app = live.tables["apps"][names.web]
    app.update(path="extra", targetRevision="v3.0.0", syncPolicy={"syncOptions": ["CreateNamespace=true"]})
    assert "create-namespace" in live.refused()
    live.tables["teams"]["red"]["allow"].append("create-namespace")
    live.publish()
    live.wait_until(lambda: live.config_map(names.web, "settings").get("data") == {"value": "3"})
    assert live.namespace_exists(names.shop)
    live.tables["apps"][names.web]["targetRevision"] = "v4.0.0"
    live.publish()
    live.wait_until(lambda: not live.namespace_exists(names.shop))
