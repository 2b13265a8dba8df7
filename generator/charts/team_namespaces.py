"""Build the namespaces of an environment's teams: their manifests, and what the chart needs to deploy them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.charts.layout import NAMESPACES_FOLDER, OutputLocation
from generator.registry.shards import team_namespaces_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from generator.charts.former_destinations import FormerDestination
    from generator.registry.namespace_settings import LimitRangeItem, NamespaceSettings
    from generator.registry.registry import Environment, Registry

#: The kinds in a namespace's manifest, beside the namespace, with their API groups.
NAMESPACED_KINDS = (
    ("", "LimitRange"),
    ("", "ResourceQuota"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
)
#: A namespace stays when its manifest or the Application is deleted, and its absence there is no difference.
_KEPT = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Delete=false,Prune=false",
}
_POLICY_TYPES = {"deny-all": ["Ingress", "Egress"], "deny-ingress": ["Ingress"], "deny-egress": ["Egress"]}


@dataclass(frozen=True)
class TeamNamespacesPlan:
    """The namespaces that an environment's chart deploys: their values in it, and the manifests by path."""

    values: Mapping[str, Any]
    manifests: Mapping[str, list[dict[str, Any]]]


def plan_team_namespaces(
    registry: Registry,
    env: Environment,
    namespaces: Mapping[str, NamespaceSettings],
    former: Iterable[FormerDestination],
    location: OutputLocation,
) -> TeamNamespacesPlan | None:
    """Plan the namespaces of an environment; None if it has none.

    The project keeps the `former` ones, so that Argo CD can prune there.
    """
    if not namespaces:
        return None
    name = team_namespaces_name(env.name)
    left = [each.namespace for each in former if each.project == name]
    values = {
        "repoURL": location.repository,
        "targetRevision": registry.workloads.branch,
        "path": location / f"{NAMESPACES_FOLDER}/{env.name}",
        "namespaces": list(namespaces),
        **({"formerNamespaces": left} if left else {}),
    }
    manifests = {
        f"{NAMESPACES_FOLDER}/{env.name}/{namespace}.yaml": list(_build_objects(namespace, settings))
        for namespace, settings in namespaces.items()
    }
    return TeamNamespacesPlan(values, manifests)


def _build_objects(namespace: str, settings: NamespaceSettings) -> Iterator[dict[str, Any]]:
    labels = settings.namespace_labels
    metadata = {"name": namespace, **({"labels": labels} if labels else {}), "annotations": _KEPT}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    if settings.quota:
        hard = {name: str(amount) for name, amount in settings.quota.items()}
        yield _build_object("v1", "ResourceQuota", "team-quota", namespace, {"spec": {"hard": hard}})
    if settings.limits:
        spec = {"limits": list(map(_build_limits, settings.limits))}
        yield _build_object("v1", "LimitRange", "team-limits", namespace, {"spec": spec})
    for role, groups in sorted((settings.access or {}).items()):
        if groups:
            yield _build_role_binding(namespace, role, groups)
    denied = _POLICY_TYPES.get(settings.network_policy or "none")
    if denied:
        policy = {"spec": {"podSelector": {}, "policyTypes": denied}}
        yield _build_object("networking.k8s.io/v1", "NetworkPolicy", "team-default-deny", namespace, policy)


def _build_object(version: str, kind: str, name: str, namespace: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}


def _build_limits(item: LimitRangeItem) -> dict[str, Any]:
    found = item.model_dump(by_alias=True, exclude_none=True)
    return {
        key: {name: str(amount) for name, amount in value.items()} if isinstance(value, dict) else value
        for key, value in found.items()
    }


def _build_role_binding(namespace: str, role: str, groups: Iterable[str]) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    fields = {
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": name} for name in groups],
    }
    return _build_object(f"{group}/v1", "RoleBinding", f"team-{role}", namespace, fields)
