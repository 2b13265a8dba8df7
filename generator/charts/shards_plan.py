"""Plan the shards of an environment: what its parent chart needs to deploy them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.charts.app_projects import build_shards_project
from generator.charts.layout import SHARDS_FOLDER, OutputLocation, project_path
from generator.registry.shards import bootstrap_name

if TYPE_CHECKING:
    from generator.registry.registry import Environment, Registry

#: The value of the annotation `argocd.argoproj.io/sync-options` with which a deletion waits for a confirmation.
CONFIRM_DELETION = "Delete=confirm,Prune=confirm"


@dataclass(frozen=True)
class ShardsPlan:
    """An environment's shards: their values in the parent chart, and their AppProject as a plain manifest.

    `values` may be overridden by a bootstrap; `sync_options` is an annotation of each shard's Application.
    """

    values: Mapping[str, Any]
    sync_options: str
    project_path: str
    project: Mapping[str, Any]


def plan_shards(registry: Registry, env: Environment, location: OutputLocation) -> ShardsPlan:
    """Plan the shards of an environment, which Argo CD reads at a location."""
    field, cluster = env.argocd_destination
    values = {
        "createProject": True,
        "repoURL": location.repository,
        "targetRevision": registry.workloads.branch,
        "path": location / f"{SHARDS_FOLDER}/{env.name}",
        # Applications are in the cluster that Argo CD itself runs in, wherever their workloads run.
        field: cluster,
        "syncPolicy": {"automated": {"prune": True}},
    }
    return ShardsPlan(
        values,
        CONFIRM_DELETION if env.policy.confirm_deletion else "",
        project_path(registry.find_own_argocd(env), bootstrap_name(env.name)),
        build_shards_project(env, location.repository),
    )
