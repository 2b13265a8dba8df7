"""An operation on the registry → files in the working copy, registry and charts alike."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.cache import user_cache
from generator.charts.check import judge
from generator.charts.diff import ChangeSet, changes
from generator.charts.parts import charts
from generator.charts.render import RenderedTree
from generator.charts.tree import OutputFolder
from generator.errors import GeneratorError, LocalError, RefusedError
from generator.promotion.operations import Edited
from generator.publishing.ground import Ground, Operation, ground_here, judge_removals, location_here
from generator.publishing.guard import Consent
from generator.registry.files import Folder

__all__ = ["Ground", "Operation", "Outcome", "edit_here"]


@dataclass(frozen=True)
class Outcome:
    """What an operation came to in the working copy; `change` is None where it changes nothing."""

    edited: Edited
    change: ChangeSet | None
    files: tuple[str, ...] = ()


def edit_here(
    path: Path,
    operation: Operation,
    *,
    dry_run: bool = False,
    helm: bool = True,
    removals: Collection[str] = (),
) -> Outcome:
    """Carry out an operation on the registry at `path` and render its charts.

    Everything is read, judged and rendered before the first file is written. Raises what the operation raises,
    RegistryError where its edit would make the registry invalid, ChartError, RefusedError, LocalError, and
    RemovalError for an Application that would go and is not among `removals`, `<env>/<app>`.
    """
    try:
        return _edit(path, operation, dry_run, helm, removals)
    except GeneratorError as error:
        error.undone = error.undone or "nothing was changed"
        raise


def _edit(path: Path, operation: Operation, dry_run: bool, helm: bool, removals: Collection[str]) -> Outcome:
    ground = ground_here(path)
    edited = operation(ground)
    files = edited.book.changes(ground.book, Folder(path.parent))
    if not files:
        return Outcome(edited, None)
    registry = edited.book.reread(user_cache()).registry
    tree = charts(registry, user_cache(), location_here(path, registry))
    judge(tree, registry, user_cache(), with_helm=helm)
    judge_removals(path, registry, tree.applications, Consent(frozenset(removals)))
    folder = OutputFolder(path.parent / registry.workloads.path)
    change = _change(folder, tree)
    if not dry_run:
        _write_all(path.parent, files)
        folder.apply(change, folder.record())
    return Outcome(edited, change, tuple(files))


def _change(folder: OutputFolder, tree: RenderedTree) -> ChangeSet:
    change = changes(tree, folder.record(), folder.digest)
    if change.foreign:
        raise RefusedError(
            f"{folder.root / change.foreign[0]} is in the way and was not written by workloads",
            remedy="move it away, or run 'workloads render --adopt'",
        )
    return change


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace registry files whole. Where one cannot be written, those before it get back what they held."""
    done: list[tuple[Path, bytes]] = []
    try:
        for name, data in files.items():
            before = (folder / name).read_bytes()
            _replace(folder / name, data)
            done.append((folder / name, before))
    except OSError as error:
        for target, before in done:
            with contextlib.suppress(OSError):
                _replace(target, before)
        raise LocalError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def _replace(target: Path, data: bytes) -> None:
    # A link inside the folder stays one: it is the file that it leads to that is edited.
    real = target.resolve()
    temporary = real.with_name(f".{real.name}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.chmod(real.stat().st_mode & 0o7777)
        temporary.replace(real)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
