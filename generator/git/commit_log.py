"""Read the commit history of files, oldest first, from the user's checkout or a temporary clone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from generator.errors import NetworkError
from generator.git import remote_url as address
from generator.git.checkout import Checkout
from generator.git.messages import git_message, redact, secrets_in_url
from generator.git.runner import GitRunner

_LOG_FORMAT = "%x01%H%x00%cI%x00%an%x00%B"
_COMMIT_LINE = re.compile(r"\n?\x01([0-9a-f]{40,64})")
_CHANGE_LINE = re.compile(r"\n?:[0-7]{6} [0-7]{6} [0-9a-f]{40,64} ([0-9a-f]{40,64}) [A-Z]\d*")


@dataclass(frozen=True)
class LoggedCommit:
    """A commit on the first-parent history that changed the files, with the blob id of each file by path."""

    commit: str
    committed_at: datetime
    author: str
    message: str
    blob_ids: Mapping[str, str]


@dataclass(frozen=True)
class CommitLog:
    """The history of a commit, read from a repository that contains it."""

    runner: GitRunner
    commit: str

    def iterate_commits(self, *pathspecs: str) -> Iterator[LoggedCommit]:
        """Yield each commit that changed files matching `pathspecs`, oldest first, with blob ids by path."""
        out = self.runner.check_output(
            *("log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "--no-abbrev"),
            *("--no-renames", "--no-show-signature", "--encoding=UTF-8", "-z", f"--format={_LOG_FORMAT}"),
            *(self.commit, "--", *pathspecs),
        )
        return _parse_log(out.decode("utf-8", "replace"))

    def read_blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blobs by id, read in one process."""
        wanted = sorted(set(oids))
        if not wanted:
            return {}
        out = self.runner.check_output("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
        found: dict[str, bytes] = {}
        at = 0
        while at < len(out):
            line_end = out.index(b"\n", at)
            oid, _, size = out[at:line_end].decode().split(" ")
            found[oid] = out[line_end + 1 : line_end + 1 + int(size)]
            at = line_end + 2 + int(size)
        return found


def _parse_log(log_output: str) -> Iterator[LoggedCommit]:
    files: dict[str, str] = {}
    head: tuple[str, str, str, str] | None = None
    pieces = iter(log_output.split("\0"))
    for piece in pieces:
        if commit := _COMMIT_LINE.fullmatch(piece):
            if head:
                yield _create_logged_commit(head, files)
            head = (commit[1], next(pieces), next(pieces), next(pieces))
        elif change := _CHANGE_LINE.fullmatch(piece):
            path, oid = next(pieces), change[1]
            if set(oid) == {"0"}:
                files.pop(path, None)
            else:
                files[path] = oid
    if head:
        yield _create_logged_commit(head, files)


def _create_logged_commit(header: tuple[str, str, str, str], blob_ids: Mapping[str, str]) -> LoggedCommit:
    commit, when, author, message = header
    return LoggedCommit(commit, datetime.fromisoformat(when), author, message.strip(), dict(blob_ids))


def open_head_log(checkout: Checkout) -> CommitLog | None:
    """Return the history of the checkout's HEAD; None if there is no commit yet."""
    head = checkout.head_commit()
    return CommitLog(GitRunner(checkout.top), head) if head else None


@contextmanager
def open_branch_log(checkout: Checkout, commit: str, url: str, branch: str) -> Iterator[CommitLog]:
    """Yield the history of `commit` on a remote branch, even if the checkout has not fetched it.

    If needed, a temporary clone that shares the checkout's objects fetches the rest. Raises NetworkError.
    """
    if checkout.resolve_commit(commit) and not checkout.is_shallow():
        yield CommitLog(GitRunner(checkout.top), commit)
        return
    where = address.absolute_url(url)
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        git = GitRunner(
            Path(folder),
            config=checkout.git_config.transport_config,
            protocols=address.allowed_protocols(where),
            secrets=secrets_in_url(where),
            variables={"GIT_DIR": folder},
        )
        git.check_output("init", "--quiet", "--bare", "--template=", f"--object-format={_object_format(commit)}")
        if not checkout.is_shallow():
            _add_object_alternates(checkout, Path(folder))
        fetched = git.run_git(
            "fetch", "--quiet", "--no-tags", "--end-of-options", where, f"+refs/heads/{branch}:refs/past"
        )
        if not fetched.succeeded:
            raise NetworkError(f"the history of {redact(url)} cannot be read: {git_message(fetched.stderr)}")
        yield CommitLog(git, commit)


def _object_format(commit: str) -> str:
    return "sha256" if len(commit) == 64 else "sha1"


def _add_object_alternates(checkout: Checkout, folder: Path) -> None:
    objects = GitRunner(checkout.top).check_output("rev-parse", "--path-format=absolute", "--git-path", "objects")
    (folder / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (folder / "objects" / "info" / "alternates").write_bytes(os.fsencode(os.fsdecode(objects)))
