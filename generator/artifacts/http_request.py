"""Send one HTTP request, with `urllib` of the standard library.

It trusts the certificates of the system and obeys the proxy variables.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError, URLError

from generator import __version__
from generator.argocd.urls import redact_url
from generator.errors import NetworkError

_TIMEOUT_SECONDS, _DEADLINE_SECONDS = 20.0, 60.0
_CHUNK = 256 * 1024


class Response(NamedTuple):
    """The answer of a server: of the last address, if it redirected."""

    url: str
    status: int
    headers: Message
    body: bytes


class ConnectionFailedError(Exception):
    """The server cannot be reached, or does not answer to the end; the message says why."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Leave each redirect to the caller, which decides where credentials may go."""


def send_request(url: str, headers: Mapping[str, str], data: bytes | None, max_bytes: int) -> Response:
    """Send one request and return the answer whatever its status.

    Raises ConnectionFailedError, and NetworkError for an answer of more than `max_bytes`.
    """
    try:
        return _exchange(url, headers, data, max_bytes)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ConnectionFailedError(str(reason) or type(error).__name__) from None


def _exchange(url: str, headers: Mapping[str, str], data: bytes | None, max_bytes: int) -> Response:
    request = urllib.request.Request(url, data, {"User-Agent": f"workloads/{__version__}", **headers})  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        answer = opener.open(request, timeout=_TIMEOUT_SECONDS)
    except HTTPError as error:
        answer = error
    with answer:
        body = _read_body(url, answer.read, max_bytes)
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and len(body) < int(length):
        raise ConnectionError("the response is incomplete")
    return Response(url, answer.status, answer.headers, body)


def _read_body(url: str, read: Callable[[int], bytes], max_bytes: int) -> bytes:
    body, deadline = bytearray(), time.monotonic() + _DEADLINE_SECONDS
    while chunk := read(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise NetworkError("WL5201", f"{redact_url(url)} sends more than {max_bytes // 2**20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError(f"no complete answer within {_DEADLINE_SECONDS:.0f} seconds")
    return bytes(body)
