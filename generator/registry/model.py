"""Pydantic models for the tables of `apps.toml`: their keys, types and allowed values."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from generator.argocd import strings
from generator.argocd.application import IgnoreDifference, Info, Source, SourceFields, SourceHydrator, SyncPolicy
from generator.argocd.credential_match import KnownHost, SecretArn
from generator.argocd.project import ProjectFields
from generator.argocd.table import Count, StringMap, Table, since, union_by_toml_type
from generator.argocd.urls import CredentialUrl, RepositoryGrant, credential_kind_problem
from generator.registry.namespace_settings import EnvironmentNamespaceSettings
from generator.registry.pinned_fields import PinnedFieldName
from generator.registry.shards import MAX_SHARDS, SHARD_BY_TEAM


class AppFields(SourceFields):
    """The fields of an app that may differ by environment."""

    name: strings.ApplicationName | None = None
    project: strings.DnsLabel | None = None
    namespace: strings.Namespace | None = None
    create_project: bool | None = None
    server: strings.ServerUrl | None = None
    cluster: strings.ClusterName | None = None
    sources: list[Source] | None = Field(default=None, min_length=1)
    source_hydrator: Annotated[SourceHydrator | None, since("2.14")] = None
    sync_policy: SyncPolicy | None = None
    ignore_differences: list[IgnoreDifference] | None = None
    info: list[Info] | None = None
    revision_history_limit: Count | None = None
    labels: StringMap | None = None
    annotations: StringMap | None = None
    sync_wave: int | None = Field(default=None, ge=2 - 2**31, le=2**31 - 1)
    finalizer: Literal["foreground", "background", "none"] | None = None
    spec: dict[str, Any] | None = None


ImageName = Annotated[
    str,
    strings.matching(
        r"[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*",
        "is not the name of an image: write HOST/PATH without a tag, such as ghcr.io/acme/web",
    ),
]


def _version_range_problem(value: str) -> str | None:
    # Few registries track tags by a range, and this library takes a tenth of the start of a command.
    from generator.argocd.version_ranges import parse_version_range

    if parse_version_range(value):
        return None
    return f'{strings.quoted_excerpt(value)} is not a range of versions such as ">=1,<2" or "^1.4"'


class Track(Table):
    """What `workloads update` puts into first environments: the newest matching tag, or the head of a branch.

    The tags are those of the Git repository, of the chart or of the image that a pin of the app sets; `image` names the
    repository of an image whose tag is a value or a parameter. `order` compares tags as semantic versions (default),
    as calendar versions or as dates."""

    image: ImageName | None = None
    tags: strings.GlobPattern | None = None
    semver: Annotated[str, strings.string_validator(_version_range_problem)] | None = None
    order: Literal["semver", "calver", "date"] | None = None
    branch: strings.BranchName | None = None

    @model_validator(mode="after")
    def _require_tags_or_branch(self) -> "Track":
        if (self.tags, self.semver, self.order, self.branch) == (None, None, None, None):
            raise strings.build_validation_error('has nothing to follow: add tags = "v*" or branch = "main"')
        if self.branch is not None and (self.image, self.tags, self.semver, self.order) != (None,) * 4:
            raise strings.build_validation_error("follows both a branch and tags: keep one")
        if self.semver is not None and self.order in ("calver", "date"):
            text = f'orders tags by "{self.order}", which has no ranges: remove semver or order'
            raise strings.build_validation_error(text)
        return self


class AppDefaults(AppFields):
    """The fields allowed in `defaults`, and in an app for all environments."""

    pins: list[PinnedFieldName] | None = Field(default=None, min_length=1)


class App(AppDefaults):
    team: strings.DnsLabel
    description: strings.MultiLineText | None = None
    track: Track | None = None
    environments: dict[strings.DnsLabel, AppFields] | None = None


class Freeze(Table):
    from_: datetime = Field(alias="from")
    until: datetime
    reason: strings.SingleLineText


class PromotionPolicy(Table):
    """What may run in an environment, and when it may be promoted there."""

    pin: Literal["any", "tag", "commit"] = "any"
    soak: strings.Duration | None = None
    health: strings.Duration | None = None
    freeze: list[Freeze] = []
    max_removals: Count | None = None
    confirm_deletion: Annotated[bool, since("2.14")] = False
    overrides: list[Literal["order", "pin", "soak", "health", "freeze", "hold"]] = []
    onboard: Literal["manual", "auto"] = "manual"
    retire_for: strings.Duration = "15m"


if TYPE_CHECKING:
    Shards = str | int
    HandOver = bool | list[str]
else:
    Shards = union_by_toml_type(
        f'"{SHARD_BY_TEAM}" or a number of shards',
        integer=Annotated[int, Field(ge=1, le=MAX_SHARDS)],
        string=Annotated[
            str,
            strings.matching(SHARD_BY_TEAM, f'is neither "{SHARD_BY_TEAM}" nor a number of shards, such as 16'),
            Field(json_schema_extra={"enum": [SHARD_BY_TEAM]}),
        ],
    )
    HandOver = union_by_toml_type("true, false or a list of apps", bool=bool, list=list[strings.SingleLineText])


class Environment(Table):
    description: strings.MultiLineText | None = None
    server: strings.ServerUrl | None = None
    cluster: strings.ClusterName | None = None
    argocd: strings.DnsLabel | None = None
    name_suffix: strings.NameSuffix = ""
    labels: StringMap = {}
    facts: dict[strings.FactName, strings.SingleLineText] = {}
    create_projects: bool = False
    promotes_from: list[strings.SingleLineText] = []
    apps: list[strings.SingleLineText] = []
    policy: PromotionPolicy = PromotionPolicy()
    holds: dict[strings.SingleLineText, strings.SingleLineText] = {}
    retired: dict[strings.SingleLineText, strings.SingleLineText] = {}
    shards: Shards | None = None
    hand_over: HandOver = False


class IncludedEnvironment(Table):
    """The keys of an environment that an included file may set."""

    apps: list[strings.SingleLineText] = []


class Team(EnvironmentNamespaceSettings):
    description: strings.MultiLineText | None = None
    owners: list[strings.CodeOwner] = []
    platform: bool = False
    files: list[strings.SingleLineText] = []
    repositories: list[RepositoryGrant] = []
    namespaces: list[strings.NamespaceGrant] = []
    projects: list[strings.DnsLabel] = []
    allow: list[Literal["create-namespace", "destination", "pass-credentials", "plugin", "pod-security", "spec"]] = []


class SharedRepository(Table):
    """A repository, or a prefix of repositories, that any team or the listed ones may use, and that nobody owns."""

    url: RepositoryGrant
    charts: list[strings.ChartName] | None = Field(default=None, min_length=1)
    teams: list[strings.DnsLabel] | None = Field(default=None, min_length=1)


class SharedNamespace(EnvironmentNamespaceSettings):
    """A namespace that several teams may deploy into."""

    teams: list[strings.DnsLabel] = Field(min_length=1)


#: For each origin of a credential, the keys that it needs.
CREDENTIAL_ORIGINS: Mapping[str, tuple[str, ...]] = {
    "external-secrets": ("store", "remoteKey"),
    "secrets-store-csi": ("remoteKey",),
    "secret-arn": ("secretArn",),
    "existing": ("secret",),
}


class Credential(Table):
    """How Argo CD reads a repository, or all below a URL that ends in `/`, and where the secret comes from.

    The secret itself is never in the registry. Repositories of the kind "public" need none.
    """

    url: CredentialUrl
    kind: Literal["https-token", "ssh", "github-app", "oci", "public"]
    from_: Literal["external-secrets", "secrets-store-csi", "secret-arn", "existing"] | None = Field(
        default=None, alias="from"
    )
    store: strings.ApplicationName | None = None
    store_kind: Literal["ClusterSecretStore", "SecretStore"] | None = None
    remote_key: strings.RequiredLine | None = None
    secret_arn: SecretArn | None = None
    secret: strings.ApplicationName | None = None
    environments: list[strings.SingleLineText] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _require_keys_of_origin(self) -> "Credential":
        if problem := self._find_problem():
            raise strings.build_validation_error(problem)
        return self

    def _find_problem(self) -> str | None:
        if self.kind != "public" and self.from_ is None:
            return "does not say where the secret comes from: add from, one of " + ", ".join(CREDENTIAL_ORIGINS)
        needed = CREDENTIAL_ORIGINS.get(self.from_ or "", ())
        given = {str(info.alias) for name, info in type(self).model_fields.items() if getattr(self, name) is not None}
        if missing := [key for key in needed if key not in given]:
            return (
                f'has from = "{self.from_}", which needs {" and ".join(missing)}: add {"them" if missing[1:] else "it"}'
            )
        every = {"storeKind", *(key for keys in CREDENTIAL_ORIGINS.values() for key in keys)}
        allowed = {*needed, "storeKind" if "store" in needed else ""}
        if self.kind == "public" and self.from_ is not None:
            return 'has kind = "public", which needs no secret: remove from'
        if unused := sorted(given & every - allowed):
            what = f'from = "{self.from_}"' if self.from_ else f'kind = "{self.kind}"'
            return f"has {what}, which does not use {' and '.join(unused)}: remove {'them' if unused[1:] else 'it'}"
        return credential_kind_problem(self.kind, self.url)


class Workloads(Table):
    """Where the charts are committed, and the code owners of files that belong to no team."""

    repository: strings.RemoteRepository | None = None
    branch: strings.BranchName = "main"
    path: strings.FolderPath = "multi-repo"
    owners: list[strings.CodeOwner] = []


class ArgoCD(Table):
    """The Argo CD to generate for: its version, the namespaces of its objects, and where people see it.

    `server` or `cluster` is how it names the cluster that it runs in itself.
    """

    kind: Literal["self-managed", "eks-capability"] = "self-managed"
    version: strings.ArgoCDVersion = "3.4"
    namespace: strings.Namespace = "argocd"
    project_namespace: strings.Namespace | None = None
    existing_projects: list[strings.DnsLabel] = []
    known_hosts: list[KnownHost] = []
    url: strings.ArgoCDAddress | None = None
    server: strings.ServerUrl | None = None
    cluster: strings.ClusterName | None = None

    @property
    def namespaces(self) -> tuple[str, str]:
        """The namespaces of the Applications and of the AppProjects."""
        return self.namespace, self.project_namespace or self.namespace

    @property
    def is_eks_capability(self) -> bool:
        """Whether it is the managed Argo CD of EKS."""
        return self.kind == "eks-capability"


class ArgoCDSettings(ArgoCD):
    """The settings of every Argo CD, and those in which some of them differ."""

    instances: dict[strings.DnsLabel, ArgoCD] = {}

    def find_instance(self, name: str) -> ArgoCD:
        """The settings of an Argo CD by its name: its own, and for the rest those of all."""
        own = self.instances.get(name)
        if own is None:
            return self
        given = {key: getattr(own, key) for key in own.model_fields_set}
        if given.keys() & {"server", "cluster"}:
            given = {"server": None, "cluster": None, **given}
        return self.model_copy(update=given)

    def list_instances(self) -> list[ArgoCD]:
        """The settings of every Argo CD; the first ones are those of an Argo CD without its own."""
        return [self, *map(self.find_instance, self.instances)]


class RootFile(Table):
    version: Literal[1, 2]
    include: list[strings.SingleLineText] = []
    interpolate: bool = False
    allow_schemes: list[Literal["file", "http"]] = []
    workloads: Workloads = Workloads()
    argocd: ArgoCDSettings = ArgoCDSettings()
    defaults: AppDefaults = AppDefaults()
    credentials: dict[strings.DnsLabel, Credential] = {}
    repositories: dict[strings.DnsLabel, SharedRepository] = {}
    namespaces: dict[strings.Namespace, SharedNamespace] = {}
    environments: dict[strings.DnsLabel, Environment] = {}
    teams: dict[strings.DnsLabel, Team] = {}
    projects: dict[strings.DnsLabel, ProjectFields] = {}
    apps: dict[strings.AppName, App] = {}


class IncludedFile(Table):
    """A file that `include` names: it belongs to a team."""

    environments: dict[strings.DnsLabel, IncludedEnvironment] = {}
    apps: dict[strings.AppName, App] = {}
