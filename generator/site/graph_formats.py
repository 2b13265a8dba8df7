"""Write a graph in the languages of Mermaid and Graphviz. Pure; every label is escaped."""

from __future__ import annotations

import re

from generator.console import escape_unprintable
from generator.site.graphs import Graph, Node

# Mermaid interprets Markdown, lists and entities inside quotes too.
_MERMAID_SPECIAL_CHARACTER = re.compile(r"[^A-Za-z0-9 _/,()@]")
_MERMAID_SHAPES = {"environment": ("([", "])"), "shard": ("([", "])"), "team": ("[[", "]]"), "app": ("[", "]")}


def format_mermaid(graph: Graph) -> str:
    """Format a left-to-right flowchart in Mermaid; special characters are written as `#code;`."""
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
    """Format a digraph in Graphviz's DOT language."""
    lines = ["digraph {", '    graph [rankdir="LR", charset="UTF-8"];', '    node [shape="box", style="rounded"];']
    keys = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        lines.append(f'    {keys[node.key]} [label="{_dot_lines(node)}"];')
    for edge in graph.edges:
        label = f' [label="{_dot_text(edge.label)}"]' if edge.label else ""
        lines.append(f"    {keys[edge.source]} -> {keys[edge.target]}{label};")
    return "\n".join([*lines, "}"])


def _dot_lines(node: Node) -> str:
    return r"\n".join(_dot_text(line) for line in node.lines)


def _dot_text(text: str) -> str:
    """Escape text for a quoted DOT string, which reads `\\` escapes and HTML entities."""
    return _escape_label(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')


def _escape_label(text: str) -> str:
    """Escape a label and put it on one line."""
    return escape_unprintable(text).replace("\n", " ")
