"""Find the destinations that AppProjects keep for Applications that have left them. Pure.

Argo CD deletes an object only if the project of its Application permits that at the time. An AppProject is updated
before an Application is deleted, and in another sync if another chart has it. So it keeps the destination of an
Application that is gone, moved or in another project for a week, in which Argo CD syncs the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.strings import NAMESPACE_PATTERN

if TYPE_CHECKING:
    from generator.charts.inventory import Inventory
    from generator.registry.registry import Registry

_KEPT_FOR = timedelta(days=7)


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
    registry: Registry, inventory: Inventory, applications: Mapping[str, Mapping[str, str]], today: date | None
) -> dict[FormerDestination, str]:
    """The destinations that projects keep after a change, each with the day on which its Application left.

    `inventory` is that of the charts before the change, `applications` are the identities after it. Without `today`,
    none is dropped for its age. An app that was retired leaves its workload, and needs none.
    """
    needed = {_destination_key(registry, _list_destination(*item)) for item in applications.items()}
    deployed = (item for item in inventory.applications.items() if "retired" not in item[1])
    left = dict.fromkeys((_list_destination(*item) for item in deployed), str(today or ""))
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


def _list_destination(key: str, identity: Mapping[str, str]) -> FormerDestination:
    fields = (identity.get(name, "") for name in ("project", "namespace", "cluster"))
    return FormerDestination(key.partition("/")[0], *fields)


def _destination_key(registry: Registry, of: FormerDestination) -> tuple[str, ...]:
    """What distinguishes a destination: environments of one Argo CD share their projects."""
    environment = registry.environments.get(of.environment)
    return (environment.argocd if environment else "", *of[1:])
