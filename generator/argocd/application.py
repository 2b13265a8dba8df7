"""Tables for the fields of an Argo CD Application: sources, sync policy and the rest of its spec.

Names, allowed values and the version that introduced a field follow Argo CD's API types and CRDs.
`Since` on a field names that version; the field is an error in a registry for an older Argo CD.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from generator.argocd.project_strings import Duration
from generator.argocd.strings import (
    BranchName,
    ChartName,
    Component,
    DnsLabel,
    JsonPointer,
    RefName,
    RelativePath,
    ReleaseName,
    RequiredLine,
    Revision,
    SingleLineText,
    SyncOption,
    ValueFile,
    WritableText,
)
from generator.argocd.table import Count, Since, StringMap, Table, union_by_toml_type
from generator.argocd.urls import RepositoryUrl


class Parameter(Table):
    name: RequiredLine
    value: WritableText
    force_string: bool = False


class FileParameter(Table):
    name: RequiredLine
    path: RelativePath


class Helm(Table):
    release_name: ReleaseName | None = None
    value_files: list[ValueFile] | None = None
    ignore_missing_value_files: bool | None = None
    values: WritableText | None = None
    values_object: Annotated[dict[str, Any] | None, Since("2.8")] = None
    parameters: union_by_toml_type(table=dict[RequiredLine, WritableText], list=list[Parameter]) | None = None  # type: ignore[valid-type]
    file_parameters: list[FileParameter] | None = None
    skip_crds: bool | None = None
    pass_credentials: bool | None = None
    version: Literal["v3"] | None = None
    namespace: Annotated[DnsLabel | None, Since("2.13")] = None
    kube_version: Annotated[SingleLineText | None, Since("2.13")] = None
    api_versions: Annotated[list[SingleLineText] | None, Since("2.13")] = None
    skip_tests: Annotated[bool | None, Since("2.14")] = None
    skip_schema_validation: Annotated[bool | None, Since("2.14")] = None


class KustomizeReplica(Table):
    name: RequiredLine
    count: Count


class KustomizeTarget(Table):
    group: SingleLineText | None = None
    version: SingleLineText | None = None
    kind: SingleLineText | None = None
    name: SingleLineText | None = None
    namespace: SingleLineText | None = None
    label_selector: SingleLineText | None = None
    annotation_selector: SingleLineText | None = None


class KustomizePatch(Table):
    path: RelativePath | None = None
    patch: WritableText | None = None
    target: KustomizeTarget | None = None
    options: dict[str, bool] | None = None


class Kustomize(Table):
    name_prefix: SingleLineText | None = None
    name_suffix: SingleLineText | None = None
    images: list[SingleLineText] | None = None
    common_labels: StringMap | None = None
    common_annotations: StringMap | None = None
    force_common_labels: bool | None = None
    force_common_annotations: bool | None = None
    version: SingleLineText | None = None
    namespace: Annotated[DnsLabel | None, Since("2.7")] = None
    replicas: Annotated[list[KustomizeReplica] | None, Since("2.7")] = None
    common_annotations_envsubst: Annotated[bool | None, Since("2.7")] = None
    patches: Annotated[list[KustomizePatch] | None, Since("2.9")] = None
    components: Annotated[list[Component] | None, Since("2.10")] = None
    label_without_selector: Annotated[bool | None, Since("2.11")] = None
    kube_version: Annotated[SingleLineText | None, Since("2.13")] = None
    api_versions: Annotated[list[SingleLineText] | None, Since("2.13")] = None
    ignore_missing_components: Annotated[bool | None, Since("3.0")] = None
    label_include_templates: Annotated[bool | None, Since("3.0")] = None


class JsonnetVariable(Table):
    name: RequiredLine
    value: WritableText
    code: bool | None = None


class Jsonnet(Table):
    ext_vars: list[JsonnetVariable] | None = None
    tlas: list[JsonnetVariable] | None = None
    libs: list[RelativePath] | None = None


class Directory(Table):
    recurse: bool | None = None
    include: SingleLineText | None = None
    exclude: SingleLineText | None = None
    jsonnet: Jsonnet | None = None
    disable_extension_filter: Annotated[bool | None, Since("3.6")] = None


class PluginVariable(Table):
    name: RequiredLine
    value: WritableText


class PluginParameter(Table):
    name: RequiredLine
    string: WritableText | None = None
    array: list[WritableText] | None = None
    map: StringMap | None = None


class Plugin(Table):
    name: SingleLineText | None = None
    env: list[PluginVariable] | None = None
    parameters: list[PluginParameter] | None = None


class Tool(Table):
    """The tool that renders a source into manifests; at most one may be set."""

    helm: Helm | None = None
    kustomize: Kustomize | None = None
    directory: Directory | None = None
    plugin: Plugin | None = None


class SourceFields(Tool):
    """The source fields of an app at its top level; which keys go together is validated later."""

    repo_url: RepositoryUrl | None = None
    path: RelativePath | None = None
    chart: ChartName | None = None
    target_revision: Revision | None = None
    tag_prefix: Annotated[SingleLineText | None, Since("3.5")] = None


class Source(SourceFields):
    """One entry of `sources`, where an app has several."""

    repo_url: RepositoryUrl
    ref: RefName | None = None
    name: Annotated[SingleLineText | None, Since("2.14")] = None


class DrySource(Table):
    repo_url: RepositoryUrl
    path: RelativePath
    target_revision: Revision
    helm: Annotated[Helm | None, Since("3.3")] = None
    kustomize: Annotated[Kustomize | None, Since("3.3")] = None
    directory: Annotated[Directory | None, Since("3.3")] = None
    plugin: Annotated[Plugin | None, Since("3.3")] = None


class SyncSource(Table):
    target_branch: BranchName
    path: RelativePath
    repo_url: Annotated[RepositoryUrl | None, Since("3.5")] = None


class HydrateTo(Table):
    target_branch: BranchName


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
    factor: int | None = Field(default=None, ge=1, le=2**31 - 1)
    max_duration: Duration | None = None


class Retry(Table):
    limit: int | None = Field(default=None, ge=-1, le=2**31 - 1)
    refresh: Annotated[bool | None, Since("3.2")] = None
    backoff: Backoff | None = None


class ManagedNamespaceMetadata(Table):
    labels: StringMap | None = None
    annotations: StringMap | None = None


class SyncPolicy(Table):
    automated: union_by_toml_type(table=Automated, bool=Literal[False]) | None = None  # type: ignore[valid-type]
    sync_options: list[SyncOption] | None = None
    retry: Retry | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class IgnoreDifference(Table):
    group: SingleLineText | None = None
    kind: RequiredLine
    name: SingleLineText | None = None
    namespace: SingleLineText | None = None
    json_pointers: list[JsonPointer] | None = None
    jq_path_expressions: list[WritableText] | None = None
    managed_fields_managers: list[SingleLineText] | None = None


class Info(Table):
    name: SingleLineText
    value: WritableText
