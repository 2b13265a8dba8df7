"""Registry and base → `Proposal`: what one commit on the workloads branch holds, or why there may be none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from generator import __version__
from generator.charts.check import verify
from generator.charts.diff import ChangeSet, changes
from generator.charts.plan import plan
from generator.charts.record import RECORD, read_record
from generator.charts.render import CHARTS, RenderedTree, render
from generator.errors import ConflictError, GeneratorError, RefusedError
from generator.git.proposal import Identity, Proposal, blob_id
from generator.git.repository import Base
from generator.publishing.guard import Consent, Removal, guard
from generator.publishing.source import RegistrySource

UNDONE = "nothing was pushed"
_TRAILER = "Registry-Commit: "


@dataclass(frozen=True)
class Choices:
    """What the user decided about this publish."""

    consent: Consent = field(default_factory=Consent)
    adopt: bool = False
    overwrite: bool = False
    allow_rewound: bool = False
    helm: bool = True


@dataclass
class Account:
    """What the last proposal came to, for the report to the user."""

    changes: ChangeSet | None = None
    removals: tuple[Removal, ...] = ()
    environments: Mapping[str, list[str]] = field(default_factory=dict)


class Content:
    """Makes the proposal for every base anew: the registry is read again, and everything is judged again."""

    def __init__(self, source: RegistrySource, author: Identity, choices: Choices) -> None:
        self._source = source
        self._author = author
        self._choices = choices
        self.account = Account()

    def propose(self, base: Base) -> Proposal | None:
        """The commit for this base, None where nothing changes.

        Raises RegistryError, ChartError, RefusedError (ownership), RemovalError and ConflictError (a newer
        registry is published already), all of them before anything is pushed.
        """
        try:
            return self._propose(base)
        except GeneratorError as error:
            error.undone = error.undone or UNDONE
            raise

    def _propose(self, base: Base) -> Proposal | None:
        self._refuse_rewinding(base)
        published = self._source.at(base)
        registry = published.registry
        tree = render(plan(registry))
        if self._choices.helm:
            verify(tree, registry.environments)
        folder = published.output
        owned = read_record(base.read(f"{folder}/{RECORD}"), f"{folder}/{RECORD}")
        change = changes(tree, owned, _current(base, folder, tree, owned.files))
        self._refuse_others(folder, change)
        removed = guard(registry, owned.applications, tree.applications, self._choices.consent)
        self.account = Account(change, removed, _by_environment(owned.applications, tree.applications, change))
        files: dict[str, bytes | None] = {f"{folder}/{path}": data for path, data in change.written.items()}
        files.update(dict.fromkeys((f"{folder}/{path}" for path in change.removed), None))
        files.update(published.files)
        return Proposal(files, self._message(), self._author) if files else None

    def _refuse_rewinding(self, base: Base) -> None:
        newer = registry_commit(base.message)
        ours = self._source.commit
        if not newer or not ours or newer == ours or self._choices.allow_rewound:
            return
        if not self._source.knows(newer, ours):
            raise ConflictError(
                f"the branch carries charts of registry commit {newer[:12]}, which {ours[:12]} does not come after",
                remedy="a newer registry is published already: pull and run this again",
            )

    def _refuse_others(self, folder: str, change: ChangeSet) -> None:
        if change.foreign and not self._choices.adopt:
            raise RefusedError(
                _listed("files that workloads did not write are in the way", folder, change.foreign),
                remedy="move them away, or take them over with --adopt",
            )
        if change.edited and not self._choices.overwrite:
            raise RefusedError(
                _listed("generated files were edited by hand", folder, change.edited),
                remedy="put what they should say into apps.toml, or give the edits up with --overwrite",
            )

    def _message(self) -> str:
        account = self.account
        names = sorted({name for apps in account.environments.values() for name in apps})
        shown = ", ".join(names) if 0 < len(names) <= 3 else f"{len(names)} apps" if names else "charts"
        where = ", ".join(env for env, apps in account.environments.items() if apps)
        lines = [f"update {shown}: {where}" if where else "update generated files", ""]
        lines.append(f"Generated-By: workloads {__version__}")
        if self._source.commit and self._source.apart:
            lines.append(f"{_TRAILER}{self._source.commit}{'-dirty' if self._source.dirty else ''}")
        changed = [f"{env}/{app}" for env, apps in account.environments.items() for app in apps]
        gone = [removal.key for removal in account.removals]
        lines += [
            f"{name}: {_capped(keys)}" for name, keys in (("Apps-Changed", changed), ("Apps-Removed", gone)) if keys
        ]
        return "\n".join(lines) + "\n"


def _capped(keys: list[str], most: int = 50) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def _listed(what: str, folder: str, paths: tuple[str, ...], most: int = 10) -> str:
    shown = [f"  {folder}/{path}" for path in paths[:most]]
    more = [f"  and {len(paths) - most} more"] if len(paths) > most else []
    return "\n".join([f"{what}:", *shown, *more])


def registry_commit(message: str) -> str:
    """The registry commit that a commit's trailer names, empty where it has none."""
    named = [line for line in message.splitlines() if line.startswith(_TRAILER)]
    return named[-1][len(_TRAILER) :].strip().removesuffix("-dirty") if named else ""


def _current(base: Base, folder: str, tree: RenderedTree, owned: Mapping[str, str]) -> Callable[[str], bytes | None]:
    """The base's bytes by path below `folder`; only blobs that differ from the new ones are fetched, in one go."""
    entries = {path[len(folder) + 1 :]: entry for path, entry in base.entries(folder).items()}
    same = {
        path
        for path, data in tree.files.items()
        if path in entries and blob_id(data, len(entries[path].oid)) == entries[path].oid
    }
    wanted = [path for path in {*tree.files, *owned, RECORD} if path in entries and path not in same]
    fetched = base.read_many([f"{folder}/{path}" for path in sorted(wanted)])
    return lambda path: tree.files[path] if path in same else fetched.get(f"{folder}/{path}")


def _by_environment(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]], change: ChangeSet
) -> dict[str, list[str]]:
    """The apps that the change touches, by environment."""
    found: dict[str, set[str]] = {}
    for key in before.keys() | after.keys():
        env, _, app = key.partition("/")
        found.setdefault(env, set())
        if before.get(key) != after.get(key):
            found[env].add(app)
    for path in (*change.added, *change.changed, *change.removed):
        parts = PurePosixPath(path).parts
        if len(parts) == 4 and parts[0] == CHARTS and parts[2] == "templates":
            found.setdefault(parts[1], set()).add(parts[3].removesuffix(".yaml"))
    return {env: sorted(apps) for env, apps in sorted(found.items()) if apps}
