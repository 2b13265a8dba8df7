"""Every kind of checkout: what is not on disk is read from Git, or the command says why it cannot be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.git.remotes import Remote, git
from tests.publishing.git_environments import (
    COMMANDS,
    ENVIRONMENTS,
    HIDDEN_FILE,
    TABLE,
    format_table,
    run_clone,
    sparse,
    write,
)
from tests.workspace import REGISTRY, Run

#: The suite runs one command of each kind; `python -m tests.publishing.git_environments` runs all.
_COMMANDS = ("check", "diff", "status", "codeowners", "publish", "rollback")


@pytest.fixture
def server(server_to_copy: Remote, tmp_path: Path) -> Remote:
    shutil.copytree(server_to_copy.path, tmp_path / "server.git")
    return Remote(tmp_path / "server.git")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_command_answers_in_full_or_says_why_not(
    server: Remote, workloads: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if "another user" in name and os.geteuid():
        pytest.skip("only root can give files to another user")
    environment, clone = ENVIRONMENTS[name], tmp_path / "clone"
    environment.prepare(server.url, clone)
    for variable, value in environment.variables_for(server.url, clone).items():
        monkeypatch.setenv(variable, value)
    done = {command: workloads(*COMMANDS[command], cwd=clone / environment.place) for command in _COMMANDS}
    codes = {command: environment.expected(command) for command in _COMMANDS}
    assert {command: each.code for command, each in done.items()} == codes, [each.err for each in done.values()]
    assert all("audit" in done[command].out for command in ("status", "codeowners") if not codes[command])
    assert all(each.err.strip() for each in done.values() if each.code)


def test_the_table_in_the_documents_is_that_of_the_environments() -> None:
    assert TABLE.read_text() == format_table(), "refresh with: python -m tests.publishing.git_environments"


@pytest.mark.parametrize("name", list(ENVIRONMENTS)[1:13])
def test_an_edit_is_published_and_takes_nothing_away(server: Remote, workloads: Run, tmp_path: Path, name: str) -> None:
    ENVIRONMENTS[name].prepare(server.url, tmp_path / "clone")
    edited = tmp_path / "clone" / "teams/payments/apps.toml"
    edited.write_text(edited.read_text().replace('path = "chart"', 'path = "chart"\nlabels = { tier = "1" }', 1))
    before = server.files()
    done = workloads("publish", cwd=tmp_path / "clone")
    assert done.code == 0, done.err
    after = server.files()
    assert before.keys() == after.keys()
    assert before[HIDDEN_FILE] == after[HIDDEN_FILE]
    assert 'labels = { tier = "1" }' in after["teams/payments/apps.toml"]


@pytest.mark.parametrize("name", ["`--filter=blob:none`", "`--filter=tree:0`"])
def test_old_files_that_a_clone_lacks_are_named_by_their_commit(
    server: Remote, workloads: Run, tmp_path: Path, name: str
) -> None:
    ENVIRONMENTS[name].prepare(server.url, tmp_path / "clone")
    old = git(tmp_path / "clone", "rev-parse", "HEAD~1")
    done = workloads("diff", "--base", old, cwd=tmp_path / "clone")
    assert (done.code, f"this clone lacks files of {old[:12]}" in done.err) == (9, True), done.err


def test_a_file_that_was_deleted_from_the_checkout_is_deleted(server: Remote, workloads: Run, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run_clone(server.url, clone)
    registry = clone / "apps.toml"
    registry.write_text(registry.read_text().replace('  "audit@v1",\n', ""))
    (clone / HIDDEN_FILE).unlink()
    done = workloads("publish", "--allow-removal", "dev/audit", cwd=clone)
    assert done.code == 0, done.err
    assert HIDDEN_FILE not in server.files()


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_an_edit_that_git_does_not_show_is_not_published(
    server: Remote, workloads: Run, tmp_path: Path, flag: str
) -> None:
    clone = tmp_path / "clone"
    run_clone(server.url, clone)
    git(clone, "update-index", flag, "apps.toml")
    registry = clone / "apps.toml"
    registry.write_text(registry.read_text().replace("billing@v1.1.0", "billing@v1.2.0"))
    before = server.head()
    done = workloads("publish", cwd=clone)
    assert (done.code, server.head()) == (4, before)
    assert "apps.toml differs from the commit, but Git is set to ignore its changes" in done.err


def test_an_edit_of_a_file_that_is_not_checked_out_is_refused(server: Remote, workloads: Run, tmp_path: Path) -> None:
    sparse("teams/payments", "multi-repo")(server.url, tmp_path / "clone")
    done = workloads("migrate", "audit", "ledger-audit", cwd=tmp_path / "clone")
    assert done.code in (2, 4), done.err
    assert not (tmp_path / "clone" / HIDDEN_FILE).exists()


@pytest.mark.parametrize("staged", [True, False])
def test_a_registry_that_moved_only_in_the_checkout_is_not_published_beside_the_old_one(
    server: Remote, workloads: Run, tmp_path: Path, staged: bool
) -> None:
    clone = tmp_path / "clone"
    run_clone(server.url, clone)
    (clone / "gitops").mkdir()
    git(clone, "mv", "apps.toml", "teams", "multi-repo", "gitops")
    if not staged:
        git(clone, "commit", "--quiet", "-m", "move")
    before = server.head()
    done = workloads("publish", cwd=clone / "gitops")
    assert (done.code, server.head()) == (6, before)
    assert "the branch still has the registry at apps.toml, which this checkout moved to gitops/apps.toml" in done.err
    done = workloads("promote", "audit", "--to", "test", "--publish", cwd=clone / "gitops")
    assert (done.code, server.head()) == (2, before)
    assert "the branch main has no gitops/apps.toml" in done.err


def test_a_second_registry_is_published_beside_the_first(server: Remote, workloads: Run, tmp_path: Path) -> None:
    sparse("other")(server.url, tmp_path / "clone")
    place = tmp_path / "clone" / "other"
    write(place, "apps.toml", REGISTRY.replace("[apps.", "\n[apps.", 1))
    done = workloads("publish", cwd=place)
    assert done.code == 0, done.err
    assert {"apps.toml", "other/apps.toml"} <= server.files().keys()


@pytest.mark.parametrize("link", ["teams", "teams/audit"])
def test_registry_files_below_a_link_are_refused_by_name(
    server: Remote, workloads: Run, tmp_path: Path, link: str
) -> None:
    clone = tmp_path / "clone"
    run_clone(server.url, clone)
    git(clone, "mv", link, "moved")
    (clone / link).symlink_to(clone / "moved")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "link")
    git(clone, "push", "--quiet")
    before = server.head()
    edited = clone / "teams/audit/apps.toml"
    edited.write_text(edited.read_text() + "labels = { tier = '1' }\n")
    for args in (("publish",), ("promote", "audit", "--to", "test", "--publish")):
        done = workloads(*args, cwd=clone)
        assert (done.code, server.head()) == (4, before)
        assert f"leads through the link {link}, and Git has no files below a link" in done.err


def test_a_registry_that_is_a_link_is_published_by_its_own_name(server: Remote, workloads: Run, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run_clone(server.url, clone)
    git(clone, "mv", "apps.toml", "registry.toml")
    (clone / "apps.toml").symlink_to("registry.toml")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "link")
    git(clone, "push", "--quiet")
    done = workloads("publish", cwd=clone)
    assert done.code == 4
    assert "--registry FILE" in done.err
    assert workloads("publish", "--registry", "registry.toml", cwd=clone).code == 0
