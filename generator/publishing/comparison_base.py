"""Find the commit to compare with: where a change set out from the workloads branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from generator.git.checkout import Checkout
    from generator.registry.model import Workloads
    from generator.working_registry import WorkingRegistry


def find_comparison_base(working: WorkingRegistry, checkout: Checkout, workloads: Workloads, head: str) -> str:
    """Return the commit with which to compare `head`, the commit of the change.

    That is the merge base with the workloads branch as it was last fetched; the first parent of a forge's merge
    commit of a pull request; `head` itself in a repository without a remote. The remote's default branch counts only
    for a registry whose charts are in another repository. Raises UsageError if that branch is not known here, and
    ConflictError if the history is cut off before the base.
    """
    refs = [ref for ref in _candidate_refs(working, checkout, workloads, head) if checkout.resolve_commit(ref)]
    for ref in refs:
        base = checkout.merge_base(head, ref)
        if base is not None:
            return base
    merged_into = checkout.find_merged_into(head)
    if merged_into is not None:
        return merged_into
    if not refs and checkout.origin_url() is None:
        return head
    raise _no_base_error(checkout, workloads.branch, known=bool(refs))


def find_registry_branch(working: WorkingRegistry, checkout: Checkout, workloads: Workloads) -> str:
    """Return the branch on which the registry is published.

    That is the workloads branch, or the remote's default branch for a registry in a repository of its own.
    """
    if working.has_charts_beside(workloads):
        return workloads.branch
    return checkout.default_branch() or workloads.branch


def _candidate_refs(working: WorkingRegistry, checkout: Checkout, workloads: Workloads, head: str) -> list[str]:
    committed = working.read_committed_workloads(head)
    published = find_registry_branch(working, checkout, workloads)
    names = dict.fromkeys((published, workloads.branch, committed.branch if committed else workloads.branch))
    place = "refs/heads" if working.origin is None else "refs/remotes/origin"
    return [f"{place}/{name}" for name in names]


def _no_base_error(checkout: Checkout, branch: str, *, known: bool) -> UsageError | ConflictError:
    explicit = "or name the commit to compare with: --base REV"
    if checkout.is_shallow():
        return ConflictError(
            "WL5010",
            "there is no commit to compare with: this checkout's history is cut off (a shallow clone)",
            remedy=f"fetch all of it: git fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'; {explicit}",
        )
    if known:
        return UsageError(
            "WL5010",
            f"there is no commit to compare with: HEAD has no history in common with {branch}",
            remedy=f"rebase onto {branch}, {explicit}",
        )
    return UsageError(
        "WL5010",
        f"there is no commit to compare with: the branch {branch} is not known in this checkout",
        remedy=f"fetch it: git fetch origin '+refs/heads/{branch}:refs/remotes/origin/{branch}'; {explicit}",
    )
