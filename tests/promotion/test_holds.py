"""Holds in `status`: who put them there, when, why and until when."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.git.remotes import git
from tests.promotion.world import World


def hold(world: World, *args: str, who: str = "Ada") -> str:
    """Hold an app and commit that; the commit."""
    done = world.run("hold", *args)
    assert done.code == 0, done.err
    git(world.checkout, "config", "user.name", who)
    return world.commit("hold")


def test_a_hold_is_listed_with_its_reason_end_author_and_time(world: World) -> None:
    commit = hold(world, "billing", "--in", "prod", "--reason", "pen test", "--until", "2d")
    world.at += timedelta(hours=3)
    world.commit_empty("later")
    lines = world.ok("status").splitlines()
    assert lines[-1] == (
        'billing: held in prod: "2026-11-10 until 2026-11-12T09:00Z: pen test", '
        f"by Ada on 2026-11-10 09:00 UTC in {commit[:9]}"
    )
    assert json.loads(world.ok("status", "--json"))["holds"] == [
        {
            "app": "billing",
            "environment": "prod",
            "note": "2026-11-10 until 2026-11-12T09:00Z: pen test",
            "reason": "pen test",
            "until": "2026-11-12T09:00:00+00:00",
            "active": True,
            "since": "2026-11-10T09:00:00+00:00",
            "who": "Ada",
            "commit": commit,
        }
    ]
    world.at += timedelta(days=2)
    assert world.ok("status").splitlines()[-1].endswith(" (this hold has ended)")


def test_a_hold_of_a_waiting_app_is_listed_too(world: World) -> None:
    world.ok("promote", "billing", "--to", "test")
    world.commit("promote")
    hold(world, "billing", "--in", "test", "--reason", "audit")
    assert "billing: held in test" in world.ok("status")


def test_a_hold_that_is_not_committed_has_no_author_yet(world: World) -> None:
    hold(world, "billing", "--in", "prod", "--reason", "audit")
    world.ok("hold", "billing", "--in", "prod", "--reason", "another reason")
    assert world.ok("status").splitlines()[-1] == 'billing: held in prod: "2026-11-10 another reason"'


def test_a_hold_that_is_given_again_starts_anew(world: World) -> None:
    hold(world, "billing", "--in", "prod", "--reason", "audit")
    world.at += timedelta(days=1)
    world.ok("unhold", "billing", "--in", "prod")
    world.commit("unhold")
    commit = hold(world, "billing", "--in", "prod", "--reason", "audit", who="Bob")
    assert f"by Bob on 2026-11-11 09:00 UTC in {commit[:9]}" in world.ok("status")


def test_of_a_merge_the_commit_that_holds_the_app_says_who(world: World) -> None:
    git(world.checkout, "checkout", "--quiet", "-b", "request")
    hold(world, "billing", "--in", "prod", "--reason", "audit", who="Grace")
    world.ok("promote", "billing", "--to", "test")
    git(world.checkout, "config", "user.name", "Linus")
    world.commit("promote")
    git(world.checkout, "checkout", "--quiet", "main")
    date = {"GIT_COMMITTER_DATE": "2026-11-12T10:00:00Z", "GIT_AUTHOR_DATE": "2026-11-12T10:00:00Z"}
    git(world.checkout, "merge", "--quiet", "--no-ff", "-m", "merge", "request", variables=date)
    merge = git(world.checkout, "rev-parse", "HEAD")
    world.at += timedelta(days=5)
    assert f"by Grace on 2026-11-12 10:00 UTC in {merge[:9]}" in world.ok("status")
