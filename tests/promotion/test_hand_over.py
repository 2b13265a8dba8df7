"""Apps that come into another chart, in a model of what Argo CD does with the charts that are published.

The model has what decides about deletion (argo-cd: gitops-engine's sync and the controller's finalizers): an object
belongs to the Application that applied it last; an Application prunes what is its own and not in its source any more,
unless the live object says Prune=false; deleting an Application with the cascading finalizer deletes what is its
own, unless that says Delete=false; one without it leaves everything there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.charts.layout import group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.helm.environment_objects import render_environment_objects
from generator.promotion.resharding import ShardSetting, build_resharding_step
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from generator.registry.shards import shard_application_name
from tests.workspace import AUDIT, onboarded

Key = tuple[str, str]
Charts = dict[str, dict[Key, dict[str, Any]]]
_ROOT = "bootstrap"
_REGISTRY = onboarded(
    'version = 1\n\n[workloads]\nrepository = "https://github.com/acme/workloads.git"\n\n'
    '[environments.dev]\nlabels = { env = "dev" }\ncreateProjects = true\napps = [\n  "billing",\n  "ledger",\n]\n\n'
    '[teams.payments]\nrepositories = ["https://github.com/acme/"]\nnamespaces = ["billing", "ledger"]\n\n'
    '[apps.billing]\nteam = "payments"\nrepoURL = "https://github.com/acme/billing.git"\npath = "chart"\n\n'
    '[apps.ledger]\nteam = "payments"\nrepoURL = "https://github.com/acme/ledger.git"\npath = "chart"\n'
)
APPS = {"audit", "billing", "ledger"}


def book_of(text: str) -> EditableRegistry:
    return read_editable_registry(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


def published(book: EditableRegistry) -> dict[str, Any]:
    return dict(render_plan(plan_charts(book.registry)).applications)


def charts_of(book: EditableRegistry) -> Charts:
    """The objects of each source, by the Application that has it."""
    files = group_by_chart(render_plan(plan_charts(book.registry)).files)
    found = {}
    for chart, items in render_environment_objects(files, "dev"):
        owner = shard_application_name("dev", chart.shard) if chart.shard else _ROOT
        found[owner] = {(item["kind"], item["metadata"]["name"]): item for item in items}
    return found


@dataclass
class ArgoCD:
    """What lives in the cluster: objects with their owners, and the workloads of the apps."""

    live: dict[Key, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    workloads: set[str] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)

    def sync(self, owner: str, charts: Charts, *, prune_first: bool = True) -> None:
        """One Application syncs; where its source is not there any more, Argo CD does nothing but complain.

        What is pruned may go before what is new comes: waves are turned round for it.
        """
        if owner not in charts or (owner != _ROOT and ("Application", owner) not in self.live):
            return
        steps: list[Callable[[str, Charts], None]] = [self._prune, self._apply]
        for step in steps if prune_first else reversed(steps):
            step(owner, charts)

    def _apply(self, owner: str, charts: Charts) -> None:
        for key, item in charts[owner].items():
            self.live[key] = owner, item
            if key[0] == "Application" and key[1] in APPS:
                self.workloads.add(key[1])

    def _prune(self, owner: str, charts: Charts) -> None:
        for key, (of, item) in list(self.live.items()):
            # What goes may have taken others with it.
            if of == owner and key in self.live and key not in charts[owner] and "Prune=false" not in _options(item):
                self.delete(key)

    def delete(self, key: Key) -> None:
        _, item = self.live.pop(key)
        if key[0] != "Application" or not item["metadata"].get("finalizers"):
            return
        if key[1] in APPS:
            self.workloads.discard(key[1])
            self.deleted.append(key[1])
        for other, (of, below) in list(self.live.items()):
            if of == key[1] and "Delete=false" not in _options(below):
                self.delete(other)

    def settle(self, charts: Charts) -> None:
        for _ in range(3):
            for owner in [_ROOT, *sorted(charts)]:
                self.sync(owner, charts)


def _options(item: dict[str, Any]) -> str:
    return str(item["metadata"]["annotations"].get("argocd.argoproj.io/sync-options", ""))


def steps(book: EditableRegistry, by: ShardSetting) -> list[EditableRegistry]:
    """Every state that the command publishes until there is nothing left to do."""
    found = [book]
    for _ in range(4):
        edited = build_resharding_step(found[-1], "dev", by, published(found[-1]))
        if edited.editable is found[-1]:
            return found
        found.append(edited.editable.revalidate())
    raise AssertionError("there is no end to it")


FORMS: list[ShardSetting] = [None, "team", 2, 3]


def start(by: ShardSetting) -> EditableRegistry:
    text = (
        _REGISTRY
        if by is None
        else _REGISTRY.replace("[environments.dev]\n", f"[environments.dev]\nshards = {_toml(by)}\n")
    )
    return book_of(text)


def _toml(by: ShardSetting) -> str:
    return f'"{by}"' if isinstance(by, str) else str(by)


@settings(max_examples=80, deadline=None)
@given(
    before=st.sampled_from(FORMS),
    after=st.sampled_from(FORMS),
    orders=st.lists(st.lists(st.integers(0, 11), max_size=8), min_size=4, max_size=4),
    at_once=st.booleans(),
)
def test_in_three_steps_nothing_is_deleted_in_whatever_order_argo_cd_syncs(
    before: ShardSetting, after: ShardSetting, orders: list[list[int]], at_once: bool
) -> None:
    cluster = ArgoCD()
    states = [charts_of(book) for book in steps(start(before), after)]
    assert len(states) in (1, 4) or before == after
    if at_once:
        del states[-2:-1]  # The guard lets who edits by hand end the hand-over with the move.
    cluster.settle(states[0])
    for charts, order in zip(states[1:], orders, strict=False):
        owners = [
            _ROOT,
            *sorted({*charts, *(key[1] for key in cluster.live if key[1].startswith("dev-applications-"))}),
        ]
        for number in order:
            cluster.sync(owners[number % len(owners)], charts)
        cluster.settle(charts)
        assert cluster.deleted == []
        assert cluster.workloads == APPS
    assert {key for key in cluster.live if key[0] == "Application"} == {
        key for items in states[-1].values() for key in items if key[0] == "Application"
    }
    assert all(item == states[-1][owner][key] for key, (owner, item) in cluster.live.items())


@pytest.mark.parametrize(("before", "after"), [(None, "team"), ("team", None)])
def test_without_the_hand_over_workloads_are_deleted(before: ShardSetting, after: ShardSetting) -> None:
    cluster = ArgoCD()
    cluster.settle(charts_of(start(before)))
    cluster.sync(_ROOT, charts_of(start(after)))
    assert set(cluster.deleted) == APPS


def test_an_environment_that_is_not_published_takes_one_step() -> None:
    edited = build_resharding_step(start(None), "dev", "team", {})
    assert edited.editable.revalidate().registry.environments["dev"].shards == "team"
    assert edited.editable.revalidate().registry.environments["dev"].hand_over is False


def test_an_app_that_goes_with_its_shard_is_deleted_as_named() -> None:
    cluster = ArgoCD()
    cluster.settle(charts_of(start("team")))
    without = book_of(start("team").documents["apps.toml"].text.replace('  "audit",\n', "").replace(AUDIT, ""))
    cluster.settle(charts_of(without))
    assert cluster.deleted == ["audit"]
    assert ("Application", "dev-applications-audit") not in cluster.live
