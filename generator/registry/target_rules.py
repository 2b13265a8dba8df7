"""Validate what the kind of Argo CD allows: a self-managed one, or the managed one of EKS. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from generator.argocd.strings import EKS_CLUSTER_ARN, quoted_excerpt, server_url_problem
from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.argocd.versions import major_minor, too_new_message
from generator.registry.findings import Finding

if TYPE_CHECKING:
    from generator.registry.effective import EffectiveApp
    from generator.registry.model import ArgoCD
    from generator.registry.registry import Environment

_CAPABILITY, _ARN_EXAMPLE = "the EKS Capability for Argo CD", '"arn:aws:eks:REGION:ACCOUNT:cluster/NAME"'
MAX_CAPABILITY_APPLICATIONS = 1000


def argocd_problems(argocd: ArgoCD) -> Iterator[Finding]:
    """Yield the problems of an Argo CD's settings, with paths relative to its table."""
    if argocd.server and argocd.cluster:
        yield Finding(("cluster",), "WL2302", "an Argo CD has both a server and a cluster: keep one")
    yield from _destination_problems({"server": argocd.server, "cluster": argocd.cluster}, argocd)
    if argocd.is_eks_capability and argocd.namespaces[0] != argocd.namespaces[1]:
        text = f"{_CAPABILITY} has one namespace for Applications and projects: remove projectNamespace"
        yield Finding(("projectNamespace",), "WL2312", text)


def environment_problems(environment: Environment) -> Iterator[Finding]:
    """Yield the problems of an environment's destination, and of its shards', with paths relative to its table."""
    argocd = environment.argocd_settings
    yield from _destination_problems({"server": environment.server, "cluster": environment.cluster}, argocd)
    if not argocd.is_eks_capability:
        return
    wanted = f'write server = {_ARN_EXAMPLE}, or cluster = "NAME"'
    if not environment.server and not environment.cluster:
        yield Finding(
            (), "WL2312", f"has no server or cluster, and {_CAPABILITY} does not know {IN_CLUSTER_SERVER}: {wanted}"
        )
    elif environment.shards is not None and environment.argocd_destination == ("server", IN_CLUSTER_SERVER):
        text = f"{_CAPABILITY} does not know {IN_CLUSTER_SERVER}"
        remedy = f"set server or cluster in [argocd.instances.{environment.argocd}]"
        yield Finding(("shards",), "WL2312", f"{text}: {remedy}, to the cluster that it runs in")


def app_problems_of_target(app: EffectiveApp, argocd: ArgoCD) -> Iterator[Finding]:
    """Yield what an app uses and its Argo CD does not have."""
    yield from _destination_problems(app.fields, argocd)
    if not argocd.is_eks_capability:
        return
    sources = dict(app.sources_with_paths())
    sources["sourceHydrator", "drySource"] = app.fields.get("sourceHydrator", {}).get("drySource", {})
    for at, source in sources.items():
        if "plugin" in source:
            text = f"{_CAPABILITY} has no config management plugins: use helm, kustomize or directory"
            yield Finding((*at, "plugin"), "WL2312", text)


def project_problems_of_target(fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    """Yield what a project allows and its Argo CD does not have."""
    for index, namespace in enumerate(fields.get("sourceNamespaces", ())):
        if argocd.is_eks_capability and namespace != argocd.namespace:
            text = f'{_CAPABILITY} has Applications in its own namespace only, "{argocd.namespace}": remove'
            yield Finding(("sourceNamespaces", index), "WL2312", f"{text} {quoted_excerpt(namespace)}")
        elif not argocd.is_eks_capability and namespace == argocd.namespace:
            text = f"Argo CD's own namespace {quoted_excerpt(namespace)} is always allowed: remove it"
            yield Finding(("sourceNamespaces", index), "WL2313", text)
    for index, role in enumerate(fields.get("roles", ())):
        for place, policy in enumerate(role.get("policies", ())):
            if policy.split(",")[3].strip() == "rollback" and major_minor(argocd.version) < (3, 6):
                text = f"the action rollback {too_new_message('3.6', argocd.version)}"
                yield Finding(("roles", index, "policies", place), "WL2310", text)
    for index, destination in enumerate(fields.get("destinations", ()) if argocd.is_eks_capability else ()):
        for finding in _destination_problems({"server": destination.get("server")}, argocd):
            yield Finding(("destinations", index, *finding.path), finding.code, finding.text)


def hidden_children_note(fields: Mapping[str, Any], argocd_version: str) -> str | None:
    """The note about a project whose apps show no pods; None if it does not limit what is shown."""
    listed = {entry["kind"] for entry in fields.get("namespaceResourceWhitelist", ())}
    missing = [kind for kind in ("ReplicaSet", "Pod") if kind not in listed]
    if "*" in listed or "Deployment" not in listed or not missing or major_minor(argocd_version) < (3, 6):
        return None
    return f"Argo CD 3.6 hides what is not listed, also below a Deployment: add {' and '.join(missing)} to show them"


def _destination_problems(fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    server, cluster = fields.get("server"), fields.get("cluster")
    if not argocd.is_eks_capability:
        wrong = server_url_problem(server) if server else None
        if wrong and EKS_CLUSTER_ARN.fullmatch(str(server)):
            yield Finding(("server",), "WL2312", f'{wrong}, or set kind = "eks-capability" in argocd')
    elif server and not EKS_CLUSTER_ARN.fullmatch(server) and not {"*", "?"} & set(server):
        text = f"{quoted_excerpt(server)} is not a cluster of {_CAPABILITY}: write {_ARN_EXAMPLE}"
        yield Finding(("server",), "WL2312", text)
    elif cluster == "in-cluster":
        text = f'"in-cluster" is not a cluster of {_CAPABILITY}: write the name by which it is registered'
        yield Finding(("cluster",), "WL2312", text)
