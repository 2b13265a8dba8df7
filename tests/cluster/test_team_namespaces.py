"""The namespaces of a team have their quota and access when the first app syncs, and stay when it leaves."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import REVISIONS, Clusters, LiveRegistry

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
#: Every namespace has one ConfigMap of its own, so an app cannot create any.
_SETTINGS = {
    "quota": {"configmaps": 1, "requests.cpu": "4", "count/deployments.apps": 9},
    "limits": [{"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}}],
    "access": {"view": ["readers"], "edit": ["developers"]},
    "networkPolicy": "deny-all",
    "namespaceLabels": {"pod-security.kubernetes.io/enforce": "restricted"},
}
_KINDS = {"resourcequota": "team-quota", "limitrange": "team-limits", "networkpolicy": "team-default-deny"}


def _tables(prefix: str, **environment: Any) -> dict[str, Any]:
    web, shop = f"{prefix}-web", f"{prefix}-shop"
    return {
        "version": 1,
        "allowSchemes": ["http"],
        "environments": {
            f"{prefix}-dev": {"createProjects": True, "apps": [web, shop], "policy": {"maxRemovals": 9}, **environment},
        },
        "teams": {"red": {"namespaces": [web], **_SETTINGS}},
        # Nobody creates this one beforehand.
        "namespaces": {shop: {"teams": ["red"], **_SETTINGS}},
        "defaults": {"syncPolicy": {"automated": {"prune": True}, "retry": {"limit": 3}}},
        "apps": {app: {"team": "red", "path": "chart", "targetRevision": REVISIONS[0]} for app in (web, shop)},
    }


@contextmanager
def _deleted_afterwards(clusters: Clusters, namespace: str) -> Iterator[None]:
    try:
        yield
    finally:
        clusters.kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


def _refused_by_quota(live: LiveRegistry, app: str) -> bool:
    return "exceeded quota: team-quota" in str(live.application(app).get("status", {}).get("operationState", {}))


@pytest.mark.parametrize("divided", [{}, {"shards": 2}], ids=["one chart", "shards"])
def test_settings_are_in_force_when_the_first_app_syncs(
    start_live: StartLive, cluster: Any, divided: dict[str, Any]
) -> None:
    prefix, clusters = f"w{secrets.token_hex(3)}", Clusters.from_environment(cluster.kube_config_path)
    web, shop, environment = f"{prefix}-web", f"{prefix}-shop", f"{prefix}-dev"
    clusters.kubectl("create", "namespace", web)
    clusters.kubectl("label", "namespace", web, "cost-center=42")
    with _deleted_afterwards(clusters, shop):
        live = start_live(_tables(prefix, **divided), prefix)
        live.wait_until(lambda: _refused_by_quota(live, web) and _refused_by_quota(live, shop))
        for namespace in (web, shop):
            found = {item["metadata"]["name"] for item in clusters.items("configmaps", "-n", namespace)}
            assert found == {"kube-root-ca.crt"}
            for kind, name in _KINDS.items():
                clusters.kubectl("get", kind, name, "-n", namespace)
            bindings = {item["metadata"]["name"] for item in clusters.items("rolebindings", "-n", namespace)}
            assert bindings == {"team-edit", "team-view"}
        (labels,) = (
            item["metadata"]["labels"] for item in clusters.items("namespaces") if item["metadata"]["name"] == web
        )
        assert labels.items() >= {"cost-center": "42", "pod-security.kubernetes.io/enforce": "restricted"}.items()

        for settings in (live.tables["teams"]["red"], live.tables["namespaces"][shop]):
            settings["quota"] = {"configmaps": 20}
        live.tables["apps"][web]["targetRevision"] = live.tables["apps"][shop]["targetRevision"] = REVISIONS[1]
        live.publish()
        live.settle()
        assert live.workload(web)

        # The namespace of shop leaves the chart, and the team of web loses its access.
        live.tables["environments"][environment]["apps"].remove(shop)
        del live.tables["teams"]["red"]["access"]
        live.publish()
        live.settle()
        names = {item["metadata"]["name"] for item in clusters.items("namespaces")}
        assert {web, shop} <= names
        live.wait_until(lambda: not any(clusters.items("rolebindings", "-n", each) for each in (web, shop)))
        application = live.application(f"{environment}-applications-team-namespaces")
        assert application["status"]["sync"]["status"] == "Synced"
        assert not application["status"].get("conditions")
