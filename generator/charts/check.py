"""`RenderedTree` → proof that Helm and Argo CD will take every chart in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from generator.charts import helm
from generator.charts.environment import handed_on
from generator.charts.layout import Chart
from generator.charts.objects import object_problems
from generator.charts.render import RenderedTree, Slice
from generator.charts.size import Load, loads, refused
from generator.errors import GeneratorError
from generator.registry.memo import FORGETFUL, Memo, key_of
from generator.registry.registry import Registry

_KIND = "helm"


class ChartError(GeneratorError):
    """The registry is valid by itself, and a chart made of it is not."""

    exit_code = 3


def judge(tree: RenderedTree, registry: Registry, memo: Memo = FORGETFUL, *, with_helm: bool = True) -> list[Load]:
    """All that is asked of the charts of a registry before they are trusted; gives what each weighs.

    Raises ChartError for what Helm or Argo CD would refuse, LocalError where there is no Helm. Without Helm it is
    the size of the charts alone.
    """
    found = loads(tree, registry)
    # What is in no slice would be trusted without having been looked at.
    assert {load.chart for load in found} == {piece.chart for piece in tree.slices}  # noqa: S101
    too_large = refused(found, tree.applications, registry)
    if too_large:
        raise ChartError("\n".join(too_large))
    if with_helm:
        verify(tree, registry.environments, memo)
    return found


def verify(tree: RenderedTree, environments: Iterable[str], memo: Memo = FORGETFUL) -> None:
    """Have Helm render every chart, slice by slice, as many at once as there are processors, and judge what comes out.

    A slice that `memo` knows to be sound, by what it is made of and the engine that judged it, is not rendered again.
    Raises ChartError with everything that is wrong, LocalError where there is no Helm.
    """
    chosen = set(environments)
    problems = _Verification((piece for piece in tree.slices if piece.chart.environment in chosen), memo).problems()
    if problems:
        raise ChartError("\n".join(problems), remedy="nothing of this may reach a cluster: mend the registry")


class _Judged(NamedTuple):
    """What is wrong with a slice, and the values that it hands to the shards below it."""

    problems: list[str]
    handed_on: list[tuple[Chart, dict[str, Any]]]


class _Verification:
    def __init__(self, slices: Iterable[Slice], memo: Memo) -> None:
        self._memo = memo
        self._engine = helm.engine()
        slices = list(slices)
        self._above = {piece.chart.environment: piece for piece in slices if not piece.chart.shard}
        self._shards = [piece.chart for piece in slices if piece.chart.shard]
        self._unknown = [piece for piece in slices if not self._known(piece)]

    def problems(self) -> list[str]:
        """Everything that is wrong, and what is not is remembered."""
        # A shard is rendered with what the chart above it hands on, which then has to be rendered first, known or not.
        divided = sorted({piece.chart.environment for piece in self._unknown if piece.chart.shard})
        first = [self._above[env] for env in divided]
        then = [piece for piece in self._unknown if piece.chart not in {Chart(env) for env in divided}]
        # Helm's engine works outside of Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            above = list(pool.map(self._judged, first))
            values = {chart: given for one in above for chart, given in one.handed_on}
            below = list(pool.map(lambda piece: self._judged(piece, values.get(piece.chart)), then))
        for piece, judged in zip([*first, *then], [*above, *below], strict=True):
            if not judged.problems:
                self._remember(self._keys(piece))
        return list(dict.fromkeys(problem for judged in [*above, *below] for problem in judged.problems))

    def _judged(self, piece: Slice, values: Mapping[str, Any] | None = None) -> _Judged:
        try:
            objects = helm.manifests(piece.files, values)
            handed = [] if piece.chart.shard else handed_on(objects, self._shards)
        except helm.HelmRefusal as refusal:
            return _Judged([f"chart {piece.chart}: Helm refuses it: {refusal}"], [])
        problems = object_problems(objects, piece.applications)
        return _Judged([f"chart {piece.chart}: {text}" for text in problems], handed)

    def _known(self, piece: Slice) -> bool:
        asked: list[str] = []
        for key in self._keys(piece):
            if self._memo.get(_KIND, key) is not None:
                self._remember(asked)
                return True
            asked.append(key)
        return False

    def _remember(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._memo.put(_KIND, key, True)

    def _keys(self, piece: Slice) -> Iterator[str]:
        """By what the judgement of a slice is known; that of a shard rests on the chart above it too.

        What a slice is made of is asked first, since nothing has to be made for it. A promotion changes that of all
        its team's slices, but the bytes of one: the others are then found by theirs.
        """
        pieces = [piece, *([self._above[piece.chart.environment]] if piece.chart.shard else [])]
        if piece.mark:
            yield key_of((self._engine, [one.mark or _held(one) for one in pieces]))
        yield key_of((self._engine, [_held(one) for one in pieces]))


def _held(piece: Slice) -> Any:
    return tuple(piece.chart), sorted(piece.files.digests.items()), sorted(piece.applications.items())
