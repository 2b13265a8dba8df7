"""Which fault is behind what was said, where only the words can tell."""

from __future__ import annotations

import pytest

from generator.git.failure import Fault, classify_fetch_failure, classify_push_failure
from generator.git.runner import GitResult


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("fatal: unable to access 'https://h/': Could not resolve host: h", Fault.TRANSIENT),
        ("fatal: the remote end hung up unexpectedly", Fault.TRANSIENT),
        ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", Fault.TRANSIENT),
        ("The requested URL returned error: 429", Fault.TRANSIENT),
        ("ssh: connect to host h port 22: Connection refused", Fault.TRANSIENT),
        ("error: RPC failed; curl 28 Operation too slow. Less than 1024 bytes/sec", Fault.STALLED),
        ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", Fault.ACCESS),
        ("Host key verification failed.", Fault.ACCESS),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", Fault.ACCESS),
        ("fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate", Fault.ACCESS),
        ("fatal: remote error: access denied or repository not exported: /x", Fault.ACCESS),
        ("fatal: '/x' does not appear to be a git repository", Fault.NO_REPOSITORY),
        ("fatal: write error: No space left on device", Fault.LOCAL),
        ("remote: fatal: write error: No space left on device", Fault.TRANSIENT),
        ("fatal: fetch-pack: invalid index-pack output", Fault.LOCAL),
        ("fatal: early EOF\nfatal: fetch-pack: invalid index-pack output", Fault.TRANSIENT),
        ("error: RPC failed; HTTP 413 curl 22", Fault.REFUSED),
        ("", Fault.TRANSIENT),
    ],
)
def test_what_was_said_of_an_exchange(said: str, fault: Fault) -> None:
    assert classify_fetch_failure(GitResult(128, b"", said)).fault is fault


@pytest.mark.parametrize(
    ("reason", "said", "fault"),
    [
        ("pre-receive hook declined", "remote: no\n", Fault.REFUSED),
        ("protected branch hook declined", "remote: error: GH006: Protected branch update failed\n", Fault.REFUSED),
        ("non-fast-forward", "", Fault.REFUSED),
        ("failed to update ref", "remote: error: cannot lock ref 'x': Unable to create 'x.lock'", Fault.TRANSIENT),
        ("failed to update ref", "remote: error: cannot lock ref 'a': 'a/b' exists; cannot create 'a'", Fault.REFUSED),
        ("unpacker error", "error: remote unpack failed: unpack-objects abnormal exit", Fault.TRANSIENT),
    ],
)
def test_what_was_said_of_a_ref(reason: str, said: str, fault: Fault) -> None:
    printed = f"To x\n!\t{'a' * 40}:refs/heads/main\t[remote rejected] ({reason})\nDone\n"
    failure = classify_push_failure(GitResult(1, printed.encode(), said))
    assert failure.fault is fault
    assert failure.nothing_changed
    assert reason in failure.message


def test_a_push_without_an_answer_may_have_arrived() -> None:
    assert not classify_push_failure(GitResult(128, b"", "fatal: the remote end hung up unexpectedly")).nothing_changed
    assert not classify_push_failure(GitResult(-15, b"", "", timed_out=True)).nothing_changed
    assert classify_push_failure(GitResult(128, b"", "fatal: Authentication failed for 'https://h/'")).nothing_changed
