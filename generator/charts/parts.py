"""`Registry` → `RenderedTree`, a team at a time: what a team's apps come to is made once for what is said of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from generator.charts.files import Files, Marks, Recall
from generator.charts.layout import Location
from generator.charts.plan import plan
from generator.charts.render import Part, RenderedTree, assemble, part_of
from generator.registry.memo import FORGETFUL, Memo, key_of
from generator.registry.registry import Registry

_KIND = "charts"


def charts(registry: Registry, memo: Memo = FORGETFUL, location: Location | None = None) -> RenderedTree:
    """All charts of a registry, which Argo CD finds at `location`: by default where the registry says.

    With a `memo`, only the apps of teams that it does not know are rendered.
    """
    return assemble(plan(_bare(registry), location), [_part(team, memo) for team in registry.by_team()])


def _bare(registry: Registry) -> Registry:
    """The registry without its apps."""
    environments = {name: replace(env, listings=()) for name, env in registry.environments.items()}
    return replace(registry, apps={}, environments=environments)


def _part(team: Registry, memo: Memo) -> Part:
    # All that a registry says besides its apps is in its text form, and the text has nothing else in it.
    listings = [list(map(tuple, env.listings)) for env in team.environments.values()]
    key = key_of((repr(_bare(team)), team.apps, listings))
    known = memo.get(_KIND, key)
    if known is not None:
        return _recalled(known, team, _marks(memo, key))._replace(mark=key)
    part = part_of(plan(team))
    memo.put(_KIND, key, _told(part))
    return part._replace(files=part.files.recalling(_marks(memo, key)), mark=key)


def _told(part: Part) -> dict[str, Any]:
    return {
        "digests": dict(part.files.digests),
        "entries": part.entries,
        "projects": part.projects,
        "applications": part.applications,
    }


def _marks(memo: Memo, key: str) -> Recall:
    """What recalls, or keeps, the marks of a part's files."""

    def recall(kind: str, make: Callable[[], Marks]) -> Marks:
        known = memo.get(kind, key)
        if known is None:
            known = make()
            memo.put(kind, key, known)
        marks: Marks = known
        return marks

    return recall


def _recalled(known: Mapping[str, Any], team: Registry, recall: Recall) -> Part:
    @functools.cache
    def files() -> Mapping[str, bytes]:
        return part_of(plan(team)).files

    remembered = Files(known["digests"], lambda path: files()[path], recall)
    return Part(remembered, known["entries"], known["projects"], known["applications"])
