"""The interface of every forge: open a pull request, or update the open one; and the errors of failed API calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from generator.errors import GeneratorError, NetworkError, RemoteRefusedError
from generator.git.messages import escape_for_terminal, redact

#: The timeout of each API call, in seconds.
TIMEOUT_SECONDS = 20
_MAX_MESSAGE_LENGTH = 500


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

    def list_open_heads(self, base: str) -> set[str]:
        """Return the branches of this repository that open pull requests merge into `base`. Raises as above."""
        ...


@dataclass(frozen=True)
class RepositoryAccess:
    """The API URL of a forge, the path of a repository on it, and the token to use."""

    api_url: str
    repository_path: str
    token: str = field(repr=False)


def forge_error(forge_name: str, status: int | None, message: str, token: str) -> GeneratorError:
    """Return the error for a failed API call. `status` is the HTTP status; None if there was no response."""
    shown = escape_for_terminal(redact(message, [token]))[:_MAX_MESSAGE_LENGTH]
    again = "run the command again; the pushed branch stays"
    if status is None:
        return NetworkError("WL5101", f"{forge_name} could not be reached: {shown}", remedy=again)
    if status in (401, 403, 404):
        remedy = "give the token read access to the repository and write access to pull requests"
        return NetworkError("WL5101", f"{forge_name} denies access ({status}): {shown}", remedy=remedy)
    if status == 429 or status >= 500:
        return NetworkError("WL5101", f"{forge_name} failed ({status}): {shown}", remedy=again)
    return RemoteRefusedError("WL5101", f"{forge_name} refused the pull request ({status}): {shown}")
