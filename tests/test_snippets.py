"""The TOML in the README and the pages is that of a registry, and their commands exist with their options."""

from __future__ import annotations

import re
import shlex
import textwrap
import tomllib
from collections.abc import Iterator, Sequence

import click
import pytest

from generator.cli import workloads as command_group
from generator.errors import Problem, RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.model import RootFile
from generator.registry.reader import read_registry_from
from tests.workspace import ROOT

_BLOCK = re.compile(r"^( *)```(toml|sh|bash)\n(.*?)^ *```", re.M | re.S)
#: What a part of a registry lacks, because the rest of it is not on the page.
_OF_THE_REST = re.compile(
    r"unknown (?:team|app|environment)|is missing|is not granted|is the project of no app|not included"
)
_SECTIONS = {info.alias or name for name, info in RootFile.model_fields.items()}


def snippets(*languages: str) -> Iterator[tuple[str, str]]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, found in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8"))):
            if found[2] in languages:
                yield f"{page.name} {number}", textwrap.dedent(found[1] + found[3])


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in snippets("toml")])
def test_the_toml_of_the_pages_is_that_of_a_registry(name: str, text: str) -> None:
    data = tomllib.loads(text)
    if not data.keys() & _SECTIONS:
        pytest.skip("not a registry")
    whole = text if "version" in data else f"version = 2\n{text}"
    problems: Sequence[Problem] = ()
    try:
        read_registry_from(MemoryFiles({"apps.toml": whole.encode()}), "apps.toml")
    except RegistryError as error:
        problems = error.problems
    assert [str(problem) for problem in problems if not _OF_THE_REST.search(problem.text)] == []


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in snippets("sh", "bash")])
def test_the_commands_of_the_pages_exist_with_their_options(name: str, text: str) -> None:
    context = click.Context(command_group)
    for said in re.findall(r"(?:^|[|&;] *)workloads ([^|&;#\n]+)", text.replace("\\\n", " "), re.M):
        arguments = [part for part in shlex.split(said) if not part.startswith("-") or part.startswith("--")]
        command = command_group.get_command(context, next(part for part in arguments if part[0] != "-"))
        assert command, said
        params = [*command.params, *command_group.params]
        options = {option for each in params for option in (*each.opts, *each.secondary_opts)}
        given = {part.partition("=")[0] for part in arguments if part.startswith("--")}
        assert given <= options | {"--help", "--version"}, said
