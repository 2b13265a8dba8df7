"""What publish says before it pushes, when it asks, and what it leaves in the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.publishing.arrangement import Arrangement
from tests.workspace import in_terminal, onboarded, without

PROMOTED = ("billing@v1.0.0", "billing@v1.1.0")


@pytest.fixture
def guarded(within: Arrangement) -> Arrangement:
    """The checkout of the workloads repository; prod has a policy, and the checkout an edit of prod."""
    within.edit(within.text.replace("[environments.prod]\n", "[environments.prod]\npolicy.maxRemovals = 1\n"))
    assert within.run("publish", cwd=within.checkout).code == 0
    within.edit(within.text.replace(*PROMOTED))
    return within


def head(arrangement: Arrangement) -> str:
    return git(arrangement.checkout, "rev-parse", "HEAD")


def status(arrangement: Arrangement) -> str:
    return git(arrangement.checkout, "status", "--porcelain")


def test_it_says_where_to_and_which_revisions_move(within: Arrangement) -> None:
    text = without(onboarded(within.text), "ledger", "test").replace(*PROMOTED)
    within.edit(text)
    done = within.publish("--allow-removal", "test/ledger")
    assert done.err.splitlines() == [
        "fetching main",
        f"publishing to {within.remote.url}, branch main",
        "  dev/audit: new, at HEAD",
        "  test/ledger: removed, was main",
        "  prod/billing: v1.0.0 → v1.1.0",
        "pushing to main",
    ]


def test_a_registry_apart_is_compared_with_what_was_published_last(apart: Arrangement) -> None:
    assert apart.publish().code == 0
    apart.edit(apart.text.replace(*PROMOTED))
    apart.commit("promote billing")
    assert "  prod/billing: v1.0.0 → v1.1.0" in apart.publish().err.splitlines()


def test_a_terminal_is_asked_before_an_environment_with_a_policy_changes(guarded: Arrangement) -> None:
    before = guarded.heads()
    shown = in_terminal("publish", cwd=guarded.checkout, columns=200, typed="n\n", code=130)
    assert "prod/billing: v1.0.0 → v1.1.0" in shown
    assert "prod has a policy. Publish? [y/N]" in shown
    assert "nothing was pushed" in shown
    assert guarded.heads() == before
    assert "published 4 files" in in_terminal("publish", cwd=guarded.checkout, columns=200, typed="y\n")


PROMOTE = ("promote", "billing", "--to", "prod", "--publish")


def test_an_edit_that_is_published_is_announced_like_publish(within: Arrangement) -> None:
    done = within.run(*PROMOTE, cwd=within.checkout)
    assert done.err.splitlines() == [
        "fetching main",
        f"publishing to {within.remote.url}, branch main",
        "  prod/billing: v1.0.0 → v1.1.0",
        "pushing to main",
    ]
    assert (head(within), status(within)) == (within.remote.head(), "")
    assert "billing@v1.1.0" in within.text.partition("[environments.prod]")[2]


def test_an_edit_that_is_published_asks_like_publish(guarded: Arrangement) -> None:
    git(guarded.checkout, "checkout", "--quiet", "apps.toml")
    before = guarded.heads()
    shown = in_terminal(*PROMOTE, cwd=guarded.checkout, columns=200, typed="n\n", code=130)
    assert "prod has a policy. Publish? [y/N]" in shown
    assert "nothing was pushed" in shown
    assert guarded.heads() == before
    shown = in_terminal(*PROMOTE, "--yes", cwd=guarded.checkout, columns=200)
    assert "Publish?" not in shown
    assert guarded.heads() != before


def test_an_edit_that_is_published_leaves_other_edits_and_branches_alone(within: Arrangement) -> None:
    within.edit(within.text + "# mine\n")
    before = head(within), status(within)
    done = within.run(*PROMOTE, cwd=within.checkout)
    assert "commit or stash its edits, if it has any, and run git pull origin main" in done.err
    git(within.checkout, "checkout", "--quiet", "-b", "feature")
    done = within.run("hold", "billing", "--in", "prod", "--reason", "audit", "--publish", cwd=within.checkout)
    assert (done.code, "git pull" in done.err) == (0, False)
    assert (head(within), status(within)) == before
    assert "audit" in within.read("apps.toml")


def test_an_edit_that_is_published_can_leave_the_checkout_as_it_is(within: Arrangement) -> None:
    before = head(within)
    assert within.run(*PROMOTE, "--keep-checkout", cwd=within.checkout).code == 0
    assert (head(within), status(within)) == (before, "")


def test_yes_a_dry_run_and_an_environment_without_a_policy_are_not_asked(guarded: Arrangement) -> None:
    assert "would publish" in in_terminal("publish", "--dry-run", cwd=guarded.checkout, columns=200)
    assert "Publish?" not in in_terminal("publish", "--yes", cwd=guarded.checkout, columns=200)
    guarded.edit(guarded.text.replace('  "billing",\n', '  "billing@v1.2.0",\n', 1))
    shown = in_terminal("publish", cwd=guarded.checkout, columns=200)
    assert "Publish?" not in shown
    assert "dev/billing: main → v1.2.0" in shown


def test_a_pipe_is_never_asked(guarded: Arrangement) -> None:
    assert guarded.run("publish", cwd=guarded.checkout).code == 0
    assert "billing@v1.1.0" in guarded.read("apps.toml").partition("[environments.prod]")[2]


@pytest.mark.parametrize("rendered", [False, True])
@pytest.mark.parametrize("staged", [False, True])
def test_the_checkout_is_fast_forwarded_if_its_edit_is_what_was_pushed(
    within: Arrangement, rendered: bool, staged: bool
) -> None:
    within.edit(within.text.replace(*PROMOTED))
    (within.checkout / "notes.txt").write_text("not tracked")
    if rendered:
        assert within.run("render", cwd=within.checkout).code == 0
    if staged:
        git(within.checkout, "add", "apps.toml")
    assert within.run("publish", cwd=within.checkout).code == 0
    assert head(within) == within.remote.head() == git(within.checkout, "rev-parse", "origin/main")
    assert status(within) == "?? notes.txt"
    assert "v1.1.0" in (within.checkout / "multi-repo/argo-app-of-apps/prod/values.yaml").read_text()
    assert within.run("check", cwd=within.checkout).code == 0


def test_an_old_checkout_also_receives_what_others_published(within: Arrangement) -> None:
    within.others({"README.md": "by hand\n"})
    within.edit(within.text.replace(*PROMOTED))
    assert within.run("publish", cwd=within.checkout).code == 0
    assert (head(within), status(within)) == (within.remote.head(), "")
    assert (within.checkout / "README.md").read_text() == "by hand\n"


@pytest.mark.parametrize("staged", [False, True])
def test_another_edit_in_the_way_keeps_the_checkout_as_it_was(within: Arrangement, staged: bool) -> None:
    values = within.checkout / "multi-repo/argo-app-of-apps/prod/values.yaml"
    values.write_text(values.read_text() + "# mine\n")
    if staged:
        git(within.checkout, "add", str(values))
    within.edit(within.text.replace(*PROMOTED))
    before = head(within), status(within), values.read_text()
    done = within.run("publish", cwd=within.checkout)
    assert done.code == 0
    assert "commit or stash its edits, if it has any, and run git pull origin main" in done.err
    assert (head(within), status(within), values.read_text()) == before
    assert not (within.checkout / ".git" / "index.lock").exists()


def test_staged_content_that_differs_from_the_file_is_kept(within: Arrangement) -> None:
    text = within.text
    within.edit(text + "# staged\n")
    git(within.checkout, "add", "apps.toml")
    within.edit(text.replace(*PROMOTED))
    before = head(within), git(within.checkout, "show", ":apps.toml")
    assert "git pull origin main" in within.run("publish", cwd=within.checkout).err
    assert (head(within), git(within.checkout, "show", ":apps.toml")) == before


def test_unrelated_edits_stay_while_the_checkout_is_fast_forwarded(within: Arrangement) -> None:
    other = within.checkout / "README.md"
    other.write_text("old\n")
    git(within.checkout, "add", "README.md")
    within.edit(within.text.replace(*PROMOTED))
    assert within.run("publish", cwd=within.checkout).code == 0
    assert (head(within), status(within)) == (within.remote.head(), "A  README.md")


def test_a_lock_of_another_git_command_is_respected(within: Arrangement) -> None:
    (within.checkout / ".git" / "index.lock").touch()
    within.edit(within.text.replace(*PROMOTED))
    before = head(within)
    assert "git pull origin main" in within.run("publish", cwd=within.checkout).err
    assert head(within) == before
    assert (within.checkout / ".git" / "index.lock").exists()


@pytest.fixture
def feature(within: Arrangement) -> Arrangement:
    git(within.checkout, "checkout", "--quiet", "-b", "feature")
    within.edit(within.text.replace(*PROMOTED))
    return within


def test_edits_on_another_branch_are_refused_with_its_name(feature: Arrangement) -> None:
    done = feature.refused(2)
    assert "uncommitted edits on the branch feature, and publish would push them to main" in done.err
    assert "--pull-request" in done.err
    assert "--from-this-branch" in done.err


def test_edits_on_another_branch_are_published_on_request_and_stay_there(feature: Arrangement) -> None:
    before = head(feature)
    done = feature.run("publish", "--from-this-branch", cwd=feature.checkout)
    assert done.code == 0
    assert "still uncommitted on feature" in done.err
    assert (head(feature), status(feature)) == (before, "M apps.toml")


def test_a_detached_checkout_is_published_and_left_alone(within: Arrangement) -> None:
    git(within.checkout, "checkout", "--quiet", "--detach")
    within.edit(within.text.replace(*PROMOTED))
    assert within.publish().code == 0


def test_a_branch_without_edits_is_published_without_a_word(within: Arrangement, tmp_path: Path) -> None:
    git(within.checkout, "checkout", "--quiet", "-b", "feature")
    assert within.publish().out.startswith("nothing to publish") or within.publish().code == 0


@pytest.mark.parametrize("where", ["tracked", "info"])
def test_no_filter_is_started_to_update_the_checkout(within: Arrangement, tmp_path: Path, where: str) -> None:
    git(within.checkout, "config", "filter.trap.smudge", f"touch {tmp_path}/ran; cat")
    if where == "info":
        (within.checkout / ".git" / "info").mkdir(exist_ok=True)
        (within.checkout / ".git" / "info" / "attributes").write_text("*.yaml filter=trap\n")
    else:
        within.others({".gitattributes": "*.yaml filter=trap\n"})
    within.edit(within.text.replace(*PROMOTED))
    before = head(within)
    assert "git pull origin main" in within.run("publish", cwd=within.checkout).err
    assert head(within) == before
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("command", [["status"], ["history"], ["site", "out", "--dry-run"], ["diff"]])
def test_commands_that_read_say_that_the_checkout_is_behind(within: Arrangement, command: list[str]) -> None:
    assert "behind origin/main:" not in within.run(*command, cwd=within.checkout).err
    within.others({"a.txt": "1"})
    within.others({"b.txt": "2"})
    git(within.checkout, "fetch", "--quiet")
    assert "note: this checkout is 2 commits behind origin/main" in within.run(*command, cwd=within.checkout).err
