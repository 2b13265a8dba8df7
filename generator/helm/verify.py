"""Check the size of rendered charts, and verify with Helm that Argo CD will accept them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from generator.charts.layout import Chart
from generator.charts.render import ChartSlice, RenderedTree
from generator.errors import GeneratorError
from generator.helm import engine as helm
from generator.helm.chart_size import ChartSize, describe_oversized_charts, measure_charts
from generator.helm.environment_objects import find_shard_values
from generator.helm.objects import find_object_problems
from generator.registry.registry import Registry
from generator.registry.result_cache import NO_CACHE, ResultCache, digest_data

_VERDICT_KIND = "helm"


class ChartError(GeneratorError):
    """The registry is valid, but a chart generated from it is not."""

    exit_code = 3


def validate_charts(
    tree: RenderedTree, registry: Registry, memo: ResultCache = NO_CACHE, *, with_helm: bool = True
) -> list[ChartSize]:
    """Check the size of every chart, verify the charts with Helm, and return the sizes.

    Raises ChartError for what Helm or Argo CD would refuse, LocalError if Helm is not installed. If `with_helm` is
    false, only the sizes are checked.
    """
    found = measure_charts(tree, registry)
    # A chart that is in no slice would go unverified.
    assert {load.chart for load in found} == {piece.chart for piece in tree.slices}  # noqa: S101
    too_large = describe_oversized_charts(found, tree.applications, registry)
    if too_large:
        raise ChartError("\n".join(too_large))
    if with_helm:
        verify_with_helm(tree, registry.environments, memo)
    return found


def verify_with_helm(tree: RenderedTree, environments: Iterable[str], memo: ResultCache = NO_CACHE) -> None:
    """Have Helm render every chart, slice by slice and in parallel, and validate the rendered objects.

    A slice that passed before, by `memo`, with the same content and the same Helm engine, is not rendered again.
    Raises ChartError with all problems, LocalError if Helm is not installed.
    """
    chosen = set(environments)
    problems = _SliceVerification(
        (piece for piece in tree.slices if piece.chart.environment in chosen), memo
    ).find_problems()
    if problems:
        raise ChartError("\n".join(problems), remedy="nothing of this may reach a cluster: mend the registry")


class _SliceVerdict(NamedTuple):
    """The problems of a slice, and the values that its chart passes to its shards."""

    problems: list[str]
    shard_values: list[tuple[Chart, dict[str, Any]]]


class _SliceVerification:
    def __init__(self, slices: Iterable[ChartSlice], memo: ResultCache) -> None:
        self._memo = memo
        self._engine = helm.identify_engine()
        slices = list(slices)
        self._parent_slices = {piece.chart.environment: piece for piece in slices if not piece.chart.shard}
        self._shard_charts = [piece.chart for piece in slices if piece.chart.shard]
        self._unverified = [piece for piece in slices if not self._is_verified(piece)]

    def find_problems(self) -> list[str]:
        """Find the problems of all unverified slices, and store the verdict of each slice that has none."""
        # A shard is rendered with values from its parent chart, which is rendered first even if it is already verified.
        divided = sorted({piece.chart.environment for piece in self._unverified if piece.chart.shard})
        first = [self._parent_slices[env] for env in divided]
        then = [piece for piece in self._unverified if piece.chart not in {Chart(env) for env in divided}]
        # Helm's engine runs outside of Python's global lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            above = list(pool.map(self._verify_slice, first))
            values = {chart: given for one in above for chart, given in one.shard_values}
            below = list(pool.map(lambda piece: self._verify_slice(piece, values.get(piece.chart)), then))
        for piece, judged in zip([*first, *then], [*above, *below], strict=True):
            if not judged.problems:
                self._store_verdicts(self._list_verdict_keys(piece))
        return list(dict.fromkeys(problem for judged in [*above, *below] for problem in judged.problems))

    def _verify_slice(self, piece: ChartSlice, values: Mapping[str, Any] | None = None) -> _SliceVerdict:
        try:
            objects = helm.render_chart(piece.files, values)
            handed = [] if piece.chart.shard else find_shard_values(objects, self._shard_charts)
        except helm.HelmRefusal as refusal:
            return _SliceVerdict([f"chart {piece.chart}: Helm refuses it: {refusal}"], [])
        problems = find_object_problems(objects, piece.applications)
        return _SliceVerdict([f"chart {piece.chart}: {text}" for text in problems], handed)

    def _is_verified(self, piece: ChartSlice) -> bool:
        asked: list[str] = []
        for key in self._list_verdict_keys(piece):
            if self._memo.get(_VERDICT_KIND, key) is not None:
                self._store_verdicts(asked)
                return True
            asked.append(key)
        return False

    def _store_verdicts(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._memo.put(_VERDICT_KIND, key, True)

    def _list_verdict_keys(self, piece: ChartSlice) -> Iterator[str]:
        """The cache keys of a slice's verdict; those of a shard include its parent chart.

        The key by inputs comes first, since it needs no rendering. A promotion changes the inputs of all slices of a
        team but the bytes of only one: the others are then found by the key of their bytes.
        """
        pieces = [piece, *([self._parent_slices[piece.chart.environment]] if piece.chart.shard else [])]
        if piece.input_digest:
            yield digest_data((self._engine, [one.input_digest or _slice_content(one) for one in pieces]))
        yield digest_data((self._engine, [_slice_content(one) for one in pieces]))


def _slice_content(piece: ChartSlice) -> Any:
    return tuple(piece.chart), sorted(piece.files.digests.items()), sorted(piece.applications.items())
