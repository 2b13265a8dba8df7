"""Tables for the fields of an Argo CD AppProject."""

from typing import Annotated, Literal

from pydantic import Field

from generator.argocd import strings
from generator.argocd.table import StringMap, Table, since


class GroupKind(Table):
    group: strings.SingleLineText
    kind: strings.SingleLineText


class NamedGroupKind(GroupKind):
    name: Annotated[strings.SingleLineText | None, since("3.3")] = None


class ProjectDestination(Table):
    server: strings.GlobPattern | None = None
    name: strings.GlobPattern | None = None
    namespace: strings.GlobPattern


class Role(Table):
    name: strings.RoleName
    description: strings.SingleLineText | None = None
    policies: list[strings.RolePolicy] | None = None
    groups: list[strings.RoleGroup] | None = None


class SyncWindow(Table):
    kind: Literal["allow", "deny"]
    schedule: strings.CronSchedule
    duration: strings.GoDuration
    applications: list[strings.GlobPattern] | None = None
    namespaces: list[strings.GlobPattern] | None = None
    clusters: list[strings.GlobPattern] | None = None
    manual_sync: bool | None = None
    time_zone: strings.TimeZone | None = None
    and_operator: Annotated[bool | None, since("3.0")] = None
    description: Annotated[strings.MultiLineText | None, since("3.1")] = Field(default=None, max_length=255)
    sync_overrun: Annotated[bool | None, since("3.5")] = None


class OrphanedResource(Table):
    group: strings.SingleLineText | None = None
    kind: strings.SingleLineText | None = None
    name: strings.SingleLineText | None = None


class OrphanedResources(Table):
    warn: bool | None = None
    ignore: list[OrphanedResource] | None = None


class ServiceAccount(Table):
    server: strings.GlobPattern
    namespace: strings.GlobPattern | None = None
    default_service_account: strings.GlobPattern


class SignatureKey(Table):
    key_id: strings.KeyId


class IntegrityRepository(Table):
    url: strings.GlobPattern


class Gpg(Table):
    mode: Literal["none", "head", "strict"]
    keys: list[strings.SingleLineText] | None = None


class IntegrityPolicy(Table):
    repos: list[IntegrityRepository]
    gpg: Gpg | None = None


class GitIntegrity(Table):
    policies: list[IntegrityPolicy]


class SourceIntegrity(Table):
    git: GitIntegrity | None = None


class ProjectFields(Table):
    """The fields of an AppProject, in addition to the repositories and destinations that its apps need."""

    labels: StringMap | None = None
    description: strings.MultiLineText | None = Field(default=None, max_length=255)
    source_repos: list[strings.GlobPattern] | None = None
    destinations: list[ProjectDestination] | None = None
    source_namespaces: list[strings.GlobPattern] | None = None
    cluster_resource_whitelist: list[NamedGroupKind] | None = None
    cluster_resource_blacklist: list[NamedGroupKind] | None = None
    namespace_resource_whitelist: list[GroupKind] | None = Field(default=None, min_length=1)
    namespace_resource_blacklist: list[GroupKind] | None = None
    roles: list[Role] | None = None
    sync_windows: list[SyncWindow] | None = None
    orphaned_resources: OrphanedResources | None = None
    permit_only_project_scoped_clusters: bool | None = None
    destination_service_accounts: Annotated[list[ServiceAccount] | None, since("2.13")] = None
    signature_keys: list[SignatureKey] | None = None
    source_integrity: Annotated[SourceIntegrity | None, since("3.5")] = None
