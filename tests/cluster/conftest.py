"""A live cluster, where one is named."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest


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
