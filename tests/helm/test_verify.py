"""That the slices which Helm judges one by one are together what the charts are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.registries import files as registry_files
from benchmarks.registries import promoted
from generator.charts.layout import SHARDS_TEMPLATE, Chart, group_by_chart
from generator.charts.render import ChartSlice, RenderedTree
from generator.charts.team_partition import render_charts
from generator.helm import engine as helm
from generator.helm.environment_objects import find_shard_values
from generator.helm.verify import ChartError, validate_charts, verify_with_helm
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from generator.registry.result_cache import NO_CACHE
from tests.charts.rendered import SAMPLE, SHARED_HUB, registry_of, sharded, through_parent
from tests.charts.test_golden import EVERY_FIELD
from tests.remembering import Remembering

_MANY = {name: text.encode() for name, text in registry_files(60, 7).items()}


def _registries() -> dict[str, Registry]:
    texts = {place.parent.name: place.read_text(encoding="utf-8") for place in (SAMPLE, EVERY_FIELD / "apps.toml")}
    texts["hub"] = SHARED_HUB.read_text(encoding="utf-8")
    found = {name: registry_of(text) for name, text in texts.items()}
    found |= {
        f"{name}-{how}": registry_of(sharded(texts[name], toml)) for name in ("hub",) for how, toml in _HOW.items()
    }
    return found | {"many": read_registry_from(MemoryFiles(_MANY), "apps.toml")}


_HOW = {"team": '"team"', "hash": "3"}
REGISTRIES = _registries()
registries = pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES)


def _objects_of_slices(tree: RenderedTree) -> dict[Chart, list[helm.Manifest]]:
    found: dict[Chart, list[helm.Manifest]] = {}
    values: dict[Chart, dict[str, Any]] = {}
    for piece in sorted(tree.slices, key=lambda piece: piece.chart.shard):
        objects = helm.render_chart(piece.files, values.get(piece.chart))
        values.update(find_shard_values(objects, [one.chart for one in tree.slices]))
        found.setdefault(piece.chart, []).extend(objects)
    return found


@registries
def test_the_slices_yield_what_the_charts_yield(registry: Registry) -> None:
    tree = render_charts(registry)
    sliced = [item for items in _objects_of_slices(tree).values() for item in items]
    files = group_by_chart(tree.files)
    whole = [item for env in registry.environments for part in through_parent(files, env) for item in part.values()]
    assert Counter(map(repr, sliced)) == Counter(map(repr, whole))


@registries
def test_every_template_and_every_application_is_in_one_slice(registry: Registry) -> None:
    tree = render_charts(registry)
    files = [f"{piece.chart.folder}/{path}" for piece in tree.slices for path in piece.files if "templates/" in path]
    assert set(files) == {path for path in tree.files if "/templates/" in path}
    apps = [f"{piece.chart.environment}/{app}" for piece in tree.slices for app in piece.applications]
    divided = {piece.chart for piece in tree.slices if piece.chart.shard}
    shards = [f"{chart.environment}/{chart.shard}" for chart in divided]
    assert sorted(apps) == sorted([*tree.applications, *shards])


@registries
def test_the_values_of_a_slice_are_lines_of_the_charts(registry: Registry) -> None:
    tree = render_charts(registry)
    for piece in tree.slices:
        whole = tree.files[f"{piece.chart.folder}/values.yaml"].decode().splitlines()
        assert Counter(piece.files["values.yaml"].decode().splitlines()) <= Counter([*whole, "  apps: {}"])


_PROD = 'labels = { env = "prod" }\n'
_EDITS = (
    ("", ""),
    ('replicaCount = "', 'replicaCount = "7'),
    (_PROD, 'labels = { env = "x" }\n'),
    (_PROD, f'nameSuffix = "-x"\n{_PROD}'),
    (_PROD, f'server = "https://x.example.com"\n{_PROD}'),
    (_PROD, f"handOver = true\n{_PROD}"),
    (_PROD, f'shards = "team"\n{_PROD}'),
    (_PROD, f"shards = 2\n{_PROD}"),
    (_PROD, f"policy = {{ confirmDeletion = true }}\n{_PROD}"),
    ("[argocd]\n", '[argocd]\nnamespace = "x"\n'),
    ("[argocd]\n", "[defaults]\nsyncWave = 9\n[argocd]\n"),
)


def test_slices_of_one_mark_are_one_slice() -> None:
    known: dict[str, tuple[object, ...]] = {}
    seen = 0
    for before, after in _EDITS:
        edited = {name: text.replace(before.encode(), after.encode()) for name, text in _MANY.items()}
        assert (edited == _MANY) == (before == after), before
        for piece in render_charts(read_registry_from(MemoryFiles(edited), "apps.toml")).slices:
            told = piece.chart, piece.files.digests, piece.applications
            # Of a chart above shards only its bytes tell.
            assert bool(piece.input_digest) == (piece.files.keys().isdisjoint({f"templates/{SHARDS_TEMPLATE}.yaml"}))
            assert not piece.input_digest or known.setdefault(piece.input_digest, told) == told
            seen += 1
    assert len(_EDITS) < len(known) < seen


def test_a_chart_in_no_slice_is_never_trusted() -> None:
    registry = REGISTRIES["many"]
    tree = render_charts(registry)
    lacking = replace(
        tree, build_slices=lambda: tuple(piece for piece in tree.slices if piece.chart.environment != "prod")
    )
    with pytest.raises(AssertionError):
        validate_charts(lacking, registry, NO_CACHE, with_helm=False)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The files of each slice that Helm has rendered since."""
    asked: list[list[str]] = []
    known = helm.render_chart

    def counted(files: Mapping[str, bytes], values: Mapping[str, Any] | None = None) -> list[helm.Manifest]:
        asked.append(sorted(files))
        return known(files, values)

    monkeypatch.setattr(helm, "render_chart", counted)
    return asked


def test_only_the_slices_that_changed_are_rendered_again(rendered: list[list[str]]) -> None:
    memo, registry = Remembering(), REGISTRIES["many"]
    verify_with_helm(render_charts(registry), registry.environments, memo)
    rendered.clear()
    verify_with_helm(render_charts(registry), registry.environments, memo)
    assert not rendered
    changed = _MANY["teams/team-003.toml"].replace(b'replicaCount = "', b'replicaCount = "7', 1)
    after = read_registry_from(MemoryFiles({**_MANY, "teams/team-003.toml": changed}), "apps.toml")
    verify_with_helm(render_charts(after), after.environments, memo)
    assert 0 < len(rendered) <= len(after.environments)
    assert all(len(paths) < 30 for paths in rendered)


def test_a_promotion_has_one_slice_rendered_and_what_stayed_is_then_known_by_what_it_is_made_of(
    rendered: list[list[str]],
) -> None:
    memo, registry = Remembering(), REGISTRIES["many"]
    verify_with_helm(render_charts(registry), registry.environments, memo)
    rendered.clear()
    name = "dusky-order-00003"
    file = next(file for file, text in _MANY.items() if f"[apps.{name}]".encode() in text)
    edited = promoted(_MANY[file].decode(), name, "prod", "v99.0.0").encode()
    after = render_charts(read_registry_from(MemoryFiles({**_MANY, file: edited}), "apps.toml"))
    verify_with_helm(after, registry.environments, memo)
    assert len(rendered) == 1
    unmade = replace(after, build_slices=lambda: [replace(piece, build_content=_never) for piece in after.slices])
    verify_with_helm(unmade, registry.environments, memo)
    assert len(rendered) == 1


def _never() -> Any:
    raise AssertionError


def test_a_slice_that_was_refused_is_judged_again() -> None:
    memo, registry = Remembering(), REGISTRIES["many"]
    tree = render_charts(registry)
    first, *others = tree.slices
    expected = {**first.applications, "ghost": {"name": "ghost"}}
    broken = replace(tree, build_slices=lambda: (ChartSlice(first.chart, lambda: (first.files, expected)), *others))
    for _ in range(2):
        with pytest.raises(ChartError, match="Application ghost is missing"):
            verify_with_helm(broken, registry.environments, memo)
