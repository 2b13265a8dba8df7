"""Tables for the fields of an Argo CD Application: sources, sync policy and the rest of its spec.

Names, allowed values and the version that introduced a field follow Argo CD's API types and CRDs.
`Since` on a field names that version; the field is an error in a registry for an older Argo CD.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from generator.argocd import paths, strings
from generator.argocd.table import Count, StringMap, Table, since, union_by_toml_type
from generator.argocd.urls import RepositoryUrl


class Parameter(Table):
    name: strings.RequiredLine
    value: strings.WritableText
    force_string: bool = False


class FileParameter(Table):
    name: strings.RequiredLine
    path: paths.FileReference


Parameters = union_by_toml_type(table=dict[strings.RequiredLine, strings.WritableText], list=list[Parameter])


class Helm(Table):
    release_name: strings.ReleaseName | None = None
    value_files: list[paths.ValueFile] | None = None
    ignore_missing_value_files: bool | None = None
    values: strings.WritableText | None = None
    values_object: Annotated[dict[str, Any] | None, since("2.8")] = None
    parameters: Parameters | None = None  # type: ignore[valid-type]
    file_parameters: list[FileParameter] | None = None
    skip_crds: bool | None = None
    pass_credentials: bool | None = None
    version: Literal["v3"] | None = None
    namespace: Annotated[strings.Namespace | None, since("2.13")] = None
    kube_version: Annotated[strings.SingleLineText | None, since("2.13")] = None
    api_versions: Annotated[list[strings.SingleLineText] | None, since("2.13")] = None
    skip_tests: Annotated[bool | None, since("2.14")] = None
    skip_schema_validation: Annotated[bool | None, since("2.14")] = None


class KustomizeReplica(Table):
    name: strings.RequiredLine
    count: Count


class KustomizeTarget(Table):
    group: strings.SingleLineText | None = None
    version: strings.SingleLineText | None = None
    kind: strings.SingleLineText | None = None
    name: strings.SingleLineText | None = None
    namespace: strings.SingleLineText | None = None
    label_selector: strings.SingleLineText | None = None
    annotation_selector: strings.SingleLineText | None = None


class KustomizePatch(Table):
    path: paths.FileReference | None = None
    patch: strings.WritableText | None = None
    target: KustomizeTarget | None = None
    options: dict[str, bool] | None = None


class Kustomize(Table):
    name_prefix: strings.SingleLineText | None = None
    name_suffix: strings.SingleLineText | None = None
    images: list[strings.SingleLineText] | None = None
    common_labels: StringMap | None = None
    common_annotations: StringMap | None = None
    force_common_labels: bool | None = None
    force_common_annotations: bool | None = None
    version: strings.SingleLineText | None = None
    namespace: Annotated[strings.Namespace | None, since("2.7")] = None
    replicas: Annotated[list[KustomizeReplica] | None, since("2.7")] = None
    common_annotations_envsubst: Annotated[bool | None, since("2.7")] = None
    patches: Annotated[list[KustomizePatch] | None, since("2.9")] = None
    components: Annotated[list[paths.Component] | None, since("2.10")] = None
    label_without_selector: Annotated[bool | None, since("2.11")] = None
    kube_version: Annotated[strings.SingleLineText | None, since("2.13")] = None
    api_versions: Annotated[list[strings.SingleLineText] | None, since("2.13")] = None
    ignore_missing_components: Annotated[bool | None, since("3.0")] = None
    label_include_templates: Annotated[bool | None, since("3.0")] = None


class JsonnetVariable(Table):
    name: strings.RequiredLine
    value: strings.WritableText
    code: bool | None = None


class Jsonnet(Table):
    ext_vars: list[JsonnetVariable] | None = None
    tlas: list[JsonnetVariable] | None = None
    libs: list[paths.FileReference] | None = None


class Directory(Table):
    recurse: bool | None = None
    include: strings.SingleLineText | None = None
    exclude: strings.SingleLineText | None = None
    jsonnet: Jsonnet | None = None
    disable_extension_filter: Annotated[bool | None, since("3.6")] = None


class PluginVariable(Table):
    name: strings.RequiredLine
    value: strings.WritableText


class PluginParameter(Table):
    name: strings.RequiredLine
    string: strings.WritableText | None = None
    array: list[strings.WritableText] | None = None
    map: StringMap | None = None


class Plugin(Table):
    name: strings.SingleLineText | None = None
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
    path: paths.RelativePath | None = None
    chart: strings.ChartName | None = None
    target_revision: strings.Revision | None = None
    tag_prefix: Annotated[strings.SingleLineText | None, since("3.5")] = None


class Source(SourceFields):
    """One entry of `sources`, where an app has several."""

    repo_url: RepositoryUrl
    ref: paths.RefName | None = None
    name: Annotated[strings.SingleLineText | None, since("2.14")] = None


class DrySource(Table):
    repo_url: RepositoryUrl
    path: paths.RelativePath
    target_revision: strings.Revision
    helm: Annotated[Helm | None, since("3.3")] = None
    kustomize: Annotated[Kustomize | None, since("3.3")] = None
    directory: Annotated[Directory | None, since("3.3")] = None
    plugin: Annotated[Plugin | None, since("3.3")] = None


class SyncSource(Table):
    target_branch: strings.BranchName
    path: paths.RelativePath
    repo_url: Annotated[RepositoryUrl | None, since("3.5")] = None


class HydrateTo(Table):
    target_branch: strings.BranchName


class SourceHydrator(Table):
    dry_source: DrySource
    sync_source: SyncSource
    hydrate_to: HydrateTo | None = None


class Automated(Table):
    prune: bool | None = None
    self_heal: bool | None = None
    allow_empty: bool | None = None
    enabled: Annotated[bool | None, since("3.1")] = None


class Backoff(Table):
    duration: strings.Duration | None = None
    factor: int | None = Field(default=None, ge=1, le=2**31 - 1)
    max_duration: strings.Duration | None = None


class Retry(Table):
    limit: int | None = Field(default=None, ge=-1, le=2**31 - 1)
    refresh: Annotated[bool | None, since("3.2")] = None
    backoff: Backoff | None = None


class ManagedNamespaceMetadata(Table):
    labels: StringMap | None = None
    annotations: StringMap | None = None


class SyncPolicy(Table):
    automated: union_by_toml_type(table=Automated, bool=Literal[False]) | None = None  # type: ignore[valid-type]
    sync_options: list[strings.SyncOption] | None = None
    retry: Retry | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class IgnoreDifference(Table):
    group: strings.SingleLineText | None = None
    kind: strings.RequiredLine
    name: strings.SingleLineText | None = None
    namespace: strings.SingleLineText | None = None
    json_pointers: list[strings.JsonPointer] | None = None
    jq_path_expressions: list[strings.WritableText] | None = None
    managed_fields_managers: list[strings.SingleLineText] | None = None


class Info(Table):
    name: strings.SingleLineText
    value: strings.WritableText
