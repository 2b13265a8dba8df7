"""Ahead, behind, equal and different, and what a schedule makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.argocd.revisions import compare_versions, revision_kind
from generator.promotion.direction import Direction, ListedRevision, compare_revisions
from generator.promotion.history import History, RevisionChange
from generator.promotion.policy import PromotionContext
from generator.promotion.promote import PromotionRequest, promote_apps
from generator.promotion.status import find_pending_promotions
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from tests.promotion.test_sequences import Remote

NOW = datetime(2026, 11, 20, tzinfo=UTC)
A, B, C = (character * 40 for character in "abc")


def history(*revisions: str | None, environment: str = "test") -> History:
    """A history in which an environment runs one revision after the other, an hour each."""
    ends = [None, *revisions]
    changes = tuple(
        RevisionChange(environment, "web", ends[n], new, NOW + timedelta(hours=n), "Ada", "0" * 40, "", "")
        for n, new in enumerate(revisions)
    )
    return History(changes)


def running(revision: str, tag: str = "", environment: str = "test") -> ListedRevision:
    return ListedRevision(environment, "web", revision, tag, revision_kind(revision, pinned=True))


@pytest.mark.parametrize(
    ("source", "target", "past", "direction"),
    [
        (running("v1.2.0"), running("v1.10.0"), history(), Direction.BEHIND),
        (running("v1.10.0"), running("v1.2.0"), history(), Direction.AHEAD),
        (running(A, "v2.0.0"), running("v1.0.0"), history(), Direction.AHEAD),
        (running(A, "v1.0.0"), running("v1.0.0"), history(), Direction.EQUAL),
        (running(A), running(A), history(), Direction.EQUAL),
        (running(B), running(A), history(A, B), Direction.AHEAD),
        (running(A), running(B), history(A, B, A), Direction.BEHIND),
        (running(B), running(C), history(A, B), Direction.DIFFERENT),
        (running("v2.0.0"), running("v1.0.0"), history("v1.0.0", "v2.0.0", "v3.0.0", "v2.0.0"), Direction.BEHIND),
        (running("v2.0.0"), running("v1.0.0"), history("v2.0.0", "v1.0.0", "v2.0.0"), Direction.BEHIND),
        (running("main"), running(A), history(A, "main"), Direction.DIFFERENT),
        (running(A), running("main"), history("main", A), Direction.DIFFERENT),
    ],
)  # fmt: skip
def test_direction(source: ListedRevision, target: ListedRevision, past: History, direction: Direction) -> None:
    assert compare_revisions(source, target, past) is direction


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [("v1.0.1", "v1.0.0", 1), ("1.0.0-rc.1", "1.0.0", -1), ("web-v2.0.0", "web-v1.9.0", 1),
     ("web-v2.0.0", "v1.9.0", None), ("main", "v1.0.0", None), ("v1.0.0", "v1.0.0", 0)],
)  # fmt: skip
def test_versions_are_compared_behind_equal_prefixes(first: str, second: str, order: int | None) -> None:
    assert compare_versions(first, second) == order


REGISTRY = """\
version = 1
[environments.dev]
apps = [DEV]
[environments.test]
promotesFrom = ["dev"]
apps = [TEST]
[environments.prod]
promotesFrom = ["test"]
apps = [PROD]
[teams.one]
repositories = ["https://example.com/one/"]
namespaces = ["web", "api"]
[apps.web]
team = "one"
repoURL = "https://example.com/one/web.git"
path = "x"
[apps.api]
team = "one"
repoURL = "https://example.com/one/api.git"
path = "x"
"""
ENVIRONMENTS, APPS = ("dev", "test", "prod"), ("api", "web")
REVISIONS = ("v1.0.0", "v1.1.0", "v2.0.0", "main", A, B)
#: What people do by hand, in any order: pin a revision, remove an entry, or follow the app's own revision.
EDITS = st.lists(
    st.tuples(st.sampled_from(ENVIRONMENTS), st.sampled_from(APPS), st.sampled_from((*REVISIONS, "", None))),
    max_size=14,
)
State = dict[tuple[str, str], str]


def registry_of(state: State) -> EditableRegistry:
    text = REGISTRY
    for environment in ENVIRONMENTS:
        entries = (
            f'"{app}@{pin}"' if (pin := state[environment, app]) else f'"{app}"'
            for app in APPS
            if (environment, app) in state
        )
        text = text.replace(environment.upper(), ", ".join(entries))
    return read_editable_registry(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


class Past:
    """A registry that people edit hour by hour, and its history."""

    def __init__(self) -> None:
        self.state: State = {("dev", "web"): "v1.0.0", ("dev", "api"): "v1.0.0"}
        self.changes: list[RevisionChange] = []
        self.removed: set[tuple[str, str]] = set()
        self.now = NOW
        self.record({})

    def record(self, before: State) -> None:
        self.now += timedelta(hours=1)
        for key in sorted(before.keys() | self.state.keys()):
            old, new = (None if (pin := each.get(key)) is None else pin or "HEAD" for each in (before, self.state))
            if old != new:
                self.changes.append(RevisionChange(*key, old, new, self.now, "Ada", "0" * 40, "", ""))

    def edit(self, environment: str, app: str, pin: str | None) -> None:
        before, key = dict(self.state), (environment, app)
        if pin is not None:
            self.state[key] = pin
            self.removed.discard(key)
        elif self.state.pop(key, None) is not None:
            self.removed.add(key)
        below = ENVIRONMENTS[max(0, ENVIRONMENTS.index(environment) - 1)]
        if environment != "dev" and (below, app) not in self.state:
            self.state = before  # The registry would be invalid.
            return
        above = ENVIRONMENTS[ENVIRONMENTS.index(environment) + 1 :]
        if pin is None and any((name, app) in self.state for name in above):
            self.state = before
            return
        self.record(before)

    @property
    def context(self) -> PromotionContext:
        return PromotionContext(History(tuple(self.changes)), self.now, Remote())


def run_schedule(past: Past) -> list[tuple[str, str]]:
    """Run the schedule of each environment once; return what it moved."""
    moved = []
    for environment in ENVIRONMENTS[1:]:
        editable = registry_of(past.state)
        announced = [
            wait.app for wait in find_pending_promotions(editable, (environment,), past.context) if not wait.refusals
        ]
        order = PromotionRequest((), (environment,), ready_only=True)
        after = promote_apps(editable, order, past.context).editable.revalidate().registry
        before = dict(past.state)
        past.state = {
            (name, listing.app): listing.pin or ""
            for name in ENVIRONMENTS
            for listing in after.environments[name].listings
        }
        changed = [key for key in sorted(past.state.keys() | before.keys()) if past.state.get(key) != before.get(key)]
        assert [app for _, app in changed] == announced, "status shows exactly what --ready moves"
        for key in changed:
            check_schedule_change(past, key, before)
        past.record(before)
        moved += changed
    return moved


def check_schedule_change(past: Past, key: tuple[str, str], before: State) -> None:
    ranks = {"branch": 0, "tag": 1, "commit": 2}
    assert key in before, "a schedule adds nothing that was not listed"
    assert key in past.state, "a schedule removes nothing"
    assert key not in past.removed, "a schedule restores nothing"
    old, new = before[key], past.state[key]
    assert (compare_versions(new, old) or 0) >= 0, "a schedule never lowers a version"
    assert ranks[revision_kind(new, pinned=True)] >= ranks[revision_kind(old or "HEAD", pinned=bool(old))]


@settings(max_examples=150, deadline=None)
@given(edits=EDITS, when=st.sets(st.integers(0, 14)))
def test_a_schedule_at_any_time_never_goes_back_and_at_rest_changes_nothing(
    edits: list[tuple[str, str, str | None]], when: set[int]
) -> None:
    past = Past()
    for number, edit in enumerate(edits):
        past.edit(*edit)
        if number in when:
            run_schedule(past)
    for _ in range(len(ENVIRONMENTS)):
        run_schedule(past)
    assert run_schedule(past) == []
