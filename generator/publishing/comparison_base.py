"""Find the commit to compare with: where a change set out from the workloads branch."""

from __future__ import annotations

from pathlib import Path

from generator.argocd.urls import repository_key
from generator.errors import ConflictError, UsageError
from generator.git.checkout import Checkout
from generator.registry.model import Workloads
from generator.registry.reader import parse_workloads_settings


def find_comparison_base(checkout: Checkout, path: Path, workloads: Workloads, head: str) -> str:
    """Return the commit with which to compare `head`, the commit of the change.

    That is the merge base with the workloads branch as it was last fetched; the first parent of a forge's merge
    commit of a pull request; `head` itself in a repository without a remote. The remote's default branch counts only
    for a registry whose charts are in another repository. Raises UsageError if that branch is not known here, and
    ConflictError if the history is cut off before the base.
    """
    refs = [ref for ref in _candidate_refs(checkout, path, workloads, head) if checkout.resolve_commit(ref)]
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


def charts_beside_registry(checkout: Checkout | None, workloads: Workloads) -> bool:
    """Whether the charts are committed to the repository that contains the registry."""
    url, origin = workloads.repository, checkout.origin_url() if checkout else None
    return url is None or (origin is not None and repository_key(url) == repository_key(origin))


def find_registry_branch(checkout: Checkout, workloads: Workloads) -> str:
    """Return the branch on which the registry is published.

    That is the workloads branch, or the remote's default branch for a registry in a repository of its own.
    """
    if charts_beside_registry(checkout, workloads):
        return workloads.branch
    return checkout.default_branch() or workloads.branch


def _candidate_refs(checkout: Checkout, path: Path, workloads: Workloads, head: str) -> list[str]:
    committed = read_committed_workloads(checkout, path, head)
    published = find_registry_branch(checkout, workloads)
    names = dict.fromkeys((published, workloads.branch, committed.branch if committed else workloads.branch))
    place = "refs/heads" if checkout.origin_url() is None else "refs/remotes/origin"
    return [f"{place}/{name}" for name in names]


def _no_base_error(checkout: Checkout, branch: str, *, known: bool) -> UsageError | ConflictError:
    explicit = "or name the commit to compare with: --base REV"
    if checkout.is_shallow():
        return ConflictError(
            "there is no commit to compare with: this checkout's history is cut off (a shallow clone)",
            remedy=f"fetch all of it: git fetch --unshallow origin '+refs/heads/*:refs/remotes/origin/*'; {explicit}",
        )
    if known:
        return UsageError(
            f"there is no commit to compare with: HEAD has no history in common with {branch}",
            remedy=f"rebase onto {branch}, {explicit}",
        )
    return UsageError(
        f"there is no commit to compare with: the branch {branch} is not known in this checkout",
        remedy=f"fetch it: git fetch origin '+refs/heads/{branch}:refs/remotes/origin/{branch}'; {explicit}",
    )


def read_committed_workloads(checkout: Checkout, path: Path, revision: str) -> Workloads | None:
    """Read the `workloads` table of the registry at a revision; None if there is none, or if it is not valid."""
    data = checkout.read_committed_file(path.absolute(), revision)
    return None if data is None else parse_workloads_settings(data)
