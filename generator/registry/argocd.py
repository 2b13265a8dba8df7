"""Argo CD's Application by Argo CD's own names: its sources, sync policy and whatever else its spec can say.

Names, allowed values and the version that brought a field follow Argo CD's API types and CRDs.
`Since` on a field is that version; a registry that writes for an older Argo CD is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from generator.registry.project_text import Duration
from generator.registry.table import Count, Since, StringMap, Table, by_shape
from generator.registry.text import (
    Branch,
    JsonPointer,
    Line,
    Name,
    RefName,
    RelativePath,
    ReleaseName,
    Revision,
    SyncOption,
    Text,
    ValueFile,
)
from generator.registry.urls import Url


class Parameter(Table):
    name: Line = Field(min_length=1)
    value: Text
    force_string: bool = False


class FileParameter(Table):
    name: Line = Field(min_length=1)
    path: RelativePath


class Helm(Table):
    release_name: ReleaseName | None = None
    value_files: list[ValueFile] | None = None
    ignore_missing_value_files: bool | None = None
    values: Text | None = None
    values_object: Annotated[dict[str, Any] | None, Since("2.8")] = None
    parameters: by_shape(table=StringMap, list=list[Parameter]) | None = None  # type: ignore[valid-type]
    file_parameters: list[FileParameter] | None = None
    skip_crds: bool | None = None
    pass_credentials: bool | None = None
    version: Literal["v3"] | None = None
    namespace: Annotated[Name | None, Since("2.13")] = None
    kube_version: Annotated[Line | None, Since("2.13")] = None
    api_versions: Annotated[list[Line] | None, Since("2.13")] = None
    skip_tests: Annotated[bool | None, Since("2.14")] = None
    skip_schema_validation: Annotated[bool | None, Since("2.14")] = None


class KustomizeReplica(Table):
    name: Line
    count: Count


class KustomizeTarget(Table):
    group: Line | None = None
    version: Line | None = None
    kind: Line | None = None
    name: Line | None = None
    namespace: Line | None = None
    label_selector: Line | None = None
    annotation_selector: Line | None = None


class KustomizePatch(Table):
    path: RelativePath | None = None
    patch: Text | None = None
    target: KustomizeTarget | None = None
    options: dict[str, bool] | None = None


class Kustomize(Table):
    name_prefix: Line | None = None
    name_suffix: Line | None = None
    images: list[Line] | None = None
    common_labels: StringMap | None = None
    common_annotations: StringMap | None = None
    force_common_labels: bool | None = None
    force_common_annotations: bool | None = None
    version: Line | None = None
    namespace: Annotated[Name | None, Since("2.7")] = None
    replicas: Annotated[list[KustomizeReplica] | None, Since("2.7")] = None
    common_annotations_envsubst: Annotated[bool | None, Since("2.7")] = None
    patches: Annotated[list[KustomizePatch] | None, Since("2.9")] = None
    components: Annotated[list[RelativePath] | None, Since("2.10")] = None
    label_without_selector: Annotated[bool | None, Since("2.11")] = None
    kube_version: Annotated[Line | None, Since("2.13")] = None
    api_versions: Annotated[list[Line] | None, Since("2.13")] = None
    ignore_missing_components: Annotated[bool | None, Since("3.0")] = None
    label_include_templates: Annotated[bool | None, Since("3.0")] = None


class JsonnetVariable(Table):
    name: Line
    value: Text
    code: bool | None = None


class Jsonnet(Table):
    ext_vars: list[JsonnetVariable] | None = None
    tlas: list[JsonnetVariable] | None = None
    libs: list[RelativePath] | None = None


class Directory(Table):
    recurse: bool | None = None
    include: Line | None = None
    exclude: Line | None = None
    jsonnet: Jsonnet | None = None
    disable_extension_filter: Annotated[bool | None, Since("3.6")] = None


class PluginVariable(Table):
    name: Line
    value: Text


class PluginParameter(Table):
    name: Line
    string: Text | None = None
    array: list[Text] | None = None
    map: StringMap | None = None


class Plugin(Table):
    name: Line | None = None
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
    chart: Line | None = Field(default=None, min_length=1)
    target_revision: Revision | None = None
    tag_prefix: Annotated[Line | None, Since("3.5")] = None


class Source(SourceFields):
    """One of several sources."""

    repo_url: Url
    ref: RefName | None = None
    name: Annotated[Line | None, Since("2.14")] = None


class DrySource(Table):
    repo_url: Url
    path: RelativePath
    target_revision: Revision
    helm: Annotated[Helm | None, Since("3.3")] = None
    kustomize: Annotated[Kustomize | None, Since("3.3")] = None
    directory: Annotated[Directory | None, Since("3.3")] = None
    plugin: Annotated[Plugin | None, Since("3.3")] = None


class SyncSource(Table):
    target_branch: Branch
    path: RelativePath
    repo_url: Annotated[Url | None, Since("3.5")] = None


class HydrateTo(Table):
    target_branch: Branch


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
    automated: by_shape(table=Automated, bool=Literal[False]) | None = None  # type: ignore[valid-type]
    sync_options: list[SyncOption] | None = None
    retry: Retry | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class IgnoreDifference(Table):
    group: Line | None = None
    kind: Line = Field(min_length=1)
    name: Line | None = None
    namespace: Line | None = None
    json_pointers: list[JsonPointer] | None = None
    jq_path_expressions: list[Text] | None = None
    managed_fields_managers: list[Line] | None = None


class Info(Table):
    name: Line
    value: Text
