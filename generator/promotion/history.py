"""The revision history of every app in every environment, read from the Git history of the registry files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.revisions import shorten_commit
from generator.errors import UsageError
from generator.git.checkout import missing_checkout_remedy
from generator.git.commit_log import CommitLog, LoggedCommit, open_head_log
from generator.promotion.fixed_sources import FixedSourcesChange
from generator.promotion.snapshots import ListedFixedSources, ListedHolds, ListedRevisions, RevisionReader
from generator.promotion.trailers import ChangeOrigins, describe_origins
from generator.registry.files import RegistryLocation, filter_by_pattern

if TYPE_CHECKING:
    from generator.working_registry import WorkingRegistry

# The number of versions whose files are read together; limits memory use.
_VERSIONS_PER_BATCH = 200


class RevisionChange(NamedTuple):
    """A change of the revision that an environment lists for an app; a revision is None where it lists none.

    `changed_at` is when `commit` came onto the branch. Of a merge, `author`, `subject` and `reason` are those of the
    merged commits. `overrides` are the overridden policy rules, each with its reason.
    """

    environment: str
    app: str
    old_revision: str | None
    new_revision: str | None
    changed_at: datetime
    author: str
    commit: str
    subject: str
    reason: str
    overrides: tuple[str, ...] = ()


class HoldChange(NamedTuple):
    """A hold that was placed, changed or lifted: a note is None where there is no hold."""

    environment: str
    app: str
    old_note: str | None
    new_note: str | None
    changed_at: datetime
    author: str
    commit: str
    subject: str


class RunInterval(NamedTuple):
    """The period in which an environment listed an app at one revision; `until` is None while it still does."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class History:
    """All changes of revisions and of holds, oldest first, and tags by (app, commit).

    `is_cut_off` is true if the oldest commits are missing.
    """

    revision_changes: tuple[RevisionChange, ...] = ()
    commit_tags: Mapping[tuple[str, str], str] = field(default_factory=dict)
    is_cut_off: bool = False
    hold_changes: tuple[HoldChange, ...] = ()
    fixed_sources_changes: tuple[FixedSourcesChange, ...] = ()

    def find_hold_start(self, environment: str, app: str, note: str) -> HoldChange | None:
        """Return who holds an app with this note, and since when; None if the hold is not committed."""
        changes = (each for each in reversed(self.hold_changes) if (each.environment, each.app) == (environment, app))
        last = next(changes, None)
        return last if last and last.new_note == note else None

    @cached_property
    def _changes_by_app(self) -> Mapping[tuple[str, str], Sequence[RevisionChange]]:
        found: dict[tuple[str, str], list[RevisionChange]] = {}
        for change in self.revision_changes:
            found.setdefault((change.environment, change.app), []).append(change)
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
        for change in reversed(self._changes_by_app.get((environment, app), ())):
            if change.new_revision == revision:
                return RunInterval(change.changed_at, until)
            until = change.changed_at
        return None

    def find_first_run(self, environment: str, app: str, revision_names: Collection[str]) -> datetime | None:
        """Return when an app first ran one of `revision_names`, revisions or tags, there; None if it never did."""
        changes = self._changes_by_app.get((environment, app), ())
        return next((each.changed_at for each in changes if self._names_of_new(each) & set(revision_names)), None)

    def _names_of_new(self, change: RevisionChange) -> set[str | None]:
        return {change.new_revision, self.commit_tags.get((change.app, change.new_revision or ""))} - {None}

    def was_rolled_back(self, environment: str, app: str, revision: str) -> bool:
        """Whether an environment came back to `revision`, which it runs now, from one that it ran later."""
        changes = self._changes_by_app.get((environment, app), ())
        if not changes or changes[-1] not in self.rollbacks:
            return False
        return self.format_revision(app, changes[-1].new_revision) == self.format_revision(app, revision)

    @cached_property
    def rollbacks(self) -> frozenset[RevisionChange]:
        """The changes after which an environment runs again a revision that it ran before the last one."""
        groups = self._changes_by_app.values()
        return frozenset(change for changes in groups for change in self._list_rollbacks(changes))

    def _list_rollbacks(self, changes: Sequence[RevisionChange]) -> Iterator[RevisionChange]:
        way: list[str] = []
        for change in changes:
            name = self.format_revision(change.app, change.new_revision) if change.new_revision is not None else None
            if name is None:
                way.clear()
            elif name not in way:
                way.append(name)
            elif name != way[-1]:
                del way[way.index(name) + 1 :]
                yield change

    def count_changes_since_run(self, environment: str, app: str, revision_names: Collection[str]) -> int | None:
        """Count the changes since an app last ran one of `revision_names`: 0 if it runs one now, None if never."""
        for count, change in enumerate(reversed(self._changes_by_app.get((environment, app), ()))):
            if self._names_of_new(change) & set(revision_names):
                return count
        return None

    def list_earlier_revisions(self, environment: str, app: str, current: str) -> list[str]:
        """List the revisions that ran before `current`, latest first, without those that were rolled back."""
        way: list[str] = []
        for change in self._changes_by_app.get((environment, app), ()):
            if change.new_revision in way:
                del way[way.index(change.new_revision) + 1 :]
            elif change.new_revision is not None:
                way.append(change.new_revision)
        if current in way:
            del way[way.index(current) :]
        return way[::-1]

    def filter_changes(
        self, app: str | None = None, environment: str | None = None, since: datetime | None = None
    ) -> list[RevisionChange]:
        """List the revision changes of an app, in an environment, since a time, oldest first; None matches all."""
        one = app is not None and environment is not None
        return [
            change
            for change in (self._changes_by_app.get((str(environment), str(app)), ()) if one else self.revision_changes)
            if app in (None, change.app)
            and environment in (None, change.environment)
            and (not since or change.changed_at >= since)
        ]

    def format_revision(self, app: str, revision: str | None) -> str:
        """Format a revision for display: a commit as its tag if known, otherwise shortened; `-` for None."""
        return "-" if revision is None else self.commit_tags.get((app, revision)) or shorten_commit(revision)


def read_history(commit_log: CommitLog, location: RegistryLocation, now: datetime | None = None) -> History:
    """Read the history of a registry, also from where its root file was before it was renamed.

    A commit dated after `now` has a wrong clock; None trusts every date. Raises LocalError if Git cannot be run.
    """
    revisions = RevisionReader()
    versions = list(commit_log.iterate_commits(location.pathspec))
    # Only a file that came into an existing repository can have been renamed.
    earlier = commit_log.list_earlier_paths(location.root_path) if versions and versions[0].parents else []
    locations = list(dict.fromkeys([location, *map(RegistryLocation.from_root_path, earlier)]))
    roots = [each.pathspec for each in locations]
    for batch in _batch_versions(commit_log.iterate_commits(*roots) if earlier else iter(versions)):
        _read_new_blobs(commit_log, revisions, {oid for version in batch for oid in version.blob_ids.values()})
    patterns = sorted(revisions.all_include_patterns)
    included = [f":(top,glob){each.prefix}{pattern}" for each in locations for pattern in patterns]
    reader = _HistoryReader(commit_log, locations, revisions, now, [*roots, *included])
    for batch in _batch_versions(
        commit_log.iterate_commits(*roots, *included) if included or earlier else iter(versions)
    ):
        _read_new_blobs(commit_log, revisions, reader.list_registry_blobs(batch), alone=len(batch) == 1)
        reader.record_changes(batch)
    return History(
        tuple(reader.revision_changes),
        revisions.tag_by_commit,
        hold_changes=tuple(reader.hold_changes),
        fixed_sources_changes=tuple(reader.fixed_sources_changes),
    )


def _read_new_blobs(
    commit_log: CommitLog, revisions: RevisionReader, oids: Collection[str], *, alone: bool = False
) -> None:
    wanted = set(oids) - revisions.fragments_by_blob.keys()
    found = commit_log.read_blobs(wanted)
    revisions.read_blobs(found, whole=alone)
    # A blob that is too large for a registry is as unreadable as one that is no TOML.
    revisions.fragments_by_blob.update(dict.fromkeys(wanted - found.keys()))


def _batch_versions(versions: Iterator[LoggedCommit]) -> Iterator[list[LoggedCommit]]:
    while batch := list(islice(versions, _VERSIONS_PER_BATCH)):
        yield batch


def read_registry_history(working: WorkingRegistry, now: datetime | None = None) -> History:
    """Read the history of a registry up to HEAD; empty without a checkout or a commit."""
    log = open_head_log(working.checkout) if working.checkout else None
    if working.checkout is None or log is None:
        return History()
    return replace(read_history(log, working.location, now), is_cut_off=working.checkout.is_shallow())


def report_missing_history(working: WorkingRegistry, report: Callable[[str], None]) -> None:
    """Report that the history is cut off, or that there is none, where that is so."""
    if working.checkout is not None and working.checkout.head_commit() is None:
        report("the current branch has no commits yet, so there is no history")
    elif working.checkout is not None and working.checkout.is_shallow():
        report("this clone is shallow, so older changes are missing: run 'git fetch --unshallow' to see them")


def open_history(working: WorkingRegistry, now: datetime, report: Callable[[str], None]) -> History:
    """Read the history of a registry; empty outside of a repository. Reports a shallow clone."""
    report_missing_history(working, report)
    return read_registry_history(working, now)


def require_history(working: WorkingRegistry, now: datetime, report: Callable[[str], None]) -> History:
    """Read the history of a registry. Raises UsageError if it is not in a Git repository."""
    if working.checkout is None:
        raise UsageError(
            "WL5011",
            f"{working.path.parent.absolute()} is not in a Git repository, so there is no history",
            remedy=missing_checkout_remedy(),
        )
    return open_history(working, now, report)


class _HistoryReader:
    """Reads registry versions, oldest first, and collects the revision changes between them."""

    def __init__(
        self,
        commit_log: CommitLog,
        locations: Sequence[RegistryLocation],
        revisions: RevisionReader,
        now: datetime | None,
        pathspecs: Sequence[str],
    ) -> None:
        self.revision_changes: list[RevisionChange] = []
        self.hold_changes: list[HoldChange] = []
        self._holds: ListedHolds = {}
        self.fixed_sources_changes: list[FixedSourcesChange] = []
        self._fixed_sources: ListedFixedSources = {}
        self._commit_log = commit_log
        self._locations = locations
        self._revisions = revisions
        self._pathspecs = pathspecs
        self._previous_revisions: ListedRevisions = {}
        self._graph = commit_log.read_graph()
        self._arrived = self._graph.compute_arrival_times(now, commit_log.fast_forwards)

    def list_registry_blobs(self, batch: Iterable[LoggedCommit]) -> set[str]:
        """Return the IDs of all registry blobs of some versions."""
        return {oid for version in batch for oid in self._registry_blobs(version) or ()}

    def record_changes(self, batch: Iterable[LoggedCommit]) -> None:
        """Record the changes of revisions and holds from version to version."""
        for version in batch:
            oids = self._registry_blobs(version)
            after = self._revisions.find_listed_revisions(oids) if oids is not None else None
            if oids is not None and after is not None:  # Skip versions that do not parse.
                self.revision_changes += self._list_changes(version, after)
                self._previous_revisions = after
                self._record_holds(version, self._revisions.find_holds(oids))
                self._record_fixed_sources(version, self._revisions.find_fixed_sources(oids))

    def _registry_blobs(self, version: LoggedCommit) -> list[str] | None:
        """List the blob IDs of the root file and its includes; None if the root file cannot be read."""
        location = next((each for each in self._locations if each.root_path in version.blob_ids), None)
        if location is None:
            return []
        root = version.blob_ids[location.root_path]
        patterns = self._revisions.find_include_patterns(root)
        if patterns is None:
            return None
        files = {path.removeprefix(location.prefix): oid for path, oid in version.blob_ids.items()}
        names = (name for each in patterns for name in filter_by_pattern(str(PurePosixPath(each)), files))
        return [root, *(files[name] for name in dict.fromkeys(names) if files[name] != root)]

    def _list_changes(self, version: LoggedCommit, after: ListedRevisions) -> Iterator[RevisionChange]:
        before = self._previous_revisions
        changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        arrived = self._arrived.get(version.commit, version.committed_at)
        found: dict[tuple[str, ...], ChangeOrigins] = {}
        for key in changed:
            commits = self._find_origins(version, key)
            ids = tuple(commit.commit for commit in commits)
            if ids not in found:
                found[ids] = describe_origins(commits, version)
            origins = found[ids]
            yield RevisionChange(
                *key,
                before.get(key),
                after.get(key),
                arrived,
                origins.author,
                version.commit,
                origins.subject,
                origins.reason,
                tuple(f"{each.rule}: {each.reason}" for each in origins.overrides if each.covers(*key)),
            )

    def _record_holds(self, version: LoggedCommit, after: ListedHolds) -> None:
        """Record the holds that a version places, changes or lifts."""
        before = self._holds
        for key in sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key)):
            origins = describe_origins(self._find_origins(version, (*key, "hold")), version)
            arrived = self._arrived.get(version.commit, version.committed_at)
            ends = before.get(key), after.get(key)
            self.hold_changes.append(HoldChange(*key, *ends, arrived, origins.author, version.commit, origins.subject))
        self._holds = after

    def _record_fixed_sources(self, version: LoggedCommit, after: ListedFixedSources) -> None:
        """Record the changes of fixed sources that a version makes."""
        before, arrived = self._fixed_sources, self._arrived.get(version.commit, version.committed_at)
        for key in sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key)):
            self.fixed_sources_changes.append(FixedSourcesChange(*key, after.get(key, ()), arrived))
        self._fixed_sources = after

    def _find_origins(self, version: LoggedCommit, key: tuple[str, ...]) -> Sequence[LoggedCommit]:
        """Find the commits that say who made a change, and why: of a merge, the merged commits that made it."""
        merged = self._merged_commits.get(version.commit, []) if len(version.parents) > 1 else []
        if len(merged) > 1:
            own = [commit for commit in merged if key in self._changed_keys(commit)]
            merged = own[-1:] or merged
        return merged or [version]

    @cached_property
    def _merged_commits(self) -> Mapping[str, Sequence[LoggedCommit]]:
        """The commits that changed registry files and came by a merge, by merge, oldest first."""
        merged_by = self._graph.find_merging_commits()
        found: dict[str, list[LoggedCommit]] = {}
        for commit in self._commit_log.iterate_all_commits(*self._pathspecs):
            if commit.commit in merged_by:
                found.setdefault(merged_by[commit.commit], []).append(commit)
        return found

    def _changed_keys(self, commit: LoggedCommit) -> set[tuple[str, ...]]:
        """The (environment, app) pairs whose revision a commit changes in its files, each read by itself.

        A changed hold is (environment, app, "hold").
        """
        if commit.commit not in self._keys_by_commit:
            pairs = commit.changed_blobs.values()
            _read_new_blobs(self._commit_log, self._revisions, {oid for pair in pairs for oid in pair if oid})
            keys: set[tuple[str, ...]] = set()
            for pair in pairs:
                old, new = (self._read_facts([oid] if oid else []) for oid in pair)
                keys |= {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
            self._keys_by_commit[commit.commit] = keys
        return self._keys_by_commit[commit.commit]

    def _read_facts(self, oids: Sequence[str]) -> dict[tuple[str, ...], str]:
        """The listed revisions and the holds of some files."""
        listed = (self._revisions.find_listed_revisions(oids) or {}).items()
        found: dict[tuple[str, ...], str] = {(*key,): revision for key, revision in listed}
        return found | {(*key, "hold"): note for key, note in self._revisions.find_holds(oids).items()}

    @cached_property
    def _keys_by_commit(self) -> dict[str, set[tuple[str, ...]]]:
        return {}
