"""The context of a registry edit: the editable registry, its history and its published Applications."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from generator.argocd.urls import repository_url_problem, to_https_url
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
from generator.pipeline import find_digests, open_committed_folder
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import read_registry_history
from generator.promotion.retirement import find_retirement_time
from generator.publishing.project_guard import refuse_dropped_projects
from generator.publishing.removal_guard import guard_removals
from generator.registry.reader import read_registry_with_violations
from generator.registry.team_namespaces import list_team_namespaces

if TYPE_CHECKING:
    from datetime import datetime

    from generator.git.checkout import Checkout
    from generator.pipeline import PreparedCharts
    from generator.promotion.app_edits import PublishedApplications
    from generator.promotion.history import History
    from generator.publishing.removal_guard import ApplicationIdentities, RemovalConsent
    from generator.registry.editable import EditableRegistry
    from generator.registry.registry import Registry
    from generator.working_registry import CommittedFiles, WorkingRegistry

_NAME_THE_REPOSITORY = "set workloads.repository in the registry"


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


def read_edit_context(working: WorkingRegistry, now: datetime | None = None) -> EditContext:
    """Read the edit context for a registry in the working tree; commits after `now` have a wrong clock."""
    book = working.read_editable()
    return EditContext(
        book,
        lambda: read_registry_history(working, now),
        lambda: read_published_applications(working, book.registry),
        lambda environment, app: _find_retirement_time(working, book.registry, environment, app),
    )


def _find_retirement_time(working: WorkingRegistry, registry: Registry, environment: str, app: str) -> datetime | None:
    """Return when a retirement came onto the workloads branch, as it was last fetched, with its charts."""
    checkout = working.checkout
    if checkout is None or not working.has_charts_beside(registry.workloads):
        return None
    fetched = checkout.resolve_commit(f"refs/remotes/origin/{registry.workloads.branch}")
    commit = fetched or checkout.head_commit()
    if commit is None:
        return None
    log = open_commit_log(checkout, commit)
    return find_retirement_time(log, working.location, environment, app)


def read_committed_applications(
    working: WorkingRegistry, registry: Registry, revision: str = "HEAD"
) -> PublishedApplications:
    """Read the Applications from the committed inventory, or from the one on disk if there is no repository."""
    folder = working.path.parent / find_committed_charts(working, registry, revision)
    data = (
        _read_committed_inventory(working.checkout, folder, revision)
        if working.checkout
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


def find_committed_charts(working: WorkingRegistry, registry: Registry, revision: str = "HEAD") -> str:
    """Return the `workloads.path` where the charts are at a revision, which can be another than the registry's now."""
    here = registry.workloads.path
    if working.checkout is None or has_committed_charts(working, working.checkout, here, revision):
        return here
    before = working.read_committed_workloads(revision)
    return before.path if before else here


def has_committed_charts(
    working: WorkingRegistry, checkout: Checkout, output_folder: str, revision: str = "HEAD"
) -> bool:
    """Whether a revision has an inventory in the output folder beside the registry."""
    place = (working.path.parent / output_folder / INVENTORY_FILE).absolute()
    return checkout.committed_blob_id(place, revision) is not None


def find_charts_elsewhere(working: WorkingRegistry, registry: Registry) -> str:
    """Return the repository with the charts, if neither the registry's folder nor its last commit has any; else empty.

    In a fork of the workloads repository the charts are beside the registry, although the origin is another.
    """
    checkout, workloads = working.checkout, registry.workloads
    on_disk = (working.path.parent / workloads.path / INVENTORY_FILE).exists()
    committed = checkout is not None and has_committed_charts(working, checkout, workloads.path)
    if working.has_charts_beside(workloads) or on_disk or committed:
        return ""
    return redact(workloads.repository or "")


def describe_moved_charts(before: str, now: str) -> str:
    """The message for a change of `workloads.path`: the charts at the old path stay in use."""
    return (
        f"workloads.path changes from {before} to {now}: {before} stays as it is, and Argo CD reads it until each "
        f"environment is bootstrapped from {now}"
    )


def check_working_copy_removals(
    working: WorkingRegistry,
    charts: PreparedCharts,
    consent: RemovalConsent,
    revision: str = "HEAD",
    *,
    with_helm: bool = True,
) -> None:
    """Check the removals between the charts at a revision of the checkout and those to be written.

    Raises RemovalError as the removal guard does; outside of any repository there is nothing to compare with.
    """
    checkout = working.checkout
    commit = checkout.resolve_commit(revision) if checkout else None
    if checkout is None or commit is None:
        return
    files = working.files_at(commit)
    if find_charts_elsewhere(working, charts.registry):
        deployed = _render_applications(working, files)
    else:
        committed = open_committed_folder(files, find_committed_charts(working, charts.registry, commit))
        refuse_dropped_projects(charts.registry, committed)
        digests = find_digests(committed, charts.tree)
        deployed = find_deployed_applications(committed, digests, charts.after, with_helm=with_helm)
    guard_removals(charts.registry, deployed, charts.tree.applications, consent)


def _render_applications(working: WorkingRegistry, files: CommittedFiles) -> ApplicationIdentities:
    """Return the Applications of the charts of a committed registry; none if there was no registry."""
    path = working.path
    if files.read_bytes(path.name) is None:
        return {}
    registry, _ = read_registry_with_violations(files, path.name, f"{files.revision[:12]}:{path.parent}")
    return render_plan(plan_charts(registry, find_chart_location(working, registry))).applications


def find_chart_location(working: WorkingRegistry, registry: Registry) -> OutputLocation:
    """Find the repository and path from which Argo CD reads the shards and team namespaces of the registry.

    Git is not run if there are none. Raises LocalError, and UsageError if their repository is needed and unknown.
    """
    if working.checkout is None or not _find_repository_reader(registry):
        return chart_location(registry, None, str(PurePosixPath(registry.workloads.path)))
    return chart_location(registry, working.origin, _find_charts_path(working, registry))


def find_published_location(working: WorkingRegistry, registry: Registry) -> OutputLocation:
    """Find the repository and path from which Argo CD reads the charts.

    Raises LocalError, and UsageError if nothing names the repository, or only a folder of this machine does.
    """
    repository = require_workloads_repository(registry, working.origin)
    if problem := repository_url_problem(repository):
        raise UsageError(
            "WL5012", f"Argo CD cannot read the origin of this checkout: {problem}", remedy=_NAME_THE_REPOSITORY
        )
    return OutputLocation(repository, _find_charts_path(working, registry))


def _find_charts_path(working: WorkingRegistry, registry: Registry) -> str:
    checkout, output = working.checkout, registry.workloads.path
    if checkout is None:
        return str(PurePosixPath(output))
    # A fork has a different origin, and its charts beside the registry.
    beside = working.has_charts_beside(registry.workloads) or has_committed_charts(working, checkout, output)
    return str(PurePosixPath(working.folder if beside else "", output))


def chart_location(registry: Registry, origin: str | None, path: str) -> OutputLocation:
    """The location of the charts: `path` in the registry's workloads repository, or in `origin` by default.

    Raises UsageError if there are shards or team namespaces, but no repository.
    """
    reader = _find_repository_reader(registry)
    return OutputLocation(require_workloads_repository(registry, origin, reader) if reader else "", path)


def _find_repository_reader(registry: Registry) -> str:
    """What Argo CD reads from the workloads repository beside the charts; empty for nothing."""
    sharded = (f"the shards of {env.name}" for env in registry.environments.values() if env.shards is not None)
    return next(sharded, "the namespaces of teams" if list_team_namespaces(registry) else "")


def require_workloads_repository(registry: Registry, origin: str | None, reader: str = "the charts") -> str:
    """The repository from which Argo CD reads the charts, or what `reader` says. Raises UsageError if it is unknown."""
    repository = registry.workloads.repository or (to_https_url(origin) if origin else "")
    if not repository:
        raise UsageError(
            "WL5012",
            f"Argo CD reads {reader} from the workloads repository, and nobody names it",
            remedy=f"{_NAME_THE_REPOSITORY}, or give the checkout an origin",
        )
    return repository


def read_published_applications(working: WorkingRegistry, registry: Registry) -> PublishedApplications:
    """Read the Applications of the last published charts, as far as this machine knows.

    Charts beside the registry are published once their commit is on the workloads branch as it was last fetched;
    those in a repository of their own are read there. Raises NetworkError, LocalError.
    """
    url, branch = registry.workloads.repository, registry.workloads.branch
    if url is None or working.has_charts_beside(registry.workloads):
        fetched = f"refs/remotes/origin/{branch}"
        known = working.checkout is not None and working.checkout.resolve_commit(fetched) is not None
        return read_committed_applications(working, registry, fetched if known else "HEAD")
    config = working.checkout.git_config if working.checkout else GitConfig()
    return read_remote_applications(PublishTarget(url, branch, config=config), registry)


def read_remote_applications(target: PublishTarget, registry: Registry) -> PublishedApplications:
    """Read the Applications of the charts on a branch. Raises NetworkError."""
    place = str(PurePosixPath(registry.workloads.path) / INVENTORY_FILE)
    try:
        with open_clone(target) as repository:
            base = repository.fetch_current_base_branch(IdleBudget())
            return parse_inventory(base.read_branch_file(place), place).applications
    except RemoteFaultError as fault:
        raise NetworkError(
            "WL5001", f"{redact(target.url)} cannot be read: {fault.failure.message}", remedy="check the URL and access"
        ) from fault
