"""Read the commit history of files, oldest first, from the user's checkout or a temporary clone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from generator.errors import NetworkError
from generator.git import remote_url as address
from generator.git.checkout import Checkout
from generator.git.config import REMOTE_NAME
from generator.git.messages import git_message, redact, secrets_in_url
from generator.git.object_reader import ObjectReader
from generator.git.repository import create_bare_repository, object_format
from generator.git.runner import GitRunner

_LOG_FORMAT = "%x01%H%x00%cd%x00%an%x00%B"
_COMMIT_LINE = re.compile(r"\n?\x01([0-9a-f]{40,64})")
_CHANGE_LINE = re.compile(r"\n?:[0-7]{6} [0-7]{6} [0-9a-f]{40,64} ([0-9a-f]{40,64}) [A-Z]\d*")
_RAW_DATE = re.compile(r"(-?\d{1,20}) ([+-])(\d{2})(\d{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = int((datetime.max.replace(tzinfo=UTC) - timedelta(days=2) - _EPOCH).total_seconds())
#: A registry file is never larger; a larger blob of its history is passed over.
_MAX_BLOB_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class LoggedCommit:
    """A commit on the first-parent history that changed the files, with the blob id of each file by path.

    `committed_at` is 1970 for a commit without a valid date, and at most the year 9999.
    """

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
    objects: ObjectReader

    def iterate_commits(self, *pathspecs: str) -> Iterator[LoggedCommit]:
        """Yield each commit that changed files matching `pathspecs`, oldest first, with blob ids by path."""
        out = self.runner.check_output(
            *("log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "--no-abbrev"),
            *("--no-renames", "--no-show-signature", "--encoding=UTF-8", "--date=raw", "-z"),
            *(f"--format={_LOG_FORMAT}", self.commit, "--", *pathspecs),
        )
        return _parse_log(out.decode("utf-8", "replace"))

    def read_blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blobs by id. A blob that is too large for a registry file is left out.

        Raises `UnreadableObjectError` if the repository lacks one.
        """
        return self.objects.read_blobs(sorted(set(oids)), _MAX_BLOB_BYTES)


def _parse_log(log_output: str) -> Iterator[LoggedCommit]:
    files: dict[str, str] = {}
    head: tuple[str, str, str, str] | None = None
    pieces = iter(log_output.split("\0"))
    for piece in pieces:
        if commit := _COMMIT_LINE.fullmatch(piece):
            if head:
                yield _create_logged_commit(head, files)
            head = (commit[1], next(pieces, ""), next(pieces, ""), next(pieces, ""))
        elif change := _CHANGE_LINE.fullmatch(piece):
            path, oid = next(pieces, ""), change[1]
            if set(oid) == {"0"}:
                files.pop(path, None)
            else:
                files[path] = oid
    if head:
        yield _create_logged_commit(head, files)


def _create_logged_commit(header: tuple[str, str, str, str], blob_ids: Mapping[str, str]) -> LoggedCommit:
    commit, when, author, message = header
    return LoggedCommit(commit, parse_raw_date(when), author, message.strip(), dict(blob_ids))


def parse_raw_date(text: str) -> datetime:
    """Parse git's raw date, seconds and zone; anything is accepted, as a commit's date may be anything."""
    found = _RAW_DATE.fullmatch(text.strip())
    if found is None:
        return _EPOCH
    minutes = min(int(found[3]) * 60 + int(found[4]), 14 * 60)
    zone = timezone(timedelta(minutes=-minutes if found[2] == "-" else minutes))
    return (_EPOCH + timedelta(seconds=max(0, min(int(found[1]), _LAST_SECOND)))).astimezone(zone)


def open_head_log(checkout: Checkout) -> CommitLog | None:
    """Return the history of the checkout's HEAD; None if there is no commit yet."""
    head = checkout.head_commit()
    return CommitLog(GitRunner(checkout.top), head, checkout.objects) if head else None


@contextmanager
def open_branch_log(checkout: Checkout, commit: str, url: str, branch: str) -> Iterator[CommitLog]:
    """Yield the history of `commit` on a remote branch, even if the checkout has not fetched it.

    If needed, a temporary clone that shares the checkout's objects fetches the rest. Raises NetworkError.
    """
    complete = not (checkout.is_shallow() or checkout.is_partial())
    if complete and checkout.resolve_commit(commit):
        yield CommitLog(GitRunner(checkout.top), commit, checkout.objects)
        return
    where = checkout.git_config.fetch_url(url)
    bare, credentials = address.split_credentials(where)
    transport = checkout.git_config.transport_for_workloads()
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        clone = Path(folder)
        create_bare_repository(clone, object_format(len(commit)))
        if complete:
            alternates = clone / "objects" / "info" / "alternates"
            alternates.write_bytes(os.fsencode(str(checkout.objects_folder)) + b"\n")
        git = GitRunner(
            transport.folder or clone,
            config=(*transport.config, *credentials, (f"remote.{REMOTE_NAME}.url", bare)),
            protocols=address.allowed_protocols(where),
            secrets=secrets_in_url(where),
            variables={"GIT_DIR": folder},
            isolated=True,
        )
        fetched = git.run_git("fetch", "--quiet", "--no-tags", REMOTE_NAME, f"+refs/heads/{branch}:refs/past")
        if not fetched.succeeded:
            raise NetworkError(f"the history of {redact(url)} cannot be read: {git_message(fetched.stderr)}")
        reader = ObjectReader(git, f"the history of {redact(url)}")
        yield CommitLog(git, commit, reader)
        reader.close()
