"""Statuses that a live Argo CD had, recorded state by state, are each refused for the term that is not met."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from generator.live.applications import LiveApplication
from generator.live.expected import build_expected_application
from generator.live.health import TERMS, find_healthy_since, find_unmet_terms
from generator.registry.registry import Registry
from tests.charts.rendered import registry_of
from tests.cluster.record_statuses import PUBLIC_URL, RECORDED, registry_text

_ROWS = [json.loads(line) for line in RECORDED.read_text().splitlines()]
_MAX_AGE = timedelta(minutes=30)


@pytest.fixture(scope="module")
def registries() -> dict[str, Registry]:
    """The registry that the recorded Applications are of, by pin."""
    return {pin: registry_of(registry_text(PUBLIC_URL, pin)) for pin in {row["pin"] for row in _ROWS}}


def _unmet(row: dict[str, Any], registry: Registry) -> tuple[list[str], LiveApplication]:
    live = LiveApplication.from_object(row["application"])
    app = registry.find_effective_app("live", live.key.name)
    assert app
    expected = build_expected_application(registry.environments["live"], app)
    now = datetime.fromisoformat(row["now"])
    unmet = find_unmet_terms(live, expected, {0: {row["commit"]}}, now, _MAX_AGE)
    return [each.name for each in unmet], live


def test_two_hundred_statuses_are_recorded() -> None:
    assert len(_ROWS) >= 200
    # Of the others, two are never so for long, and one is an answer that is not there.
    assert {row["term"] for row in _ROWS} == TERMS.keys() - {"reconciled", "since", "seen"} | {""}


@pytest.mark.parametrize("state", sorted({row["state"] for row in _ROWS}))
def test_each_recorded_status_is_refused_for_its_term(state: str, registries: dict[str, Registry]) -> None:
    rows = [row for row in _ROWS if row["state"] == state]
    for row in rows:
        terms, live = _unmet(row, registries[row["pin"]])
        assert (row["term"] in terms) if row["term"] else not terms, (live.key.name, terms)


def test_after_a_recovery_the_time_begins_again(registries: dict[str, Registry]) -> None:
    first = {row["application"]["metadata"]["name"]: row for row in _ROWS if row["state"] == "healthy"}
    for row in (row for row in _ROWS if row["state"] == "recovered"):
        before, after = (
            find_healthy_since(LiveApplication.from_object(each["application"]))
            for each in (first[row["application"]["metadata"]["name"]], row)
        )
        assert before
        assert after
        assert before < after


@pytest.mark.parametrize("term", ["spec", "commit", "synced", "operation", "healthy", "fresh"])
def test_without_one_of_these_terms_a_recorded_status_would_pass(term: str, registries: dict[str, Registry]) -> None:
    assert [row for row in _ROWS if row["term"] and _unmet(row, registries[row["pin"]])[0] == [term]]
