"""No publish makes Argo CD wait for ever, and none takes a project from an Application that still needs it."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import REVISIONS, Names, tables

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def test_an_app_changes_its_project_and_its_old_project_is_pruned(start_live: StartLive) -> None:
    names = Names()
    live = start_live(tables(names, names.web, dev={"createProjects": True, "apps": [names.web]}), names.prefix)
    before = live.workload(names.web)
    assert before
    live.tables["apps"][names.web]["project"] = names.other
    live.publish()
    live.settle()
    assert live.workload(names.web) == before
    projects = {at.name for at in live.objects() if at.kind == "AppProject"}
    assert projects == {names.other}


def test_the_creation_of_projects_moves_to_another_environment(start_live: StartLive) -> None:
    names = Names()
    own = {"environments": {"test": {"namespace": f"{names.web}-test", "project": names.web}}}
    found = tables(
        names,
        names.web,
        dev={"createProjects": True, "apps": [names.web]},
        test={"nameSuffix": "-test", "apps": [names.web]},
    )
    found["apps"][names.web] |= own
    live = start_live(found, names.prefix)
    before = live.workload(names.web), live.workload(f"{names.web}-test")
    assert all(before)
    del live.tables["environments"]["dev"]["createProjects"]
    live.tables["environments"]["test"]["createProjects"] = True
    live.publish()
    live.settle()
    live.tables["apps"][names.web]["targetRevision"] = REVISIONS[1]
    live.publish()
    live.settle()
    assert (live.workload(names.web), live.workload(f"{names.web}-test")) == before
    assert {at.name for at in live.objects() if at.kind == "AppProject"} == {names.web}


@pytest.mark.parametrize("in_other_environment", [False, True])
def test_a_project_that_others_use_permits_the_deletion_of_a_removed_workload(
    start_live: StartLive, in_other_environment: bool
) -> None:
    names = Names()
    found = tables(
        names,
        names.web,
        names.shop,
        dev={"createProjects": True, "apps": [names.shop] if in_other_environment else [names.web, names.shop]},
        test={"nameSuffix": "-test", "apps": [names.web] if in_other_environment else []},
    )
    for app in found["apps"].values():
        app["project"] = names.shared
    live = start_live(found, names.prefix)
    before = live.workload(names.shop)
    assert live.workload(names.web)
    (environment,) = (name for name, table in live.tables["environments"].items() if names.web in table["apps"])
    live.tables["environments"]["test"]["apps"].append(names.shop)  # An environment's last app would stay.
    live.tables["apps"][names.shop]["environments"] = {"test": {"namespace": f"{names.shop}-test"}}
    live.tables["environments"][environment]["apps"].remove(names.web)
    live.publish()
    live.settle()
    assert live.workload(names.web) == {}
    assert live.workload(names.shop) == before
    granted = [destination["namespace"] for destination in live.project(names.shared)["spec"]["destinations"]]
    assert names.web in granted
    live.tables["apps"][names.shop]["targetRevision"] = REVISIONS[1]
    live.publish()
    live.settle()
    assert live.workload(names.shop) == before


def test_an_app_leaves_the_environment_that_creates_its_project(start_live: StartLive) -> None:
    names = Names()
    found = tables(
        names,
        names.web,
        names.shop,
        dev={"createProjects": True, "apps": [names.web, names.shop]},
        test={"nameSuffix": "-test", "apps": [names.web]},
    )
    found["apps"][names.web] |= {"environments": {"test": {"namespace": f"{names.web}-test", "project": names.web}}}
    live = start_live(found, names.prefix)
    before = live.workload(f"{names.web}-test")
    live.tables["environments"]["dev"]["apps"].remove(names.web)
    assert "no chart creates project" in live.refused()
    live.tables["apps"][names.web]["environments"]["test"]["createProject"] = True
    live.publish()
    live.settle()
    assert live.workload(names.web) == {}
    assert live.workload(f"{names.web}-test") == before
    assert not [text for text in live.conditions().values() if "InvalidSpec" in text]


def test_a_project_that_nobody_uses_any_more_stays_and_its_parent_is_synced(start_live: StartLive) -> None:
    names = Names()
    found = tables(
        names,
        names.web,
        names.shop,
        dev={"createProjects": True, "apps": [names.web, names.shop]},
        test={"nameSuffix": "-test", "apps": [names.web, names.shop]},
    )
    for app in (names.web, names.shop):
        found["apps"][app] |= {"environments": {"test": {"namespace": f"{app}-test", "project": app}}}
    live = start_live(found, names.prefix)
    for table in live.tables["environments"].values():
        table["apps"].remove(names.web)
    live.publish()
    live.settle()
    assert live.workload(names.web) == live.workload(f"{names.web}-test") == {}
    assert live.project(names.web)
    assert live.application(names.parent + "-dev")["status"]["sync"]["status"] == "Synced"


def test_a_confirmed_deletion_waits_on_the_parent(start_live: StartLive) -> None:
    names = Names()
    live = start_live(
        tables(names, names.web, names.shop, dev={"createProjects": True, "apps": [names.web, names.shop]}),
        names.prefix,
    )
    environment, parent = live.tables["environments"]["dev"], f"{names.parent}-dev"
    environment["policy"] = {"maxRemovals": 9, "confirmDeletion": True}
    environment["retired"] = {names.web: "2026-11-28 it moves"}
    live.publish()
    live.settle()
    workload = live.workload(names.web)
    done = live.run("remove", names.web, "--in", "dev", "--synced", "--publish")
    assert "argocd.argoproj.io/deletion-approved=" in done.out + done.err
    live.pull()
    live.wait_until(lambda: live.application(parent)["status"]["operationState"]["phase"] == "Running")
    assert live.application(names.web)
    live.approve_deletions(parent)
    live.settle()
    assert ("Application", names.web) not in {(at.kind, at.name) for at in live.objects()}
    assert live.workload(names.web) == workload
