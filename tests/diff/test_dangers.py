"""The danger model, row by row: what Argo CD really does with a change."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from generator.diff.compare import compare_objects, index_objects
from generator.diff.context import EnvironmentContext
from generator.diff.dangers import find_dangers, find_remark

Item = dict[str, Any]
_FINALIZER = "resources-finalizer.argocd.argoproj.io"


def application(name: str = "cart", project: str = "cart", namespace: str = "cart") -> Item:
    return {
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "finalizers": [_FINALIZER]},
        "spec": {
            "project": project,
            "source": {"repoURL": f"https://github.com/acme/{name}.git", "path": "deploy", "targetRevision": "v1.0.0"},
            "destination": {"server": "https://one.example.com", "namespace": namespace},
            "syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=false"]},
        },
    }


def project(name: str = "cart", *namespaces: str, repositories: tuple[str, ...] = (), **spec: Any) -> Item:
    places = [{"server": "https://one.example.com", "namespace": each} for each in namespaces or ("cart",)]
    urls = [f"https://github.com/acme/{each}.git" for each in repositories or ("cart",)]
    return {
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": "argocd", "finalizers": [_FINALIZER]},
        "spec": {"destinations": places, "sourceRepos": urls, **spec},
    }


def dangers(before: list[Item], after: list[Item], **context: Any) -> dict[str, list[str]]:
    """The dangers of each object by its kind and name, and its remark."""
    old, new = index_objects(before), index_objects(after)
    apps = {key: key.name for key in (*old, *new) if key.kind == "Application"}
    known = EnvironmentContext(old, new, **context)
    found = {}
    for each in compare_objects(old, new, apps, apps):
        names = [danger.name for danger in find_dangers(each, known)]
        found[f"{each.key.kind} {each.key.name}"] = [*names, *filter(None, [find_remark(each, known)])]
    return {name: said for name, said in found.items() if said}


def changed(item: Item, change: Callable[[Item], Any]) -> Item:
    other = copy.deepcopy(item)
    change(other)
    return other


def test_a_removed_application_deletes_its_workload() -> None:
    assert dangers([application(), project()], []) == {"Application cart": ["deletes-workload"]}


@pytest.mark.parametrize("option", ["", "Delete=false"])
def test_a_removed_application_that_nobody_retired_may_leave_its_workload(option: str) -> None:
    item = application()
    if option:
        item["metadata"]["annotations"] = {"argocd.argoproj.io/sync-options": option}
    else:
        del item["metadata"]["finalizers"]
    assert dangers([item], []) == {"Application cart": ["orphans-workload"]}


def test_removing_a_retired_application_is_no_danger() -> None:
    item = application()
    del item["metadata"]["finalizers"]
    found = dangers([item], [], retired_before=frozenset({"cart"}))
    assert found == {"Application cart": ["was retired: its workload stays"]}


def test_retiring_is_no_danger_and_is_called_so() -> None:
    def retire(item: Item) -> None:
        del item["metadata"]["finalizers"]
        item["spec"]["syncPolicy"]["automated"]["prune"] = False

    found = dangers([application()], [changed(application(), retire)], retired_after=frozenset({"cart"}))
    assert [text.partition(":")[0] for text in found["Application cart"]] == ["retires"]


def test_an_application_removed_from_a_project_that_narrows_with_it_leaves_its_workload() -> None:
    both, left = project("shop", "cart", "menu"), project("shop", "menu")
    menu = application("menu", "shop", "menu")
    found = dangers([application("cart", "shop"), menu, both], [menu, left])
    assert found == {"Application cart": ["orphans-workload"]}
    assert dangers([application("cart", "shop"), menu, both], [menu, both]) == {
        "Application cart": ["deletes-workload"]
    }


def test_a_confirmed_deletion_says_what_it_waits_for() -> None:
    item = application()
    item["metadata"]["annotations"] = {"argocd.argoproj.io/sync-options": "Delete=confirm,Prune=confirm"}
    danger, remark = dangers([item], [])["Application cart"]
    assert danger == "deletes-workload"
    assert "argocd.argoproj.io/deletion-approved" in remark


@pytest.mark.parametrize("field", ["name", "namespace"])
def test_another_name_or_argo_cd_namespace_recreates(field: str) -> None:
    old, new = (
        index_objects([application()]),
        index_objects([changed(application(), lambda item: item["metadata"].update({field: "other"}))]),
    )
    apps = [dict.fromkeys(side, "cart") for side in (old, new)]
    (difference,) = compare_objects(old, new, *apps)
    assert [danger.name for danger in find_dangers(difference, EnvironmentContext(old, new))] == ["recreates-workload"]


def test_another_cluster_orphans_the_workload() -> None:
    moved = changed(application(), lambda item: item["spec"].update(destination={"name": "two", "namespace": "cart"}))
    assert dangers([application()], [moved]) == {"Application cart": ["orphans-workload"]}


def test_another_namespace_orphans_the_workload_where_its_own_project_follows() -> None:
    found = dangers([application(), project()], [application(namespace="basket"), project("cart", "basket")])
    assert found == {"Application cart": ["orphans-workload"]}


def test_another_namespace_recreates_where_the_project_permits_both_and_prune_is_on() -> None:
    both = project("cart", "cart", "basket")
    moved = application(namespace="basket")
    assert dangers([application(), both], [moved, both]) == {"Application cart": ["recreates-workload"]}
    unpruned = changed(moved, lambda item: item["spec"].update(syncPolicy={}))
    assert dangers([application(), both], [unpruned, both]) == {"Application cart": ["orphans-workload"]}


def test_another_project_is_applied_in_place() -> None:
    kept = changed(project(), lambda item: item["metadata"].update(annotations={
        "argocd.argoproj.io/sync-options": "PruneLast=true"}))  # fmt: skip
    found = dangers([application(), kept], [application(project="money"), project("money")])
    assert found == {"Application cart": ["the project changes in place: the workload keeps running"]}


def test_a_project_that_goes_in_the_sync_that_moves_its_last_app_is_a_danger() -> None:
    found = dangers([application(), project()], [application(project="money"), project("money")])
    assert found["AppProject cart"] == ["deletes-project-in-use"]


def test_another_project_that_permits_more_is_a_widening() -> None:
    both = [project(), project("money", "cart", "bank")]
    found = dangers([application(), *both], [application(project="money"), *both])
    assert found["Application cart"][0] == "widens-project"


@pytest.mark.parametrize("users", [{}, {"cart": ("test/cart",)}])
def test_a_deleted_project_that_is_used_is_a_danger(users: dict[str, tuple[str, ...]]) -> None:
    left = [] if users else [application()]
    before = [*left, project()]
    assert dangers(before, left, other_users=users) == {"AppProject cart": ["deletes-project-in-use"]}


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item["spec"]["source"].update(path="charts"),
        lambda item: item["spec"]["source"].update(repoURL="https://github.com/acme/other.git"),
        lambda item: item["spec"]["source"].update(directory={"recurse": True}),
        lambda item: item["spec"]["source"].update(helm={"releaseName": "other"}),
        lambda item: item["spec"]["source"].update(kustomize={"namePrefix": "x-"}),
        lambda item: item["spec"].update(sources=[{**item["spec"].pop("source"), "path": "charts"}]),
    ],
    ids=["path", "repoURL", "tool", "releaseName", "namePrefix", "sources"],
)
def test_another_source_may_delete_with_prune_on(change: Callable[[Item], Any]) -> None:
    assert dangers([application()], [changed(application(), change)]) == {"Application cart": ["may-delete-resources"]}
    by_hand = changed(application(), lambda item: item["spec"].update(syncPolicy={}))
    assert dangers([by_hand], [changed(by_hand, change)]) == {}


def test_the_default_release_name_written_out_is_no_other_source() -> None:
    named = changed(application(), lambda item: item["spec"]["source"].update(helm={"releaseName": "cart"}))
    assert dangers([application()], [named]) == {}


@pytest.mark.parametrize(
    ("automated", "said"), [({}, "new commits are deployed without a review"), (None, "each sync by hand deploys")]
)
def test_a_branch_is_deployed_by_whoever_syncs(automated: Item | None, said: str) -> None:
    before = changed(application(), lambda item: item["spec"].update(syncPolicy={"automated": automated}))
    after = changed(before, lambda item: item["spec"]["source"].update(targetRevision="main"))
    objects = index_objects([before]), index_objects([after])
    (difference,) = compare_objects(*objects, {}, {})
    (danger,) = find_dangers(difference, EnvironmentContext(*objects))
    assert said in danger.text


def test_a_source_beside_the_one_that_stays_deletes_nothing() -> None:
    def add_source(item: Item) -> None:
        item["spec"]["sources"] = [item["spec"].pop("source"), {"repoURL": "https://github.com/acme/values.git"}]

    assert dangers([application()], [changed(application(), add_source)]) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item["spec"]["source"].update(repoURL="https://github.com/Acme/Cart"),
        lambda item: item["spec"]["source"].update(helm={"values": "replicas: 2"}),
        lambda item: item["spec"]["source"].update(targetRevision="v1.1.0"),
    ],
    ids=["same repository", "values", "revision"],
)
def test_the_same_source_is_no_danger(change: Callable[[Item], Any]) -> None:
    assert dangers([application()], [changed(application(), change)]) == {}


@pytest.mark.parametrize(
    ("policy", "count"),
    [
        ({"automated": {"prune": False}}, 1),
        ({"automated": {"prune": True}}, 2),
        ({"automated": {"selfHeal": True}}, 2),
        ({"automated": {"allowEmpty": True}}, 2),
        ({"syncOptions": ["Replace=true"]}, 1),
        ({"syncOptions": ["Force=true"]}, 1),
        ({"automated": {"enabled": False, "prune": True}}, 0),
        ({"syncOptions": ["ApplyOutOfSyncOnly=true"]}, 0),
    ],
)
def test_what_argo_cd_begins_to_do_by_itself_is_a_danger(policy: Item, count: int) -> None:
    by_hand = changed(application(), lambda item: item["spec"].update(syncPolicy={}))
    after = changed(application(), lambda item: item["spec"].update(syncPolicy=policy))
    found = dangers([by_hand], [after])
    assert found == ({"Application cart": ["turns-on-automation"] * count} if count else {})
    assert dangers([after], [after]) == {}


@pytest.mark.parametrize("revision", ["main", "HEAD", "1.x", "refs/heads/v1.0.0"])
def test_a_branch_or_range_where_a_pin_was_is_a_danger(revision: str) -> None:
    after = changed(application(), lambda item: item["spec"]["source"].update(targetRevision=revision))
    assert dangers([application()], [after]) == {"Application cart": ["follows-branch"]}
    assert dangers([after], [application()]) == {}


def test_a_word_is_a_tag_only_for_the_source_that_the_pin_sets() -> None:
    after = changed(application(), lambda item: item["spec"]["source"].update(targetRevision="stable"))
    url = application()["spec"]["source"]["repoURL"]
    assert dangers([application()], [after], pinned_after=frozenset({("cart", url)})) == {}
    pinned = frozenset({("cart", "https://github.com/acme/values.git")})
    assert dangers([application()], [after], pinned_after=pinned) == {"Application cart": ["follows-branch"]}


def test_a_branch_in_an_environment_of_pins_is_a_danger_also_for_a_new_app() -> None:
    after = changed(application(), lambda item: item["spec"]["source"].update(targetRevision="main"))
    assert dangers([], [after], pin="tag") == {"Application cart": ["follows-branch"]}
    assert dangers([], [after]) == {}


def test_an_added_environment_raises_no_alarm() -> None:
    assert dangers([], [application(), project()]) == {}


def test_a_project_of_one_app_may_follow_it() -> None:
    moved = application("cart", "cart", "basket")
    moved["spec"]["source"]["repoURL"] = "https://github.com/acme/basket.git"
    found = dangers([application(), project()], [moved, project("cart", "basket", repositories=("basket",))])
    assert "AppProject cart" not in found


def test_a_shared_project_that_gains_a_namespace_is_widened_for_its_other_apps() -> None:
    before = [application("cart", "shop"), project("shop", "cart")]
    after = [application("cart", "shop"), application("menu", "shop", "menu"), project("shop", "cart", "menu")]
    assert dangers(before, after) == {"AppProject shop": ["widens-project"]}


def test_a_shared_project_that_follows_all_its_apps_to_another_cluster_is_not_widened() -> None:
    before = [application("cart", "shop"), application("menu", "shop", "menu"), project("shop", "cart", "menu")]
    moved = [changed(item, lambda each: each["spec"]["destination"].update(server="two")) for item in before[:2]]
    both = [{"server": "two", "namespace": each} for each in ("cart", "menu")]
    found = dangers(before, [*moved, changed(before[2], lambda item: item["spec"].update(destinations=both))])
    assert "AppProject shop" not in found


def test_a_project_that_loses_what_an_app_uses_is_narrowed() -> None:
    found = dangers([application(), project()], [application(), project("cart", "other")])
    assert sorted(found["AppProject cart"]) == ["narrows-project", "widens-project"]


def test_a_project_that_loses_what_it_permitted_beyond_its_apps_is_narrowed() -> None:
    found = dangers([application(), project("cart", "cart", "extra")], [application(), project()])
    assert found == {"AppProject cart": ["narrows-project"]}


def test_a_project_that_needs_signatures_is_narrowed() -> None:
    found = dangers([application(), project()], [application(), project(signatureKeys=[{"keyID": "1"}])])
    assert found == {"AppProject cart": ["narrows-project"]}


def test_the_finalizer_decides_what_a_later_deletion_takes_along() -> None:
    kept = changed(application(), lambda item: item["metadata"].pop("finalizers"))
    assert dangers([application()], [kept]) == {"Application cart": ["changes-finalizer"]}
    assert dangers([kept], [application()]) == {"Application cart": ["changes-finalizer"]}
    later = changed(application(), lambda item: item["metadata"].update(finalizers=[f"{_FINALIZER}/background"]))
    assert dangers([application()], [later]) == {}


def test_another_kind_of_object_has_no_dangers() -> None:
    item = {"kind": "ConfigMap", "metadata": {"name": "extra"}}
    assert dangers([item], []) == {}


def _namespaced(kind: str, name: str, **fields: Any) -> Item:
    return {"kind": kind, "metadata": {"name": name, "namespace": "cart"}, **fields}


_NAMESPACE: Item = {"kind": "Namespace", "metadata": {"name": "cart"}}


def _quota(**hard: str) -> Item:
    return _namespaced("ResourceQuota", "team-quota", spec={"hard": hard})


@pytest.mark.parametrize(
    ("old", "new", "lowers"),
    [
        ({"pods": "100"}, {"pods": "50"}, True),
        ({"pods": "50"}, {"pods": "100"}, False),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}, False),
        ({"memory": "1Gi"}, {"memory": "1000Mi"}, True),
        ({"pods": "5"}, {"pods": "5", "cpu": "4"}, True),
        ({"pods": "5", "cpu": "4"}, {"pods": "5"}, False),
    ],
)
def test_a_lower_quota_is_a_danger(old: dict[str, str], new: dict[str, str], lowers: bool) -> None:
    found = dangers([_NAMESPACE, _quota(**old)], [_NAMESPACE, _quota(**new)])
    assert found == ({"ResourceQuota team-quota": ["lowers-namespace-limits"]} if lowers else {})


def test_limits_in_a_namespace_that_is_new_are_no_danger() -> None:
    policy = _namespaced("NetworkPolicy", "team-default-deny", spec={"policyTypes": ["Ingress"]})
    new = [_NAMESPACE, _quota(pods="1"), policy, _namespaced("LimitRange", "team-limits")]
    assert dangers([], new) == {}
    assert [*dangers([_NAMESPACE], new).values()] == [["lowers-namespace-limits"]] * 3


def test_a_group_that_gets_access_is_named() -> None:
    def binding(*groups: str) -> Item:
        return _namespaced("RoleBinding", "team-edit", roleRef={"name": "edit"}, subjects=[{"name": g} for g in groups])

    assert dangers([_NAMESPACE, binding("a")], [_NAMESPACE, binding("a", "b")]) == {
        "RoleBinding team-edit": ["grants-namespace-access"]
    }
    assert dangers([_NAMESPACE, binding("a", "b")], [_NAMESPACE, binding("a")]) == {}


def test_a_namespace_that_leaves_its_chart_stays() -> None:
    (remark,) = dangers([_NAMESPACE], [])["Namespace cart"]
    assert "the namespace stays in the cluster" in remark
