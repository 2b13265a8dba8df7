"""`workloads shard`, as an operator runs it: a commit a step, and what `check` says of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.promotion.world import REGISTRY, World
from tests.workspace import Run

pytestmark = pytest.mark.timeout(120)
_REPOSITORY = '[workloads]\nrepository = "{}"\n\n'
STEP = "once this is published and Argo CD has synced it: workloads shard dev --by"


def built(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch, shards: str = "") -> World:
    """A world whose registry names the workloads repository, and may divide dev."""
    repository = _REPOSITORY.format(f"file://{tmp_path}/workloads.git")
    divided = f"[environments.dev]\n{f'shards = {shards}{chr(10)}' if shards else ''}"
    return World(tmp_path, workloads, monkeypatch).build(
        REGISTRY.replace("[environments.dev]\n", f"{repository}{divided}")
    )


@pytest.fixture
def world(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    return built(tmp_path, workloads, monkeypatch)


def told(world: World, *args: str) -> tuple[list[str], str]:
    """Run a step, commit and push it; what it says and how it changes the registry. The step is sound."""
    done = world.run("shard", "dev", "--by", *args)
    assert done.code == 0, done.err
    changed = world.diff()
    world.commit_as_told(done.err)
    assert world.ok("check").endswith("valid and up to date\n")
    return done.out.splitlines(), changed


def subject(world: World) -> str:
    return git(world.checkout, "log", "-1", "--format=%s")


def shards(world: World) -> dict[str, str]:
    """The shard of each published app of dev."""
    record = json.loads((world.checkout / "multi-repo" / ".generated.json").read_text())
    applications = record["applications"].items()
    return {key.partition("/")[2]: one.get("shard", "") for key, one in applications if key.startswith("dev/")}


def edit(world: World, old: str, new: str) -> None:
    assert old in world.text
    (world.checkout / "apps.toml").write_text(world.text.replace(old, new))


def test_three_steps_bring_the_apps_into_shards(world: World) -> None:
    said, changed = told(world, "team")
    assert said[:2] == [
        "dev: step 1 of 3: 3 Applications are handed over: their chart no longer deletes them",
        f"{STEP} team",
    ]
    assert (changed, subject(world)) == ("+handOver = true\n", "hand over the apps: dev")
    assert set(shards(world).values()) == {""}
    said, changed = told(world, "team")
    assert said[:2] == [
        "dev: step 2 of 3: 3 Applications move to their new charts, and stay handed over meanwhile",
        f"{STEP} team",
    ]
    assert (changed, subject(world)) == ('+shards = "team"\n', "divide by team: dev")
    assert shards(world) == {"billing": "payments", "ledger": "payments", "web": "shop"}
    said, changed = told(world, "team")
    assert said[0] == "dev: step 3 of 3: every app is in its chart, and gets its finalizer back"
    assert (changed, subject(world)) == ("-handOver = true\n", "end the hand-over: dev")
    assert world.ok("shard", "dev", "--by", "team") == "nothing to do\n"


def test_and_back_into_one_chart(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    world = built(tmp_path, workloads, monkeypatch, '"team"')
    before = world.text
    assert told(world, "none")[1] == "+handOver = true\n"
    assert told(world, "none")[1] == '-shards = "team"\n'
    assert (set(shards(world).values()), subject(world)) == ({""}, "undivide: dev")
    assert not (world.checkout / "multi-repo" / "argo-app-shards").exists()
    assert told(world, "none")[1] == "-handOver = true\n"
    assert world.text == before.replace('shards = "team"\n', "")
    assert world.ok("shard", "dev", "--by", "none") == "nothing to do\n"


def test_with_one_shard_more_the_apps_that_come_into_it_move(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = built(tmp_path, workloads, monkeypatch, "3")
    before = shards(world)
    said = told(world, "5")[0][0]
    assert said == "dev: step 1 of 3: 1 Application is handed over: its chart no longer deletes it"
    assert shards(world) == before
    assert told(world, "5")[1] == "-shards = 3\n+shards = 5\n"
    after = shards(world)
    moved = {app for app in after if after[app] != before[app]}
    assert len(moved) == 1
    assert {after[app] for app in moved} <= {"3", "4"}
    assert told(world, "5")[1] == "-handOver = true\n"


def test_a_list_of_apps_that_are_handed_over_is_left_as_it_is_written(world: World) -> None:
    every = 'handOver = [\n  # everything\n  "web", # the shop\n  "billing", "ledger",\n]\n'
    edit(world, "[environments.dev]\n", f"[environments.dev]\n{every}")
    world.ok("render")
    world.commit("hand over")
    world.push()
    assert told(world, "team")[1] == '+shards = "team"\n'
    assert every in world.text
    assert told(world, "team")[1] == "".join(f"-{line}\n" for line in every.splitlines())


def test_a_hand_over_that_was_taken_back_too_early_is_put_back(world: World) -> None:
    told(world, "team")
    edit(world, "handOver = true\n", "")
    assert told(world, "team")[1] == '+shards = "team"\n'
    assert "handOver = true\n" in world.text


def test_an_environment_of_which_the_root_file_says_nothing_else_stays(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = built(tmp_path, workloads, monkeypatch)
    text = world.text
    start = text.index("createProjects")
    listed = text[start : text.index("]\n", start) + 2]
    edit(world, listed, "")
    (world.checkout / "teams" / "payments.toml").write_text('[environments.dev]\napps = ["billing", "ledger"]\n')
    world.ok("render")
    world.commit("lists in a file of their own")
    world.push()
    before = world.text
    for by in ("team", "none"):
        for _ in range(3):
            told(world, by)
            world.push()
    assert world.text == before
    assert "[environments.dev]\n\n" in before


def test_where_nothing_runs_has_to_move_one_step_does(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = built(tmp_path, workloads, monkeypatch, "3")
    done = world.run("shard", "prod", "--by", "16")
    assert (done.code, world.diff()) == (0, "+shards = 16\n")
    assert "commit it as:\n  divide into 16 shards: prod\n" in done.err


def test_shards_without_a_hand_over_are_refused(world: World) -> None:
    edit(world, "[environments.dev]\n", '[environments.dev]\nshards = "team"\n')
    done = world.run("check")
    assert (done.code, done.out) == (5, "")
    assert (
        "dev/billing: Application billing: shard (none) → payments: deletes everything that it deployed in namespace"
    ) in done.err
    assert "which deletes nothing: workloads shard dev --by team\n" in done.err
    world.refused(5, "publish")


def test_what_was_divided_by_hand_is_put_back_and_handed_over(world: World) -> None:
    edit(world, "[environments.dev]\n", '[environments.dev]\nshards = "team"\n')
    assert told(world, "team")[1] == "+handOver = true\n"
    assert told(world, "team")[1] == '+shards = "team"\n'
    assert told(world, "team")[1] == "-handOver = true\n"


def test_a_number_that_was_changed_by_hand_has_to_be_put_back(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = built(tmp_path, workloads, monkeypatch, "3")
    edit(world, "shards = 3", "shards = 5")
    said = world.refused(4, "shard", "dev", "--by", "5")
    assert "the number of published shards is unknown" in said
    assert "put shards back to what is published, and run this again" in said


def test_each_step_may_be_published_at_once(world: World) -> None:
    branch = world.folder / "workloads.git"
    for number, subject_ in enumerate(
        ("hand over the apps: dev", "divide by team: dev", "end the hand-over: dev"), start=2
    ):
        assert "published " in world.ok("shard", "dev", "--by", "team", "--publish")
        assert git(branch, "log", "-1", "--format=%s", "main") == subject_
        assert git(branch, "rev-list", "--count", "main") == str(number)
    assert world.ok("shard", "dev", "--by", "team", "--publish") == ("already up to date\n")
    git(world.checkout, "pull", "--quiet")
    assert world.ok("check").endswith("valid and up to date\n")
    assert 'shards = "team"\n' in world.text
    assert "handOver" not in world.text


def test_a_step_is_not_taken_twice_before_it_is_published(world: World) -> None:
    world.ok("shard", "dev", "--by", "team")
    again = world.ok("shard", "dev", "--by", "team").splitlines()
    assert again[0].startswith("dev: step 1 of 3")
    assert again[-1] == "nothing to do"
    world.commit("not pushed")
    assert world.ok("shard", "dev", "--by", "team").splitlines()[-1] == "nothing to do"
    world.push()
    assert "step 2 of 3" in world.ok("shard", "dev", "--by", "team")


def test_a_dry_run_writes_nothing(world: World) -> None:
    before = world.text
    assert "would change apps.toml" in world.ok("shard", "dev", "--by", "team", "--dry-run")
    assert "would publish" in world.ok("shard", "dev", "--by", "team", "--publish", "--dry-run")
    assert (world.text, git(world.checkout, "status", "--porcelain")) == (before, "")
    assert git(world.folder / "workloads.git", "rev-list", "--count", "main") == "1"


def test_the_json_document(world: World) -> None:
    data = json.loads(world.ok("shard", "dev", "--by", "team", "--json"))
    assert data["subject"] == "hand over the apps: dev"
    assert data["messages"][1] == f"{STEP} team"
    assert (data["registryFiles"], data["written"]) == (["apps.toml"], True)
    assert "argo-app-of-apps/dev/templates/billing.yaml" in data["charts"]


@pytest.mark.parametrize(
    "by", ["", "0", "1001", "-3", "1.5", "Team", "teams", "0x10", "\u0663", "true"]
)  # ٣ is a digit
def test_another_way_to_divide_is_a_mistake(world: World, by: str) -> None:
    said = world.refused(2, "shard", "dev", f"--by={by}")
    assert f"--by {by!r} is neither team, a number from 1 to 1000, nor none" in said


def test_an_unknown_environment_is_a_mistake(world: World) -> None:
    assert 'unknown environment "dve" (did you mean "dev"?)' in world.refused(2, "shard", "dve", "--by", "team")


def test_how_to_divide_has_to_be_said(world: World) -> None:
    assert "--by" in world.refused(2, "shard", "dev")


def test_what_the_second_step_would_be_refused_for_is_not_begun(world: World) -> None:
    edit(world, "[environments.dev]\n", f"[environments.{'d' * 60}]\n")
    edit(world, 'promotesFrom = ["dev"]', f'promotesFrom = ["{"d" * 60}"]')
    shop = world.checkout / "teams" / "shop.toml"
    shop.write_text(shop.read_text().replace("[environments.dev]", f"[environments.{'d' * 60}]"))
    world.ok("render")
    world.commit("a long name")
    world.push()
    said = world.refused(3, "shard", "d" * 60, "--by", "team")
    assert "but Argo CD allows 63" in said
    assert said.endswith("nothing was changed\n")


def test_without_a_workloads_repository_shards_are_read_from_the_origin(world: World) -> None:
    text = world.text
    edit(world, text[text.index("[workloads]") : text.index("[environments.dev]")], "")
    world.commit("no repository")
    world.ok("shard", "dev", "--by", "team", "--dry-run")
    git(world.checkout, "remote", "remove", "origin")
    said = world.refused(2, "shard", "dev", "--by", "team")
    assert "and nobody names it" in said
    assert said.endswith("nothing was changed\n")


def moved_to_payments(world: World) -> None:
    """web becomes the payments' app, by hand."""
    shop = world.checkout / "teams" / "shop.toml"
    (world.checkout / "teams" / "payments.toml").write_text(
        shop.read_text().replace('team = "shop"', 'team = "payments"')
    )
    shop.write_text("")
    web = f'"{world.git_url}/web.git"'
    edit(world, f"[{web}, ", "[")
    edit(world, f'"{world.git_url}/ledger.git"]', f'"{world.git_url}/ledger.git", {web}]')
    edit(world, '["web", "cart"]', '["cart"]')
    edit(world, '"money"]', '"money", "web"]')


def test_an_app_of_another_team_is_handed_over_while_it_is_still_its_old_teams(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = built(tmp_path, workloads, monkeypatch, '"team"')
    moved_to_payments(world)
    assert world.refused(4, "shard", "dev", "--by", "team") == (
        "error: apps changed their team, and with it their shard, since they were published: "
        "web (published as shop's) [WL4107]\n"
        'hint: keep the app in its team until environments.dev.handOver = ["web"] is published and synced; then '
        "change the team\nnothing was changed\n"
    )
    git(world.checkout, "checkout", "--quiet", ".")
    (world.checkout / "teams" / "payments.toml").unlink()
    edit(world, 'shards = "team"\n', 'shards = "team"\nhandOver = [\n  "web", # to the payments\n]\n')
    world.ok("render")
    world.commit("hand web over")
    world.push()
    moved_to_payments(world)
    world.ok("render")
    assert world.ok("check").endswith("valid and up to date\n")
    world.commit("web is the payments'")
    world.push()
    assert shards(world)["web"] == "payments"
    assert told(world, "team")[1] == '-handOver = [\n-  "web", # to the payments\n-]\n'
