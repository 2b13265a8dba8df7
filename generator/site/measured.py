"""`History` → the delivery of the last weeks, as the plots and the table show it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from generator.promotion.history import History
from generator.promotion.metrics import Measures, deployments_of, measures
from generator.registry.registry import Registry

#: How many whole weeks are looked at, to the moment.
WEEKS = 13


@dataclass(frozen=True)
class Week:
    """Deployments from `begin` for seven days, and how many of them were rolled back."""

    begin: datetime
    deployments: int
    failures: int


@dataclass(frozen=True)
class Delivery:
    """`measures` as metrics tells them, of teams and of those apps that were deployed; `weeks`, oldest first."""

    since: datetime
    until: datetime
    measures: tuple[Measures, ...]
    weeks: tuple[Week, ...]

    @property
    def teams(self) -> list[Measures]:
        """The teams that deployed, most deployments first."""
        found = [each for each in self.measures if not each.app and each.deployments]
        return sorted(found, key=lambda each: (-each.deployments, each.team))


def delivery(registry: Registry, history: History, until: datetime) -> Delivery:
    """What came into last environments in the weeks before `until`."""
    since = until - timedelta(weeks=WEEKS)
    found = measures(registry, history, since, until)
    all_of_them = [each for app in registry.apps for each in deployments_of(registry, history, app)]
    weeks = []
    for number in range(WEEKS):
        begin = since + timedelta(weeks=number)
        mine = [each for each in all_of_them if begin <= each.when < begin + timedelta(weeks=1)]
        weeks.append(Week(begin, len(mine), sum(each.restored is not None for each in mine)))
    return Delivery(since, until, tuple(each for each in found if not each.app or each.deployments), tuple(weeks))
