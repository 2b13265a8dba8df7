"""Registry files as users write them: what is valid, and the exact words about what is not.

`python -m tests.registry.test_registries` writes the `.txt` files anew; read what changed before you commit it.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from generator import console
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import GeneratorError
from generator.registry.reader import read_registry
from generator.registry.registry import Registry

DATA = Path(__file__).parents[1] / "data" / "registries"
VALID = sorted(path.name for path in (DATA / "valid").glob("*.toml"))
INVALID = sorted(path.stem for path in (DATA / "invalid").glob("*.toml"))


def read(folder: str, name: str) -> Registry:
    """A registry as the command reads it in its folder."""
    with contextlib.chdir(DATA / folder):
        return read_registry(Path(name))


def refusal(name: str) -> str:
    """What the command prints about a registry, and how it ends."""
    said = io.StringIO()
    try:
        read("invalid", f"{name}.toml")
    except GeneratorError as error:
        with contextlib.redirect_stderr(said):
            console.print_error(error)
        return f"{said.getvalue()}exit status {error.exit_code}\n"
    return "accepted\n"


@pytest.mark.parametrize("name", INVALID)
def test_invalid(name: str) -> None:
    assert refusal(name) == (DATA / "invalid" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", INVALID)
def test_nothing_that_drives_a_terminal(name: str) -> None:
    said = refusal(name)
    assert said.replace("\n", "").isprintable()
    assert "hunter2" not in said


@pytest.mark.parametrize("name", VALID)
def test_valid(name: str) -> None:
    registry = read("valid", name)
    assert render_plan(plan_charts(registry)).files


def test_each_refusal_is_looked_at() -> None:
    assert {path.stem for path in (DATA / "invalid").glob("*.txt")} == set(INVALID)


if __name__ == "__main__":
    for name in INVALID:
        (DATA / "invalid" / f"{name}.txt").write_text(refusal(name))
