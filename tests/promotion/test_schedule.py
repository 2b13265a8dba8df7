"""What a schedule must leave alone, from the registry's real history; and the commands that explain it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.promotion.world import World

pytestmark = pytest.mark.timeout(120)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def commit(world: World, *args: str) -> None:
    """Run an edit, and commit and push it an hour later."""
    done = world.run(*args, "--without-helm")
    assert done.code == 0, done.err
    world.at += timedelta(hours=1)
    world.commit_as_told(done.err)


@pytest.fixture
def released(world: World) -> World:
    """`billing` is v1.0.0 in test and in prod for two days."""
    commit(world, "promote", "billing", "--to", "test")
    world.at += timedelta(days=2)
    commit(world, "promote", "billing", "--to", "prod")
    world.at += timedelta(days=2)
    return world


def schedule(world: World, environment: str) -> str:
    """Run the schedule; it must change nothing."""
    out = world.ok("promote", "--ready", "--to", environment)
    assert out.endswith("nothing to do\n")
    return out


def test_a_removed_app_does_not_come_back(released: World) -> None:
    commit(released, "retire", "billing", "--in", "prod", "--reason", "sold")
    assert "waits: billing" not in schedule(released, "prod")
    commit(released, "remove", "billing", "--in", "prod", "--synced")
    schedule(released, "prod")
    assert "billing was removed from prod; to add it" in released.ok("promote", "billing", "--ready", "--to", "prod")


def test_a_rollback_in_the_source_does_not_downgrade_the_target(released: World) -> None:
    commit(released, "promote", "billing", "--to", "dev", "--revision", "v1.2.0")
    commit(released, "promote", "billing", "--to", "test")
    released.at += timedelta(days=2)
    commit(released, "promote", "billing", "--to", "prod")
    commit(released, "rollback", "billing", "--in", "test", "--reason", "test data")
    assert "waits: billing: direction: test (v1.0.0) is behind prod, or was rolled back" in schedule(released, "prod")
    shown = released.ok("status")
    assert "billing: prod v1.2.0 is ahead of test (v1.0.0)\n" in shown
    assert 'hold: held: "2026-11-16 rolled back: test data"; workloads unhold billing --in test\n' in shown


def test_a_hotfix_is_not_undone(released: World) -> None:
    text = released.text.replace('overrides = ["soak"]', 'overrides = ["soak", "order"]')
    (released.checkout / "apps.toml").write_text(text)
    released.commit("let the order be overridden")
    released.push()
    hotfix = ("--revision", "v1.2.0", "--override", "order", "--override", "soak", "--reason", "incident 4711")
    commit(released, "promote", "billing", "--to", "prod", *hotfix)
    assert "waits: billing: direction: test (v1.0.0) is behind prod" in schedule(released, "prod")
    assert "incident 4711 (overridden: order)" in released.ok("history", "billing", "--env", "prod")


def test_an_app_that_only_dev_lists_stays_there(world: World) -> None:
    assert schedule(world, "test") == "nothing to do\n"
    text = world.ok("promote", "ledger", "--ready", "--to", "test")
    assert "waits: ledger: onboard: ledger is not in test yet; to add it: workloads promote ledger --to test" in text


def test_with_automatic_onboarding_a_new_app_is_promoted_and_a_removed_one_is_not(released: World) -> None:
    text = released.text.replace('promotesFrom = ["dev"]', 'promotesFrom = ["dev"]\npolicy.onboard = "auto"')
    (released.checkout / "apps.toml").write_text(text)
    released.commit("onboard by itself")
    released.push()
    commit(released, "promote", "--ready", "--to", "test")
    assert "ledger" in released.text.partition("[environments.test]")[2].partition("[environments.prod]")[0]
    commit(released, "retire", "ledger", "--in", "test")
    commit(released, "remove", "ledger", "--in", "test", "--synced")
    assert "ledger was removed from test" in schedule(released, "test")


def test_a_pin_is_not_loosened(released: World) -> None:
    pin = released.commit_of("billing", "v1.0.0")
    text = released.text.replace('"billing@v1.0.0",', f'"billing@{pin}", # v1.0.0', 1)
    (released.checkout / "apps.toml").write_text(text)
    released.commit("pin a commit in test")
    released.push()
    commit(released, "promote", "billing", "--to", "dev", "--revision", "v1.2.0")
    assert f"waits: billing: pin: a tag would replace the stricter pin {pin[:12]}" in schedule(released, "test")


def test_an_app_that_cannot_move_does_not_stop_the_others(world: World) -> None:
    commit(world, "promote", "billing", "ledger", "--to", "test")
    commit(world, "promote", "billing", "--to", "dev", "--revision", "v1.2.0")
    commit(world, "promote", "ledger", "--to", "dev", "--revision", "v1.2.0")
    commit(world, "hold", "ledger", "--in", "test", "--reason", "audit")
    out = world.ok("promote", "--ready", "--to", "test")
    assert "billing: test v1.0.0 → v1.2.0\n" in out
    assert 'waits: ledger: hold: held: "2026-11-10 audit"' in out


def test_two_environments_are_one_change_all_or_none(released: World) -> None:
    region = '[environments.prod-us]\npromotesFrom = ["test"]\napps = []\n\n# Who owns what.'
    (released.checkout / "apps.toml").write_text(released.text.replace("# Who owns what.", region))
    released.ok("render")
    released.commit("a second region")
    released.push()
    both = ("promote", "billing", "--to", "prod-us", "--to", "prod")
    commit(released, "promote", "billing", "--to", "dev", "--revision", "v1.2.0")
    commit(released, "promote", "billing", "--to", "test")
    text = released.refused(4, *both)
    assert "not promoted to prod [WL3102]:\nbilling: prod: soak: in test since" in text
    released.at += timedelta(days=2)
    done = released.run(*both)
    assert "promote billing v1.2.0: test → prod-us, prod" in done.err
    assert "test promotes from dev" not in done.out
    assert "so one change cannot promote to both" in released.refused(
        2, "promote", "billing", "--to", "test", "--to", "prod"
    )


def test_a_hold_ends_by_itself(released: World) -> None:
    commit(released, "promote", "billing", "--to", "dev", "--revision", "v1.2.0")
    commit(released, "hold", "billing", "ledger", "--in", "test", "--reason", "audit", "--until", "3d")
    end = released.at - timedelta(hours=1) + timedelta(days=3)
    assert "hold: held: " in schedule(released, "test")
    assert f"billing: test {'v1.0.0'} is behind dev (v1.2.0)" in released.ok("status")
    released.at = end
    assert "billing: test v1.0.0 → v1.2.0" in released.ok("promote", "--ready", "--to", "test", "--dry-run")
    assert "(this hold has ended)" in released.ok("status")
    assert "is in the past" in released.refused(
        2, "hold", "web", "--in", "dev", "--reason", "x", "--until", "2026-01-01"
    )


def test_why_explains_one_app(released: World) -> None:
    commit(released, "promote", "billing", "--to", "dev", "--revision", "v1.2.0")
    commit(released, "promote", "billing", "--to", "test")
    text = released.ok("why", "billing", "--in", "prod")
    pin = released.commit_of("billing", "v1.0.0")[:12]
    assert text.startswith(
        f"billing (team payments)\nprod: billing v1.0.0 ({pin}), pinned\n  since 2026-11-12 11:00 UTC"
    )
    assert "by Ada in " in text
    assert "  promote billing v1.0.0: test → prod\n  behind test (v1.2.0)\n    soak: in test since" in text
    assert "  next: wait until 2026-11-15 1" in text
    assert "next: workloads promote ledger --to test" in released.ok("why", "ledger")
    assert 'unknown app "biling" (did you mean "billing"?)' in released.refused(2, "why", "biling")


@pytest.mark.parametrize(("since", "count"), [("1d", 0), ("30d", 3), ("2026-11-12", 1), ("yesterday", 0)])
def test_since_takes_spans_days_and_times(released: World, since: str, count: int) -> None:
    lines = released.ok("history", "billing", "--since", since).splitlines()[1:]
    assert len(lines) == count


def test_a_time_that_is_none_is_refused(released: World) -> None:
    assert "--since 'soon' is not a time" in released.refused(2, "history", "--since", "soon")
