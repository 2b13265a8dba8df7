"""An order to publish → the loop that carries it out: who commits what to which branch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from generator.cache import user_cache
from generator.errors import GeneratorError, UsageError
from generator.forges import access
from generator.forges.forge import Forge
from generator.git.checkout import Checkout
from generator.git.proposal import Identity
from generator.git.publish import PublishResult
from generator.git.publish import publish as push
from generator.git.repository import Target
from generator.git.settings import Settings
from generator.publishing.account import Account, Made
from generator.publishing.content import Choices, Content
from generator.publishing.ground import Operation
from generator.publishing.guard import Consent
from generator.publishing.operated import Operated
from generator.publishing.request import Asked, branch_name, request
from generator.publishing.source import Apart, RegistrySource, Within
from generator.registry.files import find_registry
from generator.registry.model import Workloads
from generator.registry.read import read_registry, read_workloads
from generator.registry.urls import repository_key


@dataclass(frozen=True)
class Order:
    """What the command line asked for."""

    registry_path: str | None
    repository: str | None
    branch: str | None
    dry_run: bool = False
    create_branch: bool = False
    removals: tuple[str, ...] = ()
    ceilings: tuple[str, ...] = ()
    adopt: bool = False
    overwrite: bool = False
    allow_rewound: bool = False
    without_helm: bool = False
    request: Asked | None = None


def publish(
    order: Order, progress: Callable[[str], None], operation: Operation | None = None
) -> tuple[PublishResult, Account]:
    """Carry out an order; an `operation` is made on the branch's own registry and goes into the same commit.

    Raises what reading, rendering, `Content.propose` and the publish loop raise.
    """
    try:
        return _publish(order, progress, operation)
    except GeneratorError as error:
        error.undone = error.undone or "nothing was pushed"
        raise


def _publish(
    order: Order, progress: Callable[[str], None], operation: Operation | None
) -> tuple[PublishResult, Account]:
    path = find_registry(order.registry_path)
    workloads = read_workloads(path, user_cache())
    checkout = Checkout.at(path.parent.absolute())
    settings = checkout.settings if checkout else Settings.read(path.parent.absolute())
    url = _repository(order, workloads, checkout)
    author, committer = _identities(settings, os.environ)
    branch = order.branch or workloads.branch
    source = _source(path, checkout, url, branch, operation)
    content = Content(source, author, _choices(order), (checkout.origin() if checkout else None) or url)
    asked = _asked(order, source, author, checkout)
    target = Target(
        url=url,
        branch=branch,
        create_branch=order.create_branch,
        config=settings.transport,
        request=branch_name(branch, asked) if asked else "",
    )
    # Opened before the push: what keeps it from being made is to be known while nothing is done yet.
    forge = access.forge(url, asked.forge, os.environ) if asked and not order.dry_run else None
    result = push(
        target,
        content.propose,
        committer=committer,
        signing=settings.signing(),
        progress=progress,
        dry_run=order.dry_run,
    )
    if asked and result.changed and not order.dry_run:
        content.account.request = _requested(target, asked, forge, content.account)
    return result, content.account


def _asked(order: Order, source: RegistrySource, author: Identity, checkout: Checkout | None) -> Asked | None:
    """What the request is for; an edit by hand is its author's, on the branch it was made on."""
    if order.request and source.dirty and not source.apart and checkout:
        whose = f"{order.request.operation}\0{author.email}\0{checkout.branch()}"
        return replace(order.request, operation=whose)
    return order.request


def _requested(target: Target, asked: Asked, forge: Forge | None, account: Account) -> Made:
    """Make or update the request for the branch that was pushed."""
    wanted = request(target.request, target.branch, account)
    if forge is None:
        return Made(target.request, command=access.command(target.url, asked.forge, wanted, os.environ))
    try:
        opened = forge.bring(wanted)
    except GeneratorError as error:
        error.undone = f"{target.request} was pushed; the request for it was neither opened nor updated"
        raise
    return Made(target.request, opened.url, opened.created)


def _repository(order: Order, workloads: Workloads, checkout: Checkout | None) -> str:
    url = order.repository or workloads.repository or (checkout.origin() if checkout else None)
    if not url:
        raise UsageError(
            "there is no workloads repository to publish to",
            remedy="set workloads.repository in the registry, give the checkout an origin, or use --repository URL",
        )
    return url


def _source(
    path: Path, checkout: Checkout | None, url: str, branch: str, operation: Operation | None
) -> RegistrySource:
    if checkout is not None and _same(url, checkout.origin()):
        return Operated(path, checkout, operation, url, branch) if operation else Within(path, checkout, branch)
    if operation:
        raise UsageError(
            "the registry is not in the workloads repository, so one commit cannot hold the edit and its charts",
            remedy="edit without --publish, have the registry merged, then run 'workloads publish'",
        )
    return Apart(path, read_registry(path, user_cache()), checkout)


def _same(url: str, origin: str | None) -> bool:
    """Whether both are one repository, however each is written (https or ssh, with or without `.git`)."""
    return origin is not None and repository_key(url.rstrip("/")) == repository_key(origin.rstrip("/"))


def _choices(order: Order) -> Choices:
    return Choices(
        consent=Consent.given(order.removals, order.ceilings),
        adopt=order.adopt,
        overwrite=order.overwrite,
        allow_rewound=order.allow_rewound,
        helm=not order.without_helm,
    )


def _identities(settings: Settings, environment: Mapping[str, str]) -> tuple[Identity, Identity]:
    """The author, who is the human or CI actor, and the committer, the same one unless git is told otherwise."""
    name = environment.get("GIT_AUTHOR_NAME") or settings.get("user.name") or environment.get("GITHUB_ACTOR", "")
    actor = environment.get("GITHUB_ACTOR")
    email = environment.get("GIT_AUTHOR_EMAIL") or settings.get("user.email")
    email = email or (f"{actor}@users.noreply.github.com" if actor else environment.get("GITLAB_USER_EMAIL", ""))
    author = Identity(name or environment.get("GITLAB_USER_NAME", ""), email)
    committer = Identity(
        environment.get("GIT_COMMITTER_NAME") or author.name, environment.get("GIT_COMMITTER_EMAIL") or author.email
    )
    return author, committer
