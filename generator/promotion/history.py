"""The revision history of every app in every environment, read from the Git history of the registry files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from generator.git.checkout import Checkout
from generator.git.commit_log import CommitLog, LoggedCommit, open_head_log
from generator.promotion.snapshots import RevisionReader, RunningRevisions
from generator.registry.files import filter_by_pattern
from generator.registry.result_cache import NO_CACHE, ResultCache

# The number of versions whose files are read together; limits memory use.
_VERSIONS_PER_BATCH = 200


class RevisionChange(NamedTuple):
    """A change of an app's revision in one environment; a revision is None where the app does not run."""

    environment: str
    app: str
    old_revision: str | None
    new_revision: str | None
    changed_at: datetime
    author: str
    commit: str
    subject: str
    reason: str


class RunInterval(NamedTuple):
    """The period in which an app ran at one revision; `until` is None while it still runs."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class History:
    """All revision changes, oldest first, and the tag of each pinned commit, by (app, commit)."""

    revision_changes: tuple[RevisionChange, ...] = ()
    commit_tags: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def _changes_by_app(self) -> Mapping[tuple[str, str], Sequence[RevisionChange]]:
        found: dict[tuple[str, str], list[RevisionChange]] = {}
        for move in self.revision_changes:
            found.setdefault((move.environment, move.app), []).append(move)
        return found

    @cached_property
    def _tagged_commits(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for (app, commit), tag in self.commit_tags.items():
            found.setdefault(app, []).append((commit, tag))
        return found

    def find_tagged_commits(self, app: str, tags: Collection[str | None]) -> list[str]:
        """Return the commits of an app that were pinned from one of these tags."""
        return [commit for commit, tag in self._tagged_commits.get(app, ()) if tag in tags]

    def find_last_run_interval(self, environment: str, app: str, revision: str) -> RunInterval | None:
        """Return the last period in which an app ran at `revision` in an environment; None if it never did."""
        until: datetime | None = None
        for move in reversed(self._changes_by_app.get((environment, app), ())):
            if move.new_revision == revision:
                return RunInterval(move.changed_at, until)
            until = move.changed_at
        return None

    def find_first_run(self, environment: str, app: str, revision_names: Collection[str]) -> datetime | None:
        """Return when an app first ran one of the revisions or tags in an environment; None if it never did."""
        changes = self._changes_by_app.get((environment, app), ())
        return next((each.changed_at for each in changes if self._names_of_new(each) & set(revision_names)), None)

    def _names_of_new(self, change: RevisionChange) -> set[str | None]:
        return {change.new_revision, self.commit_tags.get((change.app, change.new_revision or ""))} - {None}

    def was_rolled_back(self, environment: str, app: str, revision: str) -> bool:
        """Whether an environment came back to `revision`, which it runs now, from one that it ran later."""
        way: list[str] = []
        came_back = False
        for change in self._changes_by_app.get((environment, app), ()):
            name = self.format_revision(app, change.new_revision) if change.new_revision is not None else None
            came_back = name in way[:-1]
            if name is None:
                way.clear()
            elif name in way:
                del way[way.index(name) + 1 :]
            else:
                way.append(name)
        return came_back and way[-1:] == [self.format_revision(app, revision)]

    def find_current_run_start(self, environment: str, app: str) -> datetime | None:
        """Return when an app started to run its current revision in an environment; None if it does not run."""
        moves = self._changes_by_app.get((environment, app), ())
        return moves[-1].changed_at if moves and moves[-1].new_revision is not None else None

    def count_changes_since(self, environment: str, app: str, revisions: Collection[str]) -> int | None:
        """Count the changes of an app since it last ran one of `revisions`; None if it never ran one."""
        for count, move in enumerate(reversed(self._changes_by_app.get((environment, app), ()))):
            if move.new_revision in revisions or self.commit_tags.get((app, move.new_revision or "")) in revisions:
                return count
        return None

    def list_earlier_revisions(self, environment: str, app: str, current: str) -> list[str]:
        """List the revisions that ran before `current`, most recent first.

        Revisions that were rolled back are left out, so that a second rollback goes further back.
        """
        way: list[str] = []
        for move in self._changes_by_app.get((environment, app), ()):
            if move.new_revision in way:
                del way[way.index(move.new_revision) + 1 :]
            elif move.new_revision is not None:
                way.append(move.new_revision)
        if current in way:
            del way[way.index(current) :]
        return way[::-1]

    def filter_changes(
        self, app: str | None = None, environment: str | None = None, since: datetime | None = None
    ) -> list[RevisionChange]:
        """List the revision changes of an app, in an environment, since a time; None matches everything."""
        one = app is not None and environment is not None
        return [
            move
            for move in (self._changes_by_app.get((str(environment), str(app)), ()) if one else self.revision_changes)
            if app in (None, move.app)
            and environment in (None, move.environment)
            and (not since or move.changed_at >= since)
        ]

    def format_revision(self, app: str, revision: str | None) -> str:
        """Format a revision for display: a commit as its tag if known, otherwise shortened."""
        return "-" if revision is None else self.commit_tags.get((app, revision)) or shorten_commit(revision)


def shorten_commit(revision: str) -> str:
    """Shorten a commit ID to 12 characters; return any other revision unchanged."""
    return revision[:12] if len(revision) in (40, 64) and not set(revision) - set("0123456789abcdef") else revision


def read_history(commit_log: CommitLog, folder: str, root_file: str, memo: ResultCache = NO_CACHE) -> History:
    """Read the history of the registry whose root file is `root_file` in `folder` of the repository.

    Raises LocalError if Git cannot be run.
    """
    prefix = "" if folder == "." else f"{folder}/"
    reader = _HistoryReader(prefix, root_file, memo)
    roots = [f":(top,literal){prefix}{root_file}"]
    for batch in _batch_versions(commit_log.iterate_commits(*roots)):
        oids = {oid for version in batch for oid in version.blob_ids.values()}
        reader.revision_reader.read_blobs(commit_log.read_blobs(oids - reader.revision_reader.fragments_by_blob.keys()))
    included = [f":(top,glob){prefix}{pattern}" for pattern in sorted(reader.revision_reader.all_include_patterns)]
    for batch in _batch_versions(commit_log.iterate_commits(*roots, *included)):
        reader.revision_reader.read_blobs(commit_log.read_blobs(reader.list_unread_blobs(batch)))
        reader.record_changes(batch)
    return History(tuple(reader.revision_changes), reader.revision_reader.tag_by_commit)


def _batch_versions(versions: Iterator[LoggedCommit]) -> Iterator[list[LoggedCommit]]:
    while batch := list(islice(versions, _VERSIONS_PER_BATCH)):
        yield batch


def find_registry_folder(checkout: Checkout, registry_path: Path) -> str:
    """Return the registry's folder, relative to the top of its repository, as Git writes it."""
    return registry_path.absolute().parent.resolve().relative_to(checkout.top.resolve()).as_posix()


def find_checkout(path: Path) -> Checkout | None:
    """Find the Git checkout that contains the registry at `path`; None if there is none. Raises LocalError."""
    folder = path.absolute().parent
    known = any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents))
    return Checkout.discover(folder) if known else None


def read_registry_history(checkout: Checkout | None, path: Path, memo: ResultCache = NO_CACHE) -> History:
    """Read the history of the registry at `path`; empty if it is not in a repository."""
    past = open_head_log(checkout) if checkout else None
    if checkout is None or past is None:
        return History()
    return read_history(past, find_registry_folder(checkout, path), path.name, memo)


class _HistoryReader:
    """Reads registry versions, oldest first, and collects the revision changes between them."""

    def __init__(self, prefix: str, root_file: str, memo: ResultCache) -> None:
        self.revision_changes: list[RevisionChange] = []
        self.revision_reader = RevisionReader(memo)
        self._prefix = prefix
        self._root = root_file
        self._previous_revisions: RunningRevisions = {}

    def list_unread_blobs(self, batch: Iterable[LoggedCommit]) -> set[str]:
        """Return the IDs of the registry blobs that have not been read yet."""
        names = (oid for version in batch for oid in self._list_registry_blobs(version) or ())
        return {oid for oid in names if oid not in self.revision_reader.fragments_by_blob}

    def record_changes(self, batch: Iterable[LoggedCommit]) -> None:
        """Record the revision changes from version to version."""
        for version in batch:
            names = self._list_registry_blobs(version)
            after = self.revision_reader.running_revisions(names) if names is not None else None
            if after is not None:  # Skip versions that do not parse.
                self.revision_changes += _list_revision_changes(version, self._previous_revisions, after)
                self._previous_revisions = after

    def _list_registry_blobs(self, version: LoggedCommit) -> list[str] | None:
        """List the blob IDs of the root file and its includes; None if the root file cannot be read."""
        files = {path.removeprefix(self._prefix): oid for path, oid in version.blob_ids.items()}
        if self._root not in files:
            return []
        patterns = self.revision_reader.root_include_patterns(files[self._root])
        if patterns is None:
            return None
        names = [
            self._root,
            *(name for each in patterns for name in filter_by_pattern(str(PurePosixPath(each)), files)),
        ]
        return [files[name] for name in dict.fromkeys(names)]


def _list_revision_changes(
    version: LoggedCommit, before: RunningRevisions, after: RunningRevisions
) -> Iterator[RevisionChange]:
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    subject, reason = version.message.partition("\n")[0], _parse_reason_trailer(version.message)
    for key in sorted(changed):
        ends = before.get(key), after.get(key)
        yield RevisionChange(*key, *ends, version.committed_at, version.author, version.commit, subject, reason)


def _parse_reason_trailer(message: str) -> str:
    return next((line[len("Reason: ") :] for line in message.splitlines() if line.startswith("Reason: ")), "")
