"""The DORA measures of a made-up history, worked out by hand."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

from generator.promotion.history import History, RevisionChange
from generator.promotion.metrics import compute_delivery_metrics, list_deployments
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.promotion.world import World
from tests.workspace import REGISTRY

COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"


def day(number: float) -> datetime:
    return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number - 1)


def registry() -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": REGISTRY.encode()}), "apps.toml")


def history(*steps: tuple[float, str, str, str | None]) -> History:
    running: dict[tuple[str, str], str | None] = {}
    moves = []
    for when, env, app, after in steps:
        moves.append(RevisionChange(env, app, running.get((env, app)), after, day(when), "Ada", "0" * 40, "", ""))
        running[env, app] = after
    return History(tuple(moves), {("billing", COMMIT): "v2"})


PAST = history(
    (1, "dev", "billing", "v1"),
    (2, "test", "billing", "v1"),
    (3, "prod", "billing", "v1"),  # onboarded: no deployment
    (4, "dev", "billing", "v2"),
    (8, "prod", "billing", COMMIT),  # v2, 4 days after dev
    (8.5, "prod", "billing", "v1"),  # rolled back after half a day
    (9, "dev", "billing", "v3"),
    (15, "prod", "billing", "v3"),  # 6 days
    (16, "prod", "billing", None),  # taken away: neither a deployment nor a failure
)


def test_lead_time_failures_and_restoration() -> None:
    found = list_deployments(registry(), PAST, "billing")
    assert [(each.deployed_at, each.lead_time, each.time_to_restore) for each in found] == [
        (day(8), timedelta(days=4), timedelta(hours=12)),
        (day(15), timedelta(days=6), None),
    ]


def test_an_apps_and_its_teams_measures() -> None:
    team, billing, ledger = compute_delivery_metrics(registry(), PAST, day(1), day(22))
    assert (team.team, team.app, billing.app, ledger.app) == ("payments", "", "billing", "ledger")
    assert (billing.deployments, billing.per_week, billing.lead_time) == (2, 2 / 3, timedelta(days=5))
    assert (billing.failures, billing.failure_rate, billing.time_to_restore) == (1, 1 / 2, timedelta(hours=12))
    assert (ledger.deployments, ledger.failure_rate, ledger.lead_time) == (0, None, None)
    assert (team.deployments, team.lead_time) == (2, timedelta(days=5))


def test_only_what_came_in_the_time_counts() -> None:
    _, billing, _ = compute_delivery_metrics(registry(), PAST, day(7), day(14))
    assert (billing.deployments, billing.failures, billing.lead_time) == (1, 1, timedelta(days=4))


def test_two_failures_that_one_rollback_undoes_are_two() -> None:
    past = history(*((n, "prod", "billing", f"v{n}") for n in (1, 2, 3)), (4, "prod", "billing", "v1"))
    found = list_deployments(registry(), past, "billing")
    assert [each.time_to_restore for each in found] == [timedelta(days=2), timedelta(days=1)]


def test_of_two_deployments_at_the_same_time_one_can_fail() -> None:
    past = history(*((n, "prod", "billing", v) for n, v in ((1, "v1"), (2, "v2"), (2, "v3"), (3, "v2"))))
    found = list_deployments(registry(), past, "billing")
    assert [each.time_to_restore for each in found] == [None, timedelta(days=1)]


def test_promotions_that_are_pushed_together_count_once_each(world: World) -> None:
    for version in ("v1.0.0", "v1.1.0", "v1.2.0"):
        world.ok("promote", "billing", "--to", "dev", "--revision", version, "--without-helm")
        world.ok("promote", "billing", "--to", "test", "--without-helm")
        world.ok("promote", "billing", "--to", "prod", "--override", "soak", "--reason", "test", "--without-helm")
        world.commit(version)
        world.at += timedelta(hours=1)
    world.push()
    world.ok("rollback", "billing", "--in", "prod", "--reason", "latency", "--without-helm")
    world.commit("back")
    world.at += timedelta(hours=1)
    world.push()
    measures = json.loads(world.ok("metrics", "--since", "2026-11-01", "--json"))["measures"]
    measured = next(each for each in measures if each["app"] == "billing")
    assert (measured["deployments"], measured["failures"], measured["timeToRestore"]) == (2, 1, 3600)


def test_the_command_in_text_json_and_csv(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.at += timedelta(days=2)
    world.ok("promote", "billing", "--to", "prod", "--without-helm")
    world.commit("prod")
    world.ok("promote", "billing", "--to", "dev", "--revision", "v1.1.0", "--without-helm")
    world.commit("dev")
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test again")
    world.at += timedelta(days=2)
    world.ok("promote", "billing", "--to", "prod", "--without-helm")
    world.commit("prod again")
    world.at += timedelta(days=3)
    assert world.ok("metrics", "--team", "payments", "--since", "2026-11-10") == (
        "TEAM      APP      DEPLOYED  PER WEEK  LEAD TIME  FAILED  RESTORED IN  OVERRIDDEN\n"
        "payments  (all)    1         0.9       2d         0%      -            0\n"
        "payments  billing  1         0.9       2d         0%      -            0\n"
        "payments  ledger   0         0.0       -          -       -            0\n"
    )
    data = json.loads(world.ok("metrics", "--json"))
    assert data["measures"][1] == {
        "team": "payments", "app": "billing", "deployments": 1, "perWeek": 0.078, "leadTime": 172800, "failures": 0,
        "failureRate": 0.0, "timeToRestore": None, "overridden": 0,
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(world.ok("metrics", "--csv"))))
    assert rows[1]["leadTime"] == "172800"
    assert world.refused(2, "metrics", "--team", "nobody")
    both = world.run("metrics", "--json", "--csv")
    assert (both.code, both.err) == (
        2,
        "error: --json and --csv exclude each other [WL1002]\nhint: choose one of them\n",
    )
