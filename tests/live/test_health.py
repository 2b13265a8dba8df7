"""Each term of the health rule alone decides: an Application that meets all but one is refused for that one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from generator.live.applications import LiveApplication
from generator.live.expected import build_expected_application
from generator.live.health import TERMS, find_healthy_since, find_unmet_terms
from tests.charts.rendered import registry_of
from tests.live.sample import SYNCED_AT, healthy, set_field, time
from tests.workspace import REGISTRY

COMMIT, OTHER = "1" * 40, "2" * 40
_NOW, _MAX_AGE = SYNCED_AT + timedelta(minutes=20), timedelta(minutes=30)
_LATER = time(SYNCED_AT + timedelta(minutes=11))

#: What breaks a single term, by the term.
BROKEN: list[tuple[str, str, object]] = [
    ("kept", "metadata/deletionTimestamp", _LATER),
    ("spec", "spec/syncPolicy/automated/selfHeal", True),
    ("compared", "status/sync/comparedTo/source/path", "other"),
    ("compared", "status/sync/comparedTo/destination/namespace", "other"),
    ("compared", "status/sync/comparedTo", None),
    ("synced", "status/sync/status", "OutOfSync"),
    ("synced", "status/sync/status", "Unknown"),
    ("operation", "operation", {"sync": {}}),
    ("operation", "status/operationState/phase", "Running"),
    ("operation", "status/operationState/phase", "Failed"),
    ("operation", "status/operationState/syncResult/revision", OTHER),
    ("reconciled", "status/operationState/finishedAt", _LATER),
    ("error", "status/conditions", [{"type": "ComparisonError", "message": "no such host"}]),
    ("healthy", "status/health/status", "Degraded"),
    ("healthy", "status/health/status", "Progressing"),
    ("healthy", "status/health/status", "Missing"),
    ("fresh", "status/reconciledAt", time(SYNCED_AT - timedelta(minutes=11))),
    ("since", "status/health/lastTransitionTime", None),
]


def _terms(path: str = "", value: object = None, wanted: str = COMMIT) -> list[str]:
    registry = registry_of(REGISTRY)
    environment = registry.environments["test"]
    app = registry.find_effective_app("test", "billing")
    assert app
    item = healthy(environment, app, COMMIT)
    if path:
        item = set_field(item, path, value)
    if path == "status/reconciledAt":
        item = set_field(item, "status/operationState/finishedAt", value)
    expected = build_expected_application(environment, app)
    found = find_unmet_terms(LiveApplication.from_object(item), expected, {0: {wanted}}, _NOW, _MAX_AGE)
    return [each.name for each in found]


def test_an_application_that_meets_every_term_is_healthy() -> None:
    assert _terms() == []


@pytest.mark.parametrize(("term", "path", "value"), BROKEN)
def test_a_term_alone_refuses(term: str, path: str, value: object) -> None:
    assert _terms(path, value) == [term]


def test_another_commit_refuses_alone() -> None:
    assert _terms(wanted=OTHER) == ["commit"]


def test_another_target_revision_is_named_by_the_spec_and_by_the_comparison() -> None:
    assert _terms("spec/source/targetRevision", "v9") == ["spec", "compared"]


def test_every_term_is_broken_by_a_case() -> None:
    assert {term for term, _, _ in BROKEN} | {"commit", "seen"} == set(TERMS)


def test_a_warning_is_no_error() -> None:
    assert _terms("status/conditions", [{"type": "SharedResourceWarning", "message": "x"}]) == []


@pytest.mark.parametrize("path", ["status/health/lastTransitionTime", "status/operationState/finishedAt"])
def test_a_flap_and_a_sync_restart_the_clock(path: str) -> None:
    registry = registry_of(REGISTRY)
    app = registry.find_effective_app("test", "billing")
    assert app
    item = healthy(registry.environments["test"], app, COMMIT)
    assert find_healthy_since(LiveApplication.from_object(item)) == SYNCED_AT
    later = SYNCED_AT + timedelta(minutes=3)
    assert find_healthy_since(LiveApplication.from_object(set_field(item, path, time(later)))) == later
