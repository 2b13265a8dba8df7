"""The promotion graph and the tree of app-of-apps charts, in the languages of Mermaid and Graphviz. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import NamedTuple

from generator.argocd.revisions import shorten_commit
from generator.console import count_noun, escape_unprintable
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment, Registry
from generator.registry.shards import SHARD_BY_TEAM, find_app_shard, shard_application_name

#: An environment with more apps than this is drawn as teams with app counts.
MAX_DRAWN_APPS = 40
# Mermaid interprets Markdown, lists and entities inside quotes too.
_MERMAID_SPECIAL_CHARACTER = re.compile(r"[^A-Za-z0-9 _/,()@]")
_MERMAID_SHAPES = {"environment": ("([", "])"), "shard": ("([", "])"), "team": ("[[", "]]"), "app": ("[", "]")}


class Node(NamedTuple):
    """A graph node; `lines` is the text in its box, `kind` is environment, shard, team or app."""

    key: str
    lines: tuple[str, ...]
    kind: str


class Edge(NamedTuple):
    """An edge from one node to another, by their keys."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """An acyclic graph."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def build_promotion_graph(registry: Registry, environments: Iterable[str] = ()) -> Graph:
    """Build the graph of which environment promotes from which, with policies; `environments` selects some."""
    chosen = {name: env for name, env in registry.environments.items() if name in (tuple(environments) or {name})}
    nodes = tuple(map(_environment_node, chosen.values()))
    edges = tuple(
        Edge(source, name, summarize_policy(env))
        for name, env in chosen.items()
        for source in env.promotes_from
        if source in chosen
    )
    return Graph(nodes, edges)


def _environment_node(environment: Environment) -> Node:
    return Node(environment.name, (environment.name, count_noun(len(environment.listings), "app")), "environment")


def rank_environments(registry: Registry) -> list[list[str]]:
    """Group the environments by the longest way from a first environment: `[["dev"], ["test"]]`."""
    ranks: dict[str, int] = {}
    sources = {name: env.promotes_from for name, env in registry.environments.items()}
    for name in TopologicalSorter(sources).static_order():
        ranks[name] = max((ranks[source] + 1 for source in sources[name]), default=0)
    return [[name for name in sources if ranks[name] == rank] for rank in sorted(set(ranks.values()))]


def summarize_policy(environment: Environment) -> str:
    """Name the kind of pin and the soak time that promotion needs, such as `tags only, soak 2d`; "" if neither."""
    policy = environment.policy
    parts = [] if policy.pin == "any" else [f"{policy.pin}s only"]
    return ", ".join([*parts, *([f"soak {policy.soak}"] if policy.soak else [])])


def build_chart_tree(registry: Registry, environments: Iterable[str] = ()) -> Graph:
    """Build the tree of each environment's chart, its shards and its Applications."""
    names = tuple(environments) or tuple(registry.environments)
    nodes: list[Node] = []
    edges: list[Edge] = []
    for name in names:
        nodes.append(_environment_node(registry.environments[name]))
        for above, node in _list_descendants(registry, name):
            nodes.append(node)
            edges.append(Edge(above, node.key))
    return Graph(tuple(nodes), tuple(edges))


def _list_descendants(registry: Registry, environment: str) -> Iterator[tuple[str, Node]]:
    """List the nodes below an environment, each with the key of its parent."""
    env, apps = registry.environments[environment], registry.list_effective_apps(environment)
    drawn = len(apps) <= MAX_DRAWN_APPS
    if env.shards is None:
        yield from ((environment, node) for node in _list_app_nodes(environment, apps, draw_apps=drawn))
        return
    by_shard: dict[str, list[EffectiveApp]] = defaultdict(list)
    for app in apps:
        by_shard[find_app_shard(env, app.team, app.project)].append(app)
    # A shard by team already is a team, and too many teams in shards would be unreadable.
    teams = len({(shard, app.team) for shard, own in by_shard.items() for app in own})
    further = drawn or (env.shards != SHARD_BY_TEAM and teams <= MAX_DRAWN_APPS)
    for shard, own in sorted(by_shard.items(), key=lambda item: (int(item[0]) if item[0].isdigit() else 0, item[0])):
        key = f"{environment}///{shard}"
        lines = shard_application_name(environment, shard), count_noun(len(own), "app")
        yield environment, Node(key, lines, "shard")
        if further:
            yield from ((key, node) for node in _list_app_nodes(f"{environment}//{shard}", own, draw_apps=drawn))


def _list_app_nodes(parent_key: str, apps: list[EffectiveApp], *, draw_apps: bool) -> Iterator[Node]:
    """List the nodes of the apps or, without `draw_apps`, of their teams."""
    if draw_apps:
        yield from (Node(f"{parent_key}/{app.app}", (app.app, shorten_commit(app.revision)), "app") for app in apps)
        return
    for team, count in sorted(Counter(app.team for app in apps).items()):
        yield Node(f"{parent_key}//{team}", (team, count_noun(count, "app")), "team")


def format_mermaid(graph: Graph) -> str:
    """Format a graph as a left-to-right Mermaid flowchart without a final newline."""
    keys = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        opens, closes = _MERMAID_SHAPES[node.kind]
        lines.append(f'    {keys[node.key]}{opens}"{"<br>".join(map(_mermaid_text, node.lines))}"{closes}')
    for edge in graph.edges:
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"    {keys[edge.source]} -->{label} {keys[edge.target]}")
    return "\n".join(lines)


def _mermaid_text(text: str) -> str:
    return _MERMAID_SPECIAL_CHARACTER.sub(lambda found: f"#{ord(found[0])};", _escape_label(text))


def format_dot(graph: Graph) -> str:
    """Format a graph as a left-to-right digraph in Graphviz's DOT language, without a final newline."""
    lines = ["digraph {", '    graph [rankdir="LR", charset="UTF-8"];', '    node [shape="box", style="rounded"];']
    keys = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        label = r"\n".join(map(_dot_text, node.lines))
        lines.append(f'    {keys[node.key]} [label="{label}"];')
    for edge in graph.edges:
        label = f' [label="{_dot_text(edge.label)}"]' if edge.label else ""
        lines.append(f"    {keys[edge.source]} -> {keys[edge.target]}{label};")
    return "\n".join([*lines, "}"])


def _dot_text(text: str) -> str:
    """Escape text for a quoted DOT string, which reads `\\` escapes and HTML entities."""
    return _escape_label(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')


def _escape_label(text: str) -> str:
    """Escape a label and put it on one line."""
    return escape_unprintable(text).replace("\n", " ")
