"""What may import what, how long things may be, and what a start may cost: the rules of the code as data."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.workspace import ROOT, environment

PACKAGE = ROOT / "generator"

#: Each room, and the rooms that it may import from. Imports point one way.
ROOMS = {
    "": set(),
    "artifacts": {"", "argocd", "charts", "errors", "git", "registry"},
    "__main__": {"cli"},
    "bootstrap": {"argocd", "charts", "errors", "helm", "registry"},
    "cli": {"", "commands", "console", "errors", "git", "registry"},
    "cluster": {"argocd", "charts", "errors", "git", "registry"},
    "commands": {
        "argocd",
        "artifacts",
        "bootstrap",
        "cache",
        "charts",
        "cluster",
        "console",
        "diff",
        "error_codes",
        "errors",
        "forges",
        "git",
        "helm",
        "importing",
        "live",
        "pipeline",
        "promotion",
        "publishing",
        "registry",
        "site",
        "toml",
        "working_registry",
    },
    "console": {"errors"},
    "importing": {"argocd", "charts", "errors", "helm", "registry", "toml"},
    "live": {"argocd", "artifacts", "charts", "errors", "git", "importing", "promotion", "registry"},
    "diff": {
        "argocd",
        "cache",
        "charts",
        "console",
        "errors",
        "forges",
        "git",
        "helm",
        "html_templates",
        "pipeline",
        "publishing",
        "registry",
        "working_registry",
    },
    "html_templates": {"console"},
    "pipeline": {"cache", "charts", "errors", "git", "helm", "registry", "working_registry"},
    "publishing": {
        "",
        "argocd",
        "artifacts",
        "cache",
        "charts",
        "errors",
        "forges",
        "git",
        "helm",
        "pipeline",
        "promotion",
        "registry",
        "toml",
        "working_registry",
    },
    "site": {
        "argocd",
        "charts",
        "console",
        "errors",
        "forges",
        "html_templates",
        "live",
        "promotion",
        "registry",
        "toml",
    },
    "promotion": {"argocd", "charts", "errors", "git", "helm", "registry", "toml", "working_registry"},
    "working_registry": {"argocd", "cache", "errors", "git", "registry"},
    "forges": {"argocd", "errors", "git"},
    "helm": {"argocd", "cache", "charts", "errors", "registry"},
    "git": {"argocd", "cache", "errors"},
    "charts": {"argocd", "errors", "registry"},
    "cache": {"errors"},
    "registry": {"argocd", "cache", "errors", "toml"},
    "argocd": {"errors", "toml"},
    "toml": {"errors"},
    "error_codes": set(),
    "errors": set(),
}
#: Each third party, and the rooms that may import it.
THIRD_PARTIES = {
    "click": {"cli", "commands"},
    "git": {"git"},
    "github": {"forges"},
    "gitlab": {"forges"},
    "helm_python": {"helm"},
    "jinja2": {"charts", "html_templates", "site"},
    "kubernetes": {"live"},
    "pydantic": {"argocd", "registry"},
    "pydantic_core": {"argocd", "registry"},
    "requests": {"forges"},  # what PyGithub and python-gitlab raise
    "rich": {"console"},
    "ruamel": {"charts"},
    "semantic_version": {"argocd"},
    "tomli": {"promotion", "toml"},
    "tree_sitter": {"toml"},
    "tree_sitter_toml": {"toml"},
    "urllib3": {"live"},  # what the Kubernetes client raises
}
#: Modules with one job that no other module of their room does too.
ONLY = {
    "git": {"generator.git.working_branch"},
    "helm_python": {"generator.helm.engine"},
    # One environment each: of text that nobody escapes, and of HTML that escapes itself.
    "jinja2": {"generator.charts.render", "generator.html_templates"},
    "kubernetes": {"generator.live.kubernetes_api"},
    "ruamel": {"generator.charts.yaml_reader"},
}
SHAPELESS = {"utils", "util", "helpers", "helper", "types", "common", "misc", "shared"}
LONGEST_FILE = 400
MEDIAN_FUNCTION, P90_FUNCTION = 10, 30
LONGEST_IMPORT_CHAIN = 12
MOST_NESTED_IMPORTS = 20

SOURCES = {
    "generator" if path.parent == PACKAGE and path.stem == "__init__" else _name: path
    for path in sorted(PACKAGE.rglob("*.py"))
    for _name in [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")]
}
TREES = {name: ast.parse(path.read_text()) for name, path in SOURCES.items()}


def room(module: str) -> str:
    """`generator.charts.plan` is in `charts`."""
    return [*module.split("."), ""][1]


def imports(tree: ast.AST, *, at_start: bool = False) -> Iterator[str]:
    """Every module that a tree imports; `at_start` leaves out what is imported by a function or for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            whole = (f"{module}.{alias.name}" for alias in node.names)
            yield from (name if name in SOURCES else module for name in whole)
        elif not at_start or not (isinstance(node, ast.FunctionDef) or _for_types(node)):
            yield from imports(node, at_start=at_start)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def functions() -> Iterator[tuple[str, int]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{name}.{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_every_room_is_in_the_table() -> None:
    assert {room(name) for name in SOURCES} == set(ROOMS)


def test_the_table_itself_points_one_way() -> None:

    list(TopologicalSorter(ROOMS).static_order())


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_one_way(name: str) -> None:
    mine = room(name)
    imported = {module for module in imports(TREES[name]) if module.split(".")[0] == "generator"}
    wrong = {module for module in imported if room(module) not in ROOMS[mine] | {mine}}
    assert not wrong, f"{name} may import from {ROOMS[mine]}"


@pytest.mark.parametrize("name", SOURCES)
def test_each_third_party_has_its_room(name: str) -> None:
    tops = {module.split(".")[0] for module in imports(TREES[name])} - {"generator"}
    others = tops - sys.stdlib_module_names
    assert not others - THIRD_PARTIES.keys(), "a third party that the table does not know"
    assert not {top for top in tops & THIRD_PARTIES.keys() if room(name) not in THIRD_PARTIES[top]}
    assert not {top for top in tops & ONLY.keys() if name not in ONLY[top]}


def test_there_are_no_cycles() -> None:
    graph = {
        name: {module for module in imports(tree, at_start=True) if module in SOURCES and module != name}
        for name, tree in TREES.items()
    }
    list(TopologicalSorter(graph).static_order())


def test_the_longest_chain_of_imports_is_short() -> None:
    graph = {
        name: {module for module in imports(tree, at_start=True) if module in SOURCES and module != name}
        for name, tree in TREES.items()
    }
    chains: dict[str, list[str]] = {}
    for name in TopologicalSorter(graph).static_order():
        chains[name] = [name, *max((chains[other] for other in graph[name]), key=len, default=[])]
    longest = max(chains.values(), key=len)
    assert len(longest) <= LONGEST_IMPORT_CHAIN, longest


def test_few_functions_import_anything() -> None:
    nested = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert len(nested) <= MOST_NESTED_IMPORTS, nested


def test_console_is_the_only_place_that_prints() -> None:
    printing = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "click.echo", "click.secho"}
    }
    assert printing <= {"generator.cli"}


def test_no_file_has_a_name_that_could_hold_anything() -> None:
    assert not {name for name in SOURCES if name.split(".")[-1] in SHAPELESS}


@pytest.mark.parametrize("name", SOURCES)
def test_files_are_short(name: str) -> None:
    assert len(SOURCES[name].read_text().splitlines()) <= LONGEST_FILE


def test_functions_are_short() -> None:
    lengths = sorted(length for _, length in functions())
    assert statistics.median(lengths) <= MEDIAN_FUNCTION
    assert lengths[int(len(lengths) * 0.9)] <= P90_FUNCTION


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "generator"])
def test_every_module_says_in_a_sentence_what_it_is_for(name: str) -> None:
    if SOURCES[name].stat().st_size:
        assert (ast.get_docstring(TREES[name]) or "").strip()


def test_comments_carry_no_history() -> None:
    words = ("TODO", "FIXME", "XXX", "HACK")
    assert not {name for name, path in SOURCES.items() if any(word in path.read_text() for word in words)}


def loaded(*args: str) -> set[str]:
    """The modules that `workloads ARGS` has loaded when it ends, less those that Python itself starts with."""
    code = f"import sys; sys.argv = {['workloads', *args]}\nfrom generator import cli\n"
    code += "try: cli.main()\nexcept SystemExit: sys.stderr.write('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stderr.splitlines())


def known_at_start() -> set[str]:
    """What an installed environment loads of itself before any code runs (`.pth` files)."""
    code = "import sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.split(".")[0] for name in done.stdout.splitlines()}


def test_help_loads_nothing_but_click_and_the_standard_library() -> None:
    names = loaded("--help")
    tops = {name.split(".")[0] for name in names} - known_at_start()
    assert tops - sys.stdlib_module_names <= {"click", "generator", "__mp_main__"}
    assert {name for name in names if name.startswith("generator.")} == {
        "generator.cli",
        "generator.console",
        "generator.errors",
    }


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("schema", {"git", "jinja2", "rich", "ruamel", "helm_python"}),
        ("status", {"git", "jinja2", "kubernetes", "rich", "ruamel", "helm_python"}),
        ("status --no-history", {"git", "jinja2", "rich", "ruamel", "helm_python"}),
        ("graph", {"git", "jinja2", "rich", "ruamel", "helm_python"}),
        ("check", {"git", "kubernetes", "rich"}),
        ("publish --dry-run", {"git", "kubernetes", "rich"}),
        ("render --dry-run", {"git", "rich", "helm_python"}),
    ],
)
def test_a_command_loads_no_library_that_it_does_not_need(command: str, unneeded: set[str]) -> None:
    assert not {name.split(".")[0] for name in loaded(*command.split())} & unneeded


def test_the_templates_speak_no_delimiters_of_helm_s_own() -> None:
    source = Path(PACKAGE, "charts", "render.py").read_text()
    assert '"{{' not in source
    assert '"{%' not in source
