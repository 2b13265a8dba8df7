"""Render a registry's charts team by team, and cache each team's part by its inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from generator.charts.file_set import FileIds, FileSet, RecallFileIds
from generator.charts.layout import OutputLocation
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, TreePart, assemble_tree, render_tree_part
from generator.registry.registry import Registry
from generator.registry.result_cache import NO_CACHE, ResultCache, digest_data

_PART_KIND = "charts"


def render_charts(
    registry: Registry, memo: ResultCache = NO_CACHE, location: OutputLocation | None = None
) -> RenderedTree:
    """Render all charts of a registry. Argo CD reads them at `location`, by default where the registry says.

    With a `memo`, only teams whose part is not cached are rendered.
    """
    return assemble_tree(
        plan_charts(_without_apps(registry), location), [_render_team(team, memo) for team in registry.split_by_team()]
    )


def _without_apps(registry: Registry) -> Registry:
    """The registry without its apps."""
    environments = {name: replace(env, listings=()) for name, env in registry.environments.items()}
    return replace(registry, apps={}, environments=environments)


def _render_team(team: Registry, memo: ResultCache) -> TreePart:
    # The repr of a registry without apps contains everything else that it says, and nothing more.
    listings = [list(map(tuple, env.listings)) for env in team.environments.values()]
    key = digest_data((repr(_without_apps(team)), team.apps, listings))
    known = memo.get(_PART_KIND, key)
    if known is not None:
        return _restore_part(known, team, _create_id_recall(memo, key))._replace(input_digest=key)
    part = render_tree_part(plan_charts(team))
    memo.put(_PART_KIND, key, _part_as_data(part))
    return part._replace(files=part.files.with_recalled_ids(_create_id_recall(memo, key)), input_digest=key)


def _part_as_data(part: TreePart) -> dict[str, Any]:
    return {
        "digests": dict(part.files.digests),
        "entries": part.entries,
        "projects": part.projects,
        "applications": part.applications,
    }


def _create_id_recall(memo: ResultCache, key: str) -> RecallFileIds:
    """A function that returns the ids of a part's files from `memo`, or computes and stores them."""

    def recall_ids(kind: str, make: Callable[[], FileIds]) -> FileIds:
        known = memo.get(kind, key)
        if known is None:
            known = make()
            memo.put(kind, key, known)
        marks: FileIds = known
        return marks

    return recall_ids


def _restore_part(known: Mapping[str, Any], team: Registry, recall: RecallFileIds) -> TreePart:
    @functools.cache
    def render_team_files() -> Mapping[str, bytes]:
        return render_tree_part(plan_charts(team)).files

    remembered = FileSet(known["digests"], lambda path: render_team_files()[path], recall)
    return TreePart(remembered, known["entries"], known["projects"], known["applications"])
