"""Requests: a commit on a branch of our own, on top of the base, updated in place under lease."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import RemoteRefusedError, UsageError
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import Proposal
from generator.git.push import PublishResult, commit_and_push
from generator.git.remote_clone import PublishTarget
from tests.git.remotes import ADA, Remote

HEAD = "workloads/publish-0a1b"
OURS = "ours\n\nGenerated-By: workloads 0.1.0\n"


def ask(remote: Remote, files: dict[str, str | None], message: str = OURS, head: str = HEAD) -> PublishResult:
    content = {path: None if text is None else text.encode() for path, text in files.items()}
    return put(remote, lambda base: Proposal(content, message, ADA), head)


def put(remote: Remote, propose: object, head: str = HEAD) -> PublishResult:
    target = PublishTarget(remote.url, "main", pull_request_branch=head)
    return commit_and_push(target, propose, committer=ADA, sleep=lambda seconds: None)  # type: ignore[arg-type]


def parents(remote: Remote) -> list[str]:
    return remote.git("rev-parse", f"{HEAD}^@").splitlines()


def test_a_request_is_one_commit_on_the_base_and_the_base_stays(remote: Remote) -> None:
    base = remote.head()
    result = ask(remote, {"a": "a"})
    assert (result.base, result.head, result.pushed) == (base, remote.head(HEAD), True)
    assert (remote.head(), parents(remote)) == (base, [base])
    assert remote.files(HEAD) == {**remote.files(), "a": "a"}


def test_the_same_request_again_pushes_nothing(remote: Remote) -> None:
    first = ask(remote, {"a": "a"})
    again = ask(remote, {"a": "a"})
    assert (again.pushed, again.head, again.changed_paths) == (False, first.head, ("a",))


@pytest.mark.parametrize("files", [{"a": "b"}, {"b": "a"}, {"README.md": None}])
def test_another_change_takes_the_place_of_the_one_before(remote: Remote, files: dict[str, str | None]) -> None:
    ask(remote, {"a": "a"})
    assert ask(remote, files).pushed
    expected = {**remote.files(), **files}
    assert remote.files(HEAD) == {path: text for path, text in expected.items() if text is not None}
    assert parents(remote) == [remote.head()]


def test_another_message_takes_the_place_of_the_one_before(remote: Remote) -> None:
    ask(remote, {"a": "a"})
    assert ask(remote, {"a": "a"}, f"other\n\n{OURS}").pushed
    assert remote.git("log", "-1", "--format=%s", HEAD) == "other"


def test_a_request_follows_its_base(remote: Remote) -> None:
    ask(remote, {"a": "a"})
    remote.write({"theirs": "t"}, "theirs")
    assert ask(remote, {"a": "a"}).pushed
    assert parents(remote) == [remote.head()]
    assert remote.files(HEAD)["theirs"] == "t"


def test_a_request_whose_change_was_merged_is_not_made_again(remote: Remote) -> None:
    ask(remote, {"a": "a"})
    remote.git("update-ref", "refs/heads/main", remote.head(HEAD))
    result = ask(remote, {"a": "a"})
    assert (result.pushed, result.changed_paths) == (False, ())


@pytest.mark.parametrize("files", [{"b": "b"}, {"a": "a"}])
def test_a_commit_of_somebody_else_on_the_branch_is_kept(remote: Remote, files: dict[str, str | None]) -> None:
    ask(remote, {"a": "a"})
    theirs = remote.write({"mine": "m"}, "by hand", HEAD)
    with pytest.raises(RemoteRefusedError, match="was not made by workloads") as refusal:
        ask(remote, files)
    assert refusal.value.not_done == "nothing was pushed"
    assert remote.head(HEAD) == theirs


@pytest.mark.parametrize("amend", [{"README.md": "edited"}, {"a": "edited"}])
@pytest.mark.parametrize("base", ["main", HEAD])
def test_a_commit_that_somebody_amended_is_kept(remote: Remote, amend: dict[str, str], base: str) -> None:
    """Also if the message, with its trailers, is the same."""
    ask(remote, {"a": "a"})
    message = remote.git("log", "-1", "--format=%B", HEAD)
    if base == "main":
        remote.git("update-ref", f"refs/heads/{HEAD}", remote.head())
    theirs = remote.write(amend, message, HEAD)
    with pytest.raises(RemoteRefusedError, match="or was changed since"):
        ask(remote, {"b": "b"})
    assert remote.head(HEAD) == theirs


def test_a_commit_with_other_words_and_the_same_trailers_is_kept(remote: Remote) -> None:
    ask(remote, {"a": "a"})
    message = remote.git("log", "-1", "--format=%B", HEAD)
    tree, parent = remote.git("rev-parse", f"{HEAD}^{{tree}}", "main").splitlines()
    theirs = remote.git("commit-tree", tree, "-p", parent, "-m", f"better words\n\n{message}")
    remote.git("update-ref", f"refs/heads/{HEAD}", theirs)
    with pytest.raises(RemoteRefusedError):
        ask(remote, {"b": "b"})


def test_a_foreign_branch_of_that_name_is_kept(remote: Remote) -> None:
    theirs = remote.write({"mine": "m"}, "by hand", HEAD)
    with pytest.raises(RemoteRefusedError):
        ask(remote, {"a": "a"})
    assert remote.head(HEAD) == theirs


def test_a_commit_that_arrives_while_we_prepare_ours_is_kept(remote: Remote) -> None:
    ask(remote, {"a": "a"})

    def propose(base: BranchSnapshot) -> Proposal:
        remote.write({"mine": "m"}, "by hand", HEAD)
        return Proposal({"b": b"b"}, OURS, ADA)

    with pytest.raises(RemoteRefusedError, match="was not made by workloads"):
        put(remote, propose)
    assert remote.files(HEAD)["mine"] == "m"


def test_two_who_make_the_same_request_end_in_one(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[BranchSnapshot] = []

    def propose(base: BranchSnapshot) -> Proposal:
        if not seen:
            seen.append(base)
            with monkeypatch.context() as elsewhere:  # or it would wait for the lock on our own clone
                elsewhere.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
                ask(remote, {"a": "a"})
        return Proposal({"a": b"a"}, OURS, ADA)

    result = put(remote, propose)
    assert result.head == remote.head(HEAD)
    assert parents(remote) == [remote.head()]


def test_the_base_may_move_while_a_request_is_made(remote: Remote) -> None:
    """Its commit is then behind, as any request may be; the next run brings it up."""

    def propose(base: BranchSnapshot) -> Proposal:
        remote.write({"theirs": "t"}, "theirs")
        return Proposal({"a": b"a"}, OURS, ADA)

    assert put(remote, propose).attempts == 1


def test_a_request_that_the_server_refuses_names_its_branch(remote: Remote) -> None:
    remote.hook("pre-receive", "echo 'branches are full' >&2; exit 1")
    with pytest.raises(RemoteRefusedError) as refusal:
        ask(remote, {"a": "a"})
    assert f"refused the commit on {HEAD}" in str(refusal.value)
    assert "branches are full" in str(refusal.value)


def test_a_push_whose_answer_was_lost_is_found_to_have_arrived(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    from generator.git.remote_clone import RemoteClone
    from generator.git.runner import GitResult

    original = RemoteClone.push

    def lost(self: RemoteClone, *args: object) -> GitResult:
        original(self, *args)  # type: ignore[arg-type]
        return GitResult(128, b"", "fatal: the remote end hung up unexpectedly")

    monkeypatch.setattr(RemoteClone, "push", lost)
    result = ask(remote, {"a": "a"})
    assert (result.pushed, result.head) == (True, remote.head(HEAD))


@pytest.mark.parametrize("head", ["a..b", "x.lock", "a b"])
def test_a_name_that_is_none_for_a_branch_is_a_usage_error(remote: Remote, head: str) -> None:
    with pytest.raises(UsageError):
        ask(remote, {"a": "a"}, head=head)
