"""Find and load the two sides that a user names, or that follow from the workloads branch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from generator.charts.chart_folder import ChartFolder
from generator.charts.output_folder import OutputFolder
from generator.diff.sides import Side, SideSource, load_committed_side, render_side
from generator.errors import UsageError
from generator.git.checkout import Checkout
from generator.pipeline import open_branch_folder, open_working_folder
from generator.publishing.comparison_base import find_comparison_base
from generator.publishing.context import find_chart_location
from generator.publishing.remote_registry import RemoteRegistry
from generator.publishing.sources import OverlaidFiles, RegistryToPublish, WorkloadsRepositorySource
from generator.working_registry import WorkingRegistry, refuse_charts_not_checked_out


def _resolve_commit(checkout: Checkout, revision: str) -> str:
    commit = checkout.resolve_commit(revision)
    if commit is None:
        raise UsageError("WL5014", f"no commit {revision} in this clone", remedy="fetch it, or name another revision")
    return commit


def split_range(checkout: Checkout, base: str | None, head: str | None) -> tuple[str | None, str | None]:
    """Resolve `A..B` and `A...B` in `base` as Git does: B with A, or with the merge base of both.

    Raises UsageError if there is no such commit, or if `head` names a side too.
    """

    first, dots, second = (base or "").partition("..")
    if not dots:
        return base, head
    if head is not None:
        raise UsageError(
            "WL1002", f"--base {base} names both sides", remedy="leave out --head, or name one revision as the base"
        )
    three, second = second.startswith("."), second.removeprefix(".") or "HEAD"
    commits = [_resolve_commit(checkout, revision) for revision in (first or "HEAD", second)]
    merge_base = checkout.merge_base(*commits) if three else commits[0]
    if merge_base is None:
        raise UsageError(
            "WL5010",
            f"{first or 'HEAD'} and {second} have no common commit in this clone",
            remedy="fetch the whole history: git fetch --unshallow",
        )
    return merge_base, commits[1]


def load_head_side(working: WorkingRegistry, checkout: Checkout, revision: str | None) -> Side:
    """Load the side after the change: the registry at a revision, or in the working copy."""
    path, locate = working.path, partial(find_chart_location, working)
    if revision is not None:
        files = working.files_at(_resolve_commit(checkout, revision))
        return render_side(SideSource.of_commit(files, path.name, locate))
    folder, length = path.parent, len(checkout.head_commit() or "0" * 40)
    return render_side(
        SideSource(
            working.files,
            path.name,
            str(folder),
            None,
            lambda output: _open_working_charts(checkout, folder / output),
            locate,
            length,
        )
    )


def _open_working_charts(checkout: Checkout, folder: Path) -> ChartFolder:
    refuse_charts_not_checked_out(checkout, folder)
    return open_working_folder(OutputFolder(folder))


def load_remote_sides(remote: RemoteRegistry, now: datetime) -> tuple[Side, Side, RegistryToPublish]:
    """Load the branch as it is on the remote, the same with the edits of the checkout, and its registry with them.

    That is what `publish` would push now. Raises ConflictError if both changed the same entries.
    """
    base, branch, working = remote.base, remote.files, remote.working
    published = WorkloadsRepositorySource(working, remote.checkout, remote.target, now).load_for_base(base)
    edited = {name.removeprefix(branch.prefix): data for name, data in published.files_to_commit.items()}
    old = SideSource(
        branch,
        branch.name,
        branch.display_folder,
        base.commit,
        lambda output: open_branch_folder(base, branch.prefix + output),
        partial(find_chart_location, working),
        len(base.commit or ""),
    )
    new = render_side(replace(old, files=OverlaidFiles(branch, edited), revision=None))
    return load_committed_side(old, published.registry.workloads.path), new, published


def load_base_side(working: WorkingRegistry, checkout: Checkout, head: Side, revision: str | None) -> Side:
    """Load the side before the change: a revision, or where `head` left the workloads branch.

    Raises UsageError or ConflictError if that cannot be found.
    """
    start = head.revision or checkout.head_commit()
    if revision is None and start is None:
        return Side(None, "nothing")
    if revision is None and head.registry is not None and start is not None:
        revision = find_comparison_base(working, checkout, head.registry.workloads, start)
    files = working.files_at(_resolve_commit(checkout, revision or "HEAD"))
    source = SideSource.of_commit(files, working.path.name, partial(find_chart_location, working))
    return load_committed_side(source, head.registry.workloads.path if head.registry else "")
