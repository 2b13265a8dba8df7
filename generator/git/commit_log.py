"""Read the commit history of files, oldest first, from the user's checkout or a temporary clone."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from generator.errors import LocalError, NetworkError
from generator.git import remote_url as address
from generator.git.config import REMOTE_NAME
from generator.git.messages import git_message, redact, secrets_in_url
from generator.git.object_reader import ObjectReader
from generator.git.repository import create_bare_repository, object_format_name
from generator.git.runner import GitRunner

if TYPE_CHECKING:
    from generator.git.checkout import Checkout

_LOG_FORMAT = "%x01%H%x00%P%x00%cd%x00%an%x00%B"
_COMMIT_LINE = re.compile(r"\n?\x01([0-9a-f]{40,64})")
_CHANGE_LINE = re.compile(r"\n?:[0-7]{6} ([0-7]{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [A-Z]\d*")
_LINK_MODE = "120000"
_REFLOG_LINE = re.compile(r"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [^\t]* (\d{1,12}) [-+]\d{4}\t(.*)")
_FAST_FORWARD = re.compile(r"merge (\S+): Fast-forward")
#: Names of merged revisions that only update a branch with its remote or with the main branch.
_UPSTREAM_NAMES = re.compile(r"(origin|upstream|refs/remotes)/.*|FETCH_HEAD|HEAD|@\{.*|main|master")
_MAX_REFLOG_BYTES = 1024 * 1024
#: How far another machine's clock may be ahead without its commits' dates being taken as wrong.
_CLOCK_TOLERANCE_SECONDS = 300
_RAW_DATE = re.compile(r"(-?\d{1,20}) ([+-])(\d{2})(\d{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = int((datetime.max.replace(tzinfo=UTC) - timedelta(days=2) - _EPOCH).total_seconds())
#: A registry file is never larger; a larger blob of its history is passed over.
_MAX_BLOB_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class LoggedCommit:
    """A commit on the first-parent history that changed the files, with the blob id of each file by path.

    `committed_at` is 1970 for a commit without a valid date, and at most the year 9999. `changed_blobs` has the old
    and the new blob of each file that this commit changed. Symbolic links do not count as files.
    """

    commit: str
    committed_at: datetime
    author: str
    message: str
    blob_ids: Mapping[str, str]
    parents: tuple[str, ...] = ()
    changed_blobs: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)


class FastForward(NamedTuple):
    """A move of a branch from `old` to `new` that a reflog records; it happened at this time or later."""

    old: str
    new: str
    seconds: int


@dataclass(frozen=True)
class CommitGraph:
    """The parents and committer times of all commits of a history, and its first-parent line, oldest first."""

    parents: Mapping[str, tuple[str, ...]]
    seconds: Mapping[str, int]
    first_parent_line: tuple[str, ...]

    def find_merging_commits(self) -> dict[str, str]:
        """Map each commit beside the first-parent line to the commit of the line that merged it."""
        line = set(self.first_parent_line)
        merged_by: dict[str, str] = {}
        for commit in self.first_parent_line:
            waiting = list(self.parents[commit][1:])
            while waiting:
                merged = waiting.pop()
                if merged not in line and merged not in merged_by and merged in self.parents:
                    merged_by[merged] = commit
                    waiting += self.parents[merged]
        return merged_by

    def compute_arrival_times(
        self, now: datetime | None, fast_forwards: Iterable[FastForward] = ()
    ) -> dict[str, datetime]:
        """Compute when each commit of the first-parent line came onto the branch.

        That is its own time, but never before its parent came, nor before a reflog says. A time in the future is wrong:
        such a commit came when the next one with a possible time did, or now.
        """
        latest = now.timestamp() + _CLOCK_TOLERANCE_SECONDS if now else float(_LAST_SECOND)
        merged_at = self._fast_forward_times(each for each in fast_forwards if each.seconds <= latest)
        found: dict[str, datetime] = {}
        waiting: list[str] = []
        floor = 0
        for commit in self.first_parent_line:
            waiting.append(commit)
            if self.seconds[commit] > latest:
                continue
            floor = max(floor, self.seconds[commit], merged_at.get(commit, 0))
            found.update(dict.fromkeys(waiting, _EPOCH + timedelta(seconds=floor)))
            waiting.clear()
        return {**found, **dict.fromkeys(waiting, now or _EPOCH + timedelta(seconds=_LAST_SECOND))}

    def _fast_forward_times(self, fast_forwards: Iterable[FastForward]) -> dict[str, int]:
        position = {commit: index for index, commit in enumerate(self.first_parent_line)}
        times: dict[str, int] = {}
        for move in fast_forwards:
            if move.old in position and move.new in position:
                for commit in self.first_parent_line[position[move.old] + 1 : position[move.new] + 1]:
                    times[commit] = max(move.seconds, times.get(commit, 0))
        return times


@dataclass(frozen=True)
class CommitLog:
    """The history of a commit, read from a repository that contains it."""

    runner: GitRunner
    commit: str
    objects: ObjectReader
    fast_forwards: tuple[FastForward, ...] = ()
    checkout: Checkout | None = None

    def iterate_commits(self, *pathspecs: str) -> Iterator[LoggedCommit]:
        """Yield each commit that changed files matching `pathspecs`, oldest first, with blob ids by path."""
        return self._read_log("--first-parent", "--diff-merges=first-parent", pathspecs=pathspecs)

    def iterate_all_commits(self, *pathspecs: str) -> Iterator[LoggedCommit]:
        """Yield each commit that is no merge and changed files matching `pathspecs`, also off the first-parent line."""
        return self._read_log("--no-merges", "--full-history", "--topo-order", pathspecs=pathspecs)

    def _read_log(self, *options: str, pathspecs: Sequence[str]) -> Iterator[LoggedCommit]:
        with self._explain_partial_clone():
            out = self.runner.check_output(
                *("log", *options, "--reverse", "--raw", "--no-abbrev"),
                *("--no-renames", "--no-show-signature", "--encoding=UTF-8", "--date=raw", "-z"),
                *(f"--format={_LOG_FORMAT}", self.commit, "--", *pathspecs),
            )
        return _parse_log(out.decode("utf-8", "replace"))

    def read_graph(self) -> CommitGraph:
        """Read the graph of all commits."""
        out = self.runner.check_output("rev-list", "--parents", "--timestamp", self.commit, "--")
        rows = [line.split() for line in out.decode("ascii", "replace").splitlines()]
        parents = {row[1]: tuple(row[2:]) for row in rows}
        line = [self.commit]
        while parents.get(line[-1]):
            line.append(parents[line[-1]][0])
        seconds = {row[1]: max(0, min(int(row[0]), _LAST_SECOND)) if row[0].isdigit() else 0 for row in rows}
        known = [commit for commit in reversed(line) if commit in parents]
        return CommitGraph(parents, seconds, tuple(known))

    def list_earlier_paths(self, path: str) -> list[str]:
        """List the paths from which a file was renamed to `path`, the latest first."""
        out = self.runner.check_output(
            *("log", "--follow", "--first-parent", "--diff-merges=first-parent", "--diff-filter=R", "--name-status"),
            *("-M", "-B", "-z", "--format=", self.commit, "--", path),
        )
        fields = out.decode("utf-8", "surrogateescape").split("\0")
        return [fields[index + 1] for index, name in enumerate(fields[:-2]) if re.fullmatch(r"\n?R\d+", name)]

    def read_blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blobs by id. A blob that is too large for a registry file is left out.

        Raises `LocalError` if the repository lacks one.
        """
        with self._explain_partial_clone():
            return self.objects.read_blobs(sorted(set(oids)), _MAX_BLOB_BYTES)

    @contextmanager
    def _explain_partial_clone(self) -> Iterator[None]:
        try:
            yield
        except LocalError as error:
            if self.checkout is None or not self.checkout.is_partial():
                raise
            raise LocalError(
                "WL5010",
                "this partial clone (--filter) does not have the registry's older versions",
                remedy="clone without --filter to see the history",
            ) from error


def _parse_log(log_output: str) -> Iterator[LoggedCommit]:
    files: dict[str, str] = {}
    changed: dict[str, tuple[str | None, str | None]] = {}
    header: list[str] = []
    pieces = iter(log_output.split("\0"))
    for piece in pieces:
        if commit := _COMMIT_LINE.fullmatch(piece):
            if header:
                yield _create_logged_commit(header, files, changed)
            header, changed = [commit[1], *islice(pieces, 4)], {}
        elif change := _CHANGE_LINE.fullmatch(piece):
            path, mode, old, new = next(pieces, ""), *change.groups()
            gone = mode == _LINK_MODE or set(new) == {"0"}
            changed[path] = (None if set(old) == {"0"} else old, None if gone else new)
            if gone:
                files.pop(path, None)
            else:
                files[path] = new
    if header:
        yield _create_logged_commit(header, files, changed)


def _create_logged_commit(
    header: list[str], blob_ids: Mapping[str, str], changed: Mapping[str, tuple[str | None, str | None]]
) -> LoggedCommit:
    commit, parents, when, author, message = (*header, "", "", "", "")[:5]
    return LoggedCommit(
        commit, parse_raw_date(when), author, message.strip(), dict(blob_ids), tuple(parents.split()), changed
    )


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
    return open_commit_log(checkout, head) if head else None


def open_commit_log(checkout: Checkout, commit: str) -> CommitLog:
    """Return the history of a commit in the checkout, with the fast-forwards of the current branch."""
    return CommitLog(GitRunner(checkout.top), commit, checkout.objects, _read_fast_forwards(checkout, None), checkout)


def _read_fast_forwards(checkout: Checkout, branch: str | None) -> tuple[FastForward, ...]:
    """Read from reflogs when a branch, by default the current one, moved on without a merge commit.

    Such a move leaves no trace in the commits, whose own times may be much older. Of a move on the server, only a fetch
    that saw the branch without the commits is known, and each push of this checkout.
    """
    name = branch or checkout.current_branch()
    if name is None:
        return ()
    local, written_at = _read_moves(checkout, f"refs/heads/{name}")
    remote, _ = _read_moves(checkout, f"refs/remotes/origin/{name}")
    moves = []
    for move, message in local:
        found = _FAST_FORWARD.fullmatch(message)
        if found and not _UPSTREAM_NAMES.fullmatch(found[1]):
            moves.append(move)
    # The time in the last line may be one that the environment set; when the file was written is certain.
    if moves and moves[-1] == local[-1][0]:
        moves.append(moves[-1]._replace(seconds=int(written_at)))
    seen_at = {move.new: move.seconds for move, message in local if message.startswith("clone: ")}
    for move, message in remote:
        if message.startswith("update by push"):
            moves.append(move)
        elif move.old in seen_at:
            moves.append(move._replace(seconds=seen_at[move.old]))
        seen_at[move.new] = move.seconds
    return tuple(moves)


def _read_moves(checkout: Checkout, reference: str) -> tuple[list[tuple[FastForward, str]], float]:
    """The moves in a reflog with their messages, oldest first, and when it was last written."""
    data, written_at = checkout.read_reflog(reference, _MAX_REFLOG_BYTES)
    found = map(_REFLOG_LINE.fullmatch, data.decode("utf-8", "replace").splitlines())
    return [(FastForward(line[1], line[2], int(line[3])), line[4]) for line in found if line], written_at


@contextmanager
def open_branch_log(checkout: Checkout, commit: str, url: str, branch: str) -> Iterator[CommitLog]:
    """Yield the history of `commit` on a remote branch, even if the checkout has not fetched it.

    If needed, a temporary clone that shares the checkout's objects fetches the rest. Raises NetworkError.
    """
    complete = not (checkout.is_shallow() or checkout.is_partial())
    if complete and checkout.resolve_commit(commit):
        fast_forwards = _read_fast_forwards(checkout, branch)
        yield CommitLog(GitRunner(checkout.top), commit, checkout.objects, fast_forwards)
        return
    where = checkout.git_config.fetch_url(url)
    bare, credentials = address.split_credentials(where)
    transport = checkout.git_config.transport_for_workloads()
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        clone = Path(folder)
        create_bare_repository(clone, object_format_name(len(commit)))
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
            raise NetworkError("WL5010", f"the history of {redact(url)} cannot be read: {git_message(fetched.stderr)}")
        reader = ObjectReader(git, f"the history of {redact(url)}")
        yield CommitLog(git, commit, reader, _read_fast_forwards(checkout, branch))
        reader.close()
