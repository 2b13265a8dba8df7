"""The interface of every forge: open a pull request, or update the open one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

#: The timeout of each API call, in seconds.
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class PullRequest:
    """A pull request that merges the branch `head` into `base`."""

    head: str
    base: str
    title: str
    body: str


@dataclass(frozen=True)
class PullRequestResult:
    """The open pull request: `created` now, `updated` now, or neither if it was already up to date."""

    url: str
    created: bool
    updated: bool


class Forge(Protocol):
    """A repository on a forge, in which pull requests can be opened."""

    def open_or_update(self, request: PullRequest) -> PullRequestResult:
        """Open the pull request, or update the open one for the same two branches.

        Raises NetworkError if the forge cannot be reached or denies access, and RemoteRefusedError with the forge's
        message if it refuses the pull request.
        """
        ...


@dataclass(frozen=True)
class RepositoryAccess:
    """The API URL of a forge, the path of a repository on it, and the token to use."""

    api_url: str
    repository_path: str
    token: str = field(repr=False)
