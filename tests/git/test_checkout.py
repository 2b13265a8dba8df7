"""Questions to the user's checkout: answered in every state it may be in, and without a trace."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from generator.errors import LocalError
from generator.git.checkout import Checkout
from generator.git.config import GitConfig
from generator.git.push import commit_and_push
from generator.git.remote_clone import PublishTarget
from tests.git.remotes import ADA, Remote, git, proposing, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with one commit, a dirty tree and something staged."""
    path = tmp_path / "check out"
    path.mkdir()
    git(path, "init", "--quiet")
    (path / "apps.toml").write_text("one\n")
    (path / "clean.txt").write_text("clean\n")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "-m", "first")
    (path / "apps.toml").write_text("two\n")
    (path / "staged").write_text("staged\n")
    git(path, "add", "staged")
    return path


def checkout(folder: Path) -> Checkout:
    found = Checkout.discover(folder)
    assert found is not None
    return found


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    """Everything in the folder, `.git` included, with content and time of change."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}


def ask_everything(folder: Path) -> None:
    asked = checkout(folder)
    head = asked.head_commit()
    asked.current_branch()
    asked.is_dirty(Path("apps.toml"))
    asked.read_committed_file(Path("apps.toml"))
    asked.is_ancestor(head or "x", head or "x")
    asked.origin_url()
    asked.git_config.signing_config()
    asked.is_shallow()


def test_a_checkout_is_found_from_below_and_none_elsewhere(folder: Path, tmp_path: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    assert checkout(folder / "a" / "b").top == folder
    assert Checkout.discover(tmp_path) is None


def test_the_configuration_of_a_folder_that_looks_like_a_repository_is_not_used(folder: Path, tmp_path: Path) -> None:
    hostile = folder / "team"
    for name in ("objects", "refs"):
        (hostile / name).mkdir(parents=True)
    (hostile / "HEAD").write_text("ref: refs/heads/main\n")
    (hostile / "config").write_text(f'[core]\n\tbare = false\n\tworktree = .\n\tsshCommand = "touch {tmp_path}/ran"\n')
    asked = checkout(hostile)
    assert asked.top == folder
    assert asked.git_config.get_value("core.sshCommand") == ""
    assert GitConfig.read_git_config(hostile).get_value("core.sshCommand") == ""
    assert Checkout.discover(folder / ".git") is None


def test_what_is_committed_and_what_is_not(folder: Path) -> None:
    asked = checkout(folder)
    assert asked.head_commit() == git(folder, "rev-parse", "HEAD")
    assert asked.current_branch() == "main"
    assert asked.read_committed_file(Path("apps.toml")) == b"one\n"
    assert asked.read_committed_file(folder / "apps.toml") == b"one\n"
    assert asked.read_committed_file(Path("absent")) is None
    assert asked.read_committed_file(Path("apps.toml"), "no-such") is None
    assert asked.is_dirty(Path("apps.toml"))
    assert asked.is_dirty(Path("staged"))
    assert not asked.is_dirty(Path("clean.txt"))
    assert not asked.is_dirty(Path("absent"))
    (folder / "clean.txt").write_bytes(b"clean\r\n")
    assert not asked.is_dirty(Path("clean.txt"))
    (folder / "clean.txt").unlink()
    assert asked.is_dirty(Path("clean.txt"))


def test_a_path_outside_is_not_looked_at(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="is outside of"):
        checkout(folder).read_committed_file(tmp_path / "elsewhere")


def test_an_unborn_head_has_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    asked = checkout(tmp_path)
    assert asked.head_commit() is None
    assert asked.current_branch() == "main"
    assert asked.read_committed_file(Path("apps.toml")) is None
    (tmp_path / "apps.toml").touch()
    assert asked.is_dirty(Path("apps.toml"))


def test_a_detached_head_has_no_branch(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "--detach")
    assert checkout(folder).current_branch() is None
    assert checkout(folder).head_commit() is not None


def test_a_linked_worktree_is_a_checkout(folder: Path, tmp_path: Path) -> None:
    git(folder, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    asked = checkout(tmp_path / "linked")
    assert asked.top == tmp_path / "linked"
    assert asked.current_branch() == "linked"
    assert asked.read_committed_file(Path("apps.toml")) == b"one\n"


def test_ancestry(folder: Path) -> None:
    older = git(folder, "rev-parse", "HEAD")
    git(folder, "commit", "--quiet", "-m", "second")
    newer = git(folder, "rev-parse", "HEAD")
    asked = checkout(folder)
    assert asked.is_ancestor(older, newer)
    assert not asked.is_ancestor(newer, older)
    assert not asked.is_ancestor("f" * 40, newer)
    assert not asked.is_ancestor("--all", newer)


@pytest.mark.parametrize("state", ["dirty", "merge", "rebase", "stash", "locked", "detached"])
def test_asking_and_publishing_leave_the_checkout_as_it_is(folder: Path, remote: Remote, state: str) -> None:
    _bring_into(state, folder)
    git(folder, "remote", "add", "origin", remote.url)
    before = fingerprint(folder)
    ask_everything(folder)
    run(remote.url, proposing({"a": "a"}))
    assert fingerprint(folder) == before


def _bring_into(state: str, folder: Path) -> None:
    if state in {"merge", "rebase"}:
        git(folder, "commit", "--quiet", "-am", "ours")
        git(folder, "checkout", "--quiet", "-b", "side", "HEAD~1")
        (folder / "apps.toml").write_text("three\n")
        git(folder, "commit", "--quiet", "-am", "theirs")
        subprocess.run(["git", state, "main"], cwd=folder, capture_output=True, check=False)
    elif state == "stash":
        git(folder, "stash")
    elif state == "locked":
        for lock in ("index.lock", "HEAD.lock", "refs/heads/main.lock"):
            (folder / ".git" / lock).touch()
    elif state == "detached":
        git(folder, "checkout", "--quiet", "--detach")


def test_hooks_monitors_and_filters_of_the_checkout_are_not_run(folder: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    script = folder / "planted.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    script.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.x.textconv",
        "core.pager",
        "alias.ls-tree",
    ):
        git(folder, "config", key, f"!{script}" if key.startswith("alias") else str(script))
    (folder / ".gitattributes").write_text("* filter=x diff=x\n")
    ask_everything(folder)
    assert not canary.exists()


def test_a_promisor_is_not_asked_for_what_is_missing(remote: Remote, tmp_path: Path) -> None:
    remote.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", remote.url, str(clone))
    before = fingerprint(clone)
    with pytest.raises(LocalError):
        checkout(clone).read_committed_file(Path("README.md"))
    assert fingerprint(clone) == before


def test_settings_are_the_last_of_each_kind(folder: Path, home: Path) -> None:
    git(home, "config", "--global", "commit.gpgSign", "true")
    git(home, "config", "--global", "gpg.format", "ssh")
    git(home, "config", "--global", "user.signingKey", "~/.ssh/id.pub")
    settings = checkout(folder).git_config
    assert (settings.get_value("user.name"), settings.get_value("USER.EMAIL")) == ("Ada", "ada@example.org")
    assert settings.get_value("absent.key") == ""
    signing = settings.signing_config()
    assert signing is not None
    assert (signing.format, signing.key) == ("ssh", str(home / ".ssh/id.pub"))
    git(folder, "config", "commit.gpgSign", "false")
    assert checkout(folder).git_config.signing_config() is None
    assert GitConfig.read_git_config(home).signing_config() == signing


def test_how_the_checkout_reaches_its_remote_is_known(folder: Path) -> None:
    git(folder, "config", "http.https://example.org/.extraHeader", "AUTHORIZATION: basic abc")
    git(folder, "config", "alias.x", "!evil")
    assert checkout(folder).git_config.transport_for_workloads().config == (
        ("http.https://example.org/.extraheader", "AUTHORIZATION: basic abc"),
    )


def test_a_broken_configuration_is_said_to_be_broken(folder: Path, home: Path) -> None:
    (home / ".gitconfig").write_text("[[[")
    with pytest.raises(LocalError, match="bad config"):
        checkout(folder).head_commit()
    with pytest.raises(LocalError, match="bad config"):
        GitConfig.read_git_config(folder)


def test_a_published_commit_can_use_the_checkouts_settings(folder: Path, remote: Remote) -> None:
    settings = checkout(folder).git_config
    target = PublishTarget(remote.url, "main", config=settings)
    assert commit_and_push(target, proposing({"a": "a"}), committer=ADA, signing=settings.signing_config()).pushed
