"""The tables of `apps.toml` as types: what may be written, before anything is compared or merged."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from generator.registry.argocd import (
    IgnoreDifference,
    Info,
    ProjectFields,
    Since,
    Source,
    SourceFields,
    SourceHydrator,
    StringMap,
    SyncPolicy,
    Table,
)
from generator.registry.text import AppName, Duration, Name, RelativePath, Text


class AppFields(SourceFields):
    """Everything that `defaults`, an app, and an app in one environment may say."""

    project: Name | None = None
    namespace: Name | None = None
    create_project: bool | None = None
    server: Text | None = None
    cluster: Text | None = None
    sources: list[Source] | None = Field(default=None, min_length=1)
    source_hydrator: Annotated[SourceHydrator | None, Since("2.14")] = None
    sync_policy: SyncPolicy | None = None
    ignore_differences: list[IgnoreDifference] | None = None
    info: list[Info] | None = None
    revision_history_limit: int | None = Field(default=None, ge=0)
    labels: StringMap | None = None
    annotations: StringMap | None = None
    sync_wave: int | None = Field(default=None, ge=2, le=2**31 - 1)
    finalizer: Literal["foreground", "background", "none"] | None = None
    spec: dict[str, Any] | None = None


class App(AppFields):
    team: Name
    description: Text | None = None
    environments: dict[Name, AppFields] | None = None


class Freeze(Table):
    from_: datetime = Field(alias="from")
    until: datetime
    reason: Text


class PromotionPolicy(Table):
    """What may run in an environment, and when it may come there."""

    pin: Literal["any", "tag", "commit"] = "any"
    soak: Duration | None = None
    freeze: list[Freeze] = []
    max_removals: int | None = Field(default=None, ge=0)
    confirm_deletion: bool = False


class Environment(Table):
    description: Text | None = None
    server: Text | None = Field(default=None, min_length=1)
    cluster: Text | None = Field(default=None, min_length=1)
    argocd: Name | None = None
    name_suffix: Text = ""
    labels: StringMap = {}
    create_projects: bool = False
    promotes_from: list[Text] = []
    apps: list[Text] = []
    policy: PromotionPolicy = PromotionPolicy()
    holds: dict[Text, Text] = {}


class IncludedEnvironment(Table):
    """What a team's own file may say of an environment."""

    apps: list[Text] = []


class Team(Table):
    description: Text | None = None
    owners: list[Text] = []
    repositories: list[Text] = []
    namespaces: list[Name] = []
    allow: list[Literal["plugin", "spec", "destination"]] = []


class Workloads(Table):
    """Where the charts are committed."""

    repository: Text | None = Field(default=None, min_length=1)
    branch: Text = Field(default="main", min_length=1)
    path: RelativePath = "multi-repo"


class ArgoCD(Table):
    """The Argo CD that is written for, and where its objects live."""

    version: Text = "3.4"
    namespace: Name = "argocd"
    project_namespace: Name | None = None


class RootFile(Table):
    version: Literal[1]
    include: list[Text] = []
    allow_schemes: list[Literal["file", "http"]] = []
    workloads: Workloads = Workloads()
    argocd: ArgoCD = ArgoCD()
    defaults: AppFields = AppFields()
    environments: dict[Name, Environment] = {}
    teams: dict[Name, Team] = {}
    projects: dict[Name, ProjectFields] = {}
    apps: dict[AppName, App] = {}


class IncludedFile(Table):
    environments: dict[Name, IncludedEnvironment] = {}
    apps: dict[AppName, App] = {}
