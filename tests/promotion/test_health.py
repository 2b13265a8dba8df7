"""`policy.health`: an app moves on only from where it has been healthy long enough, on every way in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from generator.registry.reader import read_registry
from tests.git.remotes import git
from tests.live.sample import healthy, set_field, time, write_state
from tests.promotion.world import REGISTRY, World
from tests.workspace import Run

pytestmark = pytest.mark.timeout(120)
_REGISTRY = REGISTRY.replace('soak = "24h"', 'health = "15m"')
#: Where everything began: the clock of the test stands here when Argo CD has synced.
_SYNCED = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    """`billing` is v1.0.0 in dev and test, and prod waits for 15 minutes of health."""
    found = World(tmp_path, workloads, monkeypatch).build(_REGISTRY)
    promote(found, "billing", "--to", "test")
    found.at = _SYNCED + timedelta(minutes=20)
    return found


def promote(world: World, *args: str) -> None:
    """Promote, commit and push."""
    done = world.run("promote", *args, "--without-helm")
    assert done.code == 0, done.err
    world.commit_as_told(done.err)


def live(
    world: World, environment: str, *changes: tuple[str, object], tag: str = "v1.0.0", app: str = "billing"
) -> str:
    """Write the live state of an environment: `app` synced to a tag at _SYNCED and compared just now; the option."""
    registry = read_registry(world.checkout / "apps.toml")
    running = registry.find_effective_app(environment, app)
    assert running
    item = healthy(registry.environments[environment], running, world.commit_of(app, tag), synced_at=_SYNCED)
    item["status"]["reconciledAt"] = time(world.at)
    for path, value in changes:
        item = set_field(item, path, value)
    return f"--live={environment}={write_state(world.folder / f'{environment}.json', [item])}"


_PROMOTE = ("promote", "billing", "--to", "prod")


def test_what_has_been_healthy_long_enough_is_promoted(world: World) -> None:
    world.at = _SYNCED + timedelta(minutes=14)
    option = live(world, "test")
    assert world.refused(4, *_PROMOTE, option) == (
        "error: not promoted to prod [WL3102]:\n"
        "billing: health: healthy in test since 2026-11-12 09:00 UTC, health 15m, ready 2026-11-12 09:15 UTC\n"
        "nothing was changed\n"
    )
    world.at = _SYNCED + timedelta(minutes=15)
    assert "billing: new in prod, " in world.ok(*_PROMOTE, option)


def test_a_flap_and_a_sync_restart_the_time(world: World) -> None:
    later = time(world.at - timedelta(minutes=1))
    for path in ("status/health/lastTransitionTime", "status/operationState/finishedAt"):
        assert "healthy in test since 2026-11-12 09:19 UTC" in world.refused(
            4, *_PROMOTE, live(world, "test", (path, later))
        )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("status/health", {"status": "Degraded", "message": "1 pod crashes"}, "healthy: it is Degraded: 1 pod crashes"),
        ("status/sync/status", "OutOfSync", "synced: it is OutOfSync"),
        ("status/sync/revision", "2" * 40, "commit: it is at 222222222222, and the pin is "),
        ("status/operationState/phase", "Running", "operation: the last sync is Running"),
        (
            "spec/source/targetRevision",
            "v0.9.0",
            "spec: spec.source.targetRevision is v0.9.0, and the chart has v1.0.0",
        ),
        ("metadata/name", "other", "seen: there is no Application billing in the namespace argocd"),
    ],
)
def test_each_refusal_names_its_term(world: World, path: str, value: object, said: str) -> None:
    assert f"billing: health: in test, {said}" in world.refused(4, *_PROMOTE, live(world, "test", (path, value)))


def test_a_tag_that_moved_is_another_commit(world: World) -> None:
    option = live(world, "test")
    repository = world.folder / "git" / "billing.git"
    git(repository, "tag", "-f", "v1.0.0", "v1.2.0^{commit}")
    assert "health: in test, commit: it is at " in world.refused(4, *_PROMOTE, option)


def test_without_a_live_state_nothing_is_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = "billing: health: in test, seen: the live state is not known: give --live SOURCE, or set WORKLOADS_LIVE"
    assert unknown in world.refused(4, *_PROMOTE)
    assert f"waits: {unknown}" not in world.ok("promote", "--ready", "--to", "prod")  # prod does not list it
    option = live(world, "test").removeprefix("--live=")
    assert "No such file" in world.refused(4, *_PROMOTE, "--live", f"{option}x")
    monkeypatch.setenv("WORKLOADS_LIVE", f"dev=nothing {option}")
    assert "billing: new in prod, " in world.ok(*_PROMOTE)


def test_every_source_environment_must_be_healthy(world: World) -> None:
    text = world.text.replace('promotesFrom = ["test"]', 'promotesFrom = ["test", "dev"]')
    (world.checkout / "apps.toml").write_text(text)
    world.commit("two sources")
    both = live(world, "test"), live(world, "dev", ("status/health/status", "Degraded"))
    assert "health: in dev, healthy: it is Degraded" in world.refused(4, *_PROMOTE, *both)
    assert "billing: new in prod, " in world.ok(*_PROMOTE, live(world, "test"), live(world, "dev"))


def test_a_revision_that_does_not_run_now_is_not_known_to_be_healthy(world: World) -> None:
    promote(world, "billing", "--to", "dev", "--revision", "v1.2.0")
    promote(world, "billing", "--to", "test")
    text = world.refused(4, *_PROMOTE, "--revision", "v1.0.0", live(world, "test", tag="v1.2.0"))
    assert "health: test runs v1.2.0 now, which does not show that " in text


def test_a_rollback_needs_no_health(world: World) -> None:
    promote(world, "billing", "--to", "prod", live(world, "test"))
    promote(world, "billing", "--to", "dev", "--revision", "v1.2.0")
    promote(world, "billing", "--to", "test")
    world.at += timedelta(minutes=1)
    promote(world, "billing", "--to", "prod", live(world, "test", tag="v1.2.0"))
    world.at += timedelta(minutes=1)
    assert "billing: prod v1.2.0 → v1.0.0" in world.ok("rollback", "billing", "--in", "prod", "--reason", "x")


def test_an_override_is_recorded(world: World) -> None:
    override = ("--override", "health", "--reason", "incident 4711")
    degraded = live(world, "test", ("status/health/status", "Degraded"))
    assert "does not allow overriding health" in world.refused(4, *_PROMOTE, degraded, *override)
    allowed = world.text.replace('overrides = ["soak"]', 'overrides = ["health"]')
    (world.checkout / "apps.toml").write_text(allowed)
    world.commit("let health be overridden")
    world.push()
    done = world.run(*_PROMOTE, degraded, *override)
    assert "billing: overridden: health: in test, healthy: it is Degraded" in done.out
    assert "Policy-Override: health prod/billing incident 4711" in done.err


def test_soak_counts_from_when_it_is_healthy(world: World) -> None:
    (world.checkout / "apps.toml").write_text(world.text.replace('health = "15m"', 'health = "15m"\nsoak = "24h"'))
    world.commit("soak too")
    world.push()
    world.at = _SYNCED + timedelta(hours=23)
    assert "soak: in test since 2026-11-12 09:00 UTC, soak 24h" in world.refused(4, *_PROMOTE, live(world, "test"))
    world.at = _SYNCED + timedelta(hours=24)
    assert "billing: new in prod, " in world.ok(*_PROMOTE, live(world, "test"))


def test_check_and_publish_refuse_an_edit_by_hand(world: World) -> None:
    commit = world.commit_of("billing", "v1.0.0")
    head, mark, rest = world.text.partition("[environments.prod]\n")
    edited = head + mark + rest.replace("apps = []", f'apps = [\n  "billing@{commit}", # v1.0.0\n]')
    (world.checkout / "apps.toml").write_text(edited)
    degraded = live(world, "test", ("status/health/status", "Degraded"))
    for command in (("check", "--without-helm"), ("publish", "--without-helm")):
        done = world.run(*command, degraded)
        assert (done.code, "billing: health: in test, healthy: it is Degraded" in done.err) == (4, True), done
        done = world.run(*command)
        assert (done.code, "seen: the live state is not known" in done.err) == (4, True), done
    assert world.run("publish", "--without-helm", "--dry-run", live(world, "test")).code == 0


def test_a_policy_that_is_lowered_in_the_same_change_holds(world: World) -> None:
    commit = world.commit_of("billing", "v1.0.0")
    head, mark, rest = world.text.partition("[environments.prod]\n")
    edited = (
        head
        + mark
        + rest.replace("apps = []", f'apps = [\n  "billing@{commit}", # v1.0.0\n]').replace('health = "15m"\n', "")
    )
    (world.checkout / "apps.toml").write_text(edited)
    assert "health: in test" in world.run("check", "--without-helm").err


def test_a_schedule_and_status_name_the_same(world: World) -> None:
    promote(world, "billing", "--to", "prod", live(world, "test"))
    promote(world, "billing", "--to", "dev", "--revision", "v1.2.0")
    promote(world, "billing", "--to", "test")
    world.at += timedelta(minutes=1)
    degraded = live(world, "test", ("status/health/status", "Degraded"), tag="v1.2.0")
    text = "health: in test, healthy: it is Degraded"
    assert f"waits: billing: {text}" in world.ok("promote", "--ready", "--to", "prod", degraded)
    assert f"billing: prod v1.0.0 is behind test (v1.2.0)\n  {text}\n" in world.ok("status", "--blocked", degraded)
    why = world.ok("why", "billing", "--in", "test", degraded)
    assert "  live: synced v1.2.0 (" in why
    assert "    healthy: it is Degraded\n" in why
    assert f"    {text}\n" in world.ok("why", "billing", "--in", "prod", degraded)
    assert "billing: prod v1.0.0 → v1.2.0" in world.ok(
        "promote", "--ready", "--to", "prod", live(world, "test", tag="v1.2.0")
    )


def test_a_source_that_follows_a_branch_is_promoted_at_the_commit_that_is_healthy(
    world: World,
) -> None:
    text = world.text.replace('targetRevision = "v1.0.0"', 'targetRevision = "main"', 1)
    head, mark, rest = text.partition("[environments.test]\n")
    rest = rest.replace('  "billing@v1.0.0",\n', '  "billing",\n', 1).replace('pin = "commit"\n', 'pin = "commit"\n', 1)
    (world.checkout / "apps.toml").write_text(head + mark + rest)
    world.ok("render")
    world.commit("follow main")
    world.push()
    assert "commit: it is at " in world.refused(4, *_PROMOTE, live(world, "test", tag="v1.1.0"))
    assert "billing: new in prod, " in world.ok(*_PROMOTE, live(world, "test", tag="v1.2.0"))
