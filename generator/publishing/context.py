"""The context of a registry edit: the editable registry, its history and its published Applications."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from generator.argocd.urls import to_https_url
from generator.cache import open_result_cache
from generator.charts.inventory import INVENTORY_FILE, parse_inventory
from generator.charts.layout import OutputLocation
from generator.charts.output_folder import OutputFolder
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import LocalError, NetworkError, RefusedError, UsageError
from generator.git.commit_log import open_commit_log
from generator.git.commit_plan import blob_id
from generator.git.config import GitConfig
from generator.git.failure import RemoteFaultError
from generator.git.messages import redact
from generator.git.remote_clone import PublishTarget, open_clone
from generator.git.runner import IdleBudget
from generator.helm.adoption import find_deployed_applications
from generator.pipeline import CommittedFiles, find_digests, open_committed_folder
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import (
    find_checkout,
    find_registry_folder,
    find_registry_location,
    read_registry_history,
)
from generator.promotion.retirement import find_retirement_time
from generator.publishing.checkout_files import open_registry_files
from generator.publishing.comparison_base import charts_beside_registry, read_committed_workloads
from generator.publishing.removal_guard import find_removals, guard_removals
from generator.registry.editable import read_editable_registry
from generator.registry.reader import read_registry_with_violations

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.checkout import Checkout
    from generator.pipeline import PreparedCharts
    from generator.promotion.app_edits import PublishedApplications
    from generator.promotion.history import History
    from generator.publishing.removal_guard import ApplicationIdentities, Removal, RemovalConsent
    from generator.registry.editable import EditableRegistry
    from generator.registry.registry import Registry


@dataclass(frozen=True)
class EditContext:
    """What an edit can read; the history and the published Applications are loaded once, on first use.

    `find_retirement_time` returns when the retirement of an (environment, app) was published, as far as Git knows.
    """

    editable: EditableRegistry
    load_history: Callable[[], History]
    load_published: Callable[[], PublishedApplications]
    find_retirement_time: Callable[[str, str], datetime | None] = lambda environment, app: None

    @cached_property
    def history(self) -> History:
        """The registry's history in Git. Raises LocalError or NetworkError."""
        return self.load_history()

    @cached_property
    def published_applications(self) -> PublishedApplications:
        """The Applications of the last published charts. Raises LocalError or NetworkError."""
        return self.load_published()


EditOperation = Callable[[EditContext], RegistryEdit]


def read_edit_context(path: Path, now: datetime | None = None) -> EditContext:
    """Read the edit context for the working copy's registry at `path`; commits after `now` have a wrong clock."""
    files = open_registry_files(path)
    book = read_editable_registry(files, path.name, str(path.parent), cache=open_result_cache())
    checkout = find_checkout(path)
    return EditContext(
        book,
        lambda: read_registry_history(checkout, path, now),
        lambda: read_published_applications(checkout, path, book.registry),
        lambda environment, app: _find_retirement_time(checkout, path, book.registry, environment, app),
    )


def _find_retirement_time(
    checkout: Checkout | None, path: Path, registry: Registry, environment: str, app: str
) -> datetime | None:
    """Return when a retirement came onto the workloads branch, as it was last fetched, with its charts."""
    if checkout is None or not charts_beside_registry(checkout, registry.workloads):
        return None
    fetched = checkout.resolve_commit(f"refs/remotes/origin/{registry.workloads.branch}")
    commit = fetched or checkout.head_commit()
    if commit is None:
        return None
    log = open_commit_log(checkout, commit)
    return find_retirement_time(log, find_registry_location(checkout, path), environment, app)


def read_committed_applications(
    checkout: Checkout | None, path: Path, registry: Registry, revision: str = "HEAD"
) -> PublishedApplications:
    """Read the Applications from the committed inventory, or from the one on disk if there is no repository."""
    output = find_committed_charts(checkout, path, registry, revision) if checkout else registry.workloads.path
    folder = path.parent / output
    data = (
        _read_committed_inventory(checkout, folder, revision)
        if checkout
        else OutputFolder(folder).read_output_file(INVENTORY_FILE)
    )
    return parse_inventory(data, str(folder / INVENTORY_FILE)).applications


def _read_committed_inventory(checkout: Checkout, folder: Path, revision: str) -> bytes | None:
    """Read the inventory at a revision, from disk if the bytes are the same: Git is slower for so large a file."""
    place = (folder / INVENTORY_FILE).absolute()
    wanted = checkout.committed_blob_id(place, revision)
    with suppress(RefusedError, LocalError):  # Errors in the file on disk are reported elsewhere.
        found = OutputFolder(folder).read_output_file(INVENTORY_FILE)
        if wanted is not None and found is not None and blob_id(found, len(wanted)) == wanted:
            return found
    return checkout.read_committed_file(place, revision)


def find_committed_charts(checkout: Checkout, path: Path, registry: Registry, revision: str = "HEAD") -> str:
    """Return the `workloads.path` where the charts are at a revision, which can be another than the registry's now."""
    here = registry.workloads.path
    if checkout.committed_blob_id((path.parent / here / INVENTORY_FILE).absolute(), revision) is not None:
        return here
    before = read_committed_workloads(checkout, path, revision)
    return before.path if before else here


def find_charts_elsewhere(path: Path, registry: Registry) -> str:
    """Return the repository with the charts, if neither the registry's folder nor its last commit has any; else empty.

    In a fork of the workloads repository the charts are beside the registry, although the origin is another.
    """
    checkout, workloads = find_checkout(path), registry.workloads
    inventory = (path.parent / workloads.path / INVENTORY_FILE).absolute()
    committed = checkout is not None and checkout.committed_blob_id(inventory) is not None
    if charts_beside_registry(checkout, workloads) or inventory.exists() or committed:
        return ""
    return redact(workloads.repository or "")


def describe_moved_charts(before: str, now: str) -> str:
    """Describe what a change of `workloads.path` leaves behind."""
    return (
        f"workloads.path changes from {before} to {now}: {before} stays as it is, and Argo CD reads it until each "
        f"environment is bootstrapped from {now}"
    )


def check_working_copy_removals(
    path: Path, charts: PreparedCharts, consent: RemovalConsent, revision: str = "HEAD", *, with_helm: bool = True
) -> None:
    """Check the removals between the charts at a revision of the checkout and those to be written.

    Raises RemovalError as the removal guard does; outside of any repository there is nothing to compare with.
    """
    checkout = find_checkout(path)
    commit = checkout.resolve_commit(revision) if checkout else None
    if checkout is None or commit is None:
        return
    files = CommittedFiles(checkout, path.parent, commit)
    if find_charts_elsewhere(path, charts.registry):
        deployed = _render_applications(files, path)
    else:
        committed = open_committed_folder(files, find_committed_charts(checkout, path, charts.registry, commit))
        digests = find_digests(committed, charts.tree)
        deployed = find_deployed_applications(committed, digests, charts.after, with_helm=with_helm)
    guard_removals(charts.registry, deployed, charts.tree.applications, consent)


def _render_applications(files: CommittedFiles, path: Path) -> ApplicationIdentities:
    """Return the Applications of the charts of a committed registry; none if there was no registry."""
    if files.read_bytes(path.name) is None:
        return {}
    registry, _ = read_registry_with_violations(files, path.name, f"{files.revision[:12]}:{path.parent}")
    return render_plan(plan_charts(registry, find_chart_location(path, registry))).applications


def find_removals_since_head(path: Path, registry: Registry, after: PublishedApplications) -> tuple[Removal, ...]:
    """List the Applications at HEAD that `after` deletes or recreates."""
    checkout = find_checkout(path)
    return find_removals(read_committed_applications(checkout, path, registry), after) if checkout is not None else ()


def find_chart_location(path: Path, registry: Registry) -> OutputLocation:
    """Find the repository and path from which Argo CD reads the shards of the registry at `path`.

    Git is not run if there are no shards. Raises LocalError, and UsageError if there are shards but their
    repository is unknown.
    """
    checkout = find_checkout(path) if _has_shards(registry) else None
    folder = PurePosixPath()
    if checkout is not None:
        # This also holds in a fork, which has a different origin.
        record = (path.parent / registry.workloads.path / INVENTORY_FILE).absolute()
        if charts_beside_registry(checkout, registry.workloads) or checkout.committed_blob_id(record) is not None:
            folder = PurePosixPath(find_registry_folder(checkout, path))
    return chart_location(registry, checkout.origin_url() if checkout else None, str(folder / registry.workloads.path))


def chart_location(registry: Registry, origin: str | None, path: str) -> OutputLocation:
    """The location of the charts: `path` in the registry's workloads repository, or in `origin` by default.

    Raises UsageError if there are shards but no repository.
    """
    sharded = next((env.name for env in registry.environments.values() if env.shards is not None), "")
    return OutputLocation(require_workloads_repository(registry, origin, sharded) if sharded else "", path)


def require_workloads_repository(registry: Registry, origin: str | None, environment: str) -> str:
    """The repository from which Argo CD reads the shards of `environment`. Raises UsageError if it is unknown."""
    repository = registry.workloads.repository or (to_https_url(origin) if origin else "")
    if not repository:
        raise UsageError(
            f"environments.{environment}.shards: Argo CD reads shards from the workloads repository, and nobody names it",  # noqa: E501
            remedy="set workloads.repository in the registry, or give the checkout an origin",
        )
    return repository


def _has_shards(registry: Registry) -> bool:
    return any(env.shards is not None for env in registry.environments.values())


def read_published_applications(checkout: Checkout | None, path: Path, registry: Registry) -> PublishedApplications:
    """Read the Applications of the last published charts, as far as this machine knows.

    Charts beside the registry are published once their commit is on the workloads branch as it was last fetched;
    those in a repository of their own are read there. Raises NetworkError, LocalError.
    """
    url, branch = registry.workloads.repository, registry.workloads.branch
    if url is None or charts_beside_registry(checkout, registry.workloads):
        fetched = f"refs/remotes/origin/{branch}"
        known = checkout is not None and checkout.resolve_commit(fetched) is not None
        return read_committed_applications(checkout, path, registry, fetched if known else "HEAD")
    return read_remote_applications(
        PublishTarget(url, branch, config=checkout.git_config if checkout else GitConfig()), registry
    )


def read_remote_applications(target: PublishTarget, registry: Registry) -> PublishedApplications:
    """Read the Applications of the charts on a branch. Raises NetworkError."""
    place = str(PurePosixPath(registry.workloads.path) / INVENTORY_FILE)
    try:
        with open_clone(target) as repository:
            patience = IdleBudget()
            base = repository.fetch_base_branch(repository.base_branch_head(patience), patience)
            return parse_inventory(base.read_branch_file(place), place).applications
    except RemoteFaultError as fault:
        raise NetworkError(
            f"{redact(target.url)} cannot be read: {fault.failure.message}", remedy="check the URL and access"
        ) from fault
