"""`Graph` → a place for every node and a way for every edge, in layers from left to right. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from generator.site.graph import Edge, Graph, Node

#: More characters of a line are not drawn; the whole text is in the node's title.
LONGEST = 40
_CHARACTER, _PADDING, _LINE, _GAP, _BETWEEN = 7.4, 14, 18, 18, 150


class Box(NamedTuple):
    """A node's rectangle, in pixels."""

    node: Node
    x: float
    y: float
    width: float
    height: float


class Way(NamedTuple):
    """An edge as the points that it goes through."""

    edge: Edge
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """A drawing's measures."""

    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    width: float
    height: float


def laid_out(graph: Graph) -> Layout:
    """Layers by the longest way to a node; an edge across a layer gets a place of its own there."""
    ranks = _ranks(graph)
    chains = {edge: _chain(edge, ranks) for edge in graph.edges}
    layers = _layers(graph, ranks, chains)
    sizes = {node.key: _size(node) for node in graph.nodes}
    boxes, top = _placed(graph, layers, sizes)
    ways = tuple(Way(edge, _points(chain, boxes)) for edge, chain in chains.items())
    own = {node.key: node for node in graph.nodes}
    shown = tuple(Box(own[key], *place) for key, place in boxes.items() if key in own)
    width = max((box.x + box.width for box in shown), default=0)
    return Layout(shown, ways, width + _PADDING, top + _PADDING)


def cut(text: str, longest: int = LONGEST) -> str:
    """A line as it is drawn."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _ranks(graph: Graph) -> dict[str, int]:
    sources: dict[str, list[str]] = {node.key: [] for node in graph.nodes}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    ranks: dict[str, int] = {}
    for key in TopologicalSorter(sources).static_order():
        ranks[key] = max((ranks[source] + 1 for source in sources[key]), default=0)
    return ranks


def _chain(edge: Edge, ranks: Mapping[str, int]) -> tuple[str, ...]:
    between = range(ranks[edge.source] + 1, ranks[edge.target])
    return (edge.source, *(f"{edge.source}\0{edge.target}\0{rank}" for rank in between), edge.target)


def _layers(graph: Graph, ranks: Mapping[str, int], chains: Mapping[Edge, tuple[str, ...]]) -> list[list[str]]:
    """The keys of each layer, each as near as may be to the middle of what leads to it."""
    layers: list[list[str]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for node in graph.nodes:
        layers[ranks[node.key]].append(node.key)
    before: dict[str, list[str]] = {}
    for chain in chains.values():
        for number, (source, target) in enumerate(pairwise(chain), ranks[chain[0]] + 1):
            before.setdefault(target, []).append(source)
            if "\0" in target:
                layers[number].append(target)
    place: dict[str, float] = {}
    for layer in layers:
        middles = {
            key: sum(place[one] for one in before.get(key, ())) / max(1, len(before.get(key, ()))) for key in layer
        }
        layer.sort(key=middles.__getitem__)
        place |= {key: number / max(1, len(layer)) for number, key in enumerate(layer)}
    return layers


def _size(node: Node) -> tuple[float, float]:
    columns = max(sum(_columns(character) for character in cut(line)) for line in node.lines)
    return columns * _CHARACTER + 2 * _PADDING, len(node.lines) * _LINE + _PADDING


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _placed(
    graph: Graph, layers: list[list[str]], sizes: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, tuple[float, float, float, float]], float]:
    """Each key's x, y, width and height, and how high the drawing is; layers are centred."""
    heights = [sum(sizes.get(key, (0, _GAP))[1] + _GAP for key in layer) - _GAP for layer in layers]
    tallest = max(heights, default=0)
    # Only labels need room between layers.
    between = _BETWEEN if any(edge.label for edge in graph.edges) else _BETWEEN / 2
    boxes: dict[str, tuple[float, float, float, float]] = {}
    x: float = _PADDING
    for layer, height in zip(layers, heights, strict=True):
        y = _PADDING + (tallest - height) / 2
        width = max(sizes.get(key, (0, 0))[0] for key in layer)
        for key in layer:
            tall = sizes.get(key, (0, _GAP))[1]
            boxes[key] = (x, y, width, tall)
            y += tall + _GAP
        x += width + between
    return boxes, _PADDING + tallest


def _points(
    chain: tuple[str, ...], boxes: Mapping[str, tuple[float, float, float, float]]
) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for key in chain:
        x, y, width, height = boxes[key]
        points += [(x, y + height / 2), (x + width, y + height / 2)]
    return tuple(points[1:-1])
