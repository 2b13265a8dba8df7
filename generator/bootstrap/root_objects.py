"""Build what starts Argo CD on an environment's chart: the root AppProject and the root Application.

The values that the Application passes are checked against the chart by Helm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.bootstrap.credentials import build_credential_objects, describe_existing_secrets
from generator.charts import yaml
from generator.charts.app_projects import FINALIZER, build_app_of_apps_spec
from generator.charts.layout import Chart, group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import UsageError
from generator.helm.engine import HelmRefusal
from generator.helm.environment_objects import render_environment_objects
from generator.registry.credentials import find_credential, select_credentials
from generator.registry.shards import bootstrap_name, root_project_name

if TYPE_CHECKING:
    from generator.charts.layout import OutputLocation
    from generator.registry.model import Credential
    from generator.registry.registry import Environment, Registry


@dataclass(frozen=True)
class RootOptions:
    """What the user chooses: whether Argo CD prunes and reverts edits of the environment's Applications, whether
    deleting the root Application deletes them, and the values that the chart gets."""

    prune: bool
    self_heal: bool
    cascade: bool
    values: Mapping[str, Any]


@dataclass(frozen=True)
class RootObjects:
    """The root AppProject and the root Application of an environment, as manifests, and what belongs to them.

    `values` are those that the Application passes, `credentials` the objects by which Argo CD reads repositories, and
    `existing` says which Secrets must be there. `own_credential` is the one for the workloads repository.
    """

    environment: Environment
    values: Mapping[str, Any]
    credentials: tuple[Mapping[str, Any], ...]
    existing: tuple[str, ...]
    own_credential: Credential | None
    project: Mapping[str, Any]
    application: Mapping[str, Any]


def build_root_objects(
    registry: Registry, environment: str, location: OutputLocation, options: RootOptions
) -> RootObjects:
    """Build the root objects of an environment whose charts Argo CD reads at `location`.

    A sharded environment has one root Application too: its chart has an Application for each shard. Raises UsageError
    if the chart refuses the values or the cluster of an EKS Capability is not set, and LocalError if Helm is not
    installed.
    """
    env = registry.environments[environment]
    _require_known_cluster(env)
    namespaces = find_object_namespaces(registry, environment, location, options.values)
    (field, cluster), (namespace, project_namespace) = env.argocd_destination, env.argocd_settings.namespaces
    credentials = select_credentials(registry, environment)
    spec = build_app_of_apps_spec(env, location.repository, namespaces)
    if namespace != project_namespace:
        spec["sourceNamespaces"] = [namespace]
    source = {
        "repoURL": location.repository,
        "targetRevision": registry.workloads.branch,
        "path": location / Chart(environment).folder,
        **({"helm": _build_helm_field(options.values)} if options.values else {}),
    }
    application = {
        "project": root_project_name(environment),
        "source": source,
        "destination": {field: cluster, "namespace": namespace},
        "syncPolicy": {"automated": {"prune": options.prune, "selfHeal": options.self_heal}},
    }
    return RootObjects(
        env,
        options.values,
        tuple(build_credential_objects(credentials, project_namespace)),
        tuple(describe_existing_secrets(credentials, project_namespace)),
        find_credential(registry, environment, location.repository),
        _build_manifest("AppProject", root_project_name(environment), project_namespace, spec, options),
        _build_manifest("Application", bootstrap_name(environment), namespace, application, options),
    )


def _require_known_cluster(env: Environment) -> None:
    if env.argocd_settings.is_eks_capability and env.argocd_destination == ("server", IN_CLUSTER_SERVER):
        raise UsageError(
            "WL2312",
            f"the EKS Capability {env.argocd!r} does not know {IN_CLUSTER_SERVER}, and its own cluster is not set",
            remedy=f'write server = "arn:aws:eks:REGION:ACCOUNT:cluster/NAME" in [argocd.instances.{env.argocd}]',
        )


def has_null(value: Any) -> bool:
    """Whether a value has a null, which kubectl and Helm drop from an object, but not from text."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return value is None or any(map(has_null, inner))


def _build_helm_field(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"values": yaml.dump(values)} if has_null(values) else {"valuesObject": dict(values)}


def _build_manifest(
    kind: str, name: str, namespace: str, spec: Mapping[str, Any], options: RootOptions
) -> dict[str, Any]:
    # A cascading deletion needs the project until the last Application is gone: both have the finalizer, or neither.
    finalizers = {"finalizers": [FINALIZER]} if options.cascade else {}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **finalizers},
        "spec": spec,
    }


def find_object_namespaces(
    registry: Registry, environment: str, location: OutputLocation, values: Mapping[str, Any]
) -> set[str]:
    """The namespaces of the objects that an environment's charts render with values.

    Raises UsageError if a chart refuses them.
    """
    charts = group_by_chart(render_plan(plan_charts(registry, location)).files)
    try:
        rendered = [item for _, items in render_environment_objects(charts, environment, values) for item in items]
    except HelmRefusal as error:
        raise UsageError(
            "WL7010",
            f"the chart of {environment} refuses these values: {error}",
            remedy="docs/overrides.md lists the values that take effect",
        ) from error
    return {str(item["metadata"]["namespace"]) for item in rendered if "namespace" in item["metadata"]}
