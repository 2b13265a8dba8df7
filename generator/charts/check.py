"""`RenderedTree` → proof that Helm and Argo CD will take every chart in it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from generator.charts import helm
from generator.charts.objects import object_problems
from generator.charts.render import CHARTS, RenderedTree, digest
from generator.errors import GeneratorError
from generator.registry.memo import FORGETFUL, Memo

_KIND = "helm"


class ChartError(GeneratorError):
    """The registry is valid by itself, and a chart made of it is not."""

    exit_code = 3


def chart_files(tree: RenderedTree, environment: str) -> dict[str, bytes]:
    """The files of one chart by path below its root."""
    prefix = f"{CHARTS}/{environment}/"
    return {path[len(prefix) :]: data for path, data in tree.files.items() if path.startswith(prefix)}


def verify(tree: RenderedTree, environments: Iterable[str], memo: Memo = FORGETFUL) -> None:
    """Have Helm render every chart, as many at once as there are processors, and judge what comes out.

    A chart that `memo` knows to be sound, by its bytes and by the engine that judged it, is not rendered again.
    Raises ChartError with everything that is wrong, LocalError where there is no Helm.
    """
    expected: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)
    for key, identity in tree.applications.items():
        environment, _, app = key.partition("/")
        expected[environment][app] = identity
    keys = {env: _key(tree, env, expected[env]) for env in environments}
    asked = [env for env in keys if memo.get(_KIND, keys[env]) is None]
    # Helm's engine works outside of Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(
            zip(asked, pool.map(lambda env: list(_chart_problems(tree, env, expected[env])), asked), strict=True)
        )
    for env in asked:
        if not found[env]:
            memo.put(_KIND, keys[env], True)
    problems = [problem for env in asked for problem in found[env]]
    if problems:
        raise ChartError("\n".join(problems), remedy="nothing of this may reach a cluster: mend the registry")


def _key(tree: RenderedTree, environment: str, expected: Mapping[str, Mapping[str, str]]) -> str:
    prefix = f"{CHARTS}/{environment}/"
    files = {path[len(prefix) :]: found for path, found in tree.digests.items() if path.startswith(prefix)}
    judged = {path: found for path, found in files.items() if helm.is_read(path)}
    return digest(repr((helm.engine(), environment, judged, sorted(expected.items()))).encode())


def _chart_problems(tree: RenderedTree, environment: str, expected: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    try:
        objects = helm.manifests(chart_files(tree, environment))
    except helm.HelmRefusal as refusal:
        yield f"chart {environment}: Helm refuses it: {refusal}"
        return
    for problem in object_problems(objects, expected):
        yield f"chart {environment}: {problem}"
