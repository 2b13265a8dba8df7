"""Draw a graph as Mermaid, DOT or SVG text. Pure; every label is escaped."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

from generator.console import escape_unprintable
from generator.site.graph_layout import Box, EdgePath, lay_out_graph, truncate_line
from generator.site.graphs import Graph, Node

# Mermaid interprets Markdown, lists and entities inside quotes too.
_MERMAID_SPECIAL_CHARACTER = re.compile(r"[^A-Za-z0-9 _/,()@]")
_MERMAID_SHAPES = {"environment": ("([", "])"), "shard": ("([", "])"), "team": ("[[", "]]"), "app": ("[", "]")}
#: The style of a standalone picture; on a page, site.css has the same rules.
STANDALONE_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; --ink: #1b2430; --line: #6b7787; --box: #f4f6f9; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6ebf2; --line: #98a4b5; --box: #1d2733; } }
.node rect { fill: var(--box); stroke: var(--line); } .node.environment rect { stroke-width: 2; }
.node text { fill: var(--ink); } .node .first { font-weight: 600; } .label { fill: var(--ink); font-size: 11.5px; }
.edge { fill: none; stroke: var(--line); stroke-width: 1.5; } .arrow { fill: var(--line); }
"""


def draw_mermaid(graph: Graph) -> str:
    """Draw a left-to-right flowchart in Mermaid; special characters are written as `#code;`."""
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


def draw_dot(graph: Graph) -> str:
    """Draw a digraph in Graphviz's DOT language."""
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


def draw_svg(graph: Graph, *, standalone: bool = True, id_prefix: str = "graph") -> str:
    """Draw an SVG picture; if not `standalone`, it uses the page's style. `id_prefix` must be unique on the page."""
    layout = lay_out_graph(graph)
    size = {"width": f"{layout.width:.0f}", "height": f"{layout.height:.0f}"}
    root = ElementTree.Element("svg", {"viewBox": f"0 0 {size['width']} {size['height']}", **size})
    root.attrib |= {"role": "img", "aria-labelledby": f"{id_prefix}-title {id_prefix}-description"}
    if standalone:
        root.set("xmlns", "http://www.w3.org/2000/svg")
    ElementTree.SubElement(root, "title", id=f"{id_prefix}-title").text = graph.title
    ElementTree.SubElement(root, "desc", id=f"{id_prefix}-description").text = _escape_label(graph.description)
    if standalone:
        ElementTree.SubElement(root, "style").text = STANDALONE_STYLE
    for way in layout.edge_paths:
        _draw_edge(root, way)
    for box in layout.boxes:
        _draw_box(root, box)
    return ElementTree.tostring(root, encoding="unicode")


def _draw_edge(root: ElementTree.Element, edge_path: EdgePath) -> None:
    (x, y), *rest = edge_path.points
    path = f"M{x:.1f} {y:.1f}"
    for (x0, y0), (x1, y1) in pairwise(((x, y), *rest)):
        middle = (x0 + x1) / 2
        path += f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    ElementTree.SubElement(root, "path", {"class": "edge", "d": path})
    x, y = rest[-1]
    ElementTree.SubElement(root, "path", {"class": "arrow", "d": f"M{x:.1f} {y:.1f}l-9 -4.5v9z"})
    if edge_path.edge.label:
        (x0, y0), (x1, y1) = edge_path.points[-2:]
        place = {"x": f"{(x0 + x1) / 2:.1f}", "y": f"{(y0 + y1) / 2 - 6:.1f}", "text-anchor": "middle"}
        ElementTree.SubElement(root, "text", {"class": "label", **place}).text = truncate_line(
            _escape_label(edge_path.edge.label)
        )


def _draw_box(root: ElementTree.Element, box: Box) -> None:
    group = ElementTree.SubElement(root, "g", {"class": f"node {box.node.kind}"})
    ElementTree.SubElement(group, "title").text = _escape_label("\n".join(box.node.lines))
    place = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "rx": 7}
    ElementTree.SubElement(group, "rect", {key: f"{value:.1f}" for key, value in place.items()})
    for number, line in enumerate(box.node.lines):
        at = {"x": f"{box.x + 14:.1f}", "y": f"{box.y + 21 + 18 * number:.1f}"}
        text = ElementTree.SubElement(group, "text", {"class": "line" if number else "first", **at})
        text.text = truncate_line(_escape_label(line))
