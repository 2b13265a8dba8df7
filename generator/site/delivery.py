"""Delivery measures of the last weeks, for the plots and the table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from generator.promotion.history import History
from generator.promotion.metrics import DeliveryMetrics, compute_delivery_metrics, list_deployments
from generator.registry.registry import Registry

#: The number of whole weeks before the moment that are measured.
DELIVERY_WEEKS = 13


@dataclass(frozen=True)
class DeploymentWeek:
    """The deployments of seven days from `begin`, and how many of them were rolled back."""

    begin: datetime
    deployments: int
    failures: int


@dataclass(frozen=True)
class Delivery:
    """The measures of teams and deployed apps, and the deployments by week, oldest first."""

    since: datetime
    until: datetime
    measures: tuple[DeliveryMetrics, ...]
    weeks: tuple[DeploymentWeek, ...]

    @property
    def teams(self) -> list[DeliveryMetrics]:
        """The measures of teams with deployments, most deployments first."""
        found = [each for each in self.measures if not each.app and each.deployments]
        return sorted(found, key=lambda each: (-each.deployments, each.team))


def measure_delivery(registry: Registry, history: History, until: datetime) -> Delivery:
    """Measure the deployments into last environments in the weeks before `until`."""
    since = until - timedelta(weeks=DELIVERY_WEEKS)
    found = compute_delivery_metrics(registry, history, since, until)
    all_of_them = [each for app in registry.apps for each in list_deployments(registry, history, app)]
    weeks = []
    for number in range(DELIVERY_WEEKS):
        begin = since + timedelta(weeks=number)
        mine = [each for each in all_of_them if begin <= each.deployed_at < begin + timedelta(weeks=1)]
        weeks.append(DeploymentWeek(begin, len(mine), sum(each.time_to_restore is not None for each in mine)))
    return Delivery(since, until, tuple(each for each in found if not each.app or each.deployments), tuple(weeks))
