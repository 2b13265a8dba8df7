"""Tables for the fields of an Argo CD AppProject."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from generator.argocd.project_strings import CronSchedule, GoDuration, KeyId, RoleGroup, RoleName, RolePolicy, TimeZone
from generator.argocd.strings import GlobPattern, MultiLineText, SingleLineText
from generator.argocd.table import Since, Table


class GroupKind(Table):
    group: SingleLineText
    kind: SingleLineText


class NamedGroupKind(GroupKind):
    name: Annotated[SingleLineText | None, Since("3.3")] = None


class ProjectDestination(Table):
    server: GlobPattern | None = None
    name: GlobPattern | None = None
    namespace: GlobPattern


class Role(Table):
    name: RoleName
    description: SingleLineText | None = None
    policies: list[RolePolicy] | None = None
    groups: list[RoleGroup] | None = None


class SyncWindow(Table):
    kind: Literal["allow", "deny"]
    schedule: CronSchedule
    duration: GoDuration
    applications: list[GlobPattern] | None = None
    namespaces: list[GlobPattern] | None = None
    clusters: list[GlobPattern] | None = None
    manual_sync: bool | None = None
    time_zone: TimeZone | None = None
    and_operator: Annotated[bool | None, Since("3.0")] = None
    description: Annotated[MultiLineText | None, Since("3.1")] = Field(default=None, max_length=255)
    sync_overrun: Annotated[bool | None, Since("3.5")] = None


class OrphanedResource(Table):
    group: SingleLineText | None = None
    kind: SingleLineText | None = None
    name: SingleLineText | None = None


class OrphanedResources(Table):
    warn: bool | None = None
    ignore: list[OrphanedResource] | None = None


class ServiceAccount(Table):
    server: GlobPattern
    namespace: GlobPattern | None = None
    default_service_account: GlobPattern


class SignatureKey(Table):
    key_id: KeyId


class IntegrityRepository(Table):
    url: GlobPattern


class Gpg(Table):
    mode: Literal["none", "head", "strict"]
    keys: list[SingleLineText] | None = None


class IntegrityPolicy(Table):
    repos: list[IntegrityRepository]
    gpg: Gpg | None = None


class GitIntegrity(Table):
    policies: list[IntegrityPolicy]


class SourceIntegrity(Table):
    git: GitIntegrity | None = None


class ProjectFields(Table):
    """The fields of an AppProject, in addition to the repositories and destinations that its apps need."""

    description: MultiLineText | None = Field(default=None, max_length=255)
    source_repos: list[GlobPattern] | None = None
    destinations: list[ProjectDestination] | None = None
    source_namespaces: list[GlobPattern] | None = None
    cluster_resource_whitelist: list[NamedGroupKind] | None = None
    cluster_resource_blacklist: list[NamedGroupKind] | None = None
    namespace_resource_whitelist: list[GroupKind] | None = Field(default=None, min_length=1)
    namespace_resource_blacklist: list[GroupKind] | None = None
    roles: list[Role] | None = None
    sync_windows: list[SyncWindow] | None = None
    orphaned_resources: OrphanedResources | None = None
    permit_only_project_scoped_clusters: bool | None = None
    destination_service_accounts: Annotated[list[ServiceAccount] | None, Since("2.13")] = None
    signature_keys: list[SignatureKey] | None = None
    source_integrity: Annotated[SourceIntegrity | None, Since("3.5")] = None
