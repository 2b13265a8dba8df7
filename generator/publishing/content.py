"""Registry and base → `Proposal`: what one commit on the workloads branch holds, or why there may be none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from generator.cache import user_cache
from generator.charts.check import judge
from generator.charts.diff import ChangeSet, changes
from generator.charts.files import digest
from generator.charts.layout import place_of, template_of
from generator.charts.parts import charts
from generator.charts.record import RECORD, read_record
from generator.charts.render import RenderedTree
from generator.errors import ConflictError, RefusedError
from generator.git.base import Base
from generator.git.proposal import Entry, Identity, Proposal, blob_id
from generator.publishing.account import TRAILER, Account, message, registry_commit, touched
from generator.publishing.ground import location_at
from generator.publishing.guard import Consent, Identities, guard
from generator.publishing.source import Published, RegistrySource


@dataclass(frozen=True)
class Choices:
    """What the user decided about this publish."""

    consent: Consent = field(default_factory=Consent)
    adopt: bool = False
    overwrite: bool = False
    allow_rewound: bool = False
    helm: bool = True


class Content:
    """Makes the proposal for every base anew: the registry is read again, and everything is judged again."""

    def __init__(self, source: RegistrySource, author: Identity, choices: Choices, origin: str | None) -> None:
        """`origin` is the workloads repository where the registry does not name it."""
        self._source = source
        self._origin = origin
        self._author = author
        self._choices = choices
        self.account = Account()

    def propose(self, base: Base) -> Proposal | None:
        """The commit for this base, None where nothing changes.

        Raises RegistryError, ChartError, RefusedError (ownership), RemovalError and ConflictError (a newer
        registry is published already), all of them before anything is pushed.
        """
        self._refuse_rewinding(base)
        published = self._source.at(base)
        tree = self._rendered(published)
        there = _Published(base, published.output, tree)
        change = changes(tree, there.record, there.digests.get)
        self._refuse_others(there, change)
        removed = guard(published.registry, there.applications, tree.applications, self._choices.consent)
        environments = touched(change, there.record, there.read, published.registry.environments)
        self.account = Account(change, removed, environments, published.edited)
        files: dict[str, bytes | None] = {there.place(path): data for path, data in change.written.items()}
        files.update({there.place(path): None for path in change.removed})
        files.update(published.files)
        return Proposal(files, message(self.account, self._trailer()), self._author) if files else None

    def _rendered(self, published: Published) -> RenderedTree:
        location = location_at(published.registry, self._origin, published.output)
        tree = charts(published.registry, user_cache(), location)
        judge(tree, published.registry, user_cache(), with_helm=self._choices.helm)
        return tree

    def _trailer(self) -> str:
        if not self._source.commit or not self._source.apart:
            return ""
        return f"{self._source.commit}{'-dirty' if self._source.dirty else ''}"

    def _refuse_rewinding(self, base: Base) -> None:
        ours = self._source.commit
        if not ours or not self._source.apart or self._choices.allow_rewound:
            return
        newer = registry_commit(base.last_saying(TRAILER)) if _is_published(base) else ""
        if not newer or newer == ours:
            return
        if not self._source.knows(newer, ours):
            remedy = "a newer registry is published already: pull and run this again"
            if self._source.shallow:
                remedy = f"this checkout's history is cut off: fetch all of it (git fetch --unshallow), or {remedy}"
            raise ConflictError(
                f"the branch carries charts of registry commit {newer[:12]}, which {ours[:12]} does not come after",
                remedy=remedy,
            )

    def _refuse_others(self, there: _Published, change: ChangeSet) -> None:
        if there.unrecorded and not self._choices.adopt:
            raise RefusedError(
                _listed(f"{there.place(RECORD)} is missing, and there are charts", map(there.place, there.unrecorded)),
                remedy="restore it from git, or take those files over with --adopt",
            )
        if change.foreign and not self._choices.adopt:
            raise RefusedError(
                _listed("files that workloads did not write are in the way", map(there.place, change.foreign)),
                remedy="move them away, or take them over with --adopt",
            )
        if change.edited and not self._choices.overwrite:
            raise RefusedError(
                _listed("generated files were edited by hand", map(there.place, change.edited)),
                remedy="put what they should say into apps.toml, or give the edits up with --overwrite",
            )


def _is_published(base: Base) -> bool:
    """Whether there are charts on the branch; where there are none, nothing has to be looked for before."""
    return any(path.rpartition("/")[2] == RECORD for path in base.entries())


def _listed(what: str, paths: Iterable[str], most: int = 10) -> str:
    lines = [f"  {path}" for path in paths]
    more = [f"  and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([f"{what}:", *lines[:most], *more])


def _blobs(tree: RenderedTree, entries: Mapping[str, Entry]) -> Mapping[str, str]:
    """The ids that git gives the files of a tree, where their length is that of the ids in `entries`."""
    length = len(next(iter(entries.values())).oid) if entries else 40
    return tree.files.marks(f"git-{length}", partial(blob_id, length=length))


class _Published:
    """The output folder on the base; only blobs that differ from the new ones are fetched, in one go."""

    def __init__(self, base: Base, folder: str, tree: RenderedTree) -> None:
        self._prefix = "" if folder == "." else f"{folder}/"
        self._tree = tree
        start = len(self._prefix)
        entries = {path[start:]: entry for path, entry in base.entries(self._prefix).items()}
        self._paths = entries.keys()
        recorded = base.read(self.place(RECORD))
        self.record = read_record(recorded, self.place(RECORD))
        blobs, owned = _blobs(tree, entries), self.record.files
        apart = [path for path, entry in entries.items() if blobs.get(path) != entry.oid]
        wanted = {self.place(path): path for path in apart if path in blobs or path in owned}
        #: What differs from the new files; any other of their paths on the base has the same bytes.
        self._apart = {wanted[place]: data for place, data in base.read_many(sorted(wanted)).items()}
        if recorded is not None:
            self._apart[RECORD] = recorded
        #: Of each file on the base that is, or will be, ours.
        self.digests = {path: known for path, known in tree.digests.items() if path in self._paths}
        self.digests.update({path: digest(data) for path, data in self._apart.items()})

    def place(self, path: str) -> str:
        """The path in the repository of one below the output folder."""
        return f"{self._prefix}{path}"

    def read(self, path: str) -> bytes | None:
        """The base's bytes of a file that is, or will be, ours."""
        there = path in self._paths and path not in self._apart and path in self._tree.files
        return self._tree.files[path] if there else self._apart.get(path)

    @property
    def unrecorded(self) -> list[str]:
        """Files where generated ones belong, while there is no record that says whose they are."""
        return [] if RECORD in self._paths else sorted(self._paths & self._tree.files.keys() | set(self._templates()))

    @property
    def applications(self) -> Identities:
        """What runs by what is published. Without a record, every template stands for the Application of its name."""
        return self.record.applications if RECORD in self._paths else dict(map(self._guessed, self._templates()))

    def _guessed(self, path: str) -> tuple[str, Mapping[str, str]]:
        """The Application of a template, which is all that tells of it, in the shard that the template is in."""
        environment, app = template_of(path) or ("", "")
        place, after = place_of(path), self._tree.applications
        key, shard = f"{environment}/{app}", place.chart.shard if place else ""
        told = {**after.get(key, {"name": app, "namespace": "unknown"})}
        told.pop("shard", None)
        return key, {**told, "shard": shard} if shard else told

    def _templates(self) -> list[str]:
        return [path for path in sorted(self._paths) if template_of(path)]
