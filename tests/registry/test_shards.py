"""Which shard an app is in, and how little moves it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.registry.registry import Registry
from generator.registry.shards import find_app_shard
from tests.charts.rendered import registry_of, sharded
from tests.workspace import AUDIT, REGISTRY

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", fullmatch=True)


def divided(shards: str) -> Registry:
    return registry_of(sharded(REGISTRY, shards))


def shard(number: int, project: str, team: str = "any") -> str:
    return find_app_shard(divided(str(number)).environments["dev"], team, project)


def shards(registry: Registry, environment: str) -> dict[str, str]:
    env = registry.environments[environment]
    return {app.app: find_app_shard(env, app.team, app.project) for app in registry.list_effective_apps(environment)}


def test_without_shards_no_app_is_in_one() -> None:
    assert shards(registry_of(REGISTRY), "dev") == {"billing": "", "ledger": ""}


def test_by_team_an_app_is_in_its_teams() -> None:
    assert shards(divided('"team"'), "dev") == {"billing": "payments", "ledger": "payments"}


KNOWN = [("billing", "8", "84"), ("ledger", "3", "3"), ("web", "12", "57")]


@pytest.mark.parametrize(("project", "of_16", "of_100"), KNOWN)
def test_the_hash_is_the_same_for_good(project: str, of_16: str, of_100: str) -> None:
    assert (shard(16, project), shard(100, project)) == (of_16, of_100)


def test_one_shard_has_everything() -> None:
    assert {shard(1, f"app-{number}") for number in range(100)} == {"0"}


def test_no_shard_has_much_more_than_its_part() -> None:
    env = divided("16").environments["dev"]
    counts = Counter(find_app_shard(env, "any", f"app-{number:05}") for number in range(16_000))
    assert set(counts) == {str(number) for number in range(16)}
    assert max(counts.values()) < 1_150


@given(project=NAMES, number=st.integers(1, 200))
def test_with_one_shard_more_an_app_stays_or_comes_into_the_new_one(project: str, number: int) -> None:
    before, after = shard(number, project), shard(number + 1, project)
    assert after in (before, str(number))


@pytest.mark.parametrize("how", ['"team"', "4"])
def test_an_app_that_is_added_moves_no_other(how: str) -> None:
    before = divided(how)
    text = sharded(REGISTRY, how).replace("apps = [\n", 'apps = [\n  "audit",\n', 1) + AUDIT
    after = shards(registry_of(text), "dev")
    assert {app: after[app] for app in ("billing", "ledger")} == shards(before, "dev")


@pytest.mark.parametrize("number", range(1, 40))
def test_the_apps_of_a_project_are_in_one_shard(number: int) -> None:
    text = sharded(REGISTRY, str(number)).replace('team = "payments"\n', 'team = "payments"\nproject = "money"\n')
    text = text.replace("[teams.payments]\n", '[teams.payments]\nprojects = ["money"]\n')
    found = shards(registry_of(text), "dev")
    assert found["billing"] == found["ledger"]
