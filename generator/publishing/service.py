"""An order to publish → the loop that carries it out: who commits what to which branch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.errors import UsageError
from generator.git.checkout import Checkout
from generator.git.proposal import Identity
from generator.git.publish import PublishResult
from generator.git.publish import publish as push
from generator.git.repository import Target
from generator.git.settings import Settings
from generator.publishing.content import Account, Choices, Content
from generator.publishing.guard import Consent
from generator.publishing.source import Apart, RegistrySource, Within
from generator.registry.files import find_registry
from generator.registry.read import read_registry
from generator.registry.registry import Registry


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


def publish(order: Order, progress: Callable[[str], None]) -> tuple[PublishResult, Account]:
    """Carry out an order. Raises what reading, rendering, `Content.propose` and the publish loop raise."""
    path = find_registry(order.registry_path)
    registry = read_registry(path)
    checkout = Checkout.at(path.parent.absolute())
    settings = checkout.settings if checkout else Settings.read(path.parent.absolute())
    url = _repository(order, registry, checkout)
    author, committer = _identities(settings, os.environ)
    content = Content(_source(path, registry, checkout, url), author, _choices(order))
    target = Target(
        url=url,
        branch=order.branch or registry.workloads.branch,
        create_branch=order.create_branch,
        config=settings.transport,
    )
    result = push(
        target,
        content.propose,
        committer=committer,
        signing=settings.signing(),
        progress=progress,
        dry_run=order.dry_run,
    )
    return result, content.account


def _repository(order: Order, registry: Registry, checkout: Checkout | None) -> str:
    url = order.repository or registry.workloads.repository or (checkout.origin() if checkout else None)
    if not url:
        raise UsageError(
            "there is no workloads repository to publish to",
            remedy="set workloads.repository in the registry, give the checkout an origin, or use --repository URL",
            undone="nothing was pushed",
        )
    return url


def _source(path: Path, registry: Registry, checkout: Checkout | None, url: str) -> RegistrySource:
    if checkout is not None and _same(url, checkout.origin()):
        return Within(path, checkout)
    return Apart(path, registry, checkout)


def _same(url: str, origin: str | None) -> bool:
    return origin is not None and url.removesuffix("/").removesuffix(".git") == origin.removesuffix("/").removesuffix(
        ".git"
    )


def _choices(order: Order) -> Choices:
    ceilings = {}
    for ceiling in order.ceilings:
        env, _, count = ceiling.partition("=")
        if not (count.isascii() and count.isdigit()):
            raise UsageError(f"--confirm-removals {ceiling} is not ENV=N", remedy="name the environment and the number")
        ceilings[env] = int(count)
    return Choices(
        consent=Consent(frozenset(order.removals), ceilings),
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
