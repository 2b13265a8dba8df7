"""A change of the registry meets the environments' policies, whichever way it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.git.remotes import git
from tests.promotion.world import World

pytestmark = pytest.mark.timeout(120)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def running(world: World) -> World:
    """`billing` is v1.0.0 in test and prod, and v1.2.0 in dev and test since 2026-11-12."""
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.push()
    world.at = at("2026-11-12 09:00")
    world.ok("promote", "billing", "--to", "prod", "--without-helm")
    world.commit("prod")
    for env in ("dev", "test"):
        extra = ["--revision", "v1.2.0"] if env == "dev" else []
        world.ok("promote", "billing", "--to", env, *extra, "--without-helm")
        world.commit(env)
    world.push()
    return world


def edit(world: World, old: str, new: str) -> None:
    """Edit apps.toml by hand, and render."""
    path = world.checkout / "apps.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    world.ok("render")


def pin_in_prod(world: World, tag: str) -> None:
    """Move prod's pin by hand."""
    before, after = world.commit_of("billing", "v1.0.0"), world.commit_of("billing", tag)
    edit(world, f'"billing@{before}", # v1.0.0', f'"billing@{after}", # {tag}')


def refusals(world: World, *args: str) -> str:
    done = world.run(*args)
    assert done.code == 4, (done.out, done.err)
    return done.err


def test_a_hand_edit_in_a_freeze_is_refused_by_check_publish_and_a_pull_request(running: World) -> None:
    running.at = at("2026-12-20 12:00")
    pin_in_prod(running, "v1.2.0")
    frozen = 'prod/billing: freeze: prod is frozen until 2027-01-04 08:00 UTC: "year end"'
    assert frozen in refusals(running, "check")
    assert frozen in refusals(running, "publish")
    git(running.checkout, "switch", "--quiet", "-c", "hurry")
    running.commit("hurry")
    assert frozen in refusals(running, "check")
    assert frozen in refusals(running, "check", "--base", "main")


def test_diff_lists_the_refusals_first(running: World) -> None:
    running.at = at("2026-12-20 12:00")
    pin_in_prod(running, "v1.2.0")
    lines = running.ok("diff").splitlines()
    (position,) = [number for number, line in enumerate(lines) if line.startswith("refused: ") and "freeze" in line]
    assert position < 5


def test_a_hand_edit_of_a_held_app_is_refused_even_if_it_lifts_the_hold(running: World) -> None:
    running.ok("hold", "billing", "--in", "prod", "--reason", "pen test")
    running.commit("hold")
    running.push()
    running.at = at("2026-11-15 09:00")
    edit(running, '[environments.prod.holds]\nbilling = "2026-11-12 pen test"\n', "")
    assert running.ok("check")
    pin_in_prod(running, "v1.2.0")
    assert 'prod/billing: hold: held: "2026-11-12 pen test"' in refusals(running, "check")


def test_a_lower_soak_in_the_same_change_does_not_count(running: World) -> None:
    running.at = at("2026-11-12 12:00")
    edit(running, 'soak = "24h"', 'soak = "1h"')
    pin_in_prod(running, "v1.2.0")
    text = refusals(running, "check")
    assert "prod/billing: soak: in test since 2026-11-12 09:00 UTC, soak 24h, ready 2026-11-13 09:00 UTC" in text


def test_a_revision_that_never_ran_in_the_source_is_refused(running: World) -> None:
    running.at = at("2026-11-20 09:00")
    pin_in_prod(running, "v1.1.0")
    commit = running.commit_of("billing", "v1.1.0")
    assert f"prod/billing: order: {commit[:12]} never ran in test" in refusals(running, "check")


def test_a_wrong_tag_behind_a_commit_is_not_believed(running: World) -> None:
    running.at = at("2026-11-20 09:00")
    commit = running.commit_of("billing", "v1.1.0")
    edit(running, f'"billing@{running.commit_of("billing", "v1.0.0")}", # v1.0.0', f'"billing@{commit}", # v1.2.0')
    assert f"prod/billing: order: {commit[:12]} never ran in test" in refusals(running, "check")


PAGES = """
[apps.pages]
team = "payments"
namespace = "money"
"""
SOURCES = """
[[apps.pages.environments.ENV.sources]]
repoURL = "GIT/billing.git"
path = "chart"
[[apps.pages.environments.ENV.sources]]
repoURL = "GIT/REPOSITORY.git"
targetRevision = "REVISION"
ref = "values"
"""


@pytest.mark.parametrize("repository", ["ledger", "${facts.values}"])
def test_a_fixed_source_soaks_in_the_source_environment(world: World, repository: str) -> None:
    """The time runs from when the source environment came back to the revision; other changes do not count."""
    facts = 'facts = { values = "ledger" }\n'
    start = world.text.replace("version = 2\n", "version = 2\ninterpolate = true\n")
    start = start.replace('  "billing", # the money\n', '  "billing", # the money\n  "pages@v1.0.0",\n')
    start = start.replace("apps = []\n", f'apps = ["pages@v1.0.0"]\n{facts}')
    start = start.replace("createProjects", f"{facts}createProjects").replace('pin = "commit"', 'pin = "tag"') + PAGES

    def write(**revisions: str) -> None:
        text = start
        for env, revision in revisions.items():
            sources = SOURCES.replace("ENV", env).replace("REPOSITORY", repository).replace("REVISION", revision)
            text += sources.replace("GIT", world.git_url)
        (world.checkout / "apps.toml").write_text(text)
        world.ok("render")

    for hour, revision in ((0, "v1.0.0"), (10, "v1.1.0"), (30, "v1.0.0"), (40, "v1.1.0")):
        world.at = at("2026-11-12 09:00") + timedelta(hours=hour)
        write(dev=revision, test=revision, prod="v1.0.0")
        world.commit(f"{revision} in dev and test")
        world.push()
    start += "# another change\n"
    world.at += timedelta(hours=23)
    write(dev="v1.1.0", test="v1.1.0", prod="v1.0.0")
    world.commit("another change")
    world.push()
    write(dev="v1.1.0", test="v1.1.0", prod="v1.1.0")
    shown = f"prod/pages: soak: {world.git_url}/ledger.git at v1.1.0 in test since 2026-11-14 01:00 UTC, soak 24h"
    assert f"{shown}, ready 2026-11-15 01:00 UTC" in refusals(world, "check")
    world.at += timedelta(hours=1)
    world.ok("check")


def test_what_policy_allows_passes_by_hand_too(running: World) -> None:
    running.at = at("2026-11-20 09:00")
    pin_in_prod(running, "v1.2.0")
    assert running.ok("check")


def test_an_override_is_taken_from_the_command_and_from_the_commit(running: World) -> None:
    running.at = at("2026-11-12 12:00")
    pin_in_prod(running, "v1.2.0")
    assert "overridden: prod/billing: soak:" in running.run("check", "--override", "soak", "--reason", "hotfix").err
    git(running.checkout, "switch", "--quiet", "-c", "hotfix")
    running.commit("hotfix\n\nPolicy-Override: soak prod/ledger hotfix")
    assert "soak" in refusals(running, "check")
    running.commit_empty("really\n\nPolicy-Override: soak prod/billing hotfix of 4711")
    done = running.run("check")
    assert (done.code, "overridden: prod/billing: soak:" in done.err) == (0, True)
    text = refusals(running, "check", "--override", "freeze", "--reason", "x")
    assert "prod does not allow overriding freeze" in text


def test_history_and_metrics_show_overrides(running: World) -> None:
    running.at = at("2026-11-12 12:00")
    done = running.run("promote", "billing", "--to", "prod", "--override", "soak", "--reason", "hotfix")
    running.commit_as_told(done.err)
    assert "hotfix (overridden: soak)" in running.ok("history", "billing", "--env", "prod").splitlines()[1]
    assert "OVERRIDDEN" in running.ok("metrics")


def test_a_rollback_passes_in_a_freeze_and_only_with_its_hold(running: World) -> None:
    running.at = at("2026-11-20 09:00")
    running.ok("promote", "billing", "--to", "prod", "--without-helm")
    running.commit("prod")
    running.push()
    running.at = at("2026-12-20 12:00")
    running.ok("rollback", "billing", "--in", "prod", "--without-helm")
    assert running.ok("check")
    edit(running, '[environments.prod.holds]\nbilling = "2026-12-20 rolled back: was v1.2.0"\n', "")
    assert "freeze" in refusals(running, "check")
