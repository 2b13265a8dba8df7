"""The workloads remote is reached as `git fetch origin` reaches it in the same checkout."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.errors import LocalError
from generator.git.checkout import Checkout
from tests.git.remotes import Remote, Web, git, proposing, run

PASSWORD = "s3cr3t"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "checkout"
    path.mkdir(parents=True)
    git(path, "init", "--quiet")
    git(path, "commit", "--quiet", "--allow-empty", "-m", "start")
    return path


def publishes_as_git_fetches(folder: Path, remote: Remote, branch: str = "main") -> None:
    """Plain git reaches `origin` from the checkout; so does a publish that is started elsewhere."""
    git(folder, "fetch", "--quiet", "origin")
    checkout = Checkout.discover(folder)
    assert checkout is not None
    result = run(str(checkout.origin_url()), proposing({"a": "a"}), branch, config=checkout.git_config)
    assert result.pushed
    assert result.head == remote.head()


def _script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


_HELPER = f'test "$1" = get && echo username=ada && echo password={PASSWORD}'


def _relative_helper(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _script(folder, "helper", _HELPER)
    git(folder, "config", "credential.helper", "!./helper")


def _count(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _relative_helper(folder, url, patch)
    git(folder, "config", "--unset", "credential.helper")
    patch.setenv("GIT_CONFIG_COUNT", "1")
    patch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    patch.setenv("GIT_CONFIG_VALUE_0", "!./helper")


def _parameters(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _relative_helper(folder, url, patch)
    git(folder, "config", "--unset", "credential.helper")
    patch.setenv("GIT_CONFIG_PARAMETERS", "'credential.helper'='!./helper'")


def _included_if(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _script(folder, "helper", _HELPER)
    more = folder.parent / "work.gitconfig"
    git(folder, "config", "--file", str(more), "credential.helper", "!./helper")
    git(folder, "config", "--global", f"includeIf.gitdir:{folder.parent}/.path", str(more))


def _system(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _script(folder, "helper", _HELPER)
    system = folder.parent / "system.gitconfig"
    git(folder, "config", "--file", str(system), "credential.helper", "!./helper")
    patch.delenv("GIT_CONFIG_NOSYSTEM")
    patch.setenv("GIT_CONFIG_SYSTEM", str(system))


def _worktree(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _script(folder, "helper", _HELPER)
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "config", "--worktree", "credential.helper", "!./helper")


def _reset_helper(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    git(folder, "config", "--global", "credential.helper", "!echo username=x; echo password=wrong; :")
    _script(folder, "helper", _HELPER)
    git(folder, "config", "credential.helper", "")
    git(folder, "config", "--add", "credential.helper", "!./helper")


def _askpass(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    _script(folder, "ask", f"echo {PASSWORD}")
    git(folder, "config", "core.askPass", "./ask")


def _instead_of(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    base = url.removesuffix("workloads.git").replace("//", f"//ada:{PASSWORD}@")
    git(folder, "config", "--global", f"url.{base}.insteadOf", "acme://")
    git(folder, "remote", "set-url", "origin", "acme://workloads.git")


def _push_instead_of(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    host, name = url.removesuffix("workloads.git"), "workloads.git"
    git(folder, "config", f"url.{host.replace('//', f'//ada:{PASSWORD}@')}.insteadOf", "fetch://")
    git(folder, "config", f"url.{host.replace('//', f'//grace:{PASSWORD}@')}.pushInsteadOf", "fetch://")
    git(folder, "remote", "set-url", "origin", f"fetch://{name}")


@pytest.mark.parametrize(
    "configure",
    [
        _relative_helper,
        _count,
        _parameters,
        _included_if,
        _system,
        _worktree,
        _reset_helper,
        _askpass,
        _instead_of,
        _push_instead_of,
    ],
)
def test_credentials_of_every_scope_reach_the_remote(
    folder: Path,
    web: Web,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
    configure: Callable[[Path, str, pytest.MonkeyPatch], None],
) -> None:
    remote.git("config", "http.receivepack", "true")
    web.password = PASSWORD
    git(folder, "remote", "add", "origin", web.url)
    configure(folder, web.url, monkeypatch)
    publishes_as_git_fetches(folder, remote)


def test_a_relative_remote_is_relative_to_the_checkout(folder: Path, remote: Remote) -> None:
    git(folder, "remote", "add", "origin", os.path.relpath(remote.path, folder))
    publishes_as_git_fetches(folder, remote)


def test_a_linked_worktree_reaches_the_remote(folder: Path, remote: Remote) -> None:
    git(folder, "remote", "add", "origin", remote.url)
    git(folder, "worktree", "add", "--quiet", "../linked")
    publishes_as_git_fetches(folder.parent / "linked", remote)


def test_an_ssh_command_is_relative_to_the_checkout(folder: Path, remote: Remote) -> None:
    _script(folder, "fake-ssh", 'for last; do :; done; exec sh -c "$last"')
    git(folder, "remote", "add", "origin", f"ssh://example.org{remote.path}")
    git(folder, "config", "core.sshCommand", "./fake-ssh")
    git(folder, "config", "ssh.variant", "simple")
    publishes_as_git_fetches(folder, remote)


def test_a_push_url_is_pushed_to(folder: Path, remote: Remote, tmp_path: Path) -> None:
    link = tmp_path / "writable.git"
    link.symlink_to(remote.path)
    git(folder, "remote", "add", "origin", remote.url)
    git(folder, "config", "remote.origin.pushurl", str(link))
    publishes_as_git_fetches(folder, remote)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("scope", ["global", "variables"])
def test_folders_of_others_that_the_user_trusts_are_used(
    folder: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    git(folder, "remote", "add", "origin", remote.url)
    for place in (folder, folder / ".git", remote.path):
        os.chown(place, 12345, 12345)
    if scope == "global":
        for place in (folder, remote.path):
            git(folder.parent, "config", "--global", "--add", "safe.directory", str(place))
    else:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
        for number, place in enumerate((folder, remote.path)):
            monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", "safe.directory")
            monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", str(place))
    checkout = Checkout(folder)
    assert checkout.head_commit() == git(folder, "rev-parse", "HEAD")
    assert run(remote.url, proposing({"a": "a"}), config=checkout.git_config).pushed


def test_settings_from_the_environment_do_not_win_over_our_own(
    folder: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    command = f"touch {shlex.quote(str(canary))}"
    _script(tmp_path, "monitor", command)
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.fsmonitor'='{tmp_path}/monitor' 'core.hooksPath={tmp_path}'")
    git(folder, "remote", "add", "origin", remote.url)
    checkout = Checkout(folder)
    assert checkout.git_config.get_value("core.hooksPath") == str(tmp_path)
    checkout.head_commit()
    checkout.flagged_files(["."])
    assert run(remote.url, proposing({"a": "a"}), config=checkout.git_config).pushed
    assert not canary.exists()


@pytest.mark.parametrize("count", ["x", "-1", "1", "99999999"])
def test_broken_settings_in_the_environment_are_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, count: str
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", count)
    with pytest.raises(LocalError, match="GIT_CONFIG_COUNT is"):
        Checkout(folder).head_commit()
