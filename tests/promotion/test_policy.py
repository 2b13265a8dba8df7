"""Whether a revision may come into an environment: every refusal word by word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from generator.promotion.history import RunInterval
from generator.promotion.policy import Candidate, SourceState, find_refusals, parse_duration_seconds
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Environment

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"
REGISTRY = """\
version = 1
[environments.dev]
[environments.qa]
[environments.prod]
promotesFrom = ["dev", "qa"]
POLICY
[environments.prod.holds]
HOLDS
"""


def prod(policy: str = "", holds: str = "") -> Environment:
    text = REGISTRY.replace("POLICY", policy).replace("HOLDS", "")
    environment = read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml").environments["prod"]
    if holds:
        return Environment(**{**vars(environment), "holds": {"billing": holds}})
    return environment


def candidate(revision: str = COMMIT, **below: SourceState) -> Candidate:
    return Candidate("billing", revision, True, below or {"dev": since(hours=100)})


def since(hours: float, until: float | None = None) -> SourceState:
    end = None if until is None else NOW - timedelta(hours=until)
    return SourceState(COMMIT if end is None else "v9", end is None, RunInterval(NOW - timedelta(hours=hours), end))


def told(environment: Environment, who: Candidate, now: datetime = NOW) -> list[str]:
    return [str(refusal) for refusal in find_refusals(who, environment, now)]


@pytest.mark.parametrize(
    ("policy", "who", "words"),
    [
        ("", candidate(), []),
        ("", Candidate("billing", COMMIT, True, {}), [
            "order: billing does not run in dev, qa, from where prod is promoted"]),
        ("", candidate(dev=SourceState("v9", False, None)), ["order: 3f2a9c1d0b7e never ran in dev, where v9 runs"]),
        ('policy.pin = "commit"', candidate("v1.2.0"), [
            "pin: prod runs commits only, and v1.2.0 is a tag: give --revision"]),
        ('policy.pin = "tag"', candidate("v1.2.0"), []),
        ('policy.pin = "tag"', candidate("main"), [
            "pin: prod runs tags only, and main is a branch or a range: give --revision"]),
        ('policy.soak = "24h"', candidate(dev=since(24)), []),
        ('policy.soak = "24h"', candidate(dev=since(23.9), qa=since(100)), [
            "soak: in dev since 2026-11-21 12:06, soak 24h, ready 2026-11-22 12:06"]),
        ('policy.soak = "24h"', candidate(dev=since(1), qa=since(2)), [
            "soak: in dev since 2026-11-22 11:00, soak 24h, ready 2026-11-23 11:00",
            "soak: in qa since 2026-11-22 10:00, soak 24h, ready 2026-11-23 10:00"]),
        ('policy.soak = "24h"', candidate(dev=since(50, until=10)), []),
        ('policy.soak = "24h"', candidate(dev=since(30, until=10)), [
            "soak: in dev only from 2026-11-21 06:00 to 2026-11-22 02:00, soak 24h"]),
        ('policy.soak = "24h"', candidate(dev=SourceState(COMMIT, True, None)), [
            "soak: not committed yet as what runs in dev, soak 24h"]),
        ('policy.soak = "24h"', candidate(dev=SourceState("main", True, RunInterval(NOW, None), follows_branch=True)), [
            "soak: dev follows main, which does not tell how long a commit has run there: pin it in dev, soak 24h"]),
        ("policy.freeze = [{from = 2026-11-22T12:00:00Z, until = 2026-11-23T08:00:00+01:00, reason = 'sale'}]",
            candidate(), ['freeze: prod is frozen until 2026-11-23 07:00: "sale"']),
        ("policy.freeze = [{from = 2026-11-22T00:00:00Z, until = 2026-11-22T12:00:00Z, reason = 'sale'}]",
            candidate(), []),
    ],
)  # fmt: skip
def test_every_refusal_names_the_rule_the_facts_and_when_it_will_have_passed(
    policy: str, who: Candidate, words: list[str]
) -> None:
    assert told(prod(policy), who) == words


def test_a_hold_says_why_and_how_to_end_it() -> None:
    assert told(prod(holds="2026-11-20 pen test"), candidate()) == [
        'hold: held: "2026-11-20 pen test"; workloads release billing --in prod'
    ]


def test_a_retired_app_is_not_promoted() -> None:
    environment = Environment(**{**vars(prod()), "retired": {"billing": "2026-11-20 sold"}})
    assert told(environment, candidate()) == ['retired: "2026-11-20 sold"; workloads retire billing --in prod --undo']


def test_rules_that_are_set_aside_are_not_asked_and_all_others_are() -> None:
    environment = prod('policy.soak = "24h"', holds="why")
    assert [each.rule for each in find_refusals(candidate(dev=since(1)), environment, NOW)] == ["soak", "hold"]
    assert [each.rule for each in find_refusals(candidate(dev=since(1)), environment, NOW, {"soak"})] == ["hold"]


@pytest.mark.parametrize(
    ("text", "count"), [("90", 90), ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("24h", 86400)]
)
def test_durations(text: str, count: float) -> None:
    assert parse_duration_seconds(text) == count
