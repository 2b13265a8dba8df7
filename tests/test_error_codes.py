"""Every error has a code that is explained, and every code is used."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from generator import errors
from generator.error_codes import read_error_codes
from generator.errors import GeneratorError
from tests.reference_pages import AREAS
from tests.test_architecture import SOURCES, TREES
from tests.workspace import Run

_CODE = re.compile(r"WL\d{4}")
#: The place of the code among the arguments of each error, and of a finding.
_PLACES = {
    **{name: 0 for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, GeneratorError)},
    "Finding": 1,
}
del _PLACES["RegistryError"]


def codes_in_use() -> set[str]:
    return {code for path in SOURCES.values() for code in _CODE.findall(path.read_text(encoding="utf-8"))}


def test_every_code_that_is_used_is_explained_and_the_other_way_round() -> None:
    assert codes_in_use() == read_error_codes().keys()


def test_every_error_and_finding_has_a_code() -> None:
    """The type checker demands the argument; this test, that it is a code and not the message."""
    raised = [
        (name, call.lineno, ast.unparse(call.args[place]))
        for name, tree in TREES.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and (place := _PLACES.get(ast.unparse(call.func))) is not None
    ]
    assert len(raised) > 200
    assert [each for each in raised if not (_CODE.search(each[2]) or re.search(r"\bcode\b", each[2]))] == []


def test_codes_are_in_order_and_in_areas() -> None:
    codes = list(read_error_codes())
    assert codes == sorted(codes)
    assert {code[2] for code in codes} == AREAS.keys()


def test_a_code_is_explained_without_a_registry(workloads: Run, tmp_path: Path) -> None:
    done = workloads("explain", "wl4101", "WL2102", cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith("WL4101: Applications would be deleted\nThe change takes Applications out of a chart,")
    assert done.out.endswith("\nWL2102: A key is missing\nThe table needs this key.\nWhat to do: Add it.\n")
    listed = workloads("explain", cwd=tmp_path).out.splitlines()
    assert len(listed) == 1 + len(read_error_codes())
    wrong = workloads("explain", "WL9999", cwd=tmp_path)
    assert (wrong.code, "error: unknown error code" in wrong.err) == (2, True)


def test_an_error_ends_with_a_link_where_the_documentation_is_published(
    workloads: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKLOADS_DOCS_URL", "https://docs.example.com/")
    done = workloads("explain", "WL9999", cwd=tmp_path)
    assert done.err.splitlines()[-1] == "see: https://docs.example.com/errors.html#wl1005"
    data = json.loads(workloads("explain", "WL9999", "--json", cwd=tmp_path).out)
    assert data["error"]["url"] == "https://docs.example.com/errors.html#wl1005"
