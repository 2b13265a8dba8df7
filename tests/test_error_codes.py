"""Every error has a code that is explained, and every code is used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from generator import errors
from generator.error_codes import read_error_codes
from generator.errors import GeneratorError
from tests.error_page import AREAS, PAGE, render_page
from tests.test_architecture import SOURCES
from tests.workspace import Run

_CODE = re.compile(r"WL\d{4}")
#: A call of an error, a finding or a problem whose code is written out.
_ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, GeneratorError)}


def codes_in_use() -> set[str]:
    return {code for path in SOURCES.values() for code in _CODE.findall(path.read_text(encoding="utf-8"))}


def test_every_code_that_is_used_is_explained_and_the_other_way_round() -> None:
    assert codes_in_use() == read_error_codes().keys()


@pytest.mark.parametrize("name", sorted(_ERRORS - {"RegistryError"}))
def test_every_error_is_raised_with_a_code(name: str) -> None:
    pattern = re.compile(rf"(?<!class )\b{name}\((?!GeneratorError\)|LocalError\)|RemoteRefusedError\))\s*(.{{0,20}})")
    for path in SOURCES.values():
        for start in pattern.findall(path.read_text(encoding="utf-8")):
            assert re.match(r'"WL\d{4}",|error\.code,|self\._code,', start), (path, start)


def test_codes_are_in_order_and_in_areas() -> None:
    codes = list(read_error_codes())
    assert codes == sorted(codes)
    assert {code[2] for code in codes} == AREAS.keys()


def test_the_page_is_generated_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(read_error_codes()), "run python -m tests.error_page"


def test_a_code_is_explained_without_a_registry(workloads: Run, tmp_path: Path) -> None:
    done = workloads("explain", "wl4101", "WL2102", cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith("WL4101: Applications would be deleted\nThe change takes Applications out of a chart,")
    assert done.out.endswith("\nWL2102: A key is missing\nThe table needs this key.\nWhat to do: Add it.\n")
    listed = workloads("explain", cwd=tmp_path).out.splitlines()
    assert len(listed) == 1 + len(read_error_codes())
    wrong = workloads("explain", "WL9999", cwd=tmp_path)
    assert (wrong.code, "error[WL1005]: unknown error code" in wrong.err) == (2, True)


def test_an_error_ends_with_a_link_where_the_documentation_is_published(
    workloads: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKLOADS_DOCS_URL", "https://docs.example.com/")
    done = workloads("explain", "WL9999", cwd=tmp_path)
    assert done.err.splitlines()[-1] == "see: https://docs.example.com/errors.html#wl1005"
    data = json.loads(workloads("explain", "WL9999", "--json", cwd=tmp_path).out)
    assert data["error"]["url"] == "https://docs.example.com/errors.html#wl1005"
