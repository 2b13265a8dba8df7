"""The user's cache: what was kept comes back as it was, or not at all."""

from __future__ import annotations

import datetime
import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from generator.cache import Cache, create_private_folder, digest_program
from generator.errors import LocalError
from tests.workspace import REGISTRY, ROOT, isolate, spawn

_VALUE = {"a": [1, "ü\u2028", None, {"b": 1.5}, float("inf"), ("c", True)], "": {}}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path, "1")


def test_what_was_kept_comes_back(cache: Cache) -> None:
    assert cache.get("kind", "key") is None
    cache.put("kind", "key", _VALUE)
    assert cache.get("kind", "key") == _VALUE


def test_another_kind_key_or_version_knows_nothing_of_it(cache: Cache, tmp_path: Path) -> None:
    cache.put("kind", "key", _VALUE)
    assert cache.get("other", "key") is None
    assert cache.get("kind", "other") is None
    assert Cache(tmp_path, "2").get("kind", "key") is None


@pytest.mark.parametrize("damage", [b"", b"x", b"\n{}", b"\xff" * 100])
def test_what_was_damaged_is_not_there(cache: Cache, tmp_path: Path, damage: bytes) -> None:
    cache.put("kind", "key", _VALUE)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage)
    assert cache.get("kind", "key") is None
    cache.put("kind", "key", _VALUE)
    whole = kept.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get("kind", "key") is None


@pytest.mark.parametrize("value", [{"a": datetime.date(2026, 1, 1)}, [Path()], {"a": OrderedDict()}])
def test_what_is_no_plain_data_is_not_kept(cache: Cache, value: object) -> None:
    cache.put("kind", "key", value)
    assert cache.get("kind", "key") is None


def test_where_nothing_can_be_written_everything_is_forgotten() -> None:
    nowhere = Cache(Path(os.devnull), "1")
    nowhere.put("kind", "key", _VALUE)
    assert nowhere.get("kind", "key") is None


def test_it_stays_within_its_bounds_and_what_was_used_last_stays(tmp_path: Path) -> None:
    before = Cache(tmp_path, "1")
    for number in range(10):
        before.put("kind", str(number), "x" * 1000)
    for place, kept in enumerate(sorted(tmp_path.iterdir(), key=lambda path: path.name)):
        os.utime(kept, (place, place))
    assert before.get("kind", "3") is not None
    after = Cache(tmp_path, "1", max_bytes=8000)
    after.put("kind", "new", "x")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 8000
    assert after.get("kind", "3") is not None
    assert after.get("kind", "new") == "x"


def test_nothing_of_a_killed_writer_is_taken_for_an_entry(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / ".half").write_bytes(b"{")
    cache.put("kind", "key", _VALUE)
    assert cache.get("kind", "key") == _VALUE


def test_the_folder_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = create_private_folder("memo", "this")
    assert folder == tmp_path / "workloads" / "memo"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_where_there_is_no_folder_it_is_told_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(LocalError, match="no folder for this: tried "):
        create_private_folder("memo", "this")


def _program(folder: Path, text: str = "x = 1\n") -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "a.py").write_text("")
    (folder / "inner" / "b.py").write_text(text)
    return folder


def test_a_program_is_the_same_wherever_and_whenever_it_was_installed(tmp_path: Path) -> None:
    one, other = _program(tmp_path / "one"), _program(tmp_path / "deep" / "other")
    os.utime(other / "a.py", (1, 1))
    (other / "a.cpython-311.pyc").write_bytes(b"compiled")
    assert digest_program([one], []) == digest_program([other], [])


def test_another_byte_file_or_library_is_another_program(tmp_path: Path) -> None:
    programs = [_program(tmp_path / "one"), _program(tmp_path / "two", "x = 2\n"), _program(tmp_path / "three")]
    (programs[2] / "c.py").write_text("")
    libraries = [tmp_path / "none", tmp_path / "old", tmp_path / "new"]
    (libraries[1] / "jinja2-3.1.6.dist-info").mkdir(parents=True)
    (libraries[2] / "jinja2-3.1.7.egg-info").mkdir(parents=True)
    told = [digest_program([program], [place]) for program in programs for place in libraries]
    assert len({*told}) == len(told)


def test_what_nobody_can_read_is_no_part_of_a_program(tmp_path: Path) -> None:
    program = _program(tmp_path / "one")
    (program / "dangling.py").symlink_to("nowhere")
    odd: list[Any] = [tmp_path, "", "/nowhere", "/x\0-packages", b"bytes", None, 1]
    assert digest_program([program, tmp_path / "none"], odd) == digest_program([program, tmp_path / "none"], odd)


def test_what_one_installation_kept_serves_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path / "home", monkeypatch)
    elsewhere, cache = tmp_path / "elsewhere", tmp_path / "cache"
    for name in ("generator", "chart-templates"):
        shutil.copytree(ROOT / name, elsewhere / name, copy_function=shutil.copyfile)
    kept = []
    for program in (ROOT, elsewhere):
        checkout = tmp_path / f"checkout-of-{program.name}"
        checkout.mkdir()
        (checkout / "apps.toml").write_text(REGISTRY)
        for command in ("render", "check"):
            assert spawn(command, cwd=checkout, PYTHONPATH=str(program), XDG_CACHE_HOME=str(cache)).code == 0
        kept.append({path.name for path in cache.rglob("*") if path.name.startswith(("apps-", "charts-", "helm-"))})
    assert kept[0] == kept[1] != set()
