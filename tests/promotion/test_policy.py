"""The policy rules for promotions, with the text of every refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from generator.argocd.revisions import revision_kind
from generator.promotion.history import RunInterval
from generator.promotion.policy_rules import Candidate, SourceState, find_refusals
from generator.promotion.times import parse_duration_seconds
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
    return Candidate("billing", revision, revision_kind(revision, True), below or {"dev": since(hours=100)})


def since(hours: float, until: float | None = None) -> SourceState:
    end = None if until is None else NOW - timedelta(hours=until)
    return SourceState(COMMIT if end is None else "v9", end is None, RunInterval(NOW - timedelta(hours=hours), end))


def refusal_texts(environment: Environment, who: Candidate, now: datetime = NOW) -> list[str]:
    return [str(refusal) for refusal in find_refusals(who, environment, now)]


@pytest.mark.parametrize(
    ("policy", "who", "words"),
    [
        ("", candidate(), []),
        ("", Candidate("billing", COMMIT, "commit", {}), [
            "order: billing is not in dev or qa yet; prod promotes from dev or qa"]),
        ("", candidate(dev=SourceState("v9", False, None)), ["order: 3f2a9c1d0b7e never ran in dev, which runs v9"]),
        ("", candidate(dev=SourceState("main", False, None, follows_branch=True)), []),
        ('policy.soak = "24h"', candidate(dev=SourceState("main", False, None, follows_branch=True)), [
            "soak: cannot measure soak: dev follows the branch main. Pin a tag or commit in dev"]),
        ('policy.pin = "commit"', candidate("v1.2.0"), [
            "pin: prod runs commits only, and v1.2.0 is a tag: choose one with --revision"]),
        ('policy.pin = "tag"', candidate("v1.2.0"), []),
        ('policy.pin = "tag"', candidate("main"), [
            "pin: prod runs tags only, and main is a branch or a range: choose one with --revision"]),
        ('policy.soak = "24h"', candidate(dev=since(24)), []),
        ('policy.soak = "24h"', candidate(dev=since(23.9), qa=since(100)), [
            "soak: in dev since 2026-11-21 12:06 UTC, soak 24h, ready 2026-11-22 12:06 UTC"]),
        ('policy.soak = "24h"', candidate(dev=since(1), qa=since(2)), [
            "soak: in dev since 2026-11-22 11:00 UTC, soak 24h, ready 2026-11-23 11:00 UTC",
            "soak: in qa since 2026-11-22 10:00 UTC, soak 24h, ready 2026-11-23 10:00 UTC"]),
        ('policy.soak = "24h"', candidate(dev=since(50, until=10)), []),
        ('policy.soak = "24h"', candidate(dev=since(30, until=10)), [
            "soak: in dev only from 2026-11-21 06:00 UTC to 2026-11-22 02:00 UTC, soak 24h"]),
        ('policy.soak = "24h"', candidate(dev=SourceState(COMMIT, True, None)), [
            "soak: 3f2a9c1d0b7e is not committed in dev yet; the soak time is 24h"]),
        ('policy.soak = "24h"', candidate(dev=SourceState("main", True, RunInterval(NOW, None), follows_branch=True)), [
            "soak: cannot measure soak: dev follows the branch main. Pin a tag or commit in dev"]),
        ("policy.freeze = [{from = 2026-11-22T12:00:00Z, until = 2026-11-23T08:00:00+01:00, reason = 'sale'}]",
            candidate(), ['freeze: prod is frozen until 2026-11-23 07:00 UTC: "sale"']),
        ("policy.freeze = [{from = 2026-11-22T00:00:00Z, until = 2026-11-22T12:00:00Z, reason = 'sale'}]",
            candidate(), []),
    ],
)  # fmt: skip
def test_refusals_name_the_rule_the_facts_and_when_the_rule_allows_the_promotion(
    policy: str, who: Candidate, words: list[str]
) -> None:
    assert refusal_texts(prod(policy), who) == words


def test_a_hold_shows_its_reason_and_how_to_end_it() -> None:
    assert refusal_texts(prod(holds="2026-11-20 pen test"), candidate()) == [
        'hold: held: "2026-11-20 pen test"; workloads unhold billing --in prod'
    ]


def test_a_retired_app_is_not_promoted() -> None:
    environment = Environment(**{**vars(prod()), "retired": {"billing": "2026-11-20 sold"}})
    assert refusal_texts(environment, candidate()) == [
        'retired: "2026-11-20 sold"; workloads retire billing --in prod --undo'
    ]


def test_overridden_rules_are_skipped_and_all_others_apply() -> None:
    environment = prod('policy.soak = "24h"', holds="why")
    assert [each.rule for each in find_refusals(candidate(dev=since(1)), environment, NOW)] == ["soak", "hold"]
    assert [each.rule for each in find_refusals(candidate(dev=since(1)), environment, NOW, {"soak"})] == ["hold"]


@pytest.mark.parametrize(
    ("text", "count"), [("90", 90), ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("24h", 86400)]
)
def test_durations(text: str, count: float) -> None:
    assert parse_duration_seconds(text) == count
