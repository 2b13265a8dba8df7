"""The generated objects on a live cluster with Argo CD's CRDs: what its API server says of them.

`pytest -m cluster --kubeconfig=FILE`, or KUBECONFIG, names the cluster; everything is a server-side dry run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generator.charts.layout import Chart, group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.helm import engine as helm
from generator.registry.reader import read_registry

_SAMPLE = Path(__file__).parents[2] / "apps.toml"

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test_the_api_server_takes_every_object_of_the_sample(cluster: Any, environment: str) -> None:
    registry = read_registry(_SAMPLE)
    objects = helm.render_chart(group_by_chart(render_plan(plan_charts(registry)).files)[Chart(environment)])
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})

    accepted = cluster.kubectl("apply --dry-run=server --validate=strict", std_input=listed)

    assert {(item["kind"], item["metadata"]["name"]) for item in accepted} == {
        (item["kind"], item["metadata"]["name"]) for item in objects
    }
