"""The commit that a change is compared with, in checkouts of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.workspace import REGISTRY, Done, Run, without


@pytest.fixture
def server(tmp_path: Path, workloads: Run) -> Path:
    """A remote whose branch `main` moves on after a pull request sets out from it; `refs/pull/1/merge` merges them."""
    path, author = tmp_path / "server.git", tmp_path / "author"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(author))
    git(author, "remote", "add", "origin", f"file://{path}")
    commit_registry(author, workloads, REGISTRY)
    git(author, "branch", "start")
    git(author, "switch", "--quiet", "--create", "feature")
    commit_registry(author, workloads, without(REGISTRY, "ledger", "test"))
    git(author, "switch", "--quiet", "main")
    commit_registry(author, workloads, REGISTRY.replace("billing@v1.0.0", "billing@v1.0.1"))
    git(author, "switch", "--quiet", "--detach")
    merged = without(REGISTRY, "ledger", "test").replace("billing@v1.0.0", "billing@v1.0.1")
    (author / "apps.toml").write_text(merged)
    assert workloads("render", cwd=author).code == 0
    git(author, "add", "--all")
    tree = git(author, "write-tree")
    merge = git(author, "commit-tree", tree, "-p", "main", "-p", "feature", "-m", "Merge feature into main")
    git(author, "push", "--quiet", "origin", "main", "feature", f"{merge}:refs/pull/1/merge")
    return path


def commit_registry(folder: Path, workloads: Run, text: str) -> None:
    (folder / "apps.toml").write_text(text)
    assert workloads("render", cwd=folder).code == 0
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "change")


def clone_of_merge_ref(server: Path, folder: Path, *fetch: str) -> Path:
    """A checkout as a forge's action makes it for a pull request."""
    git(folder.parent, "init", "--quiet", str(folder))
    git(folder, "remote", "add", "origin", f"file://{server}")
    git(folder, "fetch", "--quiet", "--no-tags", *fetch)
    git(folder, "checkout", "--quiet", "--force", "--detach", "refs/remotes/pull/1/merge")
    return folder


_MERGE = "+refs/pull/1/merge:refs/remotes/pull/1/merge"
_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"


@pytest.mark.parametrize("fetch", [("--depth=2", "origin", _MERGE), ("origin", _BRANCHES, _MERGE)])
def test_a_merge_ref_is_compared_with_the_branch_that_it_merges_into(
    server: Path, workloads: Run, tmp_path: Path, fetch: tuple[str, ...]
) -> None:
    checkout = clone_of_merge_ref(server, tmp_path / "clone", *fetch)
    for args in (("diff",), ("diff", "--base", "HEAD^1")):
        done = workloads(*args, cwd=checkout)
        assert done.code == 0
        assert "ledger" in done.out
        assert "billing" not in done.out
    assert workloads("check", "--base", "HEAD^1", cwd=checkout).code == 5


def test_in_a_merge_ref_of_depth_1_nothing_is_concluded(server: Path, workloads: Run, tmp_path: Path) -> None:
    checkout = clone_of_merge_ref(server, tmp_path / "clone", "--depth=1", "origin", _MERGE)
    done = workloads("diff", cwd=checkout)
    assert (done.code, done.out) == (6, "")
    assert done.err.startswith("error: there is no commit to compare with: this checkout's history is cut off")
    assert "git fetch --unshallow" in done.err
    assert workloads("check", "--base", "HEAD^1", cwd=checkout).code == 2
    done = workloads("check", cwd=checkout)
    assert (done.code, done.out) == (6, "")
    assert "policy cannot be checked: " in done.err
    assert "git fetch --unshallow" in done.err


def test_check_names_what_to_fetch_if_the_branch_is_not_known(server: Path, workloads: Run, tmp_path: Path) -> None:
    _unfetched(server, tmp_path)
    done = workloads("check", cwd=tmp_path / "clone")
    assert done.code == 0
    assert "policy was not checked: " in done.err
    assert "fetch it: git fetch origin '+refs/heads/main:refs/remotes/origin/main'" in done.err


def test_the_workloads_branch_comes_before_the_default_branch_of_the_remote(
    server: Path, workloads: Run, tmp_path: Path
) -> None:
    git(server, "branch", "develop", "main~1")
    git(server, "symbolic-ref", "HEAD", "refs/heads/develop")
    git(tmp_path, "clone", "--quiet", "--branch=main", f"file://{server}", "clone")
    done = workloads("diff", cwd=tmp_path / "clone")
    assert (done.code, "nothing changes" in done.out) == (0, True)


def _unfetched(server: Path, folder: Path) -> None:
    git(folder, "clone", "--quiet", "--branch=feature", "--single-branch", f"file://{server}", "clone")


def _unrelated(server: Path, folder: Path) -> None:
    git(folder, "clone", "--quiet", f"file://{server}", "clone")
    git(folder / "clone", "checkout", "--quiet", "--orphan", "other")
    git(folder / "clone", "commit", "--quiet", "-m", "start again")


def _shallow_branches(server: Path, folder: Path) -> None:
    git(folder, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{server}", "clone")
    git(folder / "clone", "checkout", "--quiet", "--detach", "origin/feature")


@pytest.mark.parametrize(
    ("prepare", "code", "message"),
    [
        (_unfetched, 2, "the branch main is not known in this checkout"),
        (_unrelated, 2, "HEAD has no history in common with main"),
        (_shallow_branches, 6, "this checkout's history is cut off"),
    ],
)
def test_without_a_base_there_is_no_answer(
    server: Path, workloads: Run, tmp_path: Path, prepare: Callable[[Path, Path], None], code: int, message: str
) -> None:
    prepare(server, tmp_path)
    done: Done = workloads("diff", cwd=tmp_path / "clone")
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert "policy" not in done.err
    assert workloads("diff", "--base", "HEAD", cwd=tmp_path / "clone").code == 0


def test_a_repository_without_a_remote_is_compared_with_its_own_branch(workloads: Run, tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    commit_registry(folder, workloads, REGISTRY)
    git(folder, "switch", "--quiet", "--create", "feature")
    commit_registry(folder, workloads, without(REGISTRY, "ledger", "test"))
    assert "ledger" in workloads("diff", cwd=folder).out
    git(folder, "branch", "--delete", "--force", "main")
    assert "nothing changes" in workloads("diff", cwd=folder).out
    (folder / "apps.toml").write_text(REGISTRY)
    assert "ledger" in workloads("diff", cwd=folder).out


def test_a_change_of_the_workloads_branch_is_compared_with_the_branch_before(
    server: Path, workloads: Run, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", f"file://{server}", "clone")
    registry = tmp_path / "clone" / "apps.toml"
    text = registry.read_text().replace("version = 1\n", 'version = 1\nworkloads.branch = "gitops"\n', 1)
    registry.write_text(without(text, "ledger", "test"))
    done = workloads("diff", cwd=tmp_path / "clone")
    assert done.code == 0
    assert "ledger" in done.out


def _move_charts(folder: Path) -> None:
    registry = folder / "apps.toml"
    registry.write_text(registry.read_text().replace("version = 1\n", 'version = 1\nworkloads.path = "gitops"\n', 1))


def test_moved_charts_are_compared_with_the_folder_before_which_is_named(
    server: Path, workloads: Run, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", f"file://{server}", "clone")
    clone = tmp_path / "clone"
    _move_charts(clone)
    frozen = "multi-repo stays as it is, and Argo CD reads it until each environment is bootstrapped from gitops"
    done = workloads("publish", "--dry-run", cwd=clone)
    assert done.code == 0, done.err
    assert frozen in done.err
    assert workloads("render", cwd=clone).code == 0
    done = workloads("check", cwd=clone)
    assert (done.code, frozen in done.err) == (0, True)
    registry = clone / "apps.toml"
    registry.write_text(without(registry.read_text(), "ledger", "test"))
    for args in (("render",), ("check",), ("publish", "--dry-run")):
        done = workloads(*args, cwd=clone)
        assert (done.code, "test/ledger: Application ledger: " in done.err) == (
            0 if args == ("render",) else 5,
            True,
        ), args


def test_generated_files_that_git_does_not_track_are_reported(workloads: Run, tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    (folder / ".gitignore").write_text("*_test.yaml\n")
    commit_registry(folder, workloads, REGISTRY)
    done = workloads("check", cwd=folder)
    assert done.code == 0
    assert "generated files are not tracked by Git, " in done.err
    git(folder, "add", "--force", "multi-repo")
    assert "not tracked" not in workloads("check", cwd=folder).err


def test_a_rollback_in_a_shallow_clone_concludes_nothing(server: Path, workloads: Run, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{server}", "clone")
    done = workloads("rollback", "billing", "--in", "prod", cwd=tmp_path / "clone")
    assert done.code == 6
    assert "cannot tell what ran in prod before: this clone is shallow" in done.err
    git(tmp_path / "clone", "fetch", "--quiet", "--unshallow")
    assert workloads("rollback", "billing", "--in", "prod", cwd=tmp_path / "clone").code == 0
    commands = {
        "status": (),
        "history": (),
        "metrics": (),
        "site": ("../pages",),
        "promote": ("billing", "--to", "prod", "--dry-run"),
    }
    for command, more in commands.items():
        git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{server}", command)
        args = [command, *more]
        assert "this clone is shallow, so older changes are missing" in workloads(*args, cwd=tmp_path / command).err
