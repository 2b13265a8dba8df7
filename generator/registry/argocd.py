"""Argo CD's own tables by Argo CD's own names: what an Application and an AppProject can say.

Names, allowed values and the version that brought a field follow Argo CD's API types and CRDs.
`Since` on a field is that version; a registry that writes for an older Argo CD is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from generator.registry.text import (
    Duration,
    JsonPointer,
    KeyId,
    Policy,
    RefName,
    RelativePath,
    ReleaseName,
    Revision,
    RoleName,
    Schedule,
    SyncOption,
    Text,
    TimeZone,
    Url,
    ValueFile,
)


class Since(NamedTuple):
    """The Argo CD version, "major.minor", that brought the annotated field."""

    version: str


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    acronyms = {"url": "URL", "id": "ID"}
    return head + "".join(acronyms.get(part, part.capitalize()) for part in rest)


class Table(BaseModel):
    """A closed table of the registry: unknown keys are refused, values are not converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=_camel)


def by_shape(**forms: Any) -> Any:
    """A discriminated union on the TOML shape of a value, so that errors speak of one form only.

    The tags are written `<table>`, `<list>` and `<bool>`: they turn up in error locations, where
    no registry key can look like that.
    """

    def shape(value: object) -> str:
        found = "table" if isinstance(value, dict) else "list" if isinstance(value, list) else "bool"
        return f"<{found if found in forms else next(iter(forms))}>"

    members = tuple(Annotated[form, Tag(f"<{name}>")] for name, form in forms.items())
    union: Any = members[0]
    for member in members[1:]:
        union |= member
    return Annotated[union, Discriminator(shape)]


StringMap = dict[Text, Text]


class Parameter(Table):
    name: Text = Field(min_length=1)
    value: Text
    force_string: bool = False


class FileParameter(Table):
    name: Text = Field(min_length=1)
    path: RelativePath


class Helm(Table):
    release_name: ReleaseName | None = None
    value_files: list[ValueFile] | None = None
    ignore_missing_value_files: bool | None = None
    values: Text | None = None
    values_object: Annotated[dict[str, Any] | None, Since("2.8")] = None
    parameters: by_shape(table=dict[Text, Text], list=list[Parameter]) | None = None  # type: ignore[valid-type]
    file_parameters: list[FileParameter] | None = None
    skip_crds: bool | None = None
    pass_credentials: bool | None = None
    version: Literal["v3"] | None = None
    namespace: Annotated[Text | None, Since("2.13")] = None
    kube_version: Annotated[Text | None, Since("2.13")] = None
    api_versions: Annotated[list[Text] | None, Since("2.13")] = None
    skip_tests: Annotated[bool | None, Since("2.14")] = None
    skip_schema_validation: Annotated[bool | None, Since("2.14")] = None


class KustomizeReplica(Table):
    name: Text
    count: int = Field(ge=0)


class KustomizeTarget(Table):
    group: Text | None = None
    version: Text | None = None
    kind: Text | None = None
    name: Text | None = None
    namespace: Text | None = None
    label_selector: Text | None = None
    annotation_selector: Text | None = None


class KustomizePatch(Table):
    path: RelativePath | None = None
    patch: Text | None = None
    target: KustomizeTarget | None = None
    options: dict[str, bool] | None = None


class Kustomize(Table):
    name_prefix: Text | None = None
    name_suffix: Text | None = None
    images: list[Text] | None = None
    common_labels: StringMap | None = None
    common_annotations: StringMap | None = None
    force_common_labels: bool | None = None
    force_common_annotations: bool | None = None
    version: Text | None = None
    namespace: Annotated[Text | None, Since("2.7")] = None
    replicas: Annotated[list[KustomizeReplica] | None, Since("2.7")] = None
    common_annotations_envsubst: Annotated[bool | None, Since("2.7")] = None
    patches: Annotated[list[KustomizePatch] | None, Since("2.9")] = None
    components: Annotated[list[RelativePath] | None, Since("2.10")] = None
    label_without_selector: Annotated[bool | None, Since("2.11")] = None
    kube_version: Annotated[Text | None, Since("2.13")] = None
    api_versions: Annotated[list[Text] | None, Since("2.13")] = None
    ignore_missing_components: Annotated[bool | None, Since("3.0")] = None
    label_include_templates: Annotated[bool | None, Since("3.0")] = None


class JsonnetVariable(Table):
    name: Text
    value: Text
    code: bool | None = None


class Jsonnet(Table):
    ext_vars: list[JsonnetVariable] | None = None
    tlas: list[JsonnetVariable] | None = None
    libs: list[RelativePath] | None = None


class Directory(Table):
    recurse: bool | None = None
    include: Text | None = None
    exclude: Text | None = None
    jsonnet: Jsonnet | None = None
    disable_extension_filter: Annotated[bool | None, Since("3.6")] = None


class PluginVariable(Table):
    name: Text
    value: Text


class PluginParameter(Table):
    name: Text
    string: Text | None = None
    array: list[Text] | None = None
    map: StringMap | None = None


class Plugin(Table):
    name: Text | None = None
    env: list[PluginVariable] | None = None
    parameters: list[PluginParameter] | None = None


class Tool(Table):
    """What turns a source into manifests; at most one of them is set."""

    helm: Helm | None = None
    kustomize: Kustomize | None = None
    directory: Directory | None = None
    plugin: Plugin | None = None


class SourceFields(Tool):
    """A source as an app writes it at its top level; which keys go together is judged later."""

    repo_url: Url | None = None
    path: RelativePath | None = None
    chart: Text | None = Field(default=None, min_length=1)
    target_revision: Revision | None = None
    tag_prefix: Annotated[Text | None, Since("3.5")] = None


class Source(SourceFields):
    """One of several sources."""

    repo_url: Url
    ref: RefName | None = None
    name: Annotated[Text | None, Since("2.14")] = None


class DrySource(Table):
    repo_url: Url
    path: RelativePath
    target_revision: Revision
    helm: Annotated[Helm | None, Since("3.3")] = None
    kustomize: Annotated[Kustomize | None, Since("3.3")] = None
    directory: Annotated[Directory | None, Since("3.3")] = None
    plugin: Annotated[Plugin | None, Since("3.3")] = None


class SyncSource(Table):
    target_branch: Text
    path: RelativePath
    repo_url: Annotated[Url | None, Since("3.5")] = None


class HydrateTo(Table):
    target_branch: Text


class SourceHydrator(Table):
    dry_source: DrySource
    sync_source: SyncSource
    hydrate_to: HydrateTo | None = None


class Automated(Table):
    prune: bool | None = None
    self_heal: bool | None = None
    allow_empty: bool | None = None
    enabled: Annotated[bool | None, Since("3.1")] = None


class Backoff(Table):
    duration: Duration | None = None
    factor: int | None = Field(default=None, ge=1)
    max_duration: Duration | None = None


class Retry(Table):
    limit: int | None = None
    refresh: Annotated[bool | None, Since("3.2")] = None
    backoff: Backoff | None = None


class ManagedNamespaceMetadata(Table):
    labels: StringMap | None = None
    annotations: StringMap | None = None


class SyncPolicy(Table):
    automated: by_shape(table=Automated, bool=Literal[False]) | None = None  # type: ignore[valid-type]
    sync_options: list[SyncOption] | None = None
    retry: Retry | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class IgnoreDifference(Table):
    group: Text | None = None
    kind: Text = Field(min_length=1)
    name: Text | None = None
    namespace: Text | None = None
    json_pointers: list[JsonPointer] | None = None
    jq_path_expressions: list[Text] | None = None
    managed_fields_managers: list[Text] | None = None


class Info(Table):
    name: Text
    value: Text


class GroupKind(Table):
    group: Text
    kind: Text


class NamedGroupKind(GroupKind):
    name: Annotated[Text | None, Since("3.3")] = None


class ProjectDestination(Table):
    server: Text | None = None
    name: Text | None = None
    namespace: Text


class Role(Table):
    name: RoleName
    description: Text | None = None
    policies: list[Policy] | None = None
    groups: list[Text] | None = None


class SyncWindow(Table):
    kind: Literal["allow", "deny"]
    schedule: Schedule
    duration: Duration
    applications: list[Text] | None = None
    namespaces: list[Text] | None = None
    clusters: list[Text] | None = None
    manual_sync: bool | None = None
    time_zone: TimeZone | None = None
    and_operator: Annotated[bool | None, Since("3.0")] = None
    description: Annotated[Text | None, Since("3.1")] = Field(default=None, max_length=255)
    sync_overrun: Annotated[bool | None, Since("3.5")] = None


class OrphanedResource(Table):
    group: Text | None = None
    kind: Text | None = None
    name: Text | None = None


class OrphanedResources(Table):
    warn: bool | None = None
    ignore: list[OrphanedResource] | None = None


class ServiceAccount(Table):
    server: Text
    namespace: Text | None = None
    default_service_account: Text = Field(min_length=1)


class SignatureKey(Table):
    key_id: KeyId


class IntegrityRepository(Table):
    url: Text


class Gpg(Table):
    mode: Literal["none", "head", "strict"]
    keys: list[Text] | None = None


class IntegrityPolicy(Table):
    repos: list[IntegrityRepository]
    gpg: Gpg | None = None


class GitIntegrity(Table):
    policies: list[IntegrityPolicy]


class SourceIntegrity(Table):
    git: GitIntegrity | None = None


class ProjectFields(Table):
    """What an AppProject says beyond the repositories and destinations that its apps need."""

    description: Text | None = Field(default=None, max_length=255)
    source_repos: list[Text] | None = None
    destinations: list[ProjectDestination] | None = None
    source_namespaces: list[Text] | None = None
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
