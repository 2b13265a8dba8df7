"""The tables of `apps.toml` as types: what may be written, before anything is compared or merged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from generator.registry.argocd import IgnoreDifference, Info, Source, SourceFields, SourceHydrator, SyncPolicy
from generator.registry.project import ProjectFields
from generator.registry.project_text import Duration
from generator.registry.table import Count, Since, StringMap, Table, by_shape
from generator.registry.text import (
    AppName,
    Branch,
    Cluster,
    Folder,
    Line,
    Name,
    Owner,
    Pattern,
    Prose,
    Remote,
    Server,
    Suffix,
    Version,
    checked,
    refuse,
    shown,
)
from generator.registry.urls import Grant
from generator.registry.versions import parse_range


class AppFields(SourceFields):
    """Everything that `defaults`, an app, and an app in one environment may say."""

    project: Name | None = None
    namespace: Name | None = None
    create_project: bool | None = None
    server: Server | None = None
    cluster: Cluster | None = None
    sources: list[Source] | None = Field(default=None, min_length=1)
    source_hydrator: Annotated[SourceHydrator | None, Since("2.14")] = None
    sync_policy: SyncPolicy | None = None
    ignore_differences: list[IgnoreDifference] | None = None
    info: list[Info] | None = None
    revision_history_limit: Count | None = None
    labels: StringMap | None = None
    annotations: StringMap | None = None
    sync_wave: int | None = Field(default=None, ge=2, le=2**31 - 1)
    finalizer: Literal["foreground", "background", "none"] | None = None
    spec: dict[str, Any] | None = None


def _range_problem(value: str) -> str | None:
    return None if parse_range(value) else f'{shown(value)} is not a range of versions such as ">=1,<2" or "^1.4"'


Range = Annotated[str, checked(_range_problem)]


class Track(Table):
    """What `workloads update` brings into the environments where promotion begins: the newest tag, or a branch."""

    tags: Pattern | None = None
    semver: Range | None = None
    branch: Branch | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Track:
        if self.tags is None and self.branch is None:
            raise refuse('says nothing to follow: add tags = "v*" or branch = "main"')
        if self.branch is not None and (self.tags is not None or self.semver is not None):
            raise refuse("follows a branch or tags: keep one")
        return self


class App(AppFields):
    team: Name
    description: Prose | None = None
    track: Track | None = None
    environments: dict[Name, AppFields] | None = None


class Freeze(Table):
    from_: datetime = Field(alias="from")
    until: datetime
    reason: Line


class PromotionPolicy(Table):
    """What may run in an environment, and when it may come there."""

    pin: Literal["any", "tag", "commit"] = "any"
    soak: Duration | None = None
    freeze: list[Freeze] = []
    max_removals: Count | None = None
    confirm_deletion: bool = False
    overrides: list[Literal["soak", "freeze", "hold"]] = []


#: The value of `shards` where each team's apps are a shard; a number is of shards by a hash of the project.
BY_TEAM = "team"
MOST_SHARDS = 1000


def _shards_problem(value: str) -> str | None:
    return None if value == BY_TEAM else f'{shown(value)} is neither "{BY_TEAM}" nor a number of shards, such as 16'


if TYPE_CHECKING:
    Shards = str | int
    HandOver = bool | list[str]
else:
    Shards = by_shape(
        f'"{BY_TEAM}" or a number of shards',
        integer=Annotated[int, Field(ge=1, le=MOST_SHARDS)],
        string=Annotated[str, checked(_shards_problem), Field(json_schema_extra={"enum": [BY_TEAM]})],
    )
    HandOver = by_shape("true, false or a list of apps", bool=bool, list=list[Line])


class Environment(Table):
    description: Prose | None = None
    server: Server | None = None
    cluster: Cluster | None = None
    argocd: Name | None = None
    name_suffix: Suffix = ""
    labels: StringMap = {}
    create_projects: bool = False
    promotes_from: list[Line] = []
    apps: list[Line] = []
    policy: PromotionPolicy = PromotionPolicy()
    holds: dict[Line, Line] = {}
    retired: dict[Line, Line] = {}
    shards: Shards | None = None
    hand_over: HandOver = False


class IncludedEnvironment(Table):
    """What a team's own file may say of an environment."""

    apps: list[Line] = []


class Team(Table):
    description: Prose | None = None
    owners: list[Owner] = []
    repositories: list[Grant] = []
    namespaces: list[Name] = []
    allow: list[Literal["plugin", "spec", "destination"]] = []


class Workloads(Table):
    """Where the charts are committed, and who owns what no team does."""

    repository: Remote | None = None
    branch: Branch = "main"
    path: Folder = "multi-repo"
    owners: list[Owner] = []


class ArgoCD(Table):
    """The Argo CD that is written for, and where its objects live."""

    version: Version = "3.4"
    namespace: Name = "argocd"
    project_namespace: Name | None = None


class RootFile(Table):
    version: Literal[1]
    include: list[Line] = []
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
