"""Publishing edits of a registry in a repository of its own: first the registry, then the charts of the other one."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git.remotes import Remote, git
from tests.publishing.arrangement import Arrangement
from tests.workspace import ROOT, environment, in_terminal, spawn, without

PROMOTE = ("promote", "billing", "--to", "prod", "--publish")
VALUES = "multi-repo/argo-app-of-apps/prod/values.yaml"


def registry_of(separate: Arrangement) -> Remote:
    assert separate.registry_remote is not None
    return separate.registry_remote


def clone(separate: Arrangement, name: str) -> Path:
    """A second checkout of the registry's repository."""
    folder = separate.checkout.parent / name
    git(folder.parent, "clone", "--quiet", "--template=", registry_of(separate).url, str(folder))
    return folder


def prod_revision(separate: Arrangement) -> str:
    return separate.read(VALUES).partition('targetRevision: "')[2].partition('"')[0]


def assert_charts_follow(separate: Arrangement, tmp_path: Path) -> None:
    """The charts are those of the registry's branch, and publishing it anew changes nothing."""
    fresh = tmp_path / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    git(tmp_path, "clone", "--quiet", registry_of(separate).url, str(fresh))
    before = separate.heads()
    done = spawn("publish", cwd=fresh)
    assert (done.code, done.out) == (0, "already up to date\n")
    assert separate.heads() == before


def test_an_edit_is_pushed_to_the_registry_and_then_to_the_charts(separate: Arrangement, tmp_path: Path) -> None:
    registry = registry_of(separate)
    done = separate.run(*PROMOTE, cwd=separate.checkout)
    edit, charts = registry.head(), separate.remote.head()
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "billing: prod v1.0.0 → v1.1.0",
            f"published apps.toml as {edit[:12]}",
            f"published 3 files as {charts[:12]}",
        ],
    )
    places = f"{registry.url}, branch main, then to {separate.remote.url}, branch main"
    assert done.err.splitlines()[2:4] == [f"publishing to {places}", "  prod/billing: v1.0.0 → v1.1.0"]
    assert registry.subjects()[-1] == separate.message()[0] == "promote billing v1.1.0: test → prod"
    assert f"Registry-Commit: {edit}" in separate.message()
    assert prod_revision(separate) == "v1.1.0"
    assert git(separate.checkout, "rev-parse", "HEAD") == edit
    assert git(separate.checkout, "status", "--porcelain") == ""
    assert_charts_follow(separate, tmp_path)


def test_an_edit_that_changes_no_chart_is_pushed_to_the_registry_alone(separate: Arrangement) -> None:
    before = separate.heads()
    done = separate.run("hold", "billing", "--in", "prod", "--reason", "audit", "--publish", cwd=separate.checkout)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "charts: already up to date"
    assert "audit" in registry_of(separate).files()["apps.toml"]
    assert separate.heads() == before


def test_the_json_document_has_both_commits(separate: Arrangement) -> None:
    data = json.loads(separate.run(*PROMOTE, "--json", cwd=separate.checkout).out)
    assert data["registry"]["head"] == registry_of(separate).head()
    assert data["registry"]["files"] == ["apps.toml"]
    assert (data["head"], data["pushed"]) == (separate.remote.head(), True)


def test_a_dry_run_pushes_neither(separate: Arrangement) -> None:
    before = separate.heads(), registry_of(separate).head()
    done = separate.run(*PROMOTE, "--dry-run", cwd=separate.checkout)
    assert (done.code, done.out.splitlines()[-1]) == (0, "would publish 3 files (dry run)")
    assert (separate.heads(), registry_of(separate).head()) == before


def test_a_refusal_anywhere_pushes_neither(separate: Arrangement) -> None:
    files = {"multi-repo/argo-app-of-apps/prod/templates/bad.yaml": "{{ fail `no` }}\n"}
    separate.others(files)
    before = separate.heads(), registry_of(separate).head()
    done = separate.run(*PROMOTE, cwd=separate.checkout)
    assert (done.code, done.last) == (4, "nothing was pushed")
    assert (separate.heads(), registry_of(separate).head()) == before


def test_charts_that_the_server_refuses_are_named_as_missing(separate: Arrangement, tmp_path: Path) -> None:
    separate.remote.hook("pre-receive", "echo closed; exit 1")
    done = separate.run(*PROMOTE, cwd=separate.checkout)
    edit = registry_of(separate).head()
    assert done.code == 7
    assert done.last == (
        f"the edit is on main ({edit[:12]}), but its charts were not published: run the same command again"
    )
    separate.remote.hook("pre-receive", "exit 0")
    assert separate.run(*PROMOTE, cwd=separate.checkout).code == 0
    assert prod_revision(separate) == "v1.1.0"
    assert_charts_follow(separate, tmp_path)


def killed_after_the_first_push(separate: Arrangement, *args: str) -> None:
    """Run a command that is killed when the registry's server has taken the edit."""
    pid, registry = separate.checkout.parent / "pid", registry_of(separate)
    registry.hook("post-receive", f'kill -9 "$(cat {shlex.quote(str(pid))})"')
    command = ["sh", "-c", f'echo $$ > {shlex.quote(str(pid))}; exec "$@"', "sh", sys.executable, "-m", "generator"]
    done = subprocess.run([*command, *args], cwd=separate.checkout, env=environment(), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    registry.hook("post-receive", "exit 0")


EDITS = {
    "promote": PROMOTE,
    "rollback": ("rollback", "billing", "--in", "test", "--publish"),
    "retire": ("retire", "billing", "--in", "prod", "--publish"),
    "remove": ("remove", "ledger", "--in", "dev", "--synced", "--publish"),
}


@pytest.fixture
def moved(separate: Arrangement) -> Arrangement:
    """With earlier revisions of billing in test, to roll back to, and ledger retired in dev."""
    for revision in ("v1.2.0", "v1.3.0"):
        git(separate.checkout, "pull", "--quiet")
        text = separate.text
        old = text.partition('"billing@')[2].partition('"')[0]
        separate.edit(text.replace(f"billing@{old}", f"billing@{revision}", 1))
        assert separate.run("publish", cwd=separate.checkout).code == 0
    for command in (["retire", "ledger", "--in", "test"], ["remove", "ledger", "--in", "test", "--synced"]):
        assert separate.run(*command, "--publish", cwd=separate.checkout).code == 0
    assert separate.run("retire", "ledger", "--in", "dev", "--publish", cwd=separate.checkout).code == 0
    return separate


@pytest.mark.parametrize("name", EDITS)
def test_a_run_killed_between_the_pushes_is_completed_by_the_same_command(
    moved: Arrangement, tmp_path: Path, name: str
) -> None:
    charts = moved.heads()
    killed_after_the_first_push(moved, *EDITS[name])
    edit = registry_of(moved).head()
    assert moved.heads() == charts, "the charts are behind"
    done = spawn(*EDITS[name], cwd=moved.checkout)
    assert done.code == 0, done
    assert registry_of(moved).head() == edit, "the edit is made once"
    assert moved.heads() != charts
    assert_charts_follow(moved, tmp_path)


def test_a_run_killed_between_the_pushes_is_completed_by_a_publish(separate: Arrangement, tmp_path: Path) -> None:
    killed_after_the_first_push(separate, *PROMOTE)
    git(separate.checkout, "pull", "--quiet")
    assert separate.run("publish", cwd=separate.checkout).code == 0
    assert prod_revision(separate) == "v1.1.0"
    assert_charts_follow(separate, tmp_path)


def test_a_second_rollback_goes_back_further(moved: Arrangement) -> None:
    assert spawn(*EDITS["rollback"], cwd=moved.checkout).code == 0
    assert spawn(*EDITS["rollback"], cwd=moved.checkout).code == 0
    assert registry_of(moved).subjects()[-1] == "roll back billing to v1.1.0: test"


def test_charts_that_another_run_published_meanwhile_are_kept(separate: Arrangement, tmp_path: Path) -> None:
    other = clone(separate, "other")
    own = f'PATH="$PATH" HOME={tmp_path}/home XDG_CACHE_HOME={tmp_path}/own PYTHONPATH={ROOT}'
    command = f"{sys.executable} -m generator promote ledger --to prod --publish"
    once = f"rm hooks/post-receive; cd {other}; env -i {own} {command} >{tmp_path}/log 2>&1"
    registry_of(separate).hook("post-receive", once)
    done = spawn(*PROMOTE, cwd=separate.checkout)
    assert done.code == 0, done
    assert registry_of(separate).subjects()[-2:] == [
        "promote billing v1.1.0: test → prod",
        "promote ledger: test → prod",
    ], (tmp_path / "log").read_text()
    assert done.out.splitlines()[-1] == "charts: already up to date"
    assert prod_revision(separate) == "v1.1.0"
    assert "ledger" in separate.read(VALUES)
    assert_charts_follow(separate, tmp_path)


def test_many_runs_at_once_lose_nothing(separate: Arrangement, tmp_path: Path) -> None:
    holds = [("hold", "billing", "--in", name, "--reason", f"by {name}", "--publish") for name in ("dev", "test")]
    commands = [*holds, PROMOTE, ("promote", "ledger", "--to", "prod", "--publish")]
    folders = [clone(separate, f"checkout-{number}") for number in range(len(commands))]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "generator", *command],
            cwd=folder,
            env=environment(XDG_CACHE_HOME=str(tmp_path / f"cache-{folder.name}")),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for command, folder in zip(commands, folders, strict=True)
    ]
    for each, command, folder in zip(running, commands, folders, strict=True):
        _, errors = each.communicate()
        if each.returncode == 6:  # Another run published a newer registry first, with this edit in it.
            assert separate.run(*command, cwd=folder).code == 0
        else:
            assert each.returncode == 0, errors
    text = registry_of(separate).files()["apps.toml"]
    assert "by dev" in text
    assert "by test" in text
    assert prod_revision(separate) == "v1.1.0"
    assert "ledger" in separate.read(VALUES)
    assert_charts_follow(separate, tmp_path)


def test_the_users_edit_is_pushed_to_the_registry_first(separate: Arrangement, tmp_path: Path) -> None:
    separate.edit(separate.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    done = separate.run("publish", cwd=separate.checkout)
    assert done.code == 0
    assert f"published apps.toml as {registry_of(separate).head()[:12]}" in done.out
    assert git(separate.checkout, "status", "--porcelain") == ""
    assert git(separate.checkout, "rev-parse", "HEAD") == registry_of(separate).head()
    assert_charts_follow(separate, tmp_path)


def test_edits_and_commits_of_another_branch_are_not_published_without_a_word(separate: Arrangement) -> None:
    git(separate.checkout, "checkout", "--quiet", "-b", "feature")
    separate.edit(separate.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    assert "uncommitted edits on the branch feature" in separate.refused(2).err
    commit = separate.commit("promote")
    assert f"the registry's commit {commit[:12]} is not on main" in separate.refused(2).err


def test_a_pull_request_is_for_the_registry_alone(separate: Arrangement) -> None:
    before = separate.heads()
    done = separate.run(*PROMOTE[:-1], "--pull-request", "--forge", "gitea", cwd=separate.checkout)
    assert done.code == 0, done
    branches = registry_of(separate).git("for-each-ref", "--format=%(refname:short)").splitlines()
    assert [name for name in branches if name.startswith("workloads/promote-")]
    assert "note: the charts are published after the merge" in done.err
    assert separate.heads() == before


def test_a_terminal_is_asked_before_either_push(separate: Arrangement) -> None:
    separate.edit(separate.text.replace("[environments.prod]\n", "[environments.prod]\npolicy.maxRemovals = 1\n"))
    assert separate.run("publish", cwd=separate.checkout).code == 0
    before = separate.heads(), registry_of(separate).head()
    assert "Publish?" in in_terminal(*PROMOTE, cwd=separate.checkout, columns=200, typed="n\n", code=130)
    assert (separate.heads(), registry_of(separate).head()) == before


def test_check_and_edits_do_not_ask_for_charts_beside_the_registry(separate: Arrangement) -> None:
    done = separate.run("check", cwd=separate.checkout)
    assert (done.code, done.out) == (0, "3 charts, 5 Applications: valid\n")
    assert f"the charts are in {separate.remote.url}, and were not compared" in done.err
    assert json.loads(separate.run("check", "--json", cwd=separate.checkout).out)["upToDate"] is None
    done = separate.run(*PROMOTE[:-1], cwd=separate.checkout)
    assert done.out.splitlines()[-1] == "changed apps.toml"
    assert f"note: the charts are in {separate.remote.url}: workloads publish updates them" in done.err
    assert git(separate.checkout, "status", "--porcelain") == "M apps.toml"


def test_check_compares_removals_with_the_registry_before(separate: Arrangement) -> None:
    separate.edit(without(separate.text, "ledger", "test"))
    done = separate.run("check", cwd=separate.checkout)
    assert done.code == 5
    assert "test/ledger" in done.err
    assert separate.run("check", "--allow-removal", "test/ledger", cwd=separate.checkout).code == 0
    separate.commit("remove ledger")
    assert separate.run("check", "--base", "origin/main", cwd=separate.checkout).code == 5


def test_diff_compares_the_registries(separate: Arrangement) -> None:
    separate.edit(separate.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    done = separate.run("diff", cwd=separate.checkout)
    assert done.code == 0
    assert "v1.0.0 → v1.1.0" in done.out
    assert f"note: the charts are in {separate.remote.url}: the registries are compared" in done.out


def test_render_writes_a_copy_which_check_then_compares(separate: Arrangement) -> None:
    assert "this is a copy" in separate.run("render", cwd=separate.checkout).err
    assert "valid and up to date" in separate.run("check", cwd=separate.checkout).out


@pytest.mark.parametrize("command", [["status"], ["history"], ["site", "out", "--dry-run"], ["diff"]])
def test_commands_that_read_compare_with_the_registrys_branch(separate: Arrangement, command: list[str]) -> None:
    registry_of(separate).write({"README.md": "by hand\n"})
    git(separate.checkout, "fetch", "--quiet")
    assert "note: this checkout is 1 commit behind origin/main" in separate.run(*command, cwd=separate.checkout).err


def test_a_fork_of_the_workloads_repository_does_not_publish_there(within: Arrangement, tmp_path: Path) -> None:
    fork = tmp_path / "fork.git"
    git(tmp_path, "clone", "--quiet", "--bare", within.remote.url, str(fork))
    within.edit(within.with_repository(within.text))
    within.commit("name the repository")
    git(within.checkout, "remote", "set-url", "origin", str(fork))
    for command in (["publish"], [*PROMOTE]):
        done = within.run(*command, cwd=within.checkout)
        assert (done.code, done.last) == (2, "nothing was pushed")
        assert "in a fork, push your commits and request to merge them" in done.err
