"""The removal guard, rule by rule."""

from __future__ import annotations

import pytest

from generator.errors import RemovalError
from generator.publishing.removal_guard import RemovalConsent, find_removals, guard_removals
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.workspace import REGISTRY

#: The fields that identify an Application and its place.
IDENTITY_FIELDS = ("name", "argocdNamespace", "project", "cluster", "namespace", "shard")
Identities = dict[str, dict[str, str]]


def registry(policy: str = "") -> Registry:
    text = REGISTRY.replace("[teams.payments]", f"{policy}\n\n[teams.payments]")
    return read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


def running(env: str, *apps: str, **other: str) -> Identities:
    return {f"{env}/{app}": identity(app, **other) for app in apps}


def identity(app: str, **other: str) -> dict[str, str]:
    told = dict.fromkeys(IDENTITY_FIELDS, "same") | {
        "cluster": "server:https://same",
        "name": app,
        "namespace": app,
        "revision": "main",
    }
    return told | other


def many(env: str, count: int) -> Identities:
    return running(env, *(f"app-{number:02}" for number in range(count)))


def test_what_stays_the_same_is_no_removal() -> None:
    before = running("prod", "billing")
    assert find_removals(before, running("prod", "billing", revision="v2")) == ()
    assert guard_removals(registry(), before, before | running("prod", "more"), RemovalConsent()) == ()


def test_an_app_that_goes_is_told_with_its_namespace() -> None:
    gone = find_removals(running("prod", "billing"), {})
    assert [str(removal) for removal in gone] == [
        "prod/billing: Application billing: deletes everything that it deployed in namespace billing on https://same"
    ]


@pytest.mark.parametrize(
    ("part", "effect"),
    [
        ("name", "recreates-workload"),
        ("argocdNamespace", "recreates-workload"),
        ("shard", "recreates-workload"),
        ("cluster", "orphans-workload"),
        ("namespace", "recreates-workload"),
    ],
)
def test_another_identity_needs_consent_and_says_what_happens_to_the_workload(part: str, effect: str) -> None:
    (gone,) = find_removals(running("prod", "billing"), running("prod", "billing", **{part: "other"}))
    assert (gone.key, gone.effect.name) == ("prod/billing", effect)
    assert str(gone).startswith(f"prod/billing: Application billing: {part} ")


def test_a_project_change_is_applied_in_place_and_needs_no_consent() -> None:
    assert find_removals(running("prod", "billing"), running("prod", "billing", project="other")) == ()


def test_another_revision_needs_no_consent() -> None:
    assert find_removals(running("prod", "billing"), running("prod", "billing", revision="v2")) == ()


def test_a_removal_that_nobody_named_is_refused_with_the_flag_that_names_it() -> None:
    before = running("prod", "billing", "ledger")
    with pytest.raises(RemovalError) as refusal:
        guard_removals(registry(), before, running("prod", "billing"), RemovalConsent())
    assert (
        "prod/ledger: Application ledger: deletes everything that it deployed in namespace ledger"
        in refusal.value.message
    )
    assert refusal.value.remedy.endswith("--allow-removal prod/ledger")
    assert refusal.value.exit_code == 5


def test_a_named_removal_may_be_made() -> None:
    before = running("prod", "billing", "ledger")
    consent = RemovalConsent({"prod/ledger"})
    assert [r.key for r in guard_removals(registry(), before, running("prod", "billing"), consent)] == ["prod/ledger"]


@pytest.mark.parametrize("name", ["ledger", "dev/ledger", "prod/ledge", "prod/*", "prod/", "*"])
def test_a_name_must_be_exact(name: str) -> None:
    with pytest.raises(RemovalError):
        guard_removals(
            registry(), running("prod", "billing", "ledger"), running("prod", "billing"), RemovalConsent({name})
        )


def test_naming_one_of_two_names_the_other() -> None:
    before = running("prod", "a", "b", "c")
    with pytest.raises(RemovalError) as refusal:
        guard_removals(registry(), before, running("prod", "a"), RemovalConsent({"prod/b"}))
    assert "prod/c" in refusal.value.message
    assert "prod/b" not in refusal.value.message


def test_an_environment_may_let_some_go_unnamed() -> None:
    permissive = registry("[environments.prod.policy]\nmaxRemovals = 1")
    before = running("prod", "a", "b", "c")
    assert len(guard_removals(permissive, before, running("prod", "a", "b"), RemovalConsent())) == 1
    with pytest.raises(RemovalError, match="prod/b"):
        guard_removals(permissive, before, running("prod", "a"), RemovalConsent())


def test_named_removals_do_not_count_towards_max_removals() -> None:
    permissive = registry("[environments.prod.policy]\nmaxRemovals = 1")
    before = running("prod", "a", "b", "c")
    assert len(guard_removals(permissive, before, running("prod", "a"), RemovalConsent({"prod/b"}))) == 2


@pytest.mark.parametrize("environment", ["dev", "test"])
def test_every_removal_is_named_in_every_environment(environment: str) -> None:
    before = running(environment, "a", "b", "c")
    with pytest.raises(RemovalError, match=f"{environment}/c"):
        guard_removals(registry(), before, running(environment, "a", "b"), RemovalConsent())


def test_the_last_app_of_an_environment_needs_its_number_confirmed() -> None:
    before = running("prod", "billing")
    named = {"prod/billing"}
    with pytest.raises(RemovalError, match="the last one of the environment") as refusal:
        guard_removals(registry(), before, {}, RemovalConsent(named))
    assert "--confirm-removals prod=1; Argo CD does not prune a whole chart automatically" in refusal.value.remedy
    assert len(guard_removals(registry(), before, {}, RemovalConsent(named, {"prod": 1}))) == 1


def test_a_confirmed_number_is_no_consent_to_what_is_not_named() -> None:
    with pytest.raises(RemovalError, match="confirm each with --allow-removal"):
        guard_removals(registry(), running("prod", "billing"), {}, RemovalConsent((), {"prod": 1}))


def test_a_wrong_number_confirms_nothing() -> None:
    before = running("prod", "a", "b")
    for number in (1, 3):
        with pytest.raises(RemovalError, match="prod: 2 removals in one change"):
            guard_removals(registry(), before, {}, RemovalConsent(before, {"prod": number}))


@pytest.mark.parametrize(("count", "going", "allowed"), [(9, 8, True), (10, 2, True), (10, 3, False), (12, 3, True)])
def test_at_most_a_quarter_of_a_large_environment_goes_at_once(count: int, going: int, allowed: bool) -> None:
    before = many("prod", count)
    gone = sorted(before)[:going]
    after = {key: value for key, value in before.items() if key not in gone}
    if allowed:
        assert len(guard_removals(registry(), before, after, RemovalConsent(gone))) == going
        return
    with pytest.raises(RemovalError, match=f"more than a quarter of the {count} that run there"):
        guard_removals(registry(), before, after, RemovalConsent(gone))
    assert len(guard_removals(registry(), before, after, RemovalConsent(gone, {"prod": going}))) == going


def test_another_identity_counts_against_the_quarter() -> None:
    before = many("prod", 10)
    after = {key: {**value, "namespace": "other"} for key, value in before.items()}
    with pytest.raises(RemovalError, match="10 removals in one change"):
        guard_removals(registry(), before, after, RemovalConsent(before))


def test_each_environment_is_judged_by_itself() -> None:
    before = many("prod", 8) | many("dev", 8)
    gone = ["prod/app-00", "prod/app-01", "dev/app-00", "dev/app-01"]
    after = {key: value for key, value in before.items() if key not in gone}
    assert len(guard_removals(registry(), before, after, RemovalConsent(gone))) == 4


def test_an_environment_that_left_the_registry_lets_none_go_unnamed() -> None:
    before = running("stage", "billing")
    with pytest.raises(RemovalError, match="stage/billing"):
        guard_removals(registry(), before, {}, RemovalConsent())
    with pytest.raises(RemovalError, match="the last one"):
        guard_removals(registry(), before, {}, RemovalConsent(before))
    assert len(guard_removals(registry(), before, {}, RemovalConsent(before, {"stage": 1}))) == 1


def test_a_name_that_begins_like_another_environment_is_not_counted_there() -> None:
    before = running("prod", "a") | running("prod-eu", "a", "b")
    with pytest.raises(RemovalError, match="the last one"):
        guard_removals(registry(), before, running("prod-eu", "a", "b"), RemovalConsent({"prod/a"}))


def divided(env: str, by: str) -> Registry:
    """The registry with an environment in shards."""
    repository = '[workloads]\nrepository = "https://github.com/acme/workloads.git"\n\n'
    text = REGISTRY.replace("[environments.dev]", f"{repository}[environments.dev]")
    text = text.replace(f"[environments.{env}]\n", f"[environments.{env}]\nshards = {by}\n")
    return read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


def in_shard(shard: str, *apps: str, **other: str) -> Identities:
    """Published Applications of prod, in no shard for ""."""
    found = running("prod", *apps, **other)
    for told in found.values():
        told.pop("shard")
        told.update({"shard": shard} if shard else {})
    return found


def test_a_change_of_shard_is_told_as_what_it_would_do() -> None:
    (gone,) = find_removals(in_shard("", "billing"), in_shard("payments", "billing"))
    assert gone.is_move
    assert str(gone) == (
        "prod/billing: Application billing: shard (none) → payments: deletes everything that it deployed in namespace "
        "billing on https://same, and creates it again"
    )


def test_another_change_is_no_move() -> None:
    (gone,) = find_removals(in_shard("", "billing"), in_shard("", "billing", namespace="money"))
    assert not gone.is_move


@pytest.mark.parametrize(
    ("before", "after", "shards", "by"), [("", "payments", '"team"', "team"), ("payments", "3", "8", "8")]
)
def test_a_change_of_shard_that_nobody_named_is_refused_with_the_command_that_moves(
    before: str, after: str, shards: str, by: str
) -> None:
    with pytest.raises(RemovalError) as refusal:
        guard_removals(divided("prod", shards), in_shard(before, "a", "b"), in_shard(after, "a", "b"), RemovalConsent())
    assert refusal.value.remedy == (
        f"to hand Applications over to another chart, which deletes nothing: workloads shard prod --by {by}"
    )


def test_back_to_one_chart_is_a_change_of_shard_too() -> None:
    with pytest.raises(RemovalError, match="shard payments → ") as refusal:
        guard_removals(registry(), in_shard("payments", "a"), in_shard("", "a"), RemovalConsent())
    assert refusal.value.remedy.endswith("workloads shard prod --by none")


def test_a_change_of_shard_is_none_of_the_removals_that_may_go_unnamed() -> None:
    before, after = in_shard("", "a", "b", "c"), in_shard("", "a", "b") | in_shard("payments", "c")
    with pytest.raises(RemovalError, match="shard "):
        guard_removals(registry("[environments.prod.policy]\nmaxRemovals = 3"), before, after, RemovalConsent())


def test_a_named_change_of_shard_may_be_made() -> None:
    before, after = in_shard("", "a", "b", "c"), in_shard("", "a", "b") | in_shard("payments", "c")
    assert [r.key for r in guard_removals(divided("prod", '"team"'), before, after, RemovalConsent({"prod/c"}))] == [
        "prod/c"
    ]


@pytest.mark.parametrize("kept", [{}, {"handOver": "true"}])
def test_what_is_published_as_handed_over_may_change_its_shard(kept: dict[str, str]) -> None:
    before, after = in_shard("", *"abcdefghijkl", handOver="true"), in_shard("x", *"abcdefghijkl", **kept)
    assert guard_removals(divided("prod", '"team"'), before, after, RemovalConsent()) == ()


def test_a_hand_over_that_is_not_published_yet_protects_nothing() -> None:
    with pytest.raises(RemovalError, match="prod/a"):
        guard_removals(
            divided("prod", '"team"'), in_shard("", "a"), in_shard("x", "a", handOver="true"), RemovalConsent()
        )


@pytest.mark.parametrize("part", [part for part in IDENTITY_FIELDS if part not in ("shard", "project")])
def test_a_handed_over_app_that_changes_otherwise_too_needs_consent(part: str) -> None:
    before = in_shard("", "billing", "ledger", handOver="true")
    after = in_shard("payments", "billing", **{part: "other"}) | in_shard("payments", "ledger")
    with pytest.raises(RemovalError, match=f"prod/billing: Application billing: .*{part} .* → other") as refusal:
        guard_removals(divided("prod", '"team"'), before, after, RemovalConsent())
    assert refusal.value.remedy == "if that is what you want: --allow-removal prod/billing"


def test_what_is_handed_over_and_goes_is_a_removal() -> None:
    with pytest.raises(RemovalError, match="prod/b: Application b: deletes everything"):
        guard_removals(
            registry(), in_shard("", "a", "b", handOver="true"), in_shard("", "a", handOver="true"), RemovalConsent()
        )


def test_moves_and_removals_each_have_their_remedy() -> None:
    before = in_shard("", "a", "b")
    with pytest.raises(RemovalError) as refusal:
        guard_removals(divided("prod", '"team"'), before, in_shard("x", "a"), RemovalConsent())
    assert refusal.value.remedy == (
        "to hand Applications over to another chart, which deletes nothing: workloads shard prod --by team; "
        "if that is what you want: --allow-removal prod/b"
    )


def test_moves_count_against_the_quarter() -> None:
    before = in_shard("", *(f"app-{number:02}" for number in range(12)))
    after = in_shard("x", *(f"app-{number:02}" for number in range(12)))
    with pytest.raises(RemovalError, match="12 removals in one change"):
        guard_removals(divided("prod", '"team"'), before, after, RemovalConsent(before))


def test_more_than_fifty_are_counted() -> None:
    with pytest.raises(RemovalError) as refusal:
        guard_removals(registry(), in_shard("", *(f"app-{number:04}" for number in range(1234))), {}, RemovalConsent())
    lines = refusal.value.message.splitlines()
    assert (len(lines), lines[-1]) == (52, "… and 1,184 more")
    assert refusal.value.remedy.count("--allow-removal") == 50
    assert refusal.value.remedy.endswith("--allow-removal prod/app-0049 and so on for 1,184 more")


def test_fifty_are_all_told() -> None:
    with pytest.raises(RemovalError) as refusal:
        guard_removals(registry(), in_shard("", *(f"app-{number:02}" for number in range(50))), {}, RemovalConsent())
    last = refusal.value.message.splitlines()[-1]
    assert last.startswith("prod/app-49: Application app-49: deletes everything that it deployed in namespace app-49")
    assert "more" not in refusal.value.remedy


def test_the_remedy_of_an_environment_that_left_the_registry() -> None:
    before = running("stage", "billing") | in_shard("", "a")
    with pytest.raises(RemovalError) as refusal:
        guard_removals(divided("prod", '"team"'), before, in_shard("x", "a"), RemovalConsent())
    assert refusal.value.remedy == (
        "to hand Applications over to another chart, which deletes nothing: workloads shard prod --by team; "
        "if that is what you want: --allow-removal stage/billing"
    )
