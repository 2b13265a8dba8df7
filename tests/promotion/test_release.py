"""A release over three environments, as a release manager makes it, with the diff of the registry after each step."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.git.remotes import git
from tests.promotion.world import World

pytestmark = pytest.mark.timeout(120)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def step(world: World, *args: str) -> str:
    """Run an edit, keep its diff, commit it as it proposes, and push."""
    done = world.run(*args)
    assert done.code == 0, done.err
    changed = world.diff()
    world.commit_as_told(done.err)
    return changed


def test_a_release_with_soak_hold_rollback_freeze_and_retirement(world: World) -> None:
    commits = {tag: world.commit_of("billing", tag) for tag in ("v1.0.0", "v1.2.0")}
    world.at = at("2026-11-15 09:14")
    assert step(world, "promote", "billing", "--to", "test") == ('-apps = []\n+apps = [\n+  "billing@v1.0.0",\n+]\n')
    world.at = at("2026-11-15 20:00")
    assert world.refused(4, "promote", "billing", "--to", "prod") == (
        "error: not promoted to prod [WL3102]:\n"
        "billing: soak: in test since 2026-11-15 09:14 UTC, soak 24h, ready 2026-11-16 09:14 UTC\n"
        "nothing was changed\n"
    )
    world.at = at("2026-11-16 09:14")
    assert step(world, "promote", "billing", "--to", "prod") == (
        f'-apps = []\n+apps = [\n+  "billing@{commits["v1.0.0"]}", # v1.0.0\n+]\n'
    )
    assert step(world, "promote", "billing", "--to", "dev", "--revision", "v1.2.0") == (
        '-  "billing", # the money\n+  "billing@v1.2.0", # the money\n'
    )
    assert step(world, "promote", "billing", "--to", "test") == '-  "billing@v1.0.0",\n+  "billing@v1.2.0",\n'

    assert step(world, "hold", "billing", "--in", "prod", "--reason", "pen test") == (
        '+[environments.prod.holds]\n+billing = "2026-11-16 pen test"\n+\n'
    )
    world.at = at("2026-11-20 08:00")
    assert 'billing: hold: held: "2026-11-16 pen test"; workloads unhold billing --in prod' in world.refused(
        4, "promote", "billing", "--to", "prod"
    )
    assert step(world, "unhold", "billing", "--in", "prod") == (
        '-[environments.prod.holds]\n-billing = "2026-11-16 pen test"\n-\n'
    )
    assert step(world, "promote", "billing", "--to", "prod") == (
        f'-  "billing@{commits["v1.0.0"]}", # v1.0.0\n+  "billing@{commits["v1.2.0"]}", # v1.2.0\n'
    )
    world.at = at("2026-11-20 09:30")
    assert step(world, "rollback", "billing", "--in", "prod", "--reason", "latency") == (
        f'-  "billing@{commits["v1.2.0"]}", # v1.2.0\n+  "billing@{commits["v1.0.0"]}", # v1.0.0\n'
        '+[environments.prod.holds]\n+billing = "2026-11-20 rolled back: latency"\n+\n'
    )
    world.at = at("2026-12-20 12:00")
    step(world, "unhold", "billing", "--in", "prod")
    assert 'billing: freeze: prod is frozen until 2027-01-04 08:00 UTC: "year end"' in world.refused(
        4, "promote", "billing", "--to", "prod"
    )
    assert step(world, "retire", "billing", "--in", "prod", "--reason", "sold") == (
        '+[environments.prod.retired]\n+billing = "2026-12-20 sold"\n+\n'
    )
    assert "Argo CD may not have synced it yet" in world.refused(4, "remove", "billing", "--in", "prod")
    world.at = at("2026-12-20 12:15")
    assert step(world, "remove", "billing", "--in", "prod") == (
        f'-apps = [\n-  "billing@{commits["v1.0.0"]}", # v1.0.0\n-]\n+apps = []\n'
        '-[environments.prod.retired]\n-billing = "2026-12-20 sold"\n-\n'
    )
    assert world.ok("check").endswith("valid and up to date\n")
    told = json.loads(world.ok("history", "billing", "--env", "prod", "--json"))
    assert [(move["from"], move["to"], move["reason"]) for move in told] == [
        (None, commits["v1.0.0"], None),
        (commits["v1.0.0"], commits["v1.2.0"], None),
        (commits["v1.2.0"], commits["v1.0.0"], "latency"),
        (commits["v1.0.0"], None, None),
    ]


def test_what_is_refused_names_every_app_and_all_or_none_is_promoted(world: World) -> None:
    world.ok("promote", "--all", "--to", "test", "--without-helm")
    world.commit("test")
    text = world.refused(4, "promote", "--all", "--to", "prod")
    assert text.count("soak: in test since 2026-11-10 09:00 UTC, soak 24h, ready 2026-11-11 09:00 UTC") == 2
    assert "web: soak: cannot measure soak: test follows the branch main. Pin a tag or commit in test" in text


def test_nothing_to_do_is_said_and_nothing_is_written(world: World) -> None:
    world.ok("promote", "ledger", "--to", "test", "--without-helm")
    world.commit("test")
    assert world.ok("promote", "ledger", "--to", "test") == "ledger: test is already up to date\nnothing to do\n"
    assert world.diff() == ""


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["promote", "billing", "--to", "prdo"], 2, 'unknown environment "prdo" (did you mean "prod"?)'),
        (["promote", "biling", "--to", "test"], 2, 'unknown app "biling" (did you mean "billing"?)'),
        (["promote", "--to", "test"], 2, "no app is named"),
        (["promote", "billing", "--to", "dev"], 2, "dev is a first environment"),
        (["promote", "billing", "--to", "test", "--from", "prod"], 2, "test promotes from dev, not from prod"),
        (["promote", "--team", "nobody", "--to", "test"], 2, 'unknown team "nobody"'),
        (["promote", "--all", "--to", "test", "--revision", "v1.0.0"], 2, "--revision is for one app"),
        (["promote", "billing", "--all", "--to", "test"], 2, "exclude each other"),
        (["promote", "billing", "--to", "prod"], 4, "order: billing is not in test yet; prod promotes from test"),
        (
            ["promote", "billing", "--to", "test", "--revision", "v1.2.0"],
            4,
            "order: v1.2.0 never ran in dev",
        ),
        (["promote", "billing", "--to", "dev", "--revision", "v1.2"], 4, "has no branch or tag v1.2 (did you mean v1."),
        (["promote", "billing", "--to", "dev", "--revision", "0" * 40], 4, "has no commit 000000000000"),
        (
            ["promote", "billing", "--to", "prod", "--override", "hold", "--reason", "x"],
            4,
            "prod does not allow overriding h",
        ),
        (["promote", "billing", "--to", "prod", "--override", "soak"], 2, "an override needs a reason"),
        (["rollback", "billing", "--in", "prod"], 2, "billing is not in prod"),
        (["rollback", "billing", "--in", "dev"], 2, "billing has no earlier revision in dev"),
        (["rollback", "billing", "--in", "dev", "--to", "v0"], 4, "billing never ran v0 in dev"),
        (["hold", "billing", "--in", "dev", "--reason", " "], 2, "a hold needs a reason"),
        (["unhold", "billing", "--in", "dev"], 2, "billing is not held in dev"),
        (["retire", "billing", "--in", "dev", "--undo"], 2, "billing is not retired in dev"),
        (["remove", "billing", "--in", "dev"], 4, "was never published as retired: removing it would delete its work"),
        (["remove", "billing"], 2, "no environment is named"),
        (["remove", "billing", "--forget"], 4, "billing still runs in dev"),
    ],
)
def test_what_makes_no_sense_or_may_not_be_is_refused(world: World, args: list[str], code: int, words: str) -> None:
    text = world.refused(code, *args)
    assert words in text
    assert text.endswith("nothing was changed\n") or code == 2


def test_an_override_is_told_and_recorded(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    done = world.run("promote", "billing", "--to", "prod", "--override", "soak", "--reason", "hotfix\nTrailer: no")
    assert "billing: overridden: soak: in test since 2026-11-10 09:00" in done.out
    assert done.err == (
        "commit it as:\n  promote billing v1.0.0: test → prod\n\n"
        "  Policy-Override: soak prod/billing hotfix Trailer: no\n  Reason: hotfix Trailer: no\n"
    )


def test_a_commit_of_the_users_gets_the_tag_that_points_at_it(world: World) -> None:
    commit = world.commit_of("billing", "v1.1.0")
    world.ok("promote", "billing", "--to", "dev", "--revision", commit)
    assert world.diff() == f'-  "billing", # the money\n+  "billing@{commit}", # v1.1.0; the money\n'


def test_a_tag_that_has_moved_is_refused(world: World) -> None:
    commit, moved = world.commit_of("billing", "v1.1.0"), world.commit_of("billing", "v1.2.0")
    world.ok("promote", "billing", "--to", "dev", "--revision", commit)
    world.commit("dev")
    git(world.folder / "git" / "billing.git", "tag", "--force", "v1.1.0", moved)
    text = world.refused(4, "promote", "billing", "--to", "test")
    assert f"v1.1.0 of {world.git_url}/billing.git has moved from {commit[:12]} to {moved[:12]}" in text


def test_what_ran_below_once_for_long_enough_may_still_go(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.at = at("2026-11-12 09:00")
    world.ok("promote", "billing", "--to", "dev", "--revision", "v1.2.0", "--without-helm")
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("newer")
    out = world.ok("promote", "billing", "--to", "prod", "--revision", "v1.0.0")
    assert out.startswith(f"billing: new in prod, v1.0.0 ({world.commit_of('billing', 'v1.0.0')[:12]})\n")


def test_a_second_rollback_goes_further_back_and_not_forth(world: World) -> None:
    for hour, tag in enumerate(("v1.1.0", "v1.2.0"), 10):
        world.at = at(f"2026-11-10 {hour}:00")
        world.ok("promote", "billing", "--to", "dev", "--revision", tag, "--without-helm")
        world.commit(tag)
    for hour, tag in enumerate(("v1.1.0", "v1.0.0"), 12):
        world.at = at(f"2026-11-10 {hour}:00")
        assert f"→ {tag}\n" in world.ok("rollback", "billing", "--in", "dev", "--without-helm")
        world.commit(f"back to {tag}")
    assert "billing has no earlier revision in dev" in world.refused(2, "rollback", "billing", "--in", "dev")


def test_removal_needs_the_retirement_on_the_branch_and_not_only_in_a_commit(world: World) -> None:
    world.ok("retire", "ledger", "--in", "dev", "--without-helm")
    assert "publish the retirement" in world.refused(4, "remove", "ledger", "--in", "dev")
    world.commit("retire")
    assert "publish the retirement" in world.refused(4, "remove", "ledger", "--in", "dev")
    world.push()
    assert "after 2026-11-10 09:15 UTC" in world.refused(4, "remove", "ledger", "--in", "dev")
    out = world.ok("remove", "ledger", "--in", "dev", "--forget", "--synced")
    assert "ledger is no longer in the registry" in out
    assert "ledger" not in world.text.replace("ledger.git", "").replace('"ledger", "money"', "")
    assert world.ok("check")


def test_two_promotions_on_two_branches_merge_without_a_conflict(world: World) -> None:
    (world.checkout / ".gitignore").write_text("/multi-repo\n")
    git(world.checkout, "rm", "--quiet", "-r", "--cached", "multi-repo")
    world.ok("promote", "ledger", "--to", "test", "--without-helm")
    world.commit("charts are committed elsewhere")
    git(world.checkout, "switch", "--quiet", "-c", "one")
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.ok("promote", "billing", "--to", "dev", "--revision", "v1.1.0", "--without-helm")
    world.commit("one")
    git(world.checkout, "switch", "--quiet", "-c", "two", "main")
    world.ok("promote", "web", "--to", "test", "--without-helm")
    world.ok("hold", "ledger", "--in", "prod", "--reason", "later", "--without-helm")
    world.commit("two")
    git(world.checkout, "merge", "--quiet", "--no-edit", "one")
    world.ok("render")
    assert world.ok("check").startswith("3 charts, 6 Applications")
    assert world.diff() == ""


def test_status_tells_age_behind_and_blocked(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.at = at("2026-11-12 08:00")
    world.ok("promote", "billing", "--to", "prod", "--without-helm")
    world.commit("prod")
    for env in ("dev", "test"):
        extra = ["--revision", "v1.2.0"] if env == "dev" else []
        world.ok("promote", "billing", "--to", env, *extra, "--without-helm")
        world.commit(env)
    world.at = at("2026-11-12 09:00")
    assert world.ok("status", "--team", "payments") == (
        "APP      DEV          TEST         PROD\n"
        "billing  @v1.2.0 60m  @v1.2.0 60m  @v1.0.0 60m\n"
        "ledger   v1.1.0 2d    -            -\n"
        "\n"
        "billing: prod v1.0.0 is behind test (v1.2.0)\n"
        "  soak: in test since 2026-11-12 08:00 UTC, soak 24h, ready 2026-11-13 08:00 UTC\n"
    )
    assert world.ok("status", "--blocked").startswith("billing: prod v1.0.0 is behind test")
    assert world.ok("status", "--blocked", "--env", "test") == ""
    (wait,) = json.loads(world.ok("status", "--json"))["waiting"]
    assert (wait["by"], wait["refusals"][0]["ready"]) == (1, "2026-11-13T08:00:00+00:00")
