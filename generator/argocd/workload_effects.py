"""What Argo CD does with a running workload when its Application leaves its chart or gets another identity. Pure.

As a real Argo CD 3.6 does it: a project change is applied in place; another cluster or namespace is never cleaned up
behind the Application, unless the project still permits the old namespace; everything else is deleted by the
finalizer and created again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: If one of these changes, Argo CD deletes the Application, and creates another one.
_REPLACED_FIELDS = ("name", "argocdNamespace", "shard")
Identity = Mapping[str, str]


class WorkloadEffect(NamedTuple):
    """What happens to a workload: `deletes-workload`, `recreates-workload` or `orphans-workload`, and a description."""

    name: str
    text: str


def removal_effect(identity: Identity, *, cascades: bool = True, permitted: bool = True) -> WorkloadEffect:
    """What happens when an Application is gone.

    `cascades` is whether it has a finalizer that deletes its workload; `permitted` is whether its project still
    permits its namespace at that time, because Argo CD deletes nothing that the project does not permit.
    """
    place = format_namespace_and_cluster(identity)
    if not cascades:
        return WorkloadEffect("orphans-workload", f"leaves everything that it deployed {place} running, unmanaged")
    if not permitted:
        why = f"project {identity.get('project')} no longer permits that namespace"
        return WorkloadEffect(
            "orphans-workload", f"leaves everything that it deployed {place} running, unmanaged: {why}"
        )
    return WorkloadEffect("deletes-workload", f"deletes everything that it deployed {place}")


def change_effect(
    before: Identity, after: Identity, *, cascades: bool = True, permitted: bool = False
) -> WorkloadEffect | None:
    """What happens when an Application's identity changes; None if the workload keeps running.

    `permitted` is whether the new project permits the old namespace, so that Argo CD can delete what is there.
    """
    replaced = [field for field in _REPLACED_FIELDS if _differs(field, before, after)]
    if replaced == ["shard"] and ("handOver" in before or not cascades):
        replaced = []  # Its old chart does not delete what it deployed, and its new chart takes it over.
    moved = [field for field in ("cluster", "namespace") if _differs(field, before, after)]
    if not replaced and not moved:
        return None
    changes = ", ".join(format_identity_change(field, before, after) for field in [*replaced, *moved])
    if replaced:
        gone = removal_effect(before, cascades=cascades)
        name = "recreates-workload" if cascades else gone.name
        again = "again" if not moved else format_namespace_and_cluster(after)
        return WorkloadEffect(name, f"{changes}: {gone.text}, and creates it {again}")
    place = f"in namespace {after.get('namespace')}" if moved == ["namespace"] else format_namespace_and_cluster(after)
    if moved == ["namespace"] and permitted:
        return WorkloadEffect(
            "recreates-workload",
            f"{changes}: creates it {place}, and deletes it {format_namespace_and_cluster(before)}",
        )
    text = f"creates a second one {place}, and leaves the first one unmanaged {format_namespace_and_cluster(before)}"
    return WorkloadEffect("orphans-workload", f"{changes}: {text}")


def format_namespace_and_cluster(identity: Identity) -> str:
    """The namespace and cluster of a workload: `in namespace shop on https://kubernetes.default.svc`."""
    cluster = identity.get("cluster", "").partition(":")[2]
    return f"in namespace {identity.get('namespace')}" + (f" on {cluster}" if cluster else "")


def format_identity_change(field: str, before: Identity, after: Identity) -> str:
    """A changed field of the identity, before and after: `namespace shop → docs`."""
    texts = (identity.get(field) or "(none)" for identity in (before, after))
    if field == "cluster":
        texts = (text.partition(":")[2] or text for text in texts)
    return f"{field} {' → '.join(texts)}"


def _differs(field: str, before: Identity, after: Identity) -> bool:
    return (before.get(field) or "") != (after.get(field) or "")
