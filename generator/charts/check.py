"""`RenderedTree` → proof that Helm and Argo CD will take every chart in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from generator.charts import helm
from generator.charts.objects import object_problems
from generator.charts.render import CHARTS, RenderedTree
from generator.errors import GeneratorError


class ChartError(GeneratorError):
    """The registry is valid by itself, and a chart made of it is not."""

    exit_code = 3


def chart_files(tree: RenderedTree, environment: str) -> dict[str, bytes]:
    """The files of one chart by path below its root."""
    prefix = f"{CHARTS}/{environment}/"
    return {path[len(prefix) :]: data for path, data in tree.files.items() if path.startswith(prefix)}


def verify(tree: RenderedTree, environments: Iterable[str]) -> None:
    """Have Helm render every chart and judge what comes out.

    Raises ChartError with everything that is wrong, LocalError where there is no Helm.
    """
    expected: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)
    for key, identity in tree.applications.items():
        environment, _, app = key.partition("/")
        expected[environment][app] = identity
    problems = [problem for env in environments for problem in _chart_problems(tree, env, expected[env])]
    if problems:
        raise ChartError("\n".join(problems), remedy="nothing of this may reach a cluster: mend the registry")


def _chart_problems(tree: RenderedTree, environment: str, expected: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    try:
        objects = helm.manifests(chart_files(tree, environment))
    except helm.HelmRefusal as refusal:
        yield f"chart {environment}: Helm refuses it: {refusal}"
        return
    for problem in object_problems(objects, expected):
        yield f"chart {environment}: {problem}"
