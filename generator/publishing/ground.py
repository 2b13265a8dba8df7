"""What an operation on the registry stands on: the registry's text, git's history of it, what is published of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from generator.cache import user_cache
from generator.charts.layout import Location
from generator.charts.record import RECORD, read_record
from generator.charts.tree import OutputFolder
from generator.errors import LocalError, NetworkError, RefusedError, UsageError
from generator.git.checkout import Checkout
from generator.git.command import Patience
from generator.git.failure import RemoteFaultError
from generator.git.proposal import blob_id
from generator.git.repository import Target, opened
from generator.git.words import redact
from generator.promotion.history import History, checkout_of, folder_of, history_here
from generator.promotion.operations import Applications, Edited
from generator.publishing.guard import Consent, Removal, guard, removals
from generator.registry.book import Book, read_book
from generator.registry.files import Folder
from generator.registry.registry import Registry
from generator.registry.urls import https_form, repository_key


@dataclass(frozen=True)
class Ground:
    """The registry as text; `ask_history` and `ask_published` are asked once, and only if the operation wants them."""

    book: Book
    ask_history: Callable[[], History]
    ask_published: Callable[[], Applications]

    @cached_property
    def history(self) -> History:
        """What git knows of the registry. Raises LocalError or NetworkError."""
        return self.ask_history()

    @cached_property
    def published(self) -> Applications:
        """The Applications that Argo CD was last given. Raises LocalError or NetworkError."""
        return self.ask_published()


Operation = Callable[[Ground], Edited]


def ground_here(path: Path) -> Ground:
    """The working copy's registry at `path`. Raises what reading it raises."""
    book = read_book(Folder(path.parent), path.name, str(path.parent), user_cache())
    checkout = checkout_of(path)
    return Ground(
        book,
        lambda: history_here(checkout, path, user_cache()),
        lambda: published_applications(checkout, path, book.registry),
    )


def committed_applications(checkout: Checkout | None, path: Path, registry: Registry, at: str = "HEAD") -> Applications:
    """The Applications of the record that is committed, or, outside of any repository, of the one on disk."""
    folder = path.parent / registry.workloads.path
    data = _committed(checkout, folder, at) if checkout else OutputFolder(folder).read(RECORD)
    return read_record(data, str(folder / RECORD)).applications


def _committed(checkout: Checkout, folder: Path, at: str) -> bytes | None:
    """The record at a revision: most often the one on disk, and the largest file of all need not be had of git."""
    place = (folder / RECORD).absolute()
    wanted = checkout.blob(place, at)
    with suppress(RefusedError, LocalError):  # What is on disk is for others to judge.
        found = OutputFolder(folder).read(RECORD)
        if wanted is not None and found is not None and blob_id(found, len(wanted)) == wanted:
            return found
    return checkout.read(place, at)


def judge_removals(path: Path, registry: Registry, after: Applications, consent: Consent, at: str = "HEAD") -> None:
    """Judge what goes between the charts at a revision of the checkout and `after`.

    Raises RemovalError as the removal guard does; outside of any repository there is nothing to compare with.
    """
    checkout = checkout_of(path)
    if checkout is not None:
        guard(registry, committed_applications(checkout, path, registry, at), after, consent)


def going(path: Path, registry: Registry, after: Applications) -> tuple[Removal, ...]:
    """The Applications at the checkout's HEAD that `after` does not have as the same ones."""
    checkout = checkout_of(path)
    return removals(committed_applications(checkout, path, registry), after) if checkout is not None else ()


def location_here(path: Path, registry: Registry) -> Location:
    """Where Argo CD finds the charts of the registry at `path`, from where it reads shards.

    Git is not asked where there are none. Raises LocalError, and UsageError where there are shards and nobody says
    in which repository.
    """
    checkout = checkout_of(path) if _sharded(registry) else None
    folder = PurePosixPath()
    if checkout is not None:
        # Also in a fork, whose origin is another one.
        record = (path.parent / registry.workloads.path / RECORD).absolute()
        if _beside(checkout, registry) or checkout.blob(record) is not None:
            folder = PurePosixPath(folder_of(checkout, path))
    return location_at(registry, checkout.origin() if checkout else None, str(folder / registry.workloads.path))


def location_at(registry: Registry, origin: str | None, path: str) -> Location:
    """Where Argo CD finds charts at a path of the repository that the registry names, or else of `origin`.

    Raises UsageError where there are shards and no repository.
    """
    sharded = next((env.name for env in registry.environments.values() if env.shards is not None), "")
    return Location(workloads_repository(registry, origin, sharded) if sharded else "", path)


def workloads_repository(registry: Registry, origin: str | None, sharded: str) -> str:
    """The repository from which Argo CD reads the shards of environment `sharded`. Raises UsageError."""
    repository = registry.workloads.repository or (https_form(origin) if origin else "")
    if not repository:
        raise UsageError(
            f"environments.{sharded}.shards: Argo CD reads shards from the workloads repository, and nobody names it",
            remedy="set workloads.repository in the registry, or give the checkout an origin",
        )
    return repository


def _sharded(registry: Registry) -> bool:
    return any(env.shards is not None for env in registry.environments.values())


def _beside(checkout: Checkout | None, registry: Registry) -> bool:
    """Whether charts are committed to the repository that has the registry."""
    url, origin = registry.workloads.repository, checkout.origin() if checkout else None
    return url is None or (origin is not None and repository_key(url) == repository_key(origin))


def published_applications(checkout: Checkout | None, path: Path, registry: Registry) -> Applications:
    """The Applications that Argo CD was last given, as far as this machine knows.

    Charts beside the registry are published once their commit is on the workloads branch as it was last fetched;
    those in a repository of their own are read there. Raises NetworkError, LocalError.
    """
    url, branch = registry.workloads.repository, registry.workloads.branch
    if url is None or _beside(checkout, registry):
        fetched = f"refs/remotes/origin/{branch}"
        known = checkout is not None and checkout.resolve(fetched) is not None
        return committed_applications(checkout, path, registry, fetched if known else "HEAD")
    return _elsewhere(Target(url, branch, config=checkout.settings.transport if checkout else ()), registry)


def _elsewhere(target: Target, registry: Registry) -> Applications:
    place = str(PurePosixPath(registry.workloads.path) / RECORD)
    try:
        with opened(target) as repository:
            patience = Patience()
            base = repository.base(repository.head(patience), patience)
            return read_record(base.read(place), place).applications
    except RemoteFaultError as fault:
        raise NetworkError(
            f"{redact(target.url)} cannot be read: {fault.failure.words}", remedy="check the URL and access"
        ) from fault
