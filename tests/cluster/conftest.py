"""A live cluster, where one is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.live_registry import Clusters, LiveRegistry, write_app_charts
from tests.git.remotes import Web, web_serving

#: The variable with the address under which Argo CD reaches this machine.
ARGOCD_HOST = "WORKLOADS_TEST_ARGOCD"
#: Publishes a registry, whose names begin with a prefix.
StartLive = Callable[[dict[str, Any], str], LiveRegistry]


@pytest.fixture(scope="module")
def cluster(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Any:
    """A cluster that has Argo CD's CRDs; skips, with the reason, where there is none."""
    if not (pytestconfig.getoption("kubeconfig") or os.environ.get("KUBECONFIG")):
        pytest.skip("no cluster: neither --kubeconfig nor KUBECONFIG names one")
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl on PATH")
    found = request.getfixturevalue("kube_cluster")
    names = {crd["metadata"]["name"] for crd in found.kubectl("get crd")}
    if not {"applications.argoproj.io", "appprojects.argoproj.io"} <= names:
        pytest.skip("the cluster has no Argo CD CRDs")
    return found


@pytest.fixture
def start_live(cluster: Any, tmp_path: Path, home: Path) -> Iterator[StartLive]:
    """Publish a registry to a live Argo CD; everything is taken out of the clusters afterwards.

    Skips where no Argo CD reaches this machine.
    """
    host = os.environ.get(ARGOCD_HOST)
    if not host:
        pytest.skip(f"no Argo CD: {ARGOCD_HOST} names no address under which it reaches this machine")
    clusters = Clusters.from_environment(cluster.kube_config_path)
    folder, started = tmp_path / "repositories", []
    folder.mkdir()
    with web_serving(Web(), folder, host) as url:
        write_app_charts(folder / "apps.git")

        def start(tables: dict[str, Any], prefix: str) -> LiveRegistry:
            live = LiveRegistry(clusters, folder, url, prefix, tables)
            started.append(live)
            live.start()
            return live

        try:
            yield start
        finally:
            for live in started:
                live.stop()
