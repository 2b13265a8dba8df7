"""Edit the registry in the working copy and render its charts."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.cache import open_user_cache
from generator.charts.change_set import ChangeSet, compute_changes
from generator.charts.output_folder import OutputFolder
from generator.charts.render import RenderedTree
from generator.charts.team_partition import render_charts
from generator.errors import GeneratorError, LocalError, RefusedError
from generator.helm.verify import validate_charts
from generator.promotion.app_edits import RegistryEdit
from generator.publishing.context import (
    EditContext,
    EditOperation,
    check_working_copy_removals,
    find_chart_location,
    read_edit_context,
)
from generator.publishing.removal_guard import RemovalConsent
from generator.registry.files import FolderFiles

__all__ = ["EditContext", "EditOperation", "EditOutcome", "edit_working_copy"]


@dataclass(frozen=True)
class EditOutcome:
    """The result of an edit in the working copy; `chart_changes` is None if nothing changes."""

    edit: RegistryEdit
    chart_changes: ChangeSet | None
    edited_files: tuple[str, ...] = ()


def edit_working_copy(
    path: Path,
    operation: EditOperation,
    *,
    dry_run: bool = False,
    verify_with_helm: bool = True,
    removals: Collection[str] = (),
) -> EditOutcome:
    """Edit the registry at `path` and render its charts.

    Everything is read, validated and rendered before the first file is written. Raises what the operation raises,
    RegistryError where its edit would make the registry invalid, ChartError, RefusedError, LocalError, and
    RemovalError for a deleted Application that is not in `removals` (`<env>/<app>`).
    """
    try:
        return _edit_and_render(path, operation, dry_run, verify_with_helm, removals)
    except GeneratorError as error:
        error.not_done = error.not_done or "nothing was changed"
        raise


def _edit_and_render(
    path: Path, operation: EditOperation, dry_run: bool, verify_with_helm: bool, removals: Collection[str]
) -> EditOutcome:
    ground = read_edit_context(path)
    edited = operation(ground)
    files = edited.editable.changed_files(ground.editable, FolderFiles(path.parent))
    if not files:
        return EditOutcome(edited, None)
    registry = edited.editable.revalidate().registry
    tree = render_charts(registry, open_user_cache(), find_chart_location(path, registry))
    validate_charts(tree, registry, open_user_cache(), with_helm=verify_with_helm)
    check_working_copy_removals(path, registry, tree.applications, RemovalConsent(frozenset(removals)))
    folder = OutputFolder(path.parent / registry.workloads.path)
    change = _compare_charts(folder, tree)
    if not dry_run:
        _write_registry_files(path.parent, files)
        folder.apply_changes(change, folder.read_inventory())
    return EditOutcome(edited, change, tuple(files))


def _compare_charts(folder: OutputFolder, tree: RenderedTree) -> ChangeSet:
    change = compute_changes(tree, folder.read_inventory(), folder.read_digest)
    if change.foreign:
        raise RefusedError(
            f"{folder.root / change.foreign[0]} is in the way and was not written by workloads",
            remedy="move it away, or run 'workloads render --adopt'",
        )
    return change


def _write_registry_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace registry files; restore the earlier ones if one cannot be written."""
    done: list[tuple[Path, bytes]] = []
    try:
        for name, data in files.items():
            before = (folder / name).read_bytes()
            _replace_registry_file(folder / name, data)
            done.append((folder / name, before))
    except OSError as error:
        for target, before in done:
            with contextlib.suppress(OSError):
                _replace_registry_file(target, before)
        raise LocalError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def _replace_registry_file(target: Path, data: bytes) -> None:
    # Edit the target of a symbolic link, and keep the link.
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
