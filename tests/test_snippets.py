"""Every TOML in the README and the pages is valid TOML, and has only keys and values that a registry may have."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator, Sequence

import pytest

from generator.errors import Problem, RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.model import RootFile
from generator.registry.reader import read_registry_from
from tests.workspace import ROOT

_BLOCK = re.compile(r"^( *)```toml\n(.*?)^ *```", re.M | re.S)
#: What a part of a registry lacks, because the rest of it is not on the page.
_OF_THE_REST = re.compile(
    r"unknown (?:team|app|environment)|is missing|is not granted|is the project of no app|not included"
)
_SECTIONS = {info.alias or name for name, info in RootFile.model_fields.items()}


def snippets() -> Iterator[tuple[str, str]]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, found in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8"))):
            yield f"{page.name} {number}", textwrap.dedent(found[1] + found[2])


@pytest.mark.parametrize(("name", "text"), [pytest.param(*each, id=each[0]) for each in snippets()])
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
