"""The writer below the output folder: what it writes, what it leaves alone, and what it refuses."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from generator.charts.change_set import ChangeSet, compute_changes
from generator.charts.inventory import INVENTORY_FILE, Inventory
from generator.charts.output_folder import OutputFolder
from generator.charts.render import RenderedTree
from generator.errors import LocalError, RefusedError
from tests.charts.rendered import SAMPLE, tree_at

_OLD = {
    "argo-app-of-apps/dev/templates/a.yaml": b"a\n",
    "argo-app-of-apps/dev/templates/b.yaml": b"b\n",
    "argo-app-projects/p.yaml": b"p\n",
}
_NEW = {
    "argo-app-of-apps/dev/templates/a.yaml": b"a2\n",
    "argo-app-of-apps/dev/templates/c.yaml": b"c\n",
    "argo-app-projects/p.yaml": b"p\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "multi-repo")


def _tree(files: Mapping[str, bytes]) -> RenderedTree:
    return RenderedTree(files, {})


def _apply(folder: OutputFolder, files: Mapping[str, bytes]) -> ChangeSet:
    owned = folder.read_inventory()
    change = compute_changes(_tree(files), owned, folder.read_digest)
    folder.apply_changes(change, owned)
    return change


def _there(folder: OutputFolder) -> dict[str, bytes]:
    paths = (path for path in folder.root.rglob("*") if path.is_file() and path.name != INVENTORY_FILE)
    return {path.relative_to(folder.root).as_posix(): path.read_bytes() for path in paths}


def test_files_are_written_replaced_and_removed(folder: OutputFolder) -> None:
    _apply(folder, _OLD)
    assert _there(folder) == _OLD
    change = _apply(folder, _NEW)
    assert _there(folder) == _NEW
    assert (set(change.added), set(change.changed), change.removed) == (
        {"argo-app-of-apps/dev/templates/c.yaml"},
        {"argo-app-of-apps/dev/templates/a.yaml"},
        ("argo-app-of-apps/dev/templates/b.yaml",),
    )
    assert set(folder.read_inventory().files) == set(_NEW)


def test_nothing_is_written_where_nothing_changes(folder: OutputFolder) -> None:
    tree = tree_at(SAMPLE)
    owned = folder.read_inventory()
    folder.apply_changes(compute_changes(tree, owned, folder.read_digest), owned)
    before = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*")}
    for path in before:
        os.utime(path, ns=(1, 1))
    again = compute_changes(tree, folder.read_inventory(), folder.read_digest)
    assert not again
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*")} == dict.fromkeys(before, 1)


def test_only_what_changes_is_written(folder: OutputFolder) -> None:
    _apply(folder, _OLD)
    for path in _OLD:
        os.utime(folder.root / path, ns=(1, 1))
    _apply(folder, _NEW)
    assert (folder.root / "argo-app-projects/p.yaml").stat().st_mtime_ns == 1
    assert (folder.root / "argo-app-of-apps/dev/templates/a.yaml").stat().st_mtime_ns != 1


def test_other_files_are_neither_changed_nor_removed(folder: OutputFolder) -> None:
    _apply(folder, _OLD)
    mine = folder.root / "argo-app-of-apps" / "dev" / "mine.yaml"
    mine.write_bytes(b"mine\n")
    os.utime(mine, ns=(1, 1))
    _apply(folder, {})
    assert _there(folder) == {"argo-app-of-apps/dev/mine.yaml": b"mine\n"}
    assert mine.stat().st_mtime_ns == 1
    assert not (folder.root / "argo-app-projects").exists()


def test_a_foreign_file_in_the_way_is_told(folder: OutputFolder) -> None:
    path = folder.root / "argo-app-of-apps/dev/templates/a.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine\n")
    assert compute_changes(_tree(_OLD), folder.read_inventory(), folder.read_digest).foreign_in_the_way == (
        "argo-app-of-apps/dev/templates/a.yaml",
    )
    path.write_bytes(b"a\n")
    assert compute_changes(_tree(_OLD), folder.read_inventory(), folder.read_digest).foreign_in_the_way == ()


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("steps", range(len(_OLD) + 1))
@pytest.mark.parametrize("first", [{}, _NEW], ids=["nothing", "something"])
def test_the_next_run_finishes_what_was_killed(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch, steps: int, first: Mapping[str, bytes]
) -> None:
    _apply(folder, first)
    owned = folder.read_inventory()
    written = 0

    def killed(self: OutputFolder, path: str, data: bytes, write: object = OutputFolder._replace_file) -> None:
        nonlocal written
        if written == steps:
            raise _KilledError
        written += 1
        write(self, path, data)  # type: ignore[operator]

    with monkeypatch.context() as patch:
        patch.setattr(OutputFolder, "_replace_file", killed)
        with pytest.raises(_KilledError):
            folder.apply_changes(compute_changes(_tree(_OLD), owned, folder.read_digest), owned)
    again = OutputFolder(folder.root)
    assert not compute_changes(_tree(_OLD), again.read_inventory(), again.read_digest).foreign_in_the_way
    _apply(again, _OLD)
    assert _there(again) == _OLD
    assert set(again.read_inventory().files) == set(_OLD)


def test_a_file_that_cannot_be_written_is_told_and_leaves_no_litter(folder: OutputFolder) -> None:
    folder.root.mkdir()
    (folder.root / "argo-app-projects").write_bytes(b"in the way\n")
    with pytest.raises(RefusedError, match="argo-app-projects is not a folder"):
        _apply(folder, _OLD)
    assert _there(folder) == {"argo-app-projects": b"in the way\n"}


def test_a_full_disk_is_told(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, target: str) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(LocalError, match="No space left on device") as raised:
        _apply(folder, _OLD)
    assert raised.value.exit_code == 9
    assert not _there(folder)


@pytest.mark.parametrize("place", ["argo-app-of-apps", "argo-app-of-apps/dev", ""])
def test_a_link_to_another_folder_is_refused(folder: OutputFolder, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = folder.root / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(RefusedError, match="is not a folder"):
        _apply(folder, _OLD)
    assert not list(elsewhere.iterdir())


def test_a_link_instead_of_a_file_is_refused(folder: OutputFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine\n")
    (folder.root / "argo-app-projects").mkdir(parents=True)
    (folder.root / "argo-app-projects/p.yaml").symlink_to(elsewhere)
    with pytest.raises(RefusedError, match="is not a regular file"):
        _apply(folder, _OLD)
    assert elsewhere.read_bytes() == b"mine\n"


def test_a_link_under_a_temporary_name_is_not_followed(folder: OutputFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine\n")
    (folder.root / "argo-app-projects").mkdir(parents=True)
    (folder.root / "argo-app-projects/.p.yaml.0123abcd.tmp").symlink_to(elsewhere)
    _apply(folder, _OLD)
    assert elsewhere.read_bytes() == b"mine\n"
    assert _there(folder) == _OLD


def test_a_damaged_record_refuses_everything(folder: OutputFolder) -> None:
    _apply(folder, _OLD)
    (folder.root / INVENTORY_FILE).write_bytes(b"<<<<<<< ours\n")
    with pytest.raises(RefusedError) as raised:
        _apply(folder, {})
    assert raised.value.exit_code == 4
    assert _there(folder) == _OLD


def test_what_is_recorded_but_gone_is_made_again(folder: OutputFolder) -> None:
    _apply(folder, _OLD)
    (folder.root / "argo-app-projects/p.yaml").unlink()
    _apply(folder, _OLD)
    assert _there(folder) == _OLD


def test_an_empty_folder_has_an_empty_record(folder: OutputFolder) -> None:
    assert folder.read_inventory() == Inventory()


@pytest.mark.parametrize("first", ["templates", "tests", ""])
def test_a_file_where_a_folder_belongs_is_named_itself(folder: OutputFolder, first: str) -> None:
    _apply(folder, _OLD)
    shutil.rmtree(folder.root / "argo-app-of-apps")
    (folder.root / "argo-app-of-apps").write_text("no folder")
    with pytest.raises(RefusedError, match=r"argo-app-of-apps is not a folder$"):
        OutputFolder(folder.root).read_output_files([f"argo-app-of-apps/dev/{first}/a.yaml"])


def test_a_folder_that_cannot_be_entered_is_named(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    _apply(folder, _OLD)
    lstat = os.lstat

    def denied(path: str) -> os.stat_result:
        if path.endswith("dev"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", denied)
    with pytest.raises(LocalError, match=r"argo-app-of-apps/dev cannot be read: Permission denied"):
        OutputFolder(folder.root).read_output_files(list(_OLD))
