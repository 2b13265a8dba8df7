"""The steps by which live Applications change their parent, as data."""

from __future__ import annotations

from typing import Any

import pytest

from generator.importing.manifests import Manifest
from generator.importing.takeover import find_parents, find_tracker, list_notes, plan_takeover
from tests.importing import layouts

_ANNOTATION, _LABEL = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"


def live(name: str, parent: str = "", *, by: str = "annotation", resources: Any = ()) -> Manifest:
    body = layouts.application(name)
    body["metadata"]["uid"] = f"uid-{name}"
    if parent and by != "label":
        tracking = f"{parent}:argoproj.io/Application:argocd/{name}"
        body["metadata"]["annotations"] = {_ANNOTATION: tracking}
    if parent and by != "annotation":
        body["metadata"]["labels"] = {_LABEL: parent}
    body["status"] = {"resources": resources}
    return Manifest(body, "dump.yaml", 1)


@pytest.mark.parametrize("by", ["annotation", "label", "annotation+label"])
def test_a_parent_is_found_by_each_way_of_tracking(by: str) -> None:
    (parent,) = find_parents([live("root"), live("web", "root", by=by), live("pay", "root", by=by)])
    assert (parent.name, parent.children) == ("root", ("Application web", "Application pay"))
    assert find_tracker(live("web", "root", by=by).body) == ("root", by != "label")


def test_a_parent_in_another_namespace_is_found() -> None:
    assert find_tracker(live("web", "team-a_root").body)[0] == "root"


def test_files_and_applications_without_a_parent_have_none() -> None:
    plain = Manifest(layouts.application("web") | {"metadata": {"name": "web", "labels": {_LABEL: "root"}}}, "f", 1)
    assert find_parents([plain, live("root"), live("alone"), live("self", "self")]) == []


def test_the_topmost_parent_stops_first_and_no_parent_is_removed_that_deploys_more() -> None:
    resources = [{"kind": "Application", "name": "mid"}, {"kind": "ConfigMap", "name": "settings"}]
    parents = find_parents([live("web", "mid"), live("mid", "top"), live("top", resources=resources)])
    imported = ["Application web", "Application mid"]
    steps = plan_takeover("dev", parents, imported, by_annotation=True)
    titles = [step.title for step in steps]
    assert [title for title in titles if title.startswith("Stop")] == [
        f"Stop the automated sync of the old parent {name}, so that it neither prunes nor reverts"
        for name in ("top", "mid")
    ]
    assert [title for title in titles if title.startswith("Remove")] == [
        "Remove the old parent mid, and not what it deployed"
    ]
    assert "top also deploys ConfigMap settings: it is not removed" in next(list_notes(parents, imported))


def test_the_finalizer_goes_before_the_parent() -> None:
    parents = find_parents([live("root"), live("web", "root")])
    steps = plan_takeover("dev", parents, ["Application web"], by_annotation=False)
    remove = next(step for step in steps if step.title.startswith("Remove"))
    assert ['"finalizers":null' in command for command in remove.commands] == [True, False]
    verify = next(step for step in steps if step.title.startswith("Verify"))
    assert "-l app.kubernetes.io/instance=dev-applications" in verify.check
    assert all(step.if_it_fails and step.if_you_stop_here for step in steps)


def test_what_the_registry_does_not_have_is_named() -> None:
    parents = find_parents([live("root"), live("web", "root"), live("odd", "root")])
    assert [*list_notes(parents, ["Application web"])] == [
        "the registry does not have Application odd: once root is removed, nothing manages them"
    ]


def test_a_parent_that_is_ours_already_is_left_alone() -> None:
    parents = find_parents([live("dev-applications"), live("web", "dev-applications")])
    steps = plan_takeover("dev", parents, ["Application web"], by_annotation=True)
    assert not any("old parent" in step.title for step in steps)
