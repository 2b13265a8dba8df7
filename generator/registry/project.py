"""Argo CD's AppProject by Argo CD's own names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from generator.registry.project_text import GoDuration, Group, KeyId, Policy, RoleName, Schedule, TimeZone
from generator.registry.table import Since, Table
from generator.registry.text import Line, Pattern, Prose


class GroupKind(Table):
    group: Line
    kind: Line


class NamedGroupKind(GroupKind):
    name: Annotated[Line | None, Since("3.3")] = None


class ProjectDestination(Table):
    server: Pattern | None = None
    name: Pattern | None = None
    namespace: Pattern


class Role(Table):
    name: RoleName
    description: Line | None = None
    policies: list[Policy] | None = None
    groups: list[Group] | None = None


class SyncWindow(Table):
    kind: Literal["allow", "deny"]
    schedule: Schedule
    duration: GoDuration
    applications: list[Pattern] | None = None
    namespaces: list[Pattern] | None = None
    clusters: list[Pattern] | None = None
    manual_sync: bool | None = None
    time_zone: TimeZone | None = None
    and_operator: Annotated[bool | None, Since("3.0")] = None
    description: Annotated[Prose | None, Since("3.1")] = Field(default=None, max_length=255)
    sync_overrun: Annotated[bool | None, Since("3.5")] = None


class OrphanedResource(Table):
    group: Line | None = None
    kind: Line | None = None
    name: Line | None = None


class OrphanedResources(Table):
    warn: bool | None = None
    ignore: list[OrphanedResource] | None = None


class ServiceAccount(Table):
    server: Pattern
    namespace: Pattern | None = None
    default_service_account: Pattern


class SignatureKey(Table):
    key_id: KeyId


class IntegrityRepository(Table):
    url: Pattern


class Gpg(Table):
    mode: Literal["none", "head", "strict"]
    keys: list[Line] | None = None


class IntegrityPolicy(Table):
    repos: list[IntegrityRepository]
    gpg: Gpg | None = None


class GitIntegrity(Table):
    policies: list[IntegrityPolicy]


class SourceIntegrity(Table):
    git: GitIntegrity | None = None


class ProjectFields(Table):
    """What an AppProject says beyond the repositories and destinations that its apps need."""

    description: Prose | None = Field(default=None, max_length=255)
    source_repos: list[Pattern] | None = None
    destinations: list[ProjectDestination] | None = None
    source_namespaces: list[Pattern] | None = None
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
