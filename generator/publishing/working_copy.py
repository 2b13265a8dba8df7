"""Take the working copy's registry through the pipeline: render, check, or edit it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cache import open_result_cache
from generator.charts.change_set import compute_changes
from generator.charts.output_folder import OutputFolder, lock_folder
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import ConflictError, LocalError, RefusedError, UsageError, say_what_is_not_done
from generator.helm.chart_size import describe_large_charts
from generator.helm.manifests import render_manifest_files
from generator.helm.verify import HelmScope
from generator.pipeline import open_working_folder, prepare_charts, refuse_edited_files, refuse_files_in_the_way
from generator.promotion.policy import PolicyReport, RegistryChange
from generator.publishing.context import (
    EditOperation,
    check_working_copy_removals,
    describe_moved_charts,
    find_chart_location,
    find_charts_elsewhere,
    find_committed_charts,
    read_committed_applications,
    read_edit_context,
)
from generator.publishing.policy_check import read_change
from generator.publishing.removal_guard import RemovalConsent, find_removals
from generator.registry.credentials import find_credential_warnings
from generator.registry.files import replace_file
from generator.registry.problems import require_known_names
from generator.working_registry import refuse_charts_not_checked_out

if TYPE_CHECKING:
    from generator.charts.change_set import ChangeSet
    from generator.helm.verify import ForeignFileObject
    from generator.pipeline import PreparedCharts
    from generator.promotion.app_edits import RegistryEdit
    from generator.promotion.policy import PolicyInputs, PolicyViolation
    from generator.publishing.removal_guard import Removal
    from generator.registry.registry import Registry
    from generator.working_registry import WorkingRegistry

#: Shows a progress bar for so many steps; the context's value is called with the number done.
ShowProgress = Callable[[int], contextlib.AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class RenderOutcome:
    """What `render` changes below `folder`, and the Applications of the last commit that are deleted.

    `charts_elsewhere` is the repository with the charts, if they are not in this checkout; `warnings` are those of the
    registry.
    """

    folder: Path
    change: ChangeSet
    removals: tuple[Removal, ...] = ()
    charts_elsewhere: str = ""
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class CheckOutcome:
    """The result of a check: the charts' differences from the folder, warnings, and objects of foreign files.

    `charts_elsewhere` is the repository with the charts, if they are not in this checkout: then nothing was compared.
    """

    folder: OutputFolder
    charts: PreparedCharts
    warnings: list[str]
    overridden: tuple[PolicyViolation, ...] = ()
    charts_elsewhere: str = ""

    @property
    def is_out_of_date(self) -> bool:
        """Whether the charts in this checkout differ from those of the registry."""
        return bool(self.charts.change) and not self.charts_elsewhere

    @property
    def foreign_file_objects(self) -> list[ForeignFileObject]:
        """The objects that foreign files of the charts render."""
        return self.charts.verified.foreign_file_objects


@dataclass(frozen=True)
class EditOutcome:
    """The result of an edit in the working copy; `chart_changes` is None if nothing changes.

    `charts_elsewhere` is the repository with the charts, if they are not in this checkout: then none were written.
    """

    edit: RegistryEdit
    chart_changes: ChangeSet | None
    edited_files: tuple[str, ...] = ()
    charts_elsewhere: str = ""


def render_working_copy(
    working: WorkingRegistry,
    environments: Collection[str],
    *,
    adopt: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    without_helm: bool = False,
    show_progress: ShowProgress,
    today: date | None = None,
) -> RenderOutcome:
    """Write the charts of all or the given environments; by default Helm verifies only charts with foreign files.

    Helm verifies the charts with foreign files, and with `adopt` all charts; for `today` see `prepare_charts`.
    Raises RegistryError, ChartError, RefusedError, ConflictError (a file changed meanwhile) and LocalError.
    """
    with _write_access(working, "nothing was written", dry_run=dry_run):
        registry = working.read()
        require_known_names(environments, registry.environments, "environment")
        folder = open_output_folder(working, registry)
        scope = HelmScope.ALL if adopt else HelmScope.WITH_FOREIGN_FILES
        charts = prepare_charts(
            registry,
            find_chart_location(working, registry),
            open_working_folder(folder),
            environments=environments,
            adopt=adopt,
            overwrite=overwrite,
            helm_scope=HelmScope.NONE if without_helm else scope,
            today=today,
        )
        before = read_committed_applications(working, registry) if working.checkout else {}
        removals = tuple(
            removal
            for removal in find_removals(before, charts.tree.applications)
            if not environments or removal.key.partition("/")[0] in environments
        )
        elsewhere = find_charts_elsewhere(working, registry)
        if charts.change and not dry_run:
            with show_progress(len(charts.change.files_to_write)) as step:
                folder.apply_changes(charts.change, charts.before.inventory, step)
    return RenderOutcome(folder.root, charts.change, removals, elsewhere, registry.warnings)


def render_manifests(
    working: WorkingRegistry,
    environments: Collection[str],
    target: Path,
    *,
    adopt: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    show_progress: ShowProgress,
) -> RenderOutcome:
    """Write the objects that Helm renders of the charts to the folder `target`, which has its own inventory."""
    registry = working.read()
    require_known_names(environments, registry.environments, "environment")
    charts = open_output_folder(working, registry)
    if target.resolve().is_relative_to(charts.root.resolve()):
        raise UsageError("WL1008", f"{target} is in the folder of the charts", remedy="name another folder")
    tree = render_plan(plan_charts(registry, find_chart_location(working, registry)))
    manifests = render_manifest_files(tree, environments or tuple(registry.environments))
    folder = OutputFolder(target)
    change = compute_changes(manifests, folder.read_inventory(), folder.read_digest, frozenset(environments) or None)
    if not adopt:
        refuse_files_in_the_way(open_working_folder(folder), change)
    if not overwrite:
        refuse_edited_files(open_working_folder(folder), change)
    if change and not dry_run:
        with show_progress(len(change.files_to_write)) as step:
            folder.apply_changes(change, folder.read_inventory(), step)
    return RenderOutcome(folder.root, change)


def check_working_copy(
    working: WorkingRegistry,
    consent: RemovalConsent,
    base: str | None,
    policy: PolicyInputs,
    warn: Callable[[str], None],
    *,
    without_helm: bool = False,
) -> CheckOutcome:
    """Verify the charts of the working copy, and check its moves and removals against the revision `base`.

    Raises RegistryError, ChartError, RefusedError, RemovalError, LocalError, and ConflictError for a shallow clone.
    """
    registry = working.read()
    folder = open_output_folder(working, registry)
    charts = prepare_charts(
        registry,
        find_chart_location(working, registry),
        open_working_folder(folder),
        adopt=True,  # A file in the way, or edited by hand, is reported as out of date.
        overwrite=True,
        helm_scope=HelmScope.NONE if without_helm else HelmScope.ALL,
    )
    check_working_copy_removals(working, charts, consent, base or "HEAD", with_helm=not without_helm)
    moves = read_change(working, policy.now, warn, base)
    report = moves.check(policy) if moves else PolicyReport()
    report.raise_if_refused()
    large = describe_large_charts(charts.verified.sizes, charts.tree.applications, registry)
    warnings = [*registry.warnings, *registry.notes, *find_credential_warnings(registry), *large]
    elsewhere = find_charts_elsewhere(working, registry)
    if not elsewhere:
        warnings += _describe_checkout_problems(working, registry, charts)
    return CheckOutcome(folder, charts, warnings, report.overridden, elsewhere)


def _describe_checkout_problems(working: WorkingRegistry, registry: Registry, charts: PreparedCharts) -> Iterator[str]:
    """Yield warnings about what Git has: charts in another folder, generated files that are not tracked."""
    checkout = working.checkout
    if checkout is None or checkout.head_commit() is None:
        return
    before = find_committed_charts(working, registry)
    if before != registry.workloads.path:
        yield describe_moved_charts(before, registry.workloads.path)
        return
    folder = working.path.parent / before
    untracked = checkout.untracked_files(folder, charts.tree.digests) if folder.exists() else []
    if untracked:
        yield (
            f"{len(untracked)} generated files are not tracked by Git, {folder / untracked[0]} for one: "
            f"git add --force {folder}"
        )


def edit_working_copy(
    working: WorkingRegistry,
    operation: EditOperation,
    *,
    dry_run: bool = False,
    verify_with_helm: bool = True,
    removals: Collection[str] = (),
    policy: PolicyInputs | None = None,
) -> EditOutcome:
    """Edit the registry and render its charts.

    Everything is read, validated and rendered before the first file is written. Raises what the operation raises,
    RegistryError where its edit would make the registry invalid, ChartError, RefusedError, LocalError, ConflictError
    if a file changed meanwhile, and RemovalError for a deleted Application that is not in `removals` (`<env>/<app>`).
    """
    with _write_access(working, "nothing was changed", dry_run=dry_run):
        return _edit_and_render(working, operation, dry_run, verify_with_helm, removals, policy)


def _edit_and_render(
    working: WorkingRegistry,
    operation: EditOperation,
    dry_run: bool,
    verify_with_helm: bool,
    removals: Collection[str],
    policy: PolicyInputs | None,
) -> EditOutcome:
    context = read_edit_context(working, policy.now if policy else None)
    edited = operation(context)
    files = edited.editable.changed_files(context.editable)
    if not files:
        return EditOutcome(edited, None)
    _refuse_edits_not_checked_out(working.path, files)
    after = edited.editable.revalidate(open_result_cache())
    registry = after.registry
    if policy is not None:
        change = RegistryChange(context.editable, after, lambda: context.history, edited.overrides)
        report = change.check(policy)
        report.raise_if_refused()
        trailers = (*edited.trailers, *report.format_trailers())
        edited = replace(edited, trailers=tuple(dict.fromkeys(trailers)))
    folder = open_output_folder(working, registry)
    charts = prepare_charts(
        registry,
        find_chart_location(working, registry),
        open_working_folder(folder),
        helm_scope=HelmScope.ALL if verify_with_helm else HelmScope.NONE,
        today=policy.now.date() if policy else None,
    )
    consent = RemovalConsent(frozenset(removals))
    check_working_copy_removals(working, charts, consent, with_helm=verify_with_helm)
    elsewhere = find_charts_elsewhere(working, registry)
    if not dry_run:
        replace_registry_files(working.path.parent, files, context.editable.file_contents())
        if not elsewhere:
            folder.apply_changes(charts.change, charts.before.inventory)
    return EditOutcome(edited, charts.change, tuple(files), elsewhere)


def open_output_folder(working: WorkingRegistry, registry: Registry) -> OutputFolder:
    """Open the folder of the charts. Raises RefusedError if Git has left some of them out of the checkout."""
    folder = working.path.parent / registry.workloads.path
    refuse_charts_not_checked_out(working.checkout, folder)
    return OutputFolder(folder)


@contextlib.contextmanager
def _write_access(working: WorkingRegistry, not_done: str, *, dry_run: bool) -> Iterator[None]:
    """Lock the working copy, unless nothing is written; an error inside says what was not done."""
    with say_what_is_not_done(not_done), contextlib.nullcontext() if dry_run else lock_folder(working.path.parent):
        yield


def _refuse_edits_not_checked_out(path: Path, names: Iterable[str]) -> None:
    """Raise RefusedError if one of the files `names`, beside the registry at `path`, is not on disk to be edited."""
    for name in names:
        if not (path.parent / name).exists():
            raise RefusedError(
                "WL6010",
                f"{path.parent / name} is not checked out, so it cannot be edited here",
                remedy=f"check it out (git sparse-checkout add {Path(name).parent}), or edit the branch with --publish",
            )


def replace_registry_files(folder: Path, files: Mapping[str, bytes], read_before: Mapping[str, bytes]) -> None:
    """Replace registry files; restore the earlier ones if one cannot be written.

    Raises ConflictError if a file is no longer what was read before the edit.
    """
    done: list[tuple[Path, bytes]] = []
    try:
        for name, data in files.items():
            target = folder / name
            before = target.read_bytes()
            if before != read_before[name]:
                raise ConflictError("WL6009", f"{target} changed while this command ran", remedy="run it again")
            replace_file(target, data)
            done.append((target, before))
    except (OSError, ConflictError) as error:
        for target, before in done:
            with contextlib.suppress(OSError):
                replace_file(target, before)
        if isinstance(error, OSError):
            raise LocalError("WL6001", f"{error.filename or folder} cannot be written: {error.strerror}") from error
        raise
