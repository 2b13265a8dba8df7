"""What every forge can do for us: open a request to merge a branch, or bring the open one up to date."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

#: A forge that does not answer is not waited for longer than this, for each call.
TIMEOUT = 20


@dataclass(frozen=True)
class Request:
    """To merge the branch `head` into `base`."""

    head: str
    base: str
    title: str
    body: str


@dataclass(frozen=True)
class Opened:
    """The request as it stands now: `created` by us this time, `updated`, or neither because it says all that."""

    url: str
    created: bool
    updated: bool


class Forge(Protocol):
    """A forge, and a repository on it."""

    def bring(self, request: Request) -> Opened:
        """Open the request, or update the open one for the same two branches.

        Raises NetworkError where the forge cannot be reached or does not let us in, RemoteRefusedError with its
        words where it says no.
        """
        ...


@dataclass(frozen=True)
class Access:
    """A repository's `path` on the forge whose API is at `api`, and the token for it."""

    api: str
    path: str
    token: str = field(repr=False)
