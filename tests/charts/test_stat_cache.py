"""What was read before is not read again, and no change of a file goes unseen."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.charts.file_set import sha256_hex
from generator.charts.output_folder import OutputFolder
from generator.charts.stat_cache import create_digest_reader
from generator.errors import RefusedError
from tests.remembering import Remembering

_HOUR = 3600 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path)


@pytest.fixture
def memo() -> Remembering:
    return Remembering()


def _write(folder: OutputFolder, count: int) -> dict[str, str]:
    """So many files, and their digests."""
    owned = {}
    for number in range(count):
        path = f"charts/{number % 3}/{number}.yaml"
        (folder.root / path).parent.mkdir(parents=True, exist_ok=True)
        (folder.root / path).write_bytes(b"%d" % number)
        owned[path] = sha256_hex(b"%d" % number)
    return owned


def _later() -> int:
    """A time by which what was just written is old."""
    return time.time_ns() + _HOUR


def _read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are read from now on."""
    paths: list[str] = []
    whole = OutputFolder.read_digest

    def digest_of(self: OutputFolder, path: str) -> str | None:
        paths.append(path)
        return whole(self, path)

    monkeypatch.setattr(OutputFolder, "read_digest", digest_of)
    return paths


def test_what_was_read_is_not_read_again(
    folder: OutputFolder, memo: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned, read = _write(folder, 20), _read(monkeypatch)
    for _ in range(2):
        current = create_digest_reader(folder, owned, memo, _later())
        assert {path: current(path) for path in owned} == owned
    assert sorted(read) == sorted(owned)


def test_what_is_young_is_read_again(folder: OutputFolder, memo: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    owned, read = _write(folder, 5), _read(monkeypatch)
    for _ in range(2):
        create_digest_reader(folder, owned, memo)
    assert len(read) == 2 * len(owned)
    assert memo.kept == {}


def test_of_many_files_only_a_few_are_read_where_one_changed(
    folder: OutputFolder, memo: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = _write(folder, 3000)
    create_digest_reader(folder, owned, memo, _later())
    read = _read(monkeypatch)
    (folder.root / "charts/0/0.yaml").write_bytes(b"other")
    (folder.root / "charts/1/new.yaml").write_bytes(b"new")
    current = create_digest_reader(folder, {**owned, "charts/1/new.yaml": sha256_hex(b"new")}, memo, _later())
    assert current("charts/0/0.yaml") == sha256_hex(b"other")
    assert current("charts/1/new.yaml") == sha256_hex(b"new")
    assert 0 < len(read) < len(owned) / 2


def _same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"X" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _another_file(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"X" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _through_another_name(path: Path) -> None:
    link = path.with_name("link")
    link.hardlink_to(path)
    _same_size_and_time(link)


@pytest.mark.parametrize("change", [_same_size_and_time, _another_file, _through_another_name, Path.unlink])
def test_no_change_goes_unseen(folder: OutputFolder, memo: Remembering, change: Callable[[Path], None]) -> None:
    owned = _write(folder, 9)
    create_digest_reader(folder, owned, memo, _later())
    time.sleep(0.02)  # The coarsest step of the time that a kernel gives to a file.
    path = folder.root / "charts/1/4.yaml"
    change(path)
    found = create_digest_reader(folder, owned, memo, _later())("charts/1/4.yaml")
    assert found == (sha256_hex(path.read_bytes()) if path.exists() else None) != owned["charts/1/4.yaml"]


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
def test_what_is_no_file_is_refused(folder: OutputFolder, memo: Remembering, what: str) -> None:
    owned = _write(folder, 4)
    create_digest_reader(folder, owned, memo, _later())
    path = folder.root / "charts/0/0.yaml"
    path.unlink()
    if what == "link":
        path.symlink_to("3.yaml")
    elif what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(RefusedError, match="is not a regular file"):
        create_digest_reader(folder, owned, memo, _later())


def test_what_was_seen_elsewhere_is_not_taken_for_what_is_here(
    folder: OutputFolder, memo: Remembering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = _write(folder, 4)
    create_digest_reader(folder, owned, memo, _later())
    other = OutputFolder(tmp_path / "other")
    _write(other, 4)
    (other.root / "charts/0/0.yaml").write_bytes(b"x")
    known = OutputFolder.stat_files
    monkeypatch.setattr(OutputFolder, "stat_files", lambda self, paths: known(folder, paths))
    assert create_digest_reader(other, owned, memo, _later())("charts/0/0.yaml") == sha256_hex(b"x")


def test_a_link_in_the_way_is_refused(folder: OutputFolder, memo: Remembering) -> None:
    owned = _write(folder, 4)
    create_digest_reader(folder, owned, memo, _later())
    (folder.root / "charts/0").rename(folder.root / "elsewhere")
    (folder.root / "charts/0").symlink_to(folder.root / "elsewhere")
    with pytest.raises(RefusedError, match="is not a folder"):
        create_digest_reader(OutputFolder(folder.root), owned, memo, _later())


def test_what_differs_from_the_record_is_never_remembered(
    folder: OutputFolder, memo: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = {**_write(folder, 3), "charts/0/0.yaml": sha256_hex(b"as it was generated"), "gone.yaml": sha256_hex(b"")}
    read = _read(monkeypatch)
    for _ in range(2):
        current = create_digest_reader(folder, owned, memo, _later())
        assert (current("charts/0/0.yaml"), current("gone.yaml")) == (sha256_hex(b"0"), None)
    assert len(read) == 2 * len(owned)


def test_any_run_of_changes_is_seen_as_it_is(folder: OutputFolder, memo: Remembering) -> None:
    owned, chance = _write(folder, 12), random.Random(1)  # noqa: S311
    for _ in range(60):
        for path in chance.sample(sorted(owned), chance.randrange(4)):
            data = chance.choice([b"0", b"1", b""])
            (folder.root / path).write_bytes(data)
            if chance.random() < 0.8:
                owned[path] = sha256_hex(data)
        time.sleep(0.02)
        for _ in range(2):
            current = create_digest_reader(folder, owned, memo, _later())
            assert {path: current(path) for path in owned} == {path: folder.read_digest(path) for path in owned}
    assert memo.known
