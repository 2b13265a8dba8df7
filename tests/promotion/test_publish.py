"""Edits that are published: decided and made on the branch's own registry, and again after a lost race."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from generator.git.branch_snapshot import BranchSnapshot
from generator.promotion.history import History
from generator.publishing import branch_edit as operated
from generator.publishing.sources import RegistryToPublish
from tests.git.remotes import git
from tests.promotion.world import World
from tests.workspace import environment


def remote(world: World, name: str) -> str:
    return git(world.folder / "workloads.git", "show", f"main:{name}")


def test_two_editors_at_once_both_land(world: World) -> None:
    other = world.folder / "other"
    git(world.folder, "clone", "--quiet", "workloads.git", "other")
    command = [sys.executable, "-m", "generator", "promote", "--to", "test", "--publish", "--without-helm"]
    started = [
        subprocess.Popen([*command, app], cwd=cwd, env=environment(), stderr=subprocess.PIPE, text=True)
        for app, cwd in (("billing", world.checkout), ("ledger", other))
    ]
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert 'apps = [\n  "billing@v1.0.0",\n  "ledger@v1.1.0",\n]' in remote(world, "apps.toml")
    subjects = git(world.folder / "workloads.git", "log", "--format=%s", "main").splitlines()
    assert sorted(subjects[:2]) == ["promote billing v1.0.0: dev → test", "promote ledger v1.1.0: dev → test"]
    assert git(world.checkout, "status", "--porcelain") == ""


def test_the_decision_is_made_again_on_the_head_that_won(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds the app between our look at the branch and our push."""
    other = world.folder / "other"
    git(world.folder, "clone", "--quiet", "workloads.git", "other")
    ours = operated.BranchEdit.load_for_base
    lost: list[bool] = []

    def overtaken(self: operated.BranchEdit, base: BranchSnapshot) -> RegistryToPublish:
        published = ours(self, base)
        if not lost:
            lost.append(True)
            path = other / "apps.toml"
            path.write_text(path.read_text() + '\n[environments.test.holds]\nbilling = "no"\n')
            git(other, "commit", "--quiet", "--all", "-m", "hold")
            git(other, "push", "--quiet", "origin", "HEAD")
        return published

    monkeypatch.setattr(operated.BranchEdit, "load_for_base", overtaken)
    done = world.run("promote", "billing", "--to", "test", "--publish", "--without-helm")
    assert (done.code, done.err.splitlines()[-1]) == (4, "nothing was pushed")
    assert 'billing: hold: held: "no"' in done.err


def test_the_soak_is_that_of_the_branch_and_not_of_an_old_checkout(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.push()
    git(world.folder, "clone", "--quiet", "workloads.git", "other")
    world.at += timedelta(days=2)
    newer = World(world.folder, world.run_here, world.monkeypatch, world.at)
    for tag, back in (("v1.2.0", False), ("v1.0.0", True)):
        for env in ("dev", "test"):
            how = ["--revision", tag] if env == "dev" or back else []
            newer.ok("promote", "billing", "--to", env, *how, "--without-helm")
            newer.commit(f"{tag}: {env}")
    newer.push()
    done = world.run_here("promote", "billing", "--to", "prod", "--publish", cwd=world.folder / "other")
    assert done.code == 4
    assert "soak: in test since 2026-11-12 09:00 UTC, soak 24h, ready 2026-11-13 09:00 UTC" in done.err


def test_windows_line_ends_stay(world: World) -> None:
    path = world.checkout / "apps.toml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    world.commit("windows")
    world.push()
    world.ok("hold", "billing", "--in", "prod", "--reason", "x", "--publish", "--without-helm")
    git(world.checkout, "pull", "--quiet")
    assert git(world.checkout, "diff", "--stat", "HEAD~1", "--", "apps.toml").endswith("3 insertions(+)")
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")


def test_a_dry_run_pushes_nothing(world: World) -> None:
    before = git(world.folder / "workloads.git", "rev-parse", "main")
    out = world.ok("promote", "billing", "--to", "test", "--publish", "--dry-run", "--without-helm")
    assert out.startswith("billing: new in test, v1.0.0\nwould publish ")
    assert git(world.folder / "workloads.git", "rev-parse", "main") == before


def test_history_is_not_asked_for_what_does_not_need_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*args: object) -> History:
        raise AssertionError("history was read")

    monkeypatch.setattr("generator.publishing.branch_edit.read_branch_history", asked)
    world.ok("hold", "billing", "--in", "prod", "--reason", "x", "--publish", "--without-helm")
    assert f'billing = "{datetime(2026, 11, 10, tzinfo=UTC):%Y-%m-%d} x"' in remote(world, "apps.toml")
