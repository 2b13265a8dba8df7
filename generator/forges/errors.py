"""What a forge answered → the error for the user. Pure."""

from __future__ import annotations

from generator.errors import GeneratorError, NetworkError, RemoteRefusedError
from generator.git.words import printable, redact

_SHOWN = 500


def answered(forge: str, status: int | None, words: str, token: str) -> GeneratorError:
    """The error for an answer that is no success. `status` is None where there was no answer at all."""
    shown = printable(redact(words, [token]))[:_SHOWN]
    if status is None:
        return NetworkError(f"{forge} could not be reached: {shown}", remedy="run it again: what is pushed stays")
    if status in (401, 403, 404):
        remedy = "the token needs to read the repository and to write requests"
        return NetworkError(f"{forge} does not let us in ({status}): {shown}", remedy=remedy)
    if status == 429 or status >= 500:
        return NetworkError(f"{forge} fails ({status}): {shown}", remedy="run it again: what is pushed stays")
    return RemoteRefusedError(f"{forge} refused the request ({status}): {shown}")
