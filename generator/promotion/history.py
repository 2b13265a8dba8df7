"""Versions of the registry files → who moved which app where, when and from what. Pure but for `read_history`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from generator.git.checkout import Checkout
from generator.git.log import Past, Version, past_of
from generator.registry.facts import Running, Versions
from generator.registry.files import matching
from generator.registry.memo import FORGETFUL, Memo

# Versions whose files are read in one go: bounds the memory, not the work.
_BATCH = 200


class Move(NamedTuple):
    """One change of what runs: `before` None where the app was not there, `after` None where it is not any more."""

    environment: str
    app: str
    before: str | None
    after: str | None
    when: datetime
    author: str
    commit: str
    subject: str
    reason: str


class Stay(NamedTuple):
    """From when to when an app ran at a revision; `until` None where it still does."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class History:
    """Every move, oldest first, and the tag of each commit that a list says it came from, by (app, commit)."""

    moves: tuple[Move, ...] = ()
    tags: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def _of(self) -> Mapping[tuple[str, str], Sequence[Move]]:
        found: dict[tuple[str, str], list[Move]] = {}
        for move in self.moves:
            found.setdefault((move.environment, move.app), []).append(move)
        return found

    @cached_property
    def _tagged(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for (app, commit), tag in self.tags.items():
            found.setdefault(app, []).append((commit, tag))
        return found

    def tagged(self, app: str, tags: Collection[str | None]) -> list[str]:
        """The commits that came from one of these tags of an app."""
        return [commit for commit, tag in self._tagged.get(app, ()) if tag in tags]

    def stay(self, environment: str, app: str, revision: str) -> Stay | None:
        """The last stay of an app at `revision` in an environment, None where by what is committed there was none."""
        until: datetime | None = None
        for move in reversed(self._of.get((environment, app), ())):
            if move.after == revision:
                return Stay(move.when, until)
            until = move.when
        return None

    def since(self, environment: str, app: str) -> datetime | None:
        """Since when an app runs at its present revision; None where, by what is committed, it does not run."""
        moves = self._of.get((environment, app), ())
        return moves[-1].when if moves and moves[-1].after is not None else None

    def moves_since(self, environment: str, app: str, revisions: Collection[str]) -> int | None:
        """How often an app moved in an environment since it last ran one of `revisions`; None where it never did."""
        for count, move in enumerate(reversed(self._of.get((environment, app), ()))):
            if move.after in revisions or self.tags.get((app, move.after or "")) in revisions:
                return count
        return None

    def earlier(self, environment: str, app: str, current: str) -> list[str]:
        """The revisions that ran before `current`, the last one first.

        One that was rolled back is not among them: going back once more leads further back, and not forth.
        """
        way: list[str] = []
        for move in self._of.get((environment, app), ()):
            if move.after in way:
                del way[way.index(move.after) + 1 :]
            elif move.after is not None:
                way.append(move.after)
        if current in way:
            del way[way.index(current) :]
        return way[::-1]

    def of(self, app: str | None = None, environment: str | None = None, since: datetime | None = None) -> list[Move]:
        """The moves of an app, in an environment, since a time, as far as they are given."""
        one = app is not None and environment is not None
        return [
            move
            for move in (self._of.get((str(environment), str(app)), ()) if one else self.moves)
            if app in (None, move.app) and environment in (None, move.environment) and (not since or move.when >= since)
        ]

    def shown(self, app: str, revision: str | None) -> str:
        """A revision as people read it: the tag of a commit where it is known, else the commit shortened."""
        return "-" if revision is None else self.tags.get((app, revision)) or short(revision)


def short(revision: str) -> str:
    """A commit cut to 12 characters, anything else as it is."""
    return revision[:12] if len(revision) in (40, 64) and not set(revision) - set("0123456789abcdef") else revision


def read_history(past: Past, folder: str, root: str, memo: Memo = FORGETFUL) -> History:
    """What git knows of the registry whose root is the file `root` in `folder` of the repository.

    Raises LocalError where git cannot be asked.
    """
    prefix = "" if folder == "." else f"{folder}/"
    reader = _Reader(prefix, root, memo)
    roots = [f":(top,literal){prefix}{root}"]
    for batch in _batches(past.versions(*roots)):
        oids = {oid for version in batch for oid in version.files.values()}
        reader.facts.learn(past.blobs(oids - reader.facts.known.keys()))
    included = [f":(top,glob){prefix}{pattern}" for pattern in sorted(reader.facts.patterns)]
    for batch in _batches(past.versions(*roots, *included)):
        reader.facts.learn(past.blobs(reader.wanted(batch)))
        reader.read(batch)
    return History(tuple(reader.moves), reader.facts.tags)


def _batches(versions: Iterator[Version]) -> Iterator[list[Version]]:
    while batch := list(islice(versions, _BATCH)):
        yield batch


def folder_of(checkout: Checkout, registry: Path) -> str:
    """The folder of the registry in its repository, as git writes it."""
    return registry.absolute().parent.resolve().relative_to(checkout.top.resolve()).as_posix()


def checkout_of(path: Path) -> Checkout | None:
    """The checkout that the registry at `path` is in; git is not asked where there can be none. Raises LocalError."""
    folder = path.absolute().parent
    known = any((place / ".git").exists() for place in (folder.resolve(), *folder.resolve().parents))
    return Checkout.at(folder) if known else None


def history_here(checkout: Checkout | None, path: Path, memo: Memo = FORGETFUL) -> History:
    """What git knows of the registry at `path`; nothing where it is in no repository."""
    past = past_of(checkout) if checkout else None
    if checkout is None or past is None:
        return History()
    return read_history(past, folder_of(checkout, path), path.name, memo)


class _Reader:
    """Goes through the versions, oldest first, and notes what changes from one to the next."""

    def __init__(self, prefix: str, root: str, memo: Memo) -> None:
        self.moves: list[Move] = []
        self.facts = Versions(memo)
        self._prefix = prefix
        self._root = root
        self._before: Running = {}

    def wanted(self, batch: Iterable[Version]) -> set[str]:
        """The blobs of registries that have not been looked into yet."""
        names = (oid for version in batch for oid in self._names(version) or ())
        return {oid for oid in names if oid not in self.facts.known}

    def read(self, batch: Iterable[Version]) -> None:
        """Note what moved from version to version."""
        for version in batch:
            names = self._names(version)
            after = self.facts.running(names) if names is not None else None
            if after is not None:  # A version that does not parse says nothing about what ran.
                self.moves += _moves(version, self._before, after)
                self._before = after

    def _names(self, version: Version) -> list[str] | None:
        """The blobs of the root and what it includes; None where the root cannot be read."""
        files = {path.removeprefix(self._prefix): oid for path, oid in version.files.items()}
        if self._root not in files:
            return []
        patterns = self.facts.includes(files[self._root])
        if patterns is None:
            return None
        names = [self._root, *(name for each in patterns for name in matching(str(PurePosixPath(each)), files))]
        return [files[name] for name in dict.fromkeys(names)]


def _moves(version: Version, before: Running, after: Running) -> Iterator[Move]:
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    subject, reason = version.message.partition("\n")[0], _reason(version.message)
    for key in sorted(changed):
        ends = before.get(key), after.get(key)
        yield Move(*key, *ends, version.when, version.author, version.commit, subject, reason)


def _reason(message: str) -> str:
    return next((line[len("Reason: ") :] for line in message.splitlines() if line.startswith("Reason: ")), "")
