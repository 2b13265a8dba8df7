"""Where the registry that is published comes from: the workloads branch itself, or a checkout of another repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from generator.cache import user_cache
from generator.errors import ConflictError
from generator.git.base import Base
from generator.git.checkout import Checkout
from generator.git.proposal import blob_id
from generator.promotion.operations import Edited
from generator.registry.files import Folder, matching
from generator.registry.merge import merge
from generator.registry.read import read_from, registry_files
from generator.registry.registry import Registry
from generator.registry.toml import TomlError


@dataclass(frozen=True)
class Published:
    """The registry to publish on one base: where its charts go, and the registry files to commit with them."""

    registry: Registry
    output: str
    files: Mapping[str, bytes | None]
    edited: Edited | None = None


class RegistrySource(Protocol):
    """`commit` is the registry's own, if git knows it; `apart` says that it is not the workloads repository's."""

    commit: str | None
    dirty: bool
    apart: bool
    shallow: bool

    def at(self, base: Base) -> Published: ...

    def knows(self, older: str, newer: str) -> bool:
        """Whether registry commit `older` is in the history of `newer`."""
        ...


class Apart:
    """The registry on disk, whose charts are committed to another repository."""

    apart = True

    def __init__(self, path: Path, registry: Registry, checkout: Checkout | None) -> None:
        self._registry = registry
        self._checkout = checkout
        self.commit = checkout.head() if checkout else None
        self.shallow = checkout is not None and checkout.is_shallow()
        names = registry_files(Folder(path.parent), path.name) if checkout else []
        self.dirty = any(_dirty(checkout, path.parent / name) for name in names)

    def at(self, base: Base) -> Published:
        return Published(self._registry, _normal(self._registry.workloads.path), {})

    def knows(self, older: str, newer: str) -> bool:
        return self._checkout is not None and self._checkout.is_ancestor(older, newer)


def _dirty(checkout: Checkout | None, path: Path) -> bool:
    return checkout is not None and checkout.is_dirty(path.absolute())


def _normal(path: str) -> str:
    return str(PurePosixPath(path))


class _Edit(NamedTuple):
    """One registry file, before the user edited it and now; None where there was, or is, none."""

    before: bytes | None
    now: bytes | None


class Within:
    """The registry of the workloads repository: the branch's own, with what the user edited in the checkout.

    An edit is what differs from where the checkout set out: where the branch itself is checked out, from the last
    commit that it has in common with the branch as it was last fetched; else from HEAD.
    """

    apart = False
    shallow = False

    def __init__(self, path: Path, checkout: Checkout, branch: str) -> None:
        folder = path.parent.resolve().relative_to(checkout.top.resolve()).as_posix()
        self._prefix = "" if folder == "." else f"{folder}/"
        self._name = path.name
        self._checkout = checkout
        self._folder = Folder(path.parent)
        self.commit = checkout.head()
        self._origin = _origin(checkout, self.commit, branch)
        self._names = registry_files(self._folder, self._name)
        committed = checkout.blob_ids(checkout.top / folder, self._origin, self._names)
        self._edits = {name: edit for name in self._names if (edit := self._edit(name, committed.get(name)))}
        self.dirty = bool(self._edits)

    def _edit(self, name: str, committed: str | None) -> _Edit | None:
        now = self._folder.read(name)
        if now is not None and committed is not None and blob_id(now, len(committed)) == committed:
            return None
        before = self._checkout.read(Path(self._prefix + name), self._origin)
        return _Edit(before, now) if _unix(before) != _unix(now) else None

    def at(self, base: Base) -> Published:
        """Raises ConflictError where the branch says otherwise what the user edited."""
        branch = Branch(base, self._prefix, self._name)
        first = branch.read(self._name) is None
        edits = self._everything() if first else self._edits | self._deletions(branch)
        merged = {name: self._merged(name, edit, branch.read(name)) for name, edit in edits.items()}
        files = _Overlaid(branch, merged)
        registry = read_from(files, self._name, self._prefix.rstrip("/") or ".", user_cache())
        written = {self._prefix + name: data for name, data in merged.items() if branch.read(name) != data}
        return Published(registry, _normal(self._prefix + registry.workloads.path), written)

    def _everything(self) -> dict[str, _Edit]:
        """A branch without a registry gets the one in the checkout."""
        return {name: _Edit(None, self._folder.read(name)) for name in self._names}

    def _deletions(self, branch: Branch) -> dict[str, _Edit]:
        gone = [name for name in branch.included if name not in self._names]
        edits = {name: _Edit(self._checkout.read(Path(self._prefix + name), self._origin), None) for name in gone}
        return {
            name: edit for name, edit in edits.items() if edit.before is not None and self._folder.read(name) is None
        }

    def _merged(self, name: str, edit: _Edit, theirs: bytes | None) -> bytes | None:
        before, now, there = _unix(edit.before), _unix(edit.now), _unix(theirs)
        if there in (before, now):
            return theirs if there == now else _ending(now, theirs or edit.before)
        place = self._prefix + name
        if now is None or there is None:
            raise ConflictError(
                f"{place} was {'deleted' if there is None else 'changed'} on the branch since you started to edit it",
                remedy="pull, and run this again",
            )
        return _ending(_three_way(place, before or b"", now, there), theirs)

    def knows(self, older: str, newer: str) -> bool:
        return True


def _origin(checkout: Checkout, head: str | None, branch: str) -> str:
    """Where the user's edits set out from. Without anything in common (history may be cut off), that is HEAD."""
    if head is None or checkout.branch() != branch:
        return head or "HEAD"
    fetched = checkout.resolve(f"refs/remotes/origin/{branch}")
    return (checkout.merge_base(fetched, head) if fetched else None) or head


def _three_way(place: str, before: bytes, now: bytes, there: bytes) -> bytes:
    merged = merge(*(data.decode("utf-8", "surrogateescape") for data in (before, now, there)))
    if merged.conflicts:
        raise ConflictError(
            f"{place}: the branch says otherwise what you edited:\n" + "\n".join(map(str, merged.conflicts)),
            remedy="pull, settle it, and run this again",
        )
    return merged.text.encode("utf-8", "surrogateescape")


class Branch:
    """The registry files on the base, the known ones read in one go."""

    def __init__(self, base: Base, prefix: str, name: str) -> None:
        self._base = base
        self._prefix = prefix
        # An included file has this ending, and beside it there may be many thousand generated ones.
        self.names = {path.removeprefix(prefix) for path in base.entries(prefix) if path.endswith(".toml")}
        self._read: dict[str, bytes | None] = {}
        self.included: list[str] = []
        if self.read(name) is not None:
            self._prefetch(name)

    def _prefetch(self, name: str) -> None:
        try:
            self.included = [found for found in registry_files(self, name)[1:] if found in self.names]
        except TomlError:
            return  # Whoever reads the registry says so better.
        found = self._base.read_many([self._prefix + each for each in self.included])
        self._read |= {path.removeprefix(self._prefix): data for path, data in found.items()}

    def read(self, name: str) -> bytes | None:
        if name not in self._read:
            self._read[name] = self._base.read(self._prefix + name)
        return self._read[name]

    def match(self, pattern: str) -> list[str]:
        return matching(pattern, self.names)


class _Overlaid:
    """Files of the branch, some of them replaced, added or taken away."""

    def __init__(self, below: Branch, above: Mapping[str, bytes | None]) -> None:
        self._below = below
        self._above = above

    def read(self, name: str) -> bytes | None:
        return self._above[name] if name in self._above else self._below.read(name)

    def match(self, pattern: str) -> list[str]:
        names: Iterable[str] = {*self._below.names, *self._above}
        return matching(pattern, [name for name in names if self._above.get(name, b"") is not None])


def _unix(data: bytes | None) -> bytes | None:
    # A checkout may have converted line endings.
    return None if data is None else data.replace(b"\r\n", b"\n")


def _ending(data: bytes | None, like: bytes | None) -> bytes | None:
    """`data` with the line endings that the repository has; where it has none yet, as it is."""
    windows = like is not None and b"\r\n" in like
    return data.replace(b"\n", b"\r\n") if data is not None and windows else data
