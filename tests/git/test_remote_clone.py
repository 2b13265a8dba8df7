"""The private clone: where it is, what becomes of a broken one, and that it runs nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from generator.errors import LocalError, RemoteRefusedError
from generator.git import clone_folder as cache
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import Proposal
from tests.git.remotes import ADA, Remote, git, proposing, run


def clones(home: Path) -> list[Path]:
    return [path for path in (home / ".cache/workloads/git").iterdir() if path.is_dir()]


@pytest.fixture
def clone(remote: Remote, home: Path) -> Path:
    """The clone that a first publish made."""
    run(remote.url, proposing({"first": "1"}))
    (found,) = clones(home)
    return found


def test_the_clone_is_private_shallow_and_used_again(clone: Path, remote: Remote, home: Path) -> None:
    for folder in (clone, clone.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (clone / "objects/pack/witness").touch()
    remote.write({"theirs": "t"})
    assert run(remote.url, proposing({"second": "2"})).pushed
    assert clones(home) == [clone]
    assert (clone / "objects/pack/witness").exists()
    assert len(git(clone, "rev-list", remote.head()).splitlines()) <= 3


def test_nothing_is_left_behind_in_it(clone: Path) -> None:
    assert [path.name for path in clone.iterdir() if path.name.startswith(("index", "fast_import"))] == []
    assert not (clone / "FETCH_HEAD").exists()


def test_a_configured_cache_folder_is_used(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    run(remote.url, proposing({"a": "a"}))
    assert (tmp_path / "elsewhere/workloads/git").is_dir()


@pytest.mark.parametrize("home_is", ["missing", "unset", "a file"])
def test_without_a_home_the_temporary_folder_serves(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home_is: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    if home_is == "unset":
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", "/proc/nowhere" if home_is == "missing" else str(tmp_path / "file"))
    assert run(remote.url, proposing({"a": "a"})).pushed
    assert (tmp_path / f"tmp/workloads-{os.getuid()}/git").is_dir()


def test_a_trap_in_the_temporary_folder_is_not_walked_into(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("HOME")
    (tmp_path / "trap").mkdir()
    (tmp_path / f"workloads-{os.getuid()}").symlink_to(tmp_path / "trap")
    with pytest.raises(LocalError, match=r"no folder for a private clone: tried .*workloads-") as failure:
        run(remote.url, proposing({"a": "a"}))
    assert failure.value.not_done == "nothing was pushed"


@pytest.mark.parametrize(
    "lock", ["index.lock", "shallow.lock", "packed-refs.lock", "config.lock", "refs/workloads/x.lock"]
)
def test_a_lock_left_in_the_clone_costs_only_the_clone(clone: Path, remote: Remote, home: Path, lock: str) -> None:
    (clone / lock).touch()
    (clone / "witness").touch()
    assert run(remote.url, proposing({"second": "2"})).pushed
    (again,) = clones(home)
    assert not (again / lock).exists()
    assert not (again / "witness").exists()


@pytest.mark.parametrize("damage", ["empty objects", "no objects", "no HEAD", "half made", "a file", "garbage"])
def test_a_damaged_clone_is_made_again(clone: Path, remote: Remote, home: Path, damage: str) -> None:
    remote.write({"theirs": "t"})
    _damage(clone, damage)
    result = run(remote.url, proposing({"second": "2"}))
    assert result.pushed
    assert {"first", "theirs", "second"} <= set(remote.files())
    assert run(remote.url, proposing({"second": "2"})).pushed is False


def _damage(clone: Path, how: str) -> None:
    objects = [path for path in (clone / "objects").rglob("*") if path.is_file()]
    if how == "empty objects":
        for path in objects:
            path.chmod(0o600)
            path.write_bytes(b"")
    elif how == "no objects":
        for path in objects:
            path.unlink()
    elif how == "no HEAD":
        (clone / "HEAD").unlink()
    elif how == "half made":
        (clone / "workloads-clone").unlink()
    elif how == "garbage":
        (clone / "config").write_text("[[[")
    else:
        cache.discard_folder(clone)
        clone.touch()


@pytest.mark.parametrize(
    "plant",
    [
        "config",
        "commondir",
        "config.worktree",
        "alternates",
        "hooks",
        "link",
        "writable",
        "ref to a ref",
        "ref to a file",
    ],
)
def test_a_planted_clone_runs_nothing_and_is_not_used(
    clone: Path, remote: Remote, home: Path, tmp_path: Path, plant: str
) -> None:
    canary = tmp_path / "canary"
    script = _plant(tmp_path / "hooks", canary) / "pre-push"
    _poison(clone, plant, script)
    witness = clone / "objects/pack/witness"
    witness.touch()
    remote.write({"theirs": "t"})
    assert run(remote.url, proposing({"second": "2"})).pushed
    assert not canary.exists()
    assert (clone / "config").read_text() == "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
    assert witness.exists() == (plant == "config")


def _poison(clone: Path, how: str, script: Path) -> None:
    hostile = (
        f"[core]\n\tsshCommand = {script}\n\tfsmonitor = {script}\n\thooksPath = {script.parent}\n"
        f"\talternateRefsCommand = {script}\n[credential]\n\thelper = !{script}\n[include]\n\tpath = {script}\n"
        f'[remote "workloads-target"]\n\tuploadpack = {script}\n\treceivepack = {script}\n'
        "[extensions]\n\tworktreeConfig = true\n"
    )
    if how in ("config", "config.worktree"):
        (clone / how).write_text(hostile)
    elif how == "commondir":
        elsewhere = clone.with_name("elsewhere")
        git(clone.parent, "init", "--quiet", "--bare", str(elsewhere))
        (elsewhere / "config").write_text(hostile)
        (clone / "commondir").write_text("../elsewhere\n")
    elif how == "alternates":
        (clone / "objects/info/alternates").write_text("/nowhere\n")
    elif how == "hooks":
        (clone / "hooks").symlink_to(script.parent)
    elif how == "link":
        (clone / "objects").rename(clone.with_name("objects-elsewhere"))
        (clone / "objects").symlink_to(clone.with_name("objects-elsewhere"))
    elif how.startswith("ref "):
        (ref,) = (clone / "refs/workloads").iterdir()
        ref.unlink()
        if how == "ref to a ref":
            ref.write_text("ref: ../../elsewhere\n")
        else:
            ref.symlink_to(clone.with_name("elsewhere"))
    else:
        clone.chmod(0o777)


def test_an_object_with_another_content_than_its_id_says_is_never_used(clone: Path, remote: Remote) -> None:
    blob = remote.git("rev-parse", "main:apps/one.yaml")
    fake = git(clone, "hash-object", "-w", "--stdin", stdin="poison\n")
    place = clone / "objects" / blob[:2] / blob[2:]
    place.parent.mkdir(exist_ok=True)
    (clone / "objects" / fake[:2] / fake[2:]).rename(place)
    for pack in (clone / "objects/pack").iterdir():
        pack.unlink()
    for name in ("main", "main^{tree}", "main:apps", "main:README.md", "main:first"):
        kind, oid = remote.git("cat-file", "-t", name), remote.git("rev-parse", name)
        _copy_object(remote, clone, kind, oid)
    seen: list[bytes | None] = []

    def propose(base: BranchSnapshot) -> Proposal:
        seen.append(base.read_branch_file("apps/one.yaml"))
        return Proposal({"second": b"2"}, "ours", ADA)

    assert run(remote.url, propose).pushed
    assert seen == [b"one\n"]


def _copy_object(remote: Remote, clone: Path, kind: str, oid: str) -> None:
    content = subprocess.run(["git", "cat-file", kind, oid], cwd=remote.path, capture_output=True, check=True).stdout
    subprocess.run(
        ["git", "hash-object", "-w", "-t", kind, "--stdin"], cwd=clone, input=content, capture_output=True, check=True
    )


@pytest.mark.parametrize("where", ["home", "configured"])
def test_a_cache_in_a_checkout_is_not_used(
    remote: Remote, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    folder = home if where == "home" else tmp_path / "project" / ".cache"
    folder.mkdir(parents=True, exist_ok=True)
    git(home if where == "home" else folder.parent, "init", "--quiet")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    if where == "configured":
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
        monkeypatch.delenv("HOME")
    assert run(remote.url, proposing({"a": "a"})).pushed
    assert not list(folder.rglob("workloads-clone"))
    assert list((tmp_path / "tmp").rglob("workloads-clone"))


@pytest.mark.parametrize("damage", ["cut off", "emptied", "zeros"])
def test_a_damaged_pack_of_our_own_is_replaced(clone: Path, remote: Remote, damage: str) -> None:
    for number in range(3):
        assert run(remote.url, proposing({f"file-{number}": f"{number}" * 5000})).pushed
    for pack in (clone / "objects/pack").glob("*.pack"):
        pack.chmod(0o600)
        size = pack.stat().st_size
        content = pack.read_bytes()[: size // 2]
        pack.write_bytes({"cut off": content, "emptied": b"", "zeros": bytes(size)}[damage])
    assert run(remote.url, proposing({"file-1": "new"})).pushed
    assert remote.files()["file-1"] == "new"
    remote.git("fsck", "--strict")


def test_a_clone_damaged_at_the_very_head_is_made_again(clone: Path, remote: Remote) -> None:
    _damage(clone, "no objects")
    assert run(remote.url, proposing({"second": "2"})).pushed


def test_a_clone_that_has_grown_big_is_made_again(clone: Path, remote: Remote, home: Path) -> None:
    for number in range(100):
        (clone / "objects/pack" / f"pack-{number}.pack").touch()
    run(remote.url, proposing({"second": "2"}))
    (again,) = clones(home)
    assert len(list((again / "objects/pack").glob("*.pack"))) < 5


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_clone_of_somebody_elses_is_left_alone(clone: Path, remote: Remote, home: Path) -> None:
    os.chown(clone, 12345, 12345)
    (clone / "witness").touch()
    assert run(remote.url, proposing({"second": "2"})).pushed
    assert clones(home) == [clone]
    assert (clone / "witness").exists()


def test_who_waits_too_long_for_the_clone_takes_another(clone: Path, remote: Remote, home: Path) -> None:
    with cache.reserve_clone_folder(remote.url) as held:
        assert held == clone
        with cache.reserve_clone_folder(remote.url, lock_timeout=0.1) as spare:
            assert spare.parent == held.parent
            assert spare != held
            spare.mkdir()
    assert clones(home) == [clone]


def test_what_dead_runs_left_is_swept(clone: Path, remote: Remote, home: Path) -> None:
    old = time.time() - 2 * 86_400
    for name in ("x.dead-1", "x.spare-1", "x.spare-2"):
        (clone.parent / name).mkdir()
    os.utime(clone.parent / "x.spare-1", (old, old))
    run(remote.url, proposing({"first": "1"}))
    assert {path.name for path in clones(home)} == {clone.name, "x.spare-2"}


def test_planted_hooks_filters_and_templates_are_never_run(
    remote: Remote, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    hooks = _plant(tmp_path / "template" / "hooks", canary)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    git(home, "config", "--global", "init.templateDir", str(tmp_path / "template"))
    git(home, "config", "--global", "core.hooksPath", str(hooks))
    git(home, "config", "--global", "core.fsmonitor", str(hooks / "pre-push"))
    for kind in ("clean", "smudge", "process"):
        git(home, "config", "--global", f"filter.x.{kind}", str(hooks / "pre-push"))
    run(remote.url, proposing({".gitattributes": "* filter=x", "a": "a"}))
    (clone,) = clones(home)
    _plant(clone / "hooks", canary)
    git(clone, "config", "core.hooksPath", str(clone / "hooks"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hooks))
    assert run(remote.url, proposing({"b": "b"})).pushed
    assert not canary.exists()


@pytest.mark.parametrize("where", ["hooks", "policy"])
def test_the_hooks_of_a_remote_on_this_machine_are_its_own(
    remote: Remote, home: Path, tmp_path: Path, where: str
) -> None:
    hooks = _plant(tmp_path / "planted", tmp_path / "canary")
    git(home, "config", "--global", "core.hooksPath", str(hooks))
    remote.hook("pre-receive", "exit 1")
    if where == "policy":
        (remote.path / "hooks").rename(remote.path / "policy")
        remote.git("config", "core.hooksPath", "policy")
    with pytest.raises(RemoteRefusedError):
        run(remote.url, proposing({"a": "a"}))
    assert not (tmp_path / "canary").exists()


def _plant(folder: Path, canary: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "pre-push",
        "reference-transaction",
        "pre-receive",
        "update",
    ):
        (folder / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (folder / name).chmod(0o755)
    return folder


def test_variables_that_steer_git_do_not_steer_us(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(tmp_path / "planted"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Mallory")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "mallory@example.org")
    assert run(remote.url, proposing({"a": "a"})).pushed
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"):
        monkeypatch.delenv(name)
    assert remote.git("log", "-1", "--format=%an/%ce") == "Ada Lovelace/ada@example.org"
    assert not (tmp_path / "planted").exists()


def test_a_restrictive_umask_changes_nothing(remote: Remote) -> None:
    before = os.umask(0o077)
    try:
        assert run(remote.url, proposing({"a": "a"})).pushed
    finally:
        os.umask(before)


def test_a_repository_with_longer_ids_is_published_to(tmp_path: Path) -> None:
    path = tmp_path / "sha256.git"
    path.mkdir()
    git(path, "init", "--quiet", "--bare", "--object-format=sha256")
    remote = Remote(path)
    remote.write({"README.md": "hello"}, "first")
    result = run(remote.url, lambda base: Proposal({"a": b"a", "README.md": None}, "ours", ADA))
    assert result.head == remote.head()
    assert len(remote.head()) == 64
    assert remote.files() == {"a": "a"}


def test_only_the_tip_of_a_long_history_is_fetched(remote: Remote, home: Path) -> None:
    for number in range(30):
        remote.write({"big": f"{number}" * 1000})
    run(remote.url, proposing({"a": "a"}))
    (clone,) = clones(home)
    assert len(git(clone, "rev-list", "--all").splitlines()) <= 2
