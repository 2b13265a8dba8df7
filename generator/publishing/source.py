"""Where the registry that is published comes from: the workloads branch itself, or a checkout of another repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from generator.errors import ConflictError
from generator.git.checkout import Checkout
from generator.git.repository import Base
from generator.registry.files import Folder, Tree
from generator.registry.read import read_from, registry_files
from generator.registry.registry import Registry


@dataclass(frozen=True)
class Published:
    """The registry to publish on one base: where its charts go, and the registry files to commit with them."""

    registry: Registry
    output: str
    files: Mapping[str, bytes | None]


class RegistrySource(Protocol):
    """`commit` is the registry's own, if git knows it; `apart` says that it is not the workloads repository's."""

    commit: str | None
    dirty: bool
    apart: bool

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
        names = registry_files(Folder(path.parent), path.name)
        self.dirty = bool(checkout) and any(_dirty(checkout, path.parent / name) for name in names)

    def at(self, base: Base) -> Published:
        return Published(self._registry, self._registry.workloads.path, {})

    def knows(self, older: str, newer: str) -> bool:
        return self._checkout is not None and self._checkout.is_ancestor(older, newer)


def _dirty(checkout: Checkout | None, path: Path) -> bool:
    return checkout is not None and checkout.is_dirty(path.absolute())


class Within:
    """The registry of the workloads repository: the branch's own, with what the user edited in the checkout."""

    apart = False

    def __init__(self, path: Path, checkout: Checkout) -> None:
        folder = path.parent.resolve().relative_to(checkout.top.resolve()).as_posix()
        self._prefix = "" if folder == "." else f"{folder}/"
        self._name = path.name
        self._checkout = checkout
        self._folder = Folder(path.parent)
        self.commit = checkout.head()
        self._edits = self._edited()
        self.dirty = bool(self._edits)

    def _edited(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Registry files that differ from the checkout's HEAD: what they were there, and what they are now."""
        edits = {}
        for name in registry_files(self._folder, self._name):
            committed, current = (
                self._checkout.read(self._checkout.top / self._prefix / name),
                self._folder.read(name),
            )
            if _unix(current) != _unix(committed):
                edits[name] = (committed, current)
        return edits

    def at(self, base: Base) -> Published:
        """Raises ConflictError where the branch's registry has moved under an edit of the user's."""
        entries = [path[len(self._prefix) :] for path in base.entries(self._prefix) if path.endswith(".toml")]
        there = {
            path[len(self._prefix) :]: data
            for path, data in base.read_many([self._prefix + name for name in entries]).items()
        }
        # A branch without a registry gets the one in the checkout.
        files = dict(there) if self._name in there else self._on_disk()
        for name, (committed, current) in self._edits.items():
            if there.get(name) not in (committed, current):
                raise ConflictError(
                    f"{self._prefix}{name} was changed on the branch since you started to edit it",
                    remedy="pull, and run this again",
                )
            if current is not None:
                files[name] = current
        registry = read_from(Tree(files), self._name)
        written = {self._prefix + name: data for name, data in files.items() if there.get(name) != data}
        return Published(registry, str(PurePosixPath(self._prefix + registry.workloads.path)), written)

    def _on_disk(self) -> dict[str, bytes]:
        read = {name: self._folder.read(name) for name in registry_files(self._folder, self._name)}
        return {name: data for name, data in read.items() if data is not None}

    def knows(self, older: str, newer: str) -> bool:
        return True


def _unix(data: bytes | None) -> bytes | None:
    # A checkout may have converted line endings.
    return None if data is None else data.replace(b"\r\n", b"\n")
