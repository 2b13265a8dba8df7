"""`Registry` → the promotion graph, and the tree of app-of-apps charts, as nodes and edges. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from generator.promotion.history import short
from generator.registry.effective import EffectiveApp
from generator.registry.model import BY_TEAM
from generator.registry.registry import Environment, Registry
from generator.registry.shards import shard_application, shard_of

#: More apps than this in one environment are drawn as their teams, with counts.
MOST_APPS = 40


class Node(NamedTuple):
    """`lines` is what stands in the box, one text a line; `kind` is environment, shard, team or app."""

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
    """Each environment's app-of-apps chart with the Applications that it makes, by way of its shards if it has any."""
    names = tuple(environments) or tuple(registry.environments)
    nodes: list[Node] = []
    edges: list[Edge] = []
    for name in names:
        nodes.append(Node(name, (name, _count(len(registry.environments[name].listings), "app")), "environment"))
        for above, node in _below(registry, name):
            nodes.append(node)
            edges.append(Edge(above, node.key))
    return Graph("App of apps", f"The Applications of {', '.join(names)}.", tuple(nodes), tuple(edges))


def _below(registry: Registry, environment: str) -> Iterator[tuple[str, Node]]:
    """Everything below an environment, each with the key of what it is below."""
    env, apps = registry.environments[environment], registry.effective_apps(environment)
    drawn = len(apps) <= MOST_APPS
    if env.shards is None:
        yield from ((environment, node) for node in _children(environment, apps, drawn=drawn))
        return
    by_shard: dict[str, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_shard[shard_of(env, app.team, app.project)].append(app)
    # By team, a shard is a team already; and many shards of many teams nobody reads.
    teams = len({(shard, app.team) for shard, own in by_shard.items() for app in own})
    further = drawn or (env.shards != BY_TEAM and teams <= MOST_APPS)
    for shard, own in sorted(by_shard.items(), key=lambda item: (int(item[0]) if item[0].isdigit() else 0, item[0])):
        key = f"{environment}///{shard}"
        yield environment, Node(key, (shard_application(environment, shard), _count(len(own), "app")), "shard")
        if further:
            yield from ((key, node) for node in _children(f"{environment}//{shard}", own, drawn=drawn))


def _children(above: str, apps: list[EffectiveApp], *, drawn: bool) -> Iterator[Node]:
    """Apps, or, where they are not `drawn`, their teams."""
    if drawn:
        yield from (Node(f"{above}/{app.app}", (app.app, short(app.revision)), "app") for app in apps)
        return
    for team, count in sorted(Counter(app.team for app in apps).items()):
        yield Node(f"{above}//{team}", (team, _count(count, "app")), "team")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
