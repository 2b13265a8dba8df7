"""Pydantic models for the tables of `apps.toml`: their keys, types and allowed values."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from generator.argocd.application import IgnoreDifference, Info, Source, SourceFields, SourceHydrator, SyncPolicy
from generator.argocd.project import ProjectFields
from generator.argocd.project_strings import Duration
from generator.argocd.revisions import parse_version_range
from generator.argocd.strings import (
    AppName,
    ArgoCDVersion,
    BranchName,
    ClusterName,
    CodeOwner,
    DnsLabel,
    FolderPath,
    GlobPattern,
    MultiLineText,
    NameSuffix,
    RemoteRepository,
    ServerUrl,
    SingleLineText,
    build_validation_error,
    quoted_excerpt,
    string_validator,
)
from generator.argocd.table import Count, Since, StringMap, Table, union_by_toml_type
from generator.argocd.urls import RepositoryGrant
from generator.registry.shards import MAX_SHARDS, SHARD_BY_TEAM


class AppFields(SourceFields):
    """The fields allowed in `defaults`, in an app, and in an app's overrides for one environment."""

    project: DnsLabel | None = None
    namespace: DnsLabel | None = None
    create_project: bool | None = None
    server: ServerUrl | None = None
    cluster: ClusterName | None = None
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


def _version_range_problem(value: str) -> str | None:
    return (
        None
        if parse_version_range(value)
        else f'{quoted_excerpt(value)} is not a range of versions such as ">=1,<2" or "^1.4"'
    )


VersionRangeText = Annotated[str, string_validator(_version_range_problem)]


class Track(Table):
    """What `workloads update` puts into first environments: the newest matching tag, or the head of a branch.

    `order` compares tags as semantic versions (default), as calendar versions or as dates."""

    tags: GlobPattern | None = None
    semver: VersionRangeText | None = None
    order: Literal["semver", "calver", "date"] | None = None
    branch: BranchName | None = None

    @model_validator(mode="after")
    def _require_tags_or_branch(self) -> Track:
        if self.tags is None and self.branch is None:
            raise build_validation_error('has nothing to follow: add tags = "v*" or branch = "main"')
        if self.branch is not None and (self.tags, self.semver, self.order) != (None, None, None):
            raise build_validation_error("follows both a branch and tags: keep one")
        if self.semver is not None and self.order in ("calver", "date"):
            raise build_validation_error(f'orders tags by "{self.order}", which has no ranges: remove semver or order')
        return self


class App(AppFields):
    team: DnsLabel
    description: MultiLineText | None = None
    track: Track | None = None
    environments: dict[DnsLabel, AppFields] | None = None


class Freeze(Table):
    from_: datetime = Field(alias="from")
    until: datetime
    reason: SingleLineText


class PromotionPolicy(Table):
    """What may run in an environment, and when it may be promoted there."""

    pin: Literal["any", "tag", "commit"] = "any"
    soak: Duration | None = None
    freeze: list[Freeze] = []
    max_removals: Count | None = None
    confirm_deletion: bool = False
    overrides: list[Literal["order", "pin", "soak", "freeze", "hold"]] = []
    onboard: Literal["manual", "auto"] = "manual"
    retire_for: Duration = "15m"


def _shards_setting_problem(value: str) -> str | None:
    return (
        None
        if value == SHARD_BY_TEAM
        else f'{quoted_excerpt(value)} is neither "{SHARD_BY_TEAM}" nor a number of shards, such as 16'
    )


if TYPE_CHECKING:
    Shards = str | int
    HandOver = bool | list[str]
else:
    Shards = union_by_toml_type(
        f'"{SHARD_BY_TEAM}" or a number of shards',
        integer=Annotated[int, Field(ge=1, le=MAX_SHARDS)],
        string=Annotated[
            str, string_validator(_shards_setting_problem), Field(json_schema_extra={"enum": [SHARD_BY_TEAM]})
        ],
    )
    HandOver = union_by_toml_type("true, false or a list of apps", bool=bool, list=list[SingleLineText])


class Environment(Table):
    description: MultiLineText | None = None
    server: ServerUrl | None = None
    cluster: ClusterName | None = None
    argocd: DnsLabel | None = None
    name_suffix: NameSuffix = ""
    labels: StringMap = {}
    create_projects: bool = False
    promotes_from: list[SingleLineText] = []
    apps: list[SingleLineText] = []
    policy: PromotionPolicy = PromotionPolicy()
    holds: dict[SingleLineText, SingleLineText] = {}
    retired: dict[SingleLineText, SingleLineText] = {}
    shards: Shards | None = None
    hand_over: HandOver = False


class IncludedEnvironment(Table):
    """The keys of an environment that an included file may set."""

    apps: list[SingleLineText] = []


class Team(Table):
    description: MultiLineText | None = None
    owners: list[CodeOwner] = []
    platform: bool = False
    files: list[SingleLineText] = []
    repositories: list[RepositoryGrant] = []
    namespaces: list[DnsLabel] = []
    projects: list[DnsLabel] = []
    allow: list[Literal["create-namespace", "destination", "pass-credentials", "plugin", "pod-security", "spec"]] = []


class Workloads(Table):
    """Where the charts are committed, and the code owners of files that belong to no team."""

    repository: RemoteRepository | None = None
    branch: BranchName = "main"
    path: FolderPath = "multi-repo"
    owners: list[CodeOwner] = []


class ArgoCD(Table):
    """The Argo CD version to generate for, and the namespaces of its objects."""

    version: ArgoCDVersion = "3.4"
    namespace: DnsLabel = "argocd"
    project_namespace: DnsLabel | None = None


class RootFile(Table):
    version: Literal[1]
    include: list[SingleLineText] = []
    allow_schemes: list[Literal["file", "http"]] = []
    workloads: Workloads = Workloads()
    argocd: ArgoCD = ArgoCD()
    defaults: AppFields = AppFields()
    environments: dict[DnsLabel, Environment] = {}
    teams: dict[DnsLabel, Team] = {}
    projects: dict[DnsLabel, ProjectFields] = {}
    apps: dict[AppName, App] = {}


class IncludedFile(Table):
    environments: dict[DnsLabel, IncludedEnvironment] = {}
    apps: dict[AppName, App] = {}


def json_schema() -> dict[str, Any]:
    """Generate the JSON Schema (draft 2020-12) of the root file; the same version always gives the same schema."""
    schema = RootFile.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "apps.toml"}
