"""The private folder in the user's cache, and the results kept there: they come back as they were, or not at all."""

from __future__ import annotations

import datetime
import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from generator.cache import ResultCache, create_private_folder, digest_data, digest_program
from generator.errors import LocalError
from tests.workspace import REGISTRY, ROOT, isolate, spawn

_VALUE = {"a": [1, "ü\u2028", None, {"b": 1.5}, float("inf"), ("c", True)], "": {}}


@pytest.fixture
def cache(tmp_path: Path) -> ResultCache:
    return ResultCache(tmp_path, "1")


def test_what_was_kept_comes_back(cache: ResultCache) -> None:
    assert cache.get("key") is None
    cache.put("key", _VALUE)
    assert cache.get("key") == _VALUE


def test_another_key_or_version_knows_nothing_of_it(cache: ResultCache, tmp_path: Path) -> None:
    cache.put("key", _VALUE)
    assert cache.get("other") is None
    assert ResultCache(tmp_path, "2").get("key") is None


@pytest.mark.parametrize("damage", [b"", b"x", b"\n{}", b"\xff" * 100])
def test_what_was_damaged_is_not_there(cache: ResultCache, tmp_path: Path, damage: bytes) -> None:
    cache.put("key", _VALUE)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage)
    assert cache.get("key") is None
    cache.put("key", _VALUE)
    whole = kept.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get("key") is None


@pytest.mark.parametrize("value", [{"a": datetime.date(2026, 1, 1)}, [Path()], {"a": OrderedDict()}])
def test_what_is_no_plain_data_is_not_kept(cache: ResultCache, value: object) -> None:
    cache.put("key", value)
    assert cache.get("key") is None


def test_where_nothing_can_be_written_everything_is_forgotten() -> None:
    nowhere = ResultCache(Path(os.devnull), "1")
    nowhere.put("key", _VALUE)
    assert nowhere.get("key") is None


def test_it_stays_within_its_bounds_and_what_was_used_last_stays(tmp_path: Path) -> None:
    before = ResultCache(tmp_path, "1")
    for number in range(10):
        before.put(str(number), "x" * 1000)
    for place, kept in enumerate(sorted(tmp_path.iterdir(), key=lambda path: path.name)):
        os.utime(kept, (place, place))
    assert before.get("3") is not None
    after = ResultCache(tmp_path, "1", max_bytes=8000)
    after.put("new", "x")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 8000
    assert after.get("3") is not None
    assert after.get("new") == "x"


def test_nothing_of_a_killed_writer_is_taken_for_an_entry(cache: ResultCache, tmp_path: Path) -> None:
    (tmp_path / ".half").write_bytes(b"{")
    cache.put("key", _VALUE)
    assert cache.get("key") == _VALUE


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
        kept.append({path.name for path in cache.rglob("*") if path.parent.name == "results" and path.is_file()})
    assert kept[0] == kept[1] != set()


def test_equal_data_has_an_equal_digest_however_it_was_made() -> None:
    data = {"name": ["a-b", 1, None]}
    assert digest_data(data) == digest_data({"".join(("na", "me")): ["-".join("ab"), 1, None]})
    different = [{"name": ["a-b", True, None]}, {"name": ["a-b", 1.0, None]}, {"name": ("a-b", 1, None)}, [data], {}]
    assert len({digest_data(each) for each in (data, *different)}) == 1 + len(different)
    dates = [{"from": datetime.date(2026, 1, day)} for day in (1, 2)]
    assert digest_data(dates[0]) == digest_data({"from": datetime.date(2026, 1, 1)}) != digest_data(dates[1])


def test_the_folder_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = create_private_folder("results", "this")
    assert folder == tmp_path / "workloads" / "results"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_where_there_is_no_folder_it_is_told_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(LocalError, match="no folder for this: tried "):
        create_private_folder("results", "this")


@pytest.mark.parametrize("below", ["", "cache", "deep/cache"])
def test_a_cache_folder_in_a_checkout_is_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    (checkout / ".git").mkdir(parents=True)
    (tmp_path / "link").symlink_to(checkout)
    monkeypatch.setenv("HOME", str(home))
    for start in (checkout, tmp_path / "link"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(start / below))
        assert create_private_folder("results", "this") == home / ".cache" / "workloads" / "results"
    assert [path.name for path in checkout.iterdir()] == [".git"]


def test_a_verdict_that_was_committed_with_the_registry_is_not_believed(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "apps.toml").write_text(REGISTRY)
    (checkout / ".git").rmdir()
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(checkout / ".cache")}
    assert spawn("render", cwd=checkout, **home).code == 0
    assert spawn("check", cwd=checkout, **home).code == 0
    kept = list((checkout / ".cache").rglob("results/*"))
    assert kept
    times = [path.stat().st_mtime_ns for path in kept]
    (checkout / ".git").mkdir()
    spawn("check", cwd=checkout, **home)
    assert [path.stat().st_mtime_ns for path in kept] == times
