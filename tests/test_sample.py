"""The sample registry and its committed charts; the same bytes everywhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.workspace import REGISTRY, ROOT, Run, contents, spawn, untouched

pytestmark = pytest.mark.usefixtures("home")


def test_the_committed_charts_are_what_the_registry_says(workloads: Run) -> None:
    with untouched(ROOT / "multi-repo"):
        done = workloads("check", cwd=ROOT)
    assert (done.code, done.out) == (0, "3 charts, 9 Applications: valid and up to date\n"), done.err


def test_rendering_the_sample_anew_gives_the_committed_charts(workloads: Run, tmp_path: Path) -> None:
    place = tmp_path / "sample"
    place.mkdir()
    shutil.copy(ROOT / "apps.toml", place)
    assert workloads("render", cwd=place).code == 0
    assert contents(place / "multi-repo") == contents(ROOT / "multi-repo")


MACHINES = {
    "hash-0": {"PYTHONHASHSEED": "0"},
    "hash-1": {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati"},
    "c-locale": {"PYTHONHASHSEED": "random", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
}
#: Letters that a locale or an encoding may treat in its own way.
HARD = REGISTRY.replace("[apps.ledger]\n", '[apps.ledger]\ninfo = [{ name = "İIıi ß", value = "é漢\\t€" }]\n')


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("expected")
    (place / "apps.toml").write_text(HARD, encoding="utf-8")
    done = spawn("render", cwd=place)
    assert done.code == 0, done.err
    return contents(place / "multi-repo")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_same_registry_gives_the_same_bytes_everywhere(
    tmp_path: Path, expected: dict[str, str], machine: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "apps.toml").write_text(HARD, encoding="utf-8")
    done = spawn("render", cwd=place, limits="umask 077", **MACHINES[machine])
    assert done.code == 0, done.err
    assert contents(place / "multi-repo") == expected


def test_windows_line_ends_in_the_registry_make_no_difference(
    tmp_path: Path, expected: dict[str, str], workloads: Run
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "apps.toml").write_bytes(HARD.replace("\n", "\r\n").encode())
    assert workloads("render", cwd=place).code == 0
    assert contents(place / "multi-repo") == expected


def test_the_order_of_what_the_registry_says_makes_no_difference(
    tmp_path: Path, expected: dict[str, str], workloads: Run
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    tables = HARD.split("\n[")
    head, apps = tables[0], [table for table in tables[1:] if table.startswith("apps.")]
    others = [table for table in tables[1:] if not table.startswith("apps.")]
    (place / "apps.toml").write_text("\n\n[".join([head, *others, *reversed(apps)]), encoding="utf-8")
    done = workloads("render", cwd=place)
    assert done.code == 0, done.err
    assert contents(place / "multi-repo") == expected


def test_nothing_of_the_machine_is_in_the_charts(tmp_path: Path, workloads: Run) -> None:
    place = tmp_path / "canary-folder"
    place.mkdir()
    (place / "apps.toml").write_text(REGISTRY)
    workloads("render", cwd=place)
    words = [b"canary-folder", os.uname().nodename.encode(), str(ROOT).encode()]
    for path in (place / "multi-repo").rglob("*"):
        if path.is_file():
            assert not [word for word in words if len(word) > 4 and word in path.read_bytes()]


def test_the_example_of_a_monorepo_keeps_its_teams_apart(tmp_path: Path, workloads: Run) -> None:
    place = tmp_path / "place"
    place.mkdir()
    text = (ROOT / "examples" / "monorepo.toml").read_text()
    (place / "apps.toml").write_text(text)
    done = workloads("render", cwd=place)
    assert done.code == 0, done.err
    values = (place / "multi-repo" / "argo-app-of-apps" / "dev" / "values.yaml").read_text()
    assert 'value: "cart.dev.example.com"' in values
    (place / "apps.toml").write_text(text.replace('"../components/tracing"', '"../../shop/cart"'))
    done = workloads("render", cwd=place)
    assert done.code == 4
    assert 'use a path below teams/search, which team "search" is granted' in done.err
