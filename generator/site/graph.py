"""`Registry` → the promotion graph, and the tree of app-of-apps charts, as nodes and edges. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from generator.promotion.history import short
from generator.registry.registry import Environment, Registry

#: More apps than this in one environment are drawn as their teams, with counts.
MOST_APPS = 40


class Node(NamedTuple):
    """`lines` is what stands in the box, one text a line; `kind` is environment, team or app."""

    key: str
    lines: tuple[str, ...]
    kind: str


class Edge(NamedTuple):
    """From a node's key to another one's."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """A graph without circles; `description` says in words what a picture of it shows."""

    title: str
    description: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def promotion_graph(registry: Registry, environments: Iterable[str] = ()) -> Graph:
    """Which environment is promoted from which, and what it asks for; `environments` leaves out all others."""
    chosen = {name: env for name, env in registry.environments.items() if name in (tuple(environments) or {name})}
    nodes = tuple(Node(name, (name, _count(len(env.listings), "app")), "environment") for name, env in chosen.items())
    edges = tuple(
        Edge(source, name, asks(env))
        for name, env in chosen.items()
        for source in env.promotes_from
        if source in chosen
    )
    told = [f"{edge.source} to {edge.target}{f' ({edge.label})' if edge.label else ''}" for edge in edges]
    return Graph(
        "Promotion", f"Promotion goes from {'; '.join(told)}." if told else "Nothing is promoted.", nodes, edges
    )


def asks(environment: Environment) -> str:
    """What an environment's policy asks of what comes into it, in a few words."""
    policy = environment.policy
    parts = [] if policy.pin == "any" else [f"{policy.pin}s only"]
    return ", ".join([*parts, *([f"soak {policy.soak}"] if policy.soak else [])])


def apps_graph(registry: Registry, environments: Iterable[str] = ()) -> Graph:
    """Each environment's app-of-apps chart with the Applications that it makes."""
    names = tuple(environments) or tuple(registry.environments)
    nodes: list[Node] = []
    edges: list[Edge] = []
    for name in names:
        nodes.append(Node(name, (name, _count(len(registry.environments[name].listings), "app")), "environment"))
        for node in _children(registry, name):
            nodes.append(node)
            edges.append(Edge(name, node.key))
    return Graph("App of apps", f"The Applications of {', '.join(names)}.", tuple(nodes), tuple(edges))


def _children(registry: Registry, environment: str) -> Iterator[Node]:
    apps = registry.effective_apps(environment)
    if len(apps) <= MOST_APPS:
        yield from (Node(f"{environment}/{app.app}", (app.app, short(app.revision)), "app") for app in apps)
        return
    for team, count in sorted(Counter(app.team for app in apps).items()):
        yield Node(f"{environment}//{team}", (team, _count(count, "app")), "team")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
