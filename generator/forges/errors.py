"""Turn failed API calls to a forge into errors for the user."""

from __future__ import annotations

from generator.errors import GeneratorError, NetworkError, RemoteRefusedError
from generator.git.messages import escape_for_terminal, redact

_MAX_MESSAGE_LENGTH = 500


def forge_error(forge_name: str, status: int | None, message: str, token: str) -> GeneratorError:
    """Return the error for a failed API call. `status` is the HTTP status; None if there was no response."""
    shown = escape_for_terminal(redact(message, [token]))[:_MAX_MESSAGE_LENGTH]
    if status is None:
        return NetworkError(
            f"{forge_name} could not be reached: {shown}", remedy="run the command again; the pushed branch stays"
        )
    if status in (401, 403, 404):
        remedy = "give the token read access to the repository and write access to pull requests"
        return NetworkError(f"{forge_name} denies access ({status}): {shown}", remedy=remedy)
    if status == 429 or status >= 500:
        return NetworkError(
            f"{forge_name} failed ({status}): {shown}", remedy="run the command again; the pushed branch stays"
        )
    return RemoteRefusedError(f"{forge_name} refused the pull request ({status}): {shown}")
