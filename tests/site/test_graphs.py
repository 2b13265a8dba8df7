"""The drawings: what they hold, and that no label gets out of its place."""

from __future__ import annotations

import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from generator.site.graphs import (
    MAX_DRAWN_APPS,
    Edge,
    Graph,
    Node,
    build_chart_tree,
    build_promotion_graph,
    format_dot,
    format_mermaid,
    rank_environments,
)
from tests.charts.rendered import sharded
from tests.workspace import REGISTRY, onboarded

HOSTILE = 'a"b]c)|<script>alert(1)</script>\\N\\"&amp;#quot;`x`\n1. end\u202e%%'
WILD = Graph((Node("a", (HOSTILE, HOSTILE), "app"), Node("b", ("b",), "team")), (Edge("a", "b", HOSTILE),))
SVG = "{http://www.w3.org/2000/svg}"


def registry(text: str = REGISTRY) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - our own


def test_the_promotion_graph_as_mermaid() -> None:
    policy = '[environments.prod.policy]\npin = "tag"\nsoak = "24h"\n'
    assert format_mermaid(build_promotion_graph(registry(f"{REGISTRY}\n{policy}".replace('= "main"', '= "v1"')))) == (
        "flowchart LR\n"
        '    n0(["dev<br>2 apps"])\n'
        '    n1(["test<br>2 apps"])\n'
        '    n2(["prod<br>1 app"])\n'
        "    n0 --> n1\n"
        '    n1 -->|"tags only, soak 24h"| n2'
    )


def test_the_apps_of_one_environment_have_their_revisions() -> None:
    graph = build_chart_tree(registry(), ["test"])
    assert [node.lines for node in graph.nodes] == [("test", "2 apps"), ("billing", "v1.1.0"), ("ledger", "main")]
    assert {(edge.source, edge.target) for edge in graph.edges} == {("test", "test/billing"), ("test", "test/ledger")}


def test_many_apps_are_drawn_as_their_teams() -> None:
    names = [f"app-{number}" for number in range(MAX_DRAWN_APPS)]
    tables = "".join(f'[apps.{name}]\nteam = "payments"\nrepoURL = "https://github.com/acme/a.git"\npath = "a"\n'
                     'namespace = "billing"\n' for name in names)  # fmt: skip
    listed = "".join(f'  "{name}",\n' for name in names)
    graph = build_chart_tree(registry(REGISTRY.replace("apps = [\n", f"apps = [\n{listed}", 1) + tables), ["dev"])
    assert [node.lines for node in graph.nodes] == [("dev", "42 apps"), ("payments", "42 apps")]


def test_shards_are_between_their_environment_and_its_apps() -> None:
    graph = build_chart_tree(registry(sharded(onboarded(REGISTRY), '"team"')), ["dev"])
    assert format_mermaid(graph) == (
        "flowchart LR\n"
        '    n0(["dev<br>3 apps"])\n'
        '    n1(["dev#45;applications#45;audit<br>1 app"])\n'
        '    n2["audit<br>HEAD"]\n'
        '    n3(["dev#45;applications#45;payments<br>2 apps"])\n'
        '    n4["billing<br>main"]\n'
        '    n5["ledger<br>main"]\n'
        "    n0 --> n1\n"
        "    n1 --> n2\n"
        "    n0 --> n3\n"
        "    n3 --> n4\n"
        "    n3 --> n5"
    )
    assert {node.kind for node in graph.nodes} == {"environment", "shard", "app"}


@pytest.mark.parametrize("shards", ['"team"', "3", "1000"])
def test_each_app_in_shards_is_drawn_once(shards: str) -> None:
    graph = build_chart_tree(registry(sharded(onboarded(REGISTRY), shards)))
    keys = [node.key for node in graph.nodes]
    assert len(set(keys)) == len(keys)
    assert len([node for node in graph.nodes if node.kind == "app"]) == 6
    assert sorted(edge.target for edge in graph.edges) == sorted(
        node.key for node in graph.nodes if node.kind != "environment"
    )
    assert {edge.source for edge in graph.edges} <= set(keys)


def many(count: int) -> str:
    """The registry with as many more apps of the payments in dev."""
    names = [f"app-{number}" for number in range(count)]
    tables = "".join(f'[apps.{name}]\nteam = "payments"\nrepoURL = "https://github.com/acme/a.git"\npath = "a"\n'
                     'namespace = "billing"\n' for name in names)  # fmt: skip
    listed = "".join(f'  "{name}",\n' for name in names)
    return onboarded(REGISTRY).replace("apps = [\n", f"apps = [\n{listed}", 1) + tables


def test_many_apps_in_shards_are_drawn_as_shards_and_teams() -> None:
    graph = build_chart_tree(registry(sharded(many(MAX_DRAWN_APPS), '"team"')), ["dev"])
    assert [node.lines for node in graph.nodes] == [
        ("dev", "43 apps"),
        ("dev-applications-audit", "1 app"),
        ("dev-applications-payments", "42 apps"),
    ]
    graph = build_chart_tree(registry(sharded(many(MAX_DRAWN_APPS), "2")), ["dev"])
    assert [node.lines[0] for node in graph.nodes if node.kind != "team"] == [
        "dev",
        "dev-applications-0",
        "dev-applications-1",
    ]
    counts = [int(node.lines[1].partition(" ")[0]) for node in graph.nodes if node.kind == "team"]
    assert sum(counts) == 43


def test_no_label_ends_a_quote_in_mermaid() -> None:
    lines = format_mermaid(WILD).splitlines()
    assert len(lines) == 4
    for line in lines[1:]:
        assert line.count('"') == 2
        assert not set(line.split('"')[1].replace("<br>", "")) & set("`<>[]|&\\%")


def test_no_label_ends_a_quote_in_dot() -> None:
    """Judged by Graphviz, where it is."""
    program = shutil.which("dot")
    if program is None:
        pytest.skip("dot, of Graphviz, is not installed")
    done = subprocess.run([program, "-Tsvg"], input=format_dot(WILD), capture_output=True, text=True, check=True)
    root = parsed(done.stdout)
    assert len(root.findall(f".//{SVG}g[@class='node']")) == 2
    shown = [text.text for text in root.iter(f"{SVG}text")]
    assert shown[0] == shown[1] == HOSTILE.replace("\n", " ").replace("\u202e", "\\u202e")


def test_environments_are_ranked_by_the_longest_way_from_a_first_one() -> None:
    text = REGISTRY.replace('promotesFrom = ["test"]', 'promotesFrom = ["dev", "test"]')
    assert rank_environments(registry(text)) == [["dev"], ["test"], ["prod"]]
    assert rank_environments(registry("version = 1\n")) == []


def test_an_empty_registry_has_a_drawing() -> None:
    graph = build_promotion_graph(registry("version = 1\n"))
    assert format_mermaid(graph) == "flowchart LR"
