"""Where registry files come from, and what is no registry file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.errors import GeneratorError, LocalError, UsageError
from generator.registry.files import FolderFiles, MemoryFiles, filter_by_pattern, find_registry
from generator.registry.reader import list_registry_files, read_registry, read_registry_from


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def unreadable(path: Path) -> None:
    path.write_text("version = 1\n")
    path.chmod(0)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


ODD: list[Callable[[Path], object]] = [Path.mkdir, fifo, loop, endless, lambda path: None]


@pytest.mark.parametrize("make", ODD)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "apps.toml")
    start = time.monotonic()
    with pytest.raises(GeneratorError) as refusal:
        read_registry(tmp_path / "apps.toml")
    assert time.monotonic() - start < 1
    assert isinstance(refusal.value, LocalError | UsageError)
    assert str(tmp_path / "apps.toml") in refusal.value.message


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/proc/self/mem"])
def test_devices(device: str) -> None:
    with pytest.raises(LocalError):
        read_registry(Path(device))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    unreadable(tmp_path / "apps.toml")
    with pytest.raises(LocalError, match="Permission denied"):
        read_registry(tmp_path / "apps.toml")


def test_the_nearest_registry_upward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "apps.toml").write_text("version = 1\n")
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert find_registry(None) == Path("../../apps.toml")
    assert find_registry("x.toml") == Path("x.toml")


@pytest.mark.parametrize("make", [Path.mkdir, loop])
def test_what_is_in_the_way_of_the_registry_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    (tmp_path / "apps.toml").write_text("version = 1\n")
    (tmp_path / "a").mkdir()
    make(tmp_path / "a" / "apps.toml")
    monkeypatch.chdir(tmp_path / "a")
    with pytest.raises(LocalError):
        read_registry(find_registry(None))


def test_no_registry(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"no apps\.toml here or in any folder above"):
        find_registry(None, tmp_path)


def test_a_link_inside_is_followed_and_one_out_is_not(tmp_path: Path) -> None:
    (tmp_path / "outside.toml").write_text("")
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "real.toml").write_text("text")
    (folder / "inside.toml").symlink_to("real.toml")
    (folder / "outside.toml").symlink_to("../outside.toml")
    assert FolderFiles(folder).read_bytes("inside.toml") == b"text"
    with pytest.raises(UsageError, match="is outside of"):
        FolderFiles(folder).read_bytes("outside.toml")


NAMES = ["a.toml", "ab.toml", "d/a.toml", "d/e/a.toml", "d/.hidden.toml", "x[1].toml"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.toml", ["a.toml", "ab.toml", "x[1].toml"]),
        ("?.toml", ["a.toml"]),
        ("*/a.toml", ["d/a.toml"]),
        ("**/a.toml", ["a.toml", "d/a.toml", "d/e/a.toml"]),
        ("d/**/*.toml", ["d/.hidden.toml", "d/a.toml", "d/e/a.toml"]),
        ("none/*.toml", []),
    ],
)
def test_a_folder_and_a_tree_match_alike(tmp_path: Path, pattern: str, found: list[str]) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "folder.toml").mkdir()
    assert FolderFiles(tmp_path).list_matching(pattern) == filter_by_pattern(pattern, NAMES) == found


def test_the_files_of_a_registry() -> None:
    files = MemoryFiles({"apps.toml": b'include = ["*.toml", "a.toml", "../x.toml"]', "b.toml": b"", "a.toml": b""})
    assert list_registry_files(files, "apps.toml") == ["apps.toml", "a.toml", "b.toml"]


def test_more_problems_than_anybody_reads() -> None:
    text = "version = 1\n" + "".join(f"[apps.a{number}]\nx = 1\n" for number in range(5000))
    with pytest.raises(GeneratorError) as refusal:
        read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")
    assert refusal.value.message == "1000 problems in apps.toml (reading stopped there)"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("include", ["teams/*/apps.toml", "teams/{team}/apps.toml", "teams/shop/apps.toml"])
def test_a_file_that_a_registry_includes_is_no_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, include: str, named: bool
) -> None:
    folder = tmp_path / "teams" / "shop"
    folder.mkdir(parents=True)
    (tmp_path / "apps.toml").write_text(f'version = 1\ninclude = ["{include}"]\n')
    (folder / "apps.toml").write_text("[apps.web]\nhelm.version = 'v3'\n")
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match=r"apps\.toml is not a root file: \S+ includes it") as refusal:
        find_registry(str(folder / "apps.toml") if named else None)
    assert (Path(refusal.value.remedy.rpartition(" ")[2])).resolve() == tmp_path / "apps.toml"


@pytest.mark.parametrize("above", ["", 'version = 1\ninclude = ["other/*.toml"]\n', "not [ TOML"])
def test_a_file_that_nothing_includes_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, above: str
) -> None:
    (tmp_path / "apps.toml").write_text(above)
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "apps.toml").write_text("[apps.web]\n")
    monkeypatch.chdir(tmp_path / "teams")
    assert find_registry(None) == Path("apps.toml")
