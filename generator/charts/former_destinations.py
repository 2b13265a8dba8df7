"""Find the destinations that AppProjects keep for Applications that have left them. Pure.

Argo CD deletes an object only if the project of its Application permits that at the time. An AppProject is updated
before an Application is deleted, and in another sync if another chart has it. So it keeps the destination of an
Application that is gone, moved or in another project for a week, in which Argo CD syncs the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.strings import NAMESPACE_PATTERN
from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.charts.layout import NAMESPACES_FOLDER
from generator.registry.shards import team_namespaces_name

if TYPE_CHECKING:
    from generator.charts.inventory import Inventory
    from generator.registry.registry import Registry
    from generator.registry.team_namespaces import NamespacesByEnvironment

_KEPT_FOR = timedelta(days=7)
_NAMESPACE_MANIFEST = re.compile(rf"{NAMESPACES_FOLDER}/([^/]+)/([^/]+)\.yaml")


class FormerDestination(NamedTuple):
    """A destination that an Application of an environment had in a project; `cluster` is `name:…` or `server:…`."""

    environment: str
    project: str
    namespace: str
    cluster: str

    @property
    def destination(self) -> dict[str, str]:
        """The cluster as an Application names it."""
        field, _, value = self.cluster.partition(":")
        return {field: value}


def find_former_destinations(
    registry: Registry,
    inventory: Inventory,
    applications: Mapping[str, Mapping[str, str]],
    today: date | None,
    namespaces: NamespacesByEnvironment | None = None,
) -> dict[FormerDestination, str]:
    """The destinations that projects keep after a change, each with the day on which its Application left.

    `inventory` is that of the charts before the change, `applications` are the identities after it. Without `today`,
    none is dropped for its age. An app that was retired leaves its workload, and needs none. `namespaces` are those
    that the charts deploy after the change.
    """
    after = [(env, namespace) for env, listed in (namespaces or {}).items() for namespace in listed]
    before = [found.groups() for found in map(_NAMESPACE_MANIFEST.fullmatch, inventory.files) if found]
    current = [*(_list_destination(*item) for item in applications.items()), *_list_namespaces(registry, after)]
    needed = {_destination_key(registry, each) for each in current}
    deployed = (item for item in inventory.applications.items() if "retired" not in item[1])
    former = [*(_list_destination(*item) for item in deployed), *_list_namespaces(registry, before)]
    left = dict.fromkeys(former, str(today or ""))
    oldest = str(today - _KEPT_FOR) if today else ""
    return {
        each: since
        for each, since in sorted({**left, **inventory.former_destinations}.items())
        if since >= oldest
        and each.environment in registry.environments
        and NAMESPACE_PATTERN.fullmatch(each.namespace)
        and each.cluster.startswith(("name:", "server:"))
        and _destination_key(registry, each) not in needed
    }


def _list_namespaces(registry: Registry, places: Iterable[Sequence[str]]) -> list[FormerDestination]:
    """The destinations of namespaces that charts deploy; each place is an environment and a namespace."""
    found = []
    for name, namespace in places:
        env = registry.environments.get(name)
        if env is not None:
            cluster = f"name:{env.cluster}" if env.cluster else f"server:{env.server or IN_CLUSTER_SERVER}"
            found.append(FormerDestination(name, team_namespaces_name(name), namespace, cluster))
    return found


def _list_destination(key: str, identity: Mapping[str, str]) -> FormerDestination:
    fields = (identity.get(name, "") for name in ("project", "namespace", "cluster"))
    return FormerDestination(key.partition("/")[0], *fields)


def _destination_key(registry: Registry, of: FormerDestination) -> tuple[str, ...]:
    """What distinguishes a destination: environments of one Argo CD share their projects."""
    environment = registry.environments.get(of.environment)
    return (environment.argocd if environment else "", *of[1:])
