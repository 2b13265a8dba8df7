"""`publish --refresh-requests`: open pull requests follow their base branch, and nobody's commits are lost."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from generator.git import push
from generator.git.commit_plan import is_sealed
from tests.forges.server import TOKEN, serving
from tests.git.remotes import git
from tests.publishing.arrangement import RECORD, Arrangement
from tests.workspace import Done, untouched

BILLING = ("promote", "billing", "--to", "prod")
LEDGER = ("promote", "ledger", "--to", "prod")


def move_test(before: str, after: str) -> Callable[[str], str]:
    return lambda text: text.replace(f"billing@{before}", f"billing@{after}")


promote_test = move_test("v1.1.0", "v1.2.0")


def ask(within: Arrangement, *args: str) -> str:
    """Open a pull request with a command; its branch."""
    before = branches(within)
    done = within.run(*args, "--pull-request", cwd=within.checkout)
    assert done.code == 0, done.err
    (made,) = branches(within) - before
    return made


def branches(within: Arrangement) -> set[str]:
    return {*within.remote.git("for-each-ref", "--format=%(refname:short)", "refs/heads/workloads").split()}


def refresh(within: Arrangement, *args: str) -> Done:
    with untouched(within.checkout):
        return within.run("publish", "--refresh-requests", *args, cwd=within.checkout)


def outcomes(within: Arrangement, *args: str, code: int = 0) -> dict[str, str]:
    done = refresh(within, "--json", *args)
    assert done.code == code, done
    return {each["branch"]: each["outcome"] for each in json.loads(done.out)["requests"]}


def merge(within: Arrangement, branch: str) -> None:
    """Merge a pull request as a forge does: with Git's own merge and a merge commit."""
    tree = git(within.remote.path, "merge-tree", "--write-tree", "main", branch)
    commit = within.remote.git("commit-tree", tree, "-p", "main", "-p", branch, "-m", f"Merge {branch}")
    within.remote.git("update-ref", "refs/heads/main", commit)


def change_main(within: Arrangement, change: Callable[[str], str]) -> None:
    """Edit the registry on the branch, with its charts, from another checkout."""
    other = within.checkout.parent / "other"
    if not other.exists():
        git(within.checkout.parent, "clone", "--quiet", within.remote.url, str(other))
    git(other, "pull", "--quiet")
    (other / "apps.toml").write_text(change((other / "apps.toml").read_text()))
    done = within.run("publish", "--yes", cwd=other)
    assert done.code == 0, done.err


def test_two_promotions_of_neighbours_merge_one_after_the_other(within: Arrangement) -> None:
    first, second = ask(within, *BILLING), ask(within, *LEDGER)
    message = within.remote.git("log", "-1", "--format=%B", second).partition("Generated-Content")[0]
    assert outcomes(within) == {first: "up-to-date", second: "up-to-date"}
    merge(within, first)
    done = refresh(within)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"{first}: merged", f"{second}: refreshed as {within.remote.head(second)[:12]}"]
    merge(within, second)
    assert '"billing@v1.1.0",\n  "ledger",\n' in within.read("apps.toml").partition("environments.prod]")[2]
    assert within.publish().out == "already up to date\n"
    parents = within.remote.git("rev-parse", f"{second}^@").split()
    assert (parents, within.remote.git("log", "-1", "--format=%B", second).partition("Generated-Content")[0]) == (
        [within.remote.git("rev-parse", "main^1")],
        message,
    )
    assert within.remote.git("log", "-1", "--format=%an <%ae>", second) == "Ada <ada@example.org>"


def test_a_refreshed_request_is_refreshed_again(within: Arrangement) -> None:
    request = ask(within, *LEDGER)
    for before, after in (("v1.1.0", "v1.2.0"), ("v1.2.0", "v1.3.0")):
        change_main(within, move_test(before, after))
        assert outcomes(within) == {request: "refreshed"}
        assert outcomes(within) == {request: "up-to-date"}
        assert f"billing@{after}" in within.remote.git("cat-file", "blob", f"{request}:apps.toml")


def test_a_dry_run_changes_nothing(within: Arrangement) -> None:
    request = ask(within, *LEDGER)
    change_main(within, promote_test)
    before = within.heads()
    assert outcomes(within, "--dry-run") == {request: "would-refresh"}
    assert within.heads() == before


def test_a_conflict_names_both_entries_and_leaves_the_request(within: Arrangement) -> None:
    stuck, other = ask(within, *BILLING), ask(within, *LEDGER)
    within.others({"apps.toml": within.text.replace("billing@v1.0.0", "billing@v0.9.0")})
    before = within.remote.head(stuck)
    done = refresh(within)
    assert (done.code, done.last, within.remote.head(stuck)) == (6, "they stay as they were", before)
    assert f"{stuck}: conflict: apps.toml: the branch changed the same entries that the request edited:" in done.out
    assert "billing@v1.1.0" in done.out
    assert "billing@v0.9.0" in done.out
    assert f"{other}: refreshed" in done.out
    assert f"1 of 2 pull requests cannot be refreshed: {stuck}" in done.err


@pytest.mark.parametrize("amend", [True, False])
def test_a_request_with_commits_of_people_is_left_alone(within: Arrangement, amend: bool) -> None:
    request = ask(within, *LEDGER)
    if amend:
        tree, parent = (within.remote.git("rev-parse", f"{request}{part}") for part in ("^{tree}", "^"))
        message = within.remote.git("log", "-1", "--format=%B", request)
        commit = within.remote.git("commit-tree", tree, "-p", parent, "-m", f"Better: {message}")
        within.remote.git("update-ref", f"refs/heads/{request}", commit)
    else:
        within.remote.write({"notes.md": "n\n"}, "by hand", request)
    change_main(within, promote_test)
    before = within.remote.head(request)
    done = refresh(within)
    assert (done.code, within.remote.head(request)) == (0, before)
    assert f"{request}: edited: the last commit on {request}, {before[:12]}, was not made by workloads" in done.out


def test_a_commit_with_other_files_is_left_alone(within: Arrangement, monkeypatch: pytest.MonkeyPatch) -> None:
    request = ask(within, *LEDGER)
    within.remote.write({"notes.md": "n\n"}, "by hand", request)
    change_main(within, promote_test)
    monkeypatch.setattr(push, "is_sealed", lambda message, content: True)
    base = within.remote.git("rev-parse", "main^")
    commit = within.remote.git("commit-tree", f"{request}^{{tree}}", "-p", base, "-m", "x\n\nGenerated-By: workloads 1")
    within.remote.git("update-ref", f"refs/heads/{request}", commit)
    done = refresh(within)
    assert (done.code, within.remote.head(request)) == (0, commit)
    assert "its commit changes notes.md, which is neither a registry file nor a generated file" in done.out


def test_a_commit_that_arrives_meanwhile_is_kept(within: Arrangement, monkeypatch: pytest.MonkeyPatch) -> None:
    request = ask(within, *LEDGER)
    change_main(within, promote_test)
    arrived: list[str] = []

    def arrive(message: str, content: object) -> bool:
        sealed = is_sealed(message, content)  # type: ignore[arg-type]
        if not arrived:
            arrived.append(within.remote.write({"notes.md": "n\n"}, "by hand", request))
        return sealed

    monkeypatch.setattr(push, "is_sealed", arrive)
    monkeypatch.setattr("generator.git.retry.RetrySchedule.record_lost_race", lambda self, branch: None)
    assert outcomes(within) == {request: "edited"}
    assert within.remote.head(request) == arrived[0]


def test_what_a_request_deletes_stays_confirmed_and_nothing_else(within: Arrangement) -> None:
    within.edit(within.text.replace('  "ledger",\n]\n\n[environments.prod]', "]\n\n[environments.prod]"))
    request = ask(within, "publish", "--allow-removal", "test/ledger")
    git(within.checkout, "checkout", "--quiet", "--", "apps.toml")
    change_main(within, promote_test)
    assert outcomes(within) == {request: "refreshed"}
    assert "Apps-Removed: test/ledger" in within.remote.git("log", "-1", "--format=%B", request)


def test_policy_applies_to_what_is_refreshed(within: Arrangement) -> None:
    request = ask(within, *LEDGER)
    change_main(
        within, lambda text: text.replace('promotesFrom = ["test"]\n', 'promotesFrom = ["test"]\npolicy.pin = "tag"\n')
    )
    done = refresh(within)
    assert done.code == 6
    assert f"{request}: refused: " in done.out
    assert "prod" in done.out


def test_a_request_whose_change_was_squashed_has_nothing_left(within: Arrangement) -> None:
    request = ask(within, *LEDGER)
    change_main(within, lambda text: text.replace('"billing@v1.0.0",\n', '"billing@v1.0.0",\n  "ledger",\n'))
    before = within.remote.head(request)
    assert outcomes(within) == {request: "merged"}
    assert within.remote.head(request) == before


def test_a_request_for_another_branch_is_left_alone(within: Arrangement) -> None:
    commit = within.remote.git("commit-tree", "main^{tree}", "-p", "main", "-m", "only on develop")
    within.remote.git("update-ref", "refs/heads/develop", commit)
    within.edit(promote_test(within.text))
    request = ask(within, "publish", "--branch", "develop")
    git(within.checkout, "checkout", "--quiet", "--", "apps.toml")
    before = within.remote.head(request)
    assert outcomes(within) == {request: "other-base"}
    assert outcomes(within, "--branch", "develop") == {request: "up-to-date"}
    assert within.remote.head(request) == before


def test_other_branches_below_workloads_are_not_read(within: Arrangement) -> None:
    within.remote.write({"a": "a"}, "by hand", "workloads/my-own-work")
    done = refresh(within)
    assert (done.code, done.out) == (0, "there is no open pull request of workloads\n")


def test_only_requests_that_the_forge_lists_as_open_are_refreshed(
    within: Arrangement, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("gitea") as server:
        url = "https://gitea.example.com/acme/workloads.git"
        home = within.checkout.parent / "home" / ".gitconfig"
        home.write_text(home.read_text() + f'[url "{within.remote.url}"]\n\tinsteadOf = {url}\n')
        git(within.checkout, "config", "remote.origin.url", url)
        monkeypatch.setenv("GITEA_SERVER_URL", server.url)
        monkeypatch.setenv("GITEA_TOKEN", TOKEN)
        closed, opened = ask(within, *LEDGER), ask(within, "hold", "billing", "--in", "prod", "--reason", "x")
        server.requests[0]["base"]["ref"] = "other"
        change_main(within, promote_test)
        before = within.remote.head(closed)
        assert outcomes(within) == {opened: "refreshed"}
        assert (within.remote.head(closed), server.wrong) == (before, [])


@pytest.mark.parametrize("option", ["--pull-request", "--adopt", "--overwrite", "--create-branch", "--allow-rewound"])
def test_options_about_one_change_are_refused(within: Arrangement, option: str) -> None:
    done = refresh(within, option)
    assert done.code == 2
    assert "without options about a change" in done.err


def test_a_registry_in_a_repository_of_its_own_is_told_what_to_run(apart: Arrangement) -> None:
    done = apart.run("publish", "--refresh-requests", cwd=apart.checkout)
    assert done.code == 2
    assert "the registry is not in the workloads repository" in done.err


def test_the_inventory_of_a_refreshed_request_is_that_of_its_registry(within: Arrangement) -> None:
    request = ask(within, *LEDGER)
    change_main(within, promote_test)
    assert outcomes(within) == {request: "refreshed"}
    git(within.checkout, "fetch", "--quiet", "origin", request)
    git(within.checkout, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    done = within.run("check", cwd=within.checkout)
    assert done.code == 0, done.err
    assert '"prod/ledger"' in within.remote.git("cat-file", "blob", f"{request}:{RECORD}")
