"""The sources of apps whose revision no pin sets, and since when an environment deploys them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from generator.registry.effective import EffectiveApp


class FixedSource(NamedTuple):
    """A source of an app whose targetRevision no pin changes."""

    repository: str
    chart: str
    revision: str


class FixedSourcesChange(NamedTuple):
    """A change of the fixed sources that an environment deploys for an app, in their order; empty if it has none."""

    environment: str
    app: str
    sources: tuple[FixedSource, ...]
    changed_at: datetime


def list_fixed_sources(app: EffectiveApp) -> tuple[FixedSource, ...]:
    """List the sources of an app whose revision a pin does not set, `ref` sources included."""
    keys = {"repoURL": "", "chart": "", "targetRevision": "HEAD"}
    return tuple(
        FixedSource(*(str(source.get(key, default)) for key, default in keys.items())) for source in app.fixed_sources
    )


def find_fixed_source_start(
    changes: Sequence[FixedSourcesChange], environment: str, app: str, index: int
) -> datetime | None:
    """Return since when an environment deploys a fixed source of an app, found by its index in the last change.

    None if it is not committed.
    """
    start = wanted = None
    for change in reversed(changes):
        if (change.environment, change.app) == (environment, app):
            wanted = wanted or next(iter(change.sources[index:]), None)
            if wanted not in change.sources:
                break
            start = change.changed_at
    return start
