"""Tables for what the platform gives to the namespaces of a team: quota, limits, access and a network policy."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from generator.argocd import strings
from generator.argocd.table import Count, StringMap, Table, union_by_toml_type

_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([KMGTPE]i)|[eE]([+-]?[0-9]{1,2})|([numkMGTPE]?))")
#: The resources without a domain that a quota can limit, beside those of huge pages.
_QUOTA_RESOURCES = (
    *("cpu", "memory", "pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"),
    *("requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage", "limits.cpu"),
    *("limits.memory", "limits.ephemeral-storage", "ephemeral-storage", "services.loadbalancers"),
    *("services.nodeports", "replicationcontrollers"),
)


def parse_quantity(text: str) -> Decimal | None:
    """The number that a Kubernetes quantity such as `500m` or `2Gi` stands for; None if it is none."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        return None
    number, binary, exponent, suffix = found.groups()
    if binary:
        return Decimal(number) * Decimal(1024) ** ("KMGTPE".index(binary[0]) + 1)
    return Decimal(number).scaleb(int(exponent) if exponent else _SUFFIXES[suffix])


def _quantity_problem(value: str) -> str | None:
    if parse_quantity(value) is not None:
        return None
    return f'{strings.quoted_excerpt(value)} is not a quantity: write one such as "500m", "4" or "2Gi"'


def _quota_resource_problem(value: str) -> str | None:
    if value in _QUOTA_RESOURCES or re.fullmatch(r"(?:requests\.)?hugepages-[0-9A-Za-z]+", value):
        return None
    if re.fullmatch(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?/[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?", value):
        return None
    names = "requests.cpu, requests.memory, limits.cpu, limits.memory, pods or count/deployments.apps"
    return f"{strings.quoted_excerpt(value)} is not a resource that a quota limits: use {names}"


if TYPE_CHECKING:
    Quantity = str | int
else:
    Quantity = union_by_toml_type(
        'a quantity such as "500m", 4 or "2Gi"',
        integer=Count,
        string=Annotated[str, strings.string_validator(_quantity_problem)],
    )
QuotaResource = Annotated[str, strings.string_validator(_quota_resource_problem)]
ResourceName = Annotated[
    str, strings.matching(r"[a-z0-9](?:[-a-z0-9./]*[a-z0-9])?", 'is not a resource: write one such as "cpu"')
]
ClusterRoleName = Annotated[
    str,
    strings.matching(
        r"[a-z0-9](?:[-a-z0-9.]{0,57}[a-z0-9])?",
        "is not the name of a ClusterRole: use at most 59 of a-z, 0-9 and inner '-' and '.'",
    ),
]
Resources = dict[ResourceName, Quantity]


class LimitRangeItem(Table):
    """The limits of one kind of object, as in a LimitRange."""

    type: Literal["Container", "Pod", "PersistentVolumeClaim"]
    default: Resources | None = None
    default_request: Resources | None = None
    max: Resources | None = None
    min: Resources | None = None
    max_limit_request_ratio: Resources | None = None

    @model_validator(mode="after")
    def _check_order(self) -> "LimitRangeItem":
        if self.type == "Pod" and (self.default or self.default_request):
            raise strings.build_validation_error('has defaults, which only type = "Container" can have')
        given = [(name, getattr(self, name) or {}) for name in ("min", "default_request", "default", "max")]
        for at, (name, values) in enumerate(given):
            for other, greater in given[at + 1 :]:
                for resource in values.keys() & greater.keys():
                    if _number(values[resource]) > _number(greater[resource]):
                        text = f"has a {name.replace('_r', 'R')} of {resource} above its {other.replace('_r', 'R')}"
                        raise strings.build_validation_error(text)
        return self


def _number(value: Quantity) -> Decimal:
    return parse_quantity(str(value)) or Decimal(0)


class NamespaceSettings(Table):
    """What a namespace gets. A key that an environment sets replaces the key of the team."""

    quota: dict[QuotaResource, Quantity] | None = None
    limits: list[LimitRangeItem] | None = None
    access: dict[ClusterRoleName, list[strings.RequiredLine]] | None = None
    network_policy: Literal["deny-all", "deny-ingress", "deny-egress", "none"] | None = None
    namespace_labels: StringMap | None = None


class EnvironmentNamespaceSettings(NamespaceSettings):
    """The same with other values in some environments."""

    environments: dict[strings.DnsLabel, NamespaceSettings] = Field(default={})

    def find_settings(self, environment: str) -> NamespaceSettings:
        """The settings for the namespaces in an environment."""
        own = self.environments.get(environment)
        layers = [layer for layer in (self, own) if layer is not None]
        names = NamespaceSettings.model_fields
        return NamespaceSettings.model_construct(
            **{name: getattr(one, name) for one in layers for name in names if name in one.model_fields_set}
        )
