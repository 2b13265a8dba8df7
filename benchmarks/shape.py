"""A benchmark's registry as plain pydantic models: closed, strict and frozen, without a rule of their own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class Helm(Table):
    release_name: str | None = None
    value_files: list[str] | None = None
    values: str | None = None
    values_object: dict[str, Any] | None = None
    parameters: dict[str, str] | list[dict[str, str | bool]] | None = None
    file_parameters: list[dict[str, str]] | None = None
    skip_crds: bool | None = None
    pass_credentials: bool | None = None
    version: str | None = None
    namespace: str | None = None
    kube_version: str | None = None
    api_versions: list[str] | None = None


class Layer(Table):
    repo_url: str | None = Field(default=None, alias="repoURL")
    path: str | None = None
    chart: str | None = None
    target_revision: str | None = None
    tag_prefix: str | None = None
    helm: Helm | None = None
    kustomize: dict[str, Any] | None = None
    directory: dict[str, Any] | None = None
    plugin: dict[str, Any] | None = None
    sources: list[dict[str, Any]] | None = None
    source_hydrator: dict[str, Any] | None = None
    sync_policy: dict[str, Any] | None = None
    ignore_differences: list[dict[str, Any]] | None = None
    info: list[dict[str, str]] | None = None
    revision_history_limit: int | None = None
    project: str | None = None
    namespace: str | None = None
    create_project: bool | None = None
    server: str | None = None
    cluster: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    sync_wave: int | None = None
    finalizer: str | None = None
    spec: dict[str, Any] | None = None


class App(Layer):
    team: str
    description: str | None = None
    track: dict[str, str] | None = None
    environments: dict[str, Layer] = {}


class Environment(Table):
    labels: dict[str, str] = {}
    create_projects: bool = False
    promotes_from: list[str] = []
    shards: str | None = None
    apps: list[str] = []


class Team(Table):
    owners: list[str]
    repositories: list[str]
    namespaces: list[str]
    projects: list[str] = []


class File(Table):
    version: int = 1
    include: list[str] = []
    workloads: dict[str, str] = {}
    argocd: dict[str, str] = {}
    environments: dict[str, Environment] = {}
    teams: dict[str, Team] = {}
    apps: dict[str, App] = {}
