"""What GitPython reads of a checkout, in the states that its own interface raises for."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import LocalError
from generator.git.working_branch import WorkingBranch, read_working_branch
from tests.git.remotes import git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "server.git")
    git(tmp_path, "clone", "--quiet", "server.git", "checkout")
    folder = tmp_path / "checkout"
    (folder / "file").write_text("1\n")
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "-m", "start")
    git(folder, "push", "--quiet", "origin", "main")
    return folder


def test_a_branch_its_upstream_and_its_remotes(checkout: Path) -> None:
    assert read_working_branch(checkout) == WorkingBranch("main", "origin/main", ("origin",), has_changes=False)
    git(checkout, "remote", "add", "mirror", "https://ada:secret@example.org/mirror.git")
    git(checkout, "switch", "--quiet", "--no-track", "-c", "own")
    (checkout / "file").write_text("2\n")
    assert read_working_branch(checkout) == WorkingBranch("own", None, ("origin", "mirror"), has_changes=True)


def test_a_detached_head_has_no_branch(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "--detach")
    assert read_working_branch(checkout) == WorkingBranch(None, None, ("origin",), has_changes=False)


def test_a_branch_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert read_working_branch(tmp_path) == WorkingBranch("main", None, (), has_changes=False)


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_variables_that_point_to_another_checkout_are_ignored(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert read_working_branch(checkout) == WorkingBranch("main", "origin/main", ("origin",), has_changes=False)


def test_a_variable_that_moves_the_objects_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/elsewhere")
    with pytest.raises(LocalError, match="GIT_OBJECT_DIRECTORY"):
        read_working_branch(checkout)


def test_a_linked_worktree_has_a_branch_of_its_own(checkout: Path) -> None:
    git(checkout, "worktree", "add", "--quiet", "-b", "other", "../worktree")
    assert read_working_branch(checkout.parent / "worktree").branch == "other"


def test_a_repository_with_other_object_ids(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    (tmp_path / "file").write_text("1\n")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "start")
    (tmp_path / "file").write_text("2\n")
    assert read_working_branch(tmp_path) == WorkingBranch("main", None, (), has_changes=True)


def test_refs_in_another_format_are_reported(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")
    with pytest.raises(LocalError, match=r"\.invalid"):
        read_working_branch(checkout)


def test_no_file_monitor_runs(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "core.fsmonitor", f"touch {tmp_path}/ran; false")
    (checkout / "file").write_text("2\n")
    assert read_working_branch(checkout).has_changes
    assert not (tmp_path / "ran").exists()
