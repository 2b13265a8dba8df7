"""The private folder in the user's cache folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.cache import create_private_folder
from generator.errors import LocalError
from tests.workspace import REGISTRY, spawn


def test_the_folder_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = create_private_folder("helm", "this")
    assert folder == tmp_path / "workloads" / "helm"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_where_there_is_no_folder_it_is_told_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(LocalError, match="no folder for this: tried "):
        create_private_folder("helm", "this")


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
        assert create_private_folder("helm", "this") == home / ".cache" / "workloads" / "helm"
    assert [path.name for path in checkout.iterdir()] == [".git"]


def test_a_verdict_that_was_committed_with_the_registry_is_not_believed(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "apps.toml").write_text(REGISTRY)
    (checkout / ".git").rmdir()
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(checkout / ".cache")}
    assert spawn("render", cwd=checkout, **home).code == 0
    assert spawn("check", cwd=checkout, **home).code == 0
    kept = list((checkout / ".cache").rglob("helm/*"))
    assert kept
    times = [path.stat().st_mtime_ns for path in kept]
    (checkout / ".git").mkdir()
    spawn("check", cwd=checkout, **home)
    assert [path.stat().st_mtime_ns for path in kept] == times
