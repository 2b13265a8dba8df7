"""Each term of the health rule alone decides: an Application that meets all but one is refused for that one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from generator.errors import UsageError
from generator.live.applications import LiveApplication
from generator.live.expected import build_expected_application, list_edited_fields
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
    ("fresh", "status/reconciledAt", time(_NOW + timedelta(minutes=6))),
    ("since", "status/health/lastTransitionTime", None),
    ("since", "status/health/lastTransitionTime", "2026-11-10T08:00:00"),
    ("since", "status/health/lastTransitionTime", "20261110"),
    ("since", "status/health/lastTransitionTime", 20261111),
    ("since", "status/health/lastTransitionTime", "0001-01-01T00:00:00+12:00"),
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
        item = set_field(item, "status/operationState/finishedAt", min(str(value), time(SYNCED_AT)))
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


_ODD: list[object] = ["", "x", 0, 5, 10**400, True, [], ["x"], [None], {}, {"a": None}]


def _list_paths(table: dict[str, Any], path: str = "") -> Iterator[str]:
    """The path of each field of an object, as `set_field` takes it."""
    for key, value in table.items():
        name = f"{path}/{key.replace('/', '~1')}".lstrip("/")
        yield name
        yield from _list_paths(value, name) if isinstance(value, dict) else ()


def test_odd_values_are_refused_or_judged_and_never_crash() -> None:
    registry = registry_of(REGISTRY)
    environment, app = registry.environments["test"], registry.find_effective_app("test", "billing")
    assert app
    item = healthy(environment, app, COMMIT)
    item["status"]["conditions"] = [{"type": "SharedResourceWarning", "message": "x"}]
    expected = build_expected_application(environment, app)
    for path, value in itertools.product(_list_paths(item), _ODD):
        try:
            live = LiveApplication.from_object(set_field(item, path, value))
        except UsageError:
            continue
        terms = find_unmet_terms(live, expected, {0: {COMMIT}}, _NOW, _MAX_AGE)
        decides = path.startswith(
            ("status/sync/", "status/health/", "status/reconciled", "status/operationState/finish")
        )
        assert terms or not decides, (path, value)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("metadata", None, "it has no metadata.name"),
        ("metadata/namespace", None, "it has no metadata.namespace"),
        ("spec/source/targetRevision", 1.1, "spec.source.targetRevision is not text"),
        ("status", "Synced", "status is not an object"),
        ("status/conditions", ["x"], "status.conditions[0] is not an object"),
        ("status/conditions", [None], "status.conditions[0] is null"),
    ],
)
def test_an_application_with_fields_of_another_type_is_refused(path: str, value: object, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"is not valid: {said}")):
        _terms(path, value)


@pytest.mark.parametrize("path", ["status", "status/sync", "status/health", "status/operationState", "spec"])
def test_an_application_without_a_part_is_not_healthy(path: str) -> None:
    assert _terms(path, None) != []
    assert _terms(path, {}) != []


def test_credentials_are_masked() -> None:
    registry = registry_of(REGISTRY)
    environment, app = registry.environments["test"], registry.find_effective_app("test", "billing")
    assert app
    url = "https://me:s3cret@example.org/x.git"
    item = set_field(healthy(environment, app, COMMIT), "spec/source/repoURL", url)
    item = set_field(item, "status/conditions", [{"type": "ComparisonError", "message": f"cannot read {url}"}])
    live = LiveApplication.from_object(set_field(item, "status/health", {"status": "Degraded", "message": url}))
    expected = build_expected_application(environment, app)
    found = find_unmet_terms(live, expected, {0: {COMMIT}}, _NOW, _MAX_AGE)
    assert {"spec", "error", "healthy"} <= {each.name for each in found}
    assert "s3cret" not in f"{found} {list_edited_fields(expected, live)}"
