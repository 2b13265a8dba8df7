"""The registries of the benchmarks: the same bytes every time, accepted, and edited where it is meant."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from benchmarks import registries
from benchmarks.shape import File
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry, read_registry_from
from tests.workspace import ROOT, environment

_APPS = 120


def tables(files: dict[str, str]) -> list[dict[str, Any]]:
    return [tomllib.loads(text) for text in files.values()]


def test_another_process_with_another_hash_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "benchmarks.registries", str(tmp_path), "--apps", str(_APPS)],
        env=environment(PYTHONHASHSEED="7"),
        cwd=ROOT,
        check=True,
    )
    made = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.toml")}
    assert made == registries.files(_APPS)


def test_the_bytes_are_those_of_every_other_machine() -> None:
    text = "".join(text for _, text in sorted(registries.files(_APPS).items()))
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "9b73462fa7c7501d8aae7143fdac7863b089883326d9bfcce4e3571737eccd9b"
    )


def test_a_smaller_registry_is_the_beginning_of_a_larger_one() -> None:
    few, many = (
        {name: app for table in tables(registries.files(apps)) for name, app in table.get("apps", {}).items()}
        for apps in (40, _APPS)
    )
    assert len(few) == 40
    assert few.items() <= many.items()


@pytest.mark.parametrize("single", [False, True])
def test_the_registry_is_accepted_whole(single: bool) -> None:
    files = {name: text.encode() for name, text in registries.files(_APPS, 7, single=single).items()}
    registry = read_registry_from(MemoryFiles(files), "apps.toml")
    assert len(files) == (1 if single else 8)
    assert len(registry.apps) == _APPS
    assert {name: len(env.listings) for name, env in registry.environments.items()} == dict.fromkeys(
        registries.ENVIRONMENTS, _APPS
    )
    assert any(env.listings != registry.environments["dev"].listings for env in registry.environments.values())
    assert any("project" in app for app in registry.apps.values())


def test_the_floor_s_models_take_every_table() -> None:
    for table in tables(registries.files(_APPS)):
        File.model_validate(table)


def test_each_edit_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    registries.write(tmp_path, _APPS, 3)
    before = read_registry(tmp_path / "apps.toml")
    path = next(
        path for path in (tmp_path / "teams").iterdir() if f"[apps.{registries.name_of(0)}]" in path.read_text()
    )
    text = registries.promoted(path.read_text(), registries.name_of(0), "prod", "v90.1.0")
    path.write_text(registries.onboarded(text, "newcomer", path.stem))
    after = read_registry(tmp_path / "apps.toml")
    assert set(after.apps) - set(before.apps) == {"newcomer"}
    listed = {
        name: set(env.listings) - set(before.environments[name].listings) for name, env in after.environments.items()
    }
    assert {name: [tuple(entry) for entry in entries] for name, entries in listed.items()} == {
        "dev": [("newcomer", None)],
        "test": [],
        "prod": [(registries.name_of(0), "v90.1.0")],
    }
