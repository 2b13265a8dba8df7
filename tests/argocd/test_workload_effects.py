"""What Argo CD does with a workload whose Application leaves its chart or gets another identity."""

from __future__ import annotations

import pytest

from generator.argocd.workload_effects import change_effect, removal_effect

CART = {
    "name": "cart",
    "argocdNamespace": "argocd",
    "project": "shop",
    "cluster": "server:https://one.example.com",
    "namespace": "cart",
}
_HERE = "in namespace cart on https://one.example.com"


def test_a_removed_application_deletes_its_workload_by_its_finalizer() -> None:
    assert removal_effect(CART) == ("deletes-workload", f"deletes everything that it deployed {_HERE}")


def test_a_removed_application_without_finalizer_leaves_its_workload() -> None:
    effect = removal_effect(CART, cascades=False)
    assert effect == ("orphans-workload", f"leaves everything that it deployed {_HERE} running, unmanaged")


def test_nothing_is_deleted_where_the_project_no_longer_permits_it() -> None:
    effect = removal_effect(CART, permitted=False)
    assert effect.name == "orphans-workload"
    assert effect.text.endswith("unmanaged: project shop no longer permits that namespace")


@pytest.mark.parametrize("field", ["name", "argocdNamespace", "shard"])
def test_another_name_argo_cd_namespace_or_shard_recreates(field: str) -> None:
    effect = change_effect(CART, {**CART, field: "other"})
    assert effect is not None
    assert effect.name == "recreates-workload"
    change = f"{field} {CART.get(field, '(none)')} → other"
    assert effect.text == f"{change}: deletes everything that it deployed {_HERE}, and creates it again"


def test_another_shard_without_finalizer_takes_the_workload_over() -> None:
    assert change_effect(CART, {**CART, "shard": "other"}, cascades=False) is None


def test_another_name_without_finalizer_orphans() -> None:
    effect = change_effect(CART, {**CART, "name": "basket"}, cascades=False)
    assert effect is not None
    assert effect.name == "orphans-workload"


def test_another_project_keeps_the_workload() -> None:
    assert change_effect(CART, {**CART, "project": "money"}) is None


def test_another_cluster_orphans_also_where_the_project_permits_both() -> None:
    effect = change_effect(CART, {**CART, "cluster": "name:two"}, permitted=True)
    assert effect == (
        "orphans-workload",
        "cluster https://one.example.com → two: creates a second one in namespace cart on two, "
        f"and leaves the first one unmanaged {_HERE}",
    )


@pytest.mark.parametrize(("permitted", "name"), [(True, "recreates-workload"), (False, "orphans-workload")])
def test_another_namespace_recreates_only_where_the_project_still_permits_the_old_one(
    permitted: bool, name: str
) -> None:
    effect = change_effect(CART, {**CART, "namespace": "basket"}, permitted=permitted)
    assert effect is not None
    assert effect.name == name


def test_a_handed_over_application_changes_its_shard_without_effect() -> None:
    assert change_effect({**CART, "handOver": "true"}, {**CART, "shard": "shop"}) is None
