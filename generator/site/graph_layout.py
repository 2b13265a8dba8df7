"""Place the nodes of a graph in layers from left to right and route its edges. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from generator.site.graphs import Edge, Graph, Node

#: Longer lines are truncated; the node's title has the full text.
MAX_LINE_LENGTH = 40
_CHARACTER_WIDTH, _PADDING, _LINE_HEIGHT, _BOX_GAP, _LAYER_GAP = 7.4, 14, 18, 18, 150


class Box(NamedTuple):
    """A node's rectangle, in pixels."""

    node: Node
    x: float
    y: float
    width: float
    height: float


class EdgePath(NamedTuple):
    """An edge with the points it passes through."""

    edge: Edge
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """The boxes, edge paths and size of a drawing, in pixels."""

    boxes: tuple[Box, ...]
    edge_paths: tuple[EdgePath, ...]
    width: float
    height: float


def lay_out_graph(graph: Graph) -> Layout:
    """Lay out a graph. The longest path to a node sets its layer; an edge gets a slot in each layer it crosses."""
    ranks = _rank_nodes(graph)
    chains = {edge: _build_edge_chain(edge, ranks) for edge in graph.edges}
    layers = _order_layers(graph, ranks, chains)
    sizes = {node.key: _box_size(node) for node in graph.nodes}
    boxes, top = _place_boxes(graph, layers, sizes)
    ways = tuple(EdgePath(edge, _edge_points(chain, boxes)) for edge, chain in chains.items())
    own = {node.key: node for node in graph.nodes}
    shown = tuple(Box(own[key], *place) for key, place in boxes.items() if key in own)
    width = max((box.x + box.width for box in shown), default=0)
    return Layout(shown, ways, width + _PADDING, top + _PADDING)


def truncate_line(text: str, max_length: int = MAX_LINE_LENGTH) -> str:
    """Truncate a line to `max_length` characters, with an ellipsis."""
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def _rank_nodes(graph: Graph) -> dict[str, int]:
    sources: dict[str, list[str]] = {node.key: [] for node in graph.nodes}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    ranks: dict[str, int] = {}
    for key in TopologicalSorter(sources).static_order():
        ranks[key] = max((ranks[source] + 1 for source in sources[key]), default=0)
    return ranks


def _build_edge_chain(edge: Edge, ranks: Mapping[str, int]) -> tuple[str, ...]:
    between = range(ranks[edge.source] + 1, ranks[edge.target])
    return (edge.source, *(f"{edge.source}\0{edge.target}\0{rank}" for rank in between), edge.target)


def _order_layers(graph: Graph, ranks: Mapping[str, int], chains: Mapping[Edge, tuple[str, ...]]) -> list[list[str]]:
    """Order the keys of each layer by the mean position of their predecessors."""
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


def _box_size(node: Node) -> tuple[float, float]:
    columns = max(sum(_character_columns(character) for character in truncate_line(line)) for line in node.lines)
    return columns * _CHARACTER_WIDTH + 2 * _PADDING, len(node.lines) * _LINE_HEIGHT + _PADDING


def _character_columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _place_boxes(
    graph: Graph, layers: list[list[str]], sizes: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, tuple[float, float, float, float]], float]:
    """Compute each key's x, y, width and height, and the bottom of the drawing. Layers are centered."""
    heights = [sum(sizes.get(key, (0, _BOX_GAP))[1] + _BOX_GAP for key in layer) - _BOX_GAP for layer in layers]
    tallest = max(heights, default=0)
    # Edge labels need the full gap between layers.
    between = _LAYER_GAP if any(edge.label for edge in graph.edges) else _LAYER_GAP / 2
    boxes: dict[str, tuple[float, float, float, float]] = {}
    x: float = _PADDING
    for layer, height in zip(layers, heights, strict=True):
        y = _PADDING + (tallest - height) / 2
        width = max(sizes.get(key, (0, 0))[0] for key in layer)
        for key in layer:
            tall = sizes.get(key, (0, _BOX_GAP))[1]
            boxes[key] = (x, y, width, tall)
            y += tall + _BOX_GAP
        x += width + between
    return boxes, _PADDING + tallest


def _edge_points(
    chain: tuple[str, ...], boxes: Mapping[str, tuple[float, float, float, float]]
) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for key in chain:
        x, y, width, height = boxes[key]
        points += [(x, y + height / 2), (x + width, y + height / 2)]
    return tuple(points[1:-1])
