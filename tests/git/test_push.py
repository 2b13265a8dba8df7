"""Publishing against real remotes: what arrives, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from git import Repo

from generator.errors import (
    ConflictError,
    RefusedError,
    RemoteRefusedError,
    UsageError,
)
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import GitIdentity, Proposal
from generator.git.push import PublishResult
from generator.git.retry import RetryBudget
from tests.git.remotes import ADA, Remote, git, proposing, run


def test_a_change_arrives_as_one_commit_on_the_branch(remote: Remote) -> None:
    before = remote.head()
    result = run(remote.url, proposing({"apps/two.yaml": "two\n", "apps/one.yaml": None}, "add two\n\nTrailer: x"))
    assert result == PublishResult(before, remote.head(), 1, True, ("apps/one.yaml", "apps/two.yaml"))
    assert remote.files() == {"README.md": "hello", "apps/two.yaml": "two"}
    assert remote.subjects() == ["first", "add two"]
    assert (
        remote.git("log", "-1", "--format=%an <%ae> %cn %b") == "Ada Lovelace <ada@example.org> Ada Lovelace Trailer: x"
    )


def test_no_change_makes_no_commit(remote: Remote) -> None:
    before = remote.head()
    result = run(remote.url, proposing({"README.md": "hello\n", "gone.yaml": None}))
    assert result == PublishResult(before, before, 1, False, ())
    assert run(remote.url, lambda base: None).pushed is False
    assert remote.head() == before


def test_the_first_publish_creates_the_branch_of_an_empty_repository(empty_remote: Remote) -> None:
    result = run(empty_remote.url, proposing({"a": "a\n"}, "first"))
    assert (result.base, result.head, result.pushed) == (None, empty_remote.head(), True)
    assert empty_remote.git("log", "--format=%P", "main") == ""


def test_a_race_for_an_empty_repository_is_won_by_one_and_joined_by_the_other(empty_remote: Remote) -> None:
    def propose(base: BranchSnapshot) -> Proposal:
        if base.commit is None:
            empty_remote.write({"other": "o"}, "other")
        return Proposal({"a": b"a"}, "ours", ADA)

    assert run(empty_remote.url, propose).attempts == 2
    assert empty_remote.subjects() == ["other", "ours"]


def test_an_absent_branch_is_created_only_on_request(remote: Remote) -> None:
    with pytest.raises(UsageError, match="has no branch trunk") as refusal:
        run(remote.url, proposing({"a": "a"}), branch="trunk")
    assert "--create-branch" in refusal.value.remedy
    assert run(remote.url, proposing({"a": "a"}), branch="trunk", create_branch=True).pushed
    assert remote.subjects("trunk") == ["change"]


@pytest.mark.parametrize("branch", ["", "a..b", "a b", "-x/", "a.lock", "a\nb"])
def test_a_name_that_is_none_for_a_branch_is_a_usage_error(remote: Remote, branch: str) -> None:
    with pytest.raises(UsageError):
        run(remote.url, proposing({"a": "a"}), branch=branch)


def test_a_lost_race_is_run_again_on_the_new_head(remote: Remote) -> None:
    seen: list[str | None] = []

    def propose(base: BranchSnapshot) -> Proposal:
        if not seen:
            remote.write({"theirs": "t"}, "theirs")
        seen.append(base.commit)
        return Proposal({"ours": b"o"}, "ours", ADA)

    pauses: list[float] = []
    result = run(remote.url, propose, sleep=pauses.append, random=lambda: 0.5, clock=lambda: 0.0)
    assert result.attempts == 2
    assert pauses == [0.125]
    assert len(set(seen)) == 2
    assert remote.subjects() == ["first", "theirs", "ours"]
    assert {"ours", "theirs"} <= set(remote.files())


def test_a_race_always_lost_ends_within_the_budget(remote: Remote) -> None:
    pauses: list[float] = []

    def propose(base: BranchSnapshot) -> Proposal:
        remote.write({"theirs": f"{len(pauses)}"}, "theirs")
        return Proposal({"ours": b"o"}, "ours", ADA)

    with pytest.raises(ConflictError) as conflict:
        run(
            remote.url,
            propose,
            sleep=pauses.append,
            random=lambda: 1.0,
            clock=lambda: 0.0,
            budget=RetryBudget(race_attempts=9),
        )
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0]
    assert conflict.value.not_done == "nothing was pushed"
    assert "ours" not in remote.files()


def test_the_pause_after_a_lost_race_grows_with_the_time_that_the_attempt_took(remote: Remote) -> None:
    now = [0.0]

    def propose(base: BranchSnapshot) -> Proposal:
        now[0] += 3.0
        remote.write({"theirs": f"{now}"}, "theirs")
        return Proposal({"ours": b"o"}, "ours", ADA)

    pauses: list[float] = []
    with pytest.raises(ConflictError):
        run(
            remote.url,
            propose,
            sleep=pauses.append,
            random=lambda: 1.0,
            clock=lambda: now[0],
            budget=RetryBudget(race_attempts=4),
        )
    assert pauses == [3.0, 6.0, 12.0]


def test_races_end_with_the_time_allowed(remote: Remote) -> None:
    now = [0.0]

    def propose(base: BranchSnapshot) -> Proposal:
        now[0] += 50
        remote.write({"theirs": f"{now}"}, "theirs")
        return Proposal({"ours": b"o"}, "ours", ADA)

    with pytest.raises(ConflictError):
        run(remote.url, propose, clock=lambda: now[0])
    assert now == [100.0]


def test_a_change_somebody_else_already_made_is_not_made_again(remote: Remote) -> None:
    def propose(base: BranchSnapshot) -> Proposal:
        if base.read_branch_file("ours") is None:
            remote.write({"ours": "o"}, "theirs")
        return Proposal({"ours": b"o"}, "ours", ADA)

    result = run(remote.url, propose)
    assert (result.pushed, result.attempts) == (False, 2)
    assert remote.subjects() == ["first", "theirs"]


def test_the_base_is_read_as_it_is_on_the_branch(remote: Remote) -> None:
    def propose(base: BranchSnapshot) -> None:
        assert base.commit == remote.head()
        assert base.message == "first\n"
        assert base.read_branch_file("README.md") == b"hello\n"
        assert base.read_branch_file("absent") is None
        assert base.read_branch_file("apps") is None
        assert set(base.list_entries("apps")) == {"apps/one.yaml"}
        assert set(base.list_entries("ap")) == set()
        assert base.read_branch_files(["apps/one.yaml", "absent", "README.md"]) == {
            "apps/one.yaml": b"one\n",
            "README.md": b"hello\n",
        }

    run(remote.url, propose)


def test_what_propose_refuses_ends_it_with_nothing_pushed(remote: Remote) -> None:
    before = remote.head()

    def propose(base: BranchSnapshot) -> Proposal:
        raise RefusedError("WL3101", "no")

    with pytest.raises(RefusedError) as refusal:
        run(remote.url, propose)
    assert refusal.value.not_done == "nothing was pushed"
    assert remote.head() == before


def test_a_dry_run_says_what_would_change_and_pushes_nothing(remote: Remote) -> None:
    before = remote.head()
    result = run(remote.url, proposing({"a": "a"}), dry_run=True)
    assert result == PublishResult(before, before, 1, False, ("a",))
    assert remote.head() == before


def test_bytes_names_and_modes_are_kept_as_they_are(remote: Remote) -> None:
    remote.write({"run.sh": "old"}, mode="100755")
    content = bytes(range(256)) * 3 + b"\r\n"
    files = {"ünï/ço dé\t.bin": content, "run.sh": b"new", "empty": b""}
    run(remote.url, lambda base: Proposal(files, "x", ADA))

    def check(base: BranchSnapshot) -> None:
        assert base.read_branch_files(list(files)) == files
        assert base.list_entries()["run.sh"].mode == "100755"

    run(remote.url, check)


def test_a_thousand_files_are_one_commit(remote: Remote) -> None:
    files: dict[str, str | None] = {f"charts/app-{n}/values.yaml": f"n: {n}\n" for n in range(1000)}
    assert len(run(remote.url, proposing(files)).changed_paths) == 1000
    assert run(remote.url, proposing(files)).pushed is False


@pytest.mark.parametrize("mode", ["120000", "160000"])
@pytest.mark.parametrize("path", ["odd", "odd/below"])
def test_a_link_or_submodule_in_our_place_is_refused(remote: Remote, mode: str, path: str) -> None:
    remote.write({"odd": remote.head() if mode == "160000" else "README.md"}, mode=mode)
    before = remote.head()
    for content in ("x", None):
        with pytest.raises(RefusedError, match=r"odd.* is a (symbolic link|submodule)"):
            run(remote.url, proposing({path: content}))
    assert remote.head() == before


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("README.md/x", "README.md, which is a file"),
        ("apps", "must be a file, and is a folder"),
        ("Apps/two.yaml", "apps would be the same path"),
        ("apps/ONE.yaml", "apps/one.yaml would be the same path"),
        ("../x", "not a path"),
        ("/x", "not a path"),
        ("a//b", "not a path"),
        (".GIT/config", "not a path"),
        ("a\nb", "not a path"),
    ],
)
def test_a_path_that_cannot_be_ours_is_refused_and_named(remote: Remote, path: str, reason: str) -> None:
    before = remote.head()
    with pytest.raises(RefusedError, match=reason):
        run(remote.url, proposing({path: "x"}))
    assert remote.head() == before


def test_a_file_may_make_room_for_a_folder_and_back(remote: Remote) -> None:
    run(remote.url, proposing({"README.md": None, "README.md/x": "x"}))
    assert remote.files()["README.md/x"] == "x"
    run(remote.url, proposing({"README.md": "x", "README.md/x": None}))
    assert remote.files()["README.md"] == "x"


def test_a_rejected_push_is_tried_once_and_shows_the_servers_words(remote: Remote) -> None:
    remote.hook(
        "pre-receive", "printf 'charts are \\033[31mfrozen\\033[0m until \\007Monday\\n' >&2; echo >> tries; exit 1"
    )
    before = remote.head()
    with pytest.raises(RemoteRefusedError) as refusal:
        run(remote.url, proposing({"a": "a"}))
    assert "charts are frozen until \\x07Monday" in refusal.value.message
    assert "pre-receive hook declined" in refusal.value.message
    assert "\x1b" not in refusal.value.message
    assert refusal.value.not_done == "nothing was pushed"
    assert (remote.path / "tries").read_text() == "\n"
    assert remote.head() == before


def test_an_update_hook_that_declines_is_a_refusal(remote: Remote) -> None:
    remote.hook("update", "echo 'GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1")
    with pytest.raises(RemoteRefusedError, match="GH006: Protected branch update failed"):
        run(remote.url, proposing({"a": "a"}))


def test_a_checked_out_branch_is_refused_with_gits_reason(remote: Remote, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", remote.url, str(clone))
    with pytest.raises(RemoteRefusedError, match="branch is currently checked out"):
        run(str(clone), proposing({"a": "a"}))
    assert git(clone, "status", "--porcelain") == ""


def test_an_independent_reader_finds_what_was_published(remote: Remote) -> None:
    author = GitIdentity("Grace Hopper", "grace@example.org")
    wanted: dict[str, bytes | None] = {"apps/new ü.yaml": b"new\n", "apps/one.yaml": None}
    result = run(remote.url, lambda base: Proposal(wanted, "promote ü\n\nReason: test", author))
    with Repo(remote.path) as repository:
        commit = repository.commit("main")
        assert commit.hexsha == result.head
        assert [parent.hexsha for parent in commit.parents] == [result.base]
        assert (commit.author.name, commit.author.email) == ("Grace Hopper", "grace@example.org")
        assert (commit.committer.name, commit.committer.email) == ("Ada Lovelace", "ada@example.org")
        assert commit.message == "promote ü\n\nReason: test\n"
        assert {entry.name for entry in commit.tree} == {"README.md", "apps"}
        assert commit.tree["apps/new ü.yaml"].data_stream.read() == b"new\n"
