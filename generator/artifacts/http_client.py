"""Read documents over HTTP: with time-outs, retries and bounds, and with credentials for one host only.

This is `urllib` of the standard library. It trusts the certificates of the system and obeys the proxy variables. The
client library for OCI registries, oras, has no time-outs, waits for minutes between its attempts, and depends on a JSON
Schema validator; two GET requests need none of that.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit

from generator import __version__
from generator.argocd.urls import redact_url
from generator.errors import NetworkError

_TIMEOUT_SECONDS, _DEADLINE_SECONDS = 20.0, 60.0
_ATTEMPTS, _MAX_REDIRECTS, _MAX_PAUSE_SECONDS = 3, 5, 30.0
_MAX_BYTES, _CHUNK = 64 * 1024 * 1024, 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WORTH_ANOTHER_ATTEMPT = frozenset({429, 500, 502, 503, 504})


class Response(NamedTuple):
    """The answer of a server: of the last address, if it redirected."""

    url: str
    status: int
    headers: Message
    body: bytes


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Leave each redirect to `fetch`, which decides where credentials may go."""


def fetch(
    url: str,
    headers: Mapping[str, str] | None = None,
    authorization: str = "",
    data: bytes | None = None,
    sleep: Callable[[float], None] = time.sleep,
    max_bytes: int | None = None,
) -> Response:
    """Request `url`, and follow redirects. `authorization` is sent to the host and port of `url` only.

    An answer of more than `max_bytes`, 64 MiB by default, is refused.

    Returns the answer whatever its status. Raises NetworkError if the server cannot be reached, answers too slowly or
    too much, or redirects to an address that is not allowed.
    """
    origin, current = _origin(url), url
    for _ in range(_MAX_REDIRECTS + 1):
        own = {"Authorization": authorization} if authorization and _origin(current) == origin else {}
        response = _request_with_retries(current, {**(headers or {}), **own}, data, sleep, max_bytes or _MAX_BYTES)
        if response.status not in _REDIRECTS:
            return response
        target = urljoin(current, response.headers.get("Location", ""))
        if urlsplit(target).scheme not in ("https", urlsplit(current).scheme) or data is not None:
            raise NetworkError(
                "WL5201", f"{redact_url(current)} redirects to an address that is not allowed: {redact_url(target)}"
            )
        current = target
    raise NetworkError("WL5201", f"{redact_url(url)} redirects more than {_MAX_REDIRECTS} times")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _request_with_retries(
    url: str, headers: Mapping[str, str], data: bytes | None, sleep: Callable[[float], None], max_bytes: int
) -> Response:
    for attempt in range(1, _ATTEMPTS + 1):
        last, pause = attempt == _ATTEMPTS, float(2 ** (attempt - 1))
        try:
            response = _request(url, headers, data, max_bytes)
            if last or response.status not in _WORTH_ANOTHER_ATTEMPT:
                return response
            wanted = response.headers.get("Retry-After", "")
            pause = min(float(wanted), _MAX_PAUSE_SECONDS) if wanted.isdecimal() else pause
        except (OSError, HTTPException) as error:
            if last:
                reason = str(error.reason if isinstance(error, URLError) else error) or type(error).__name__
                remedy = "check the address and the connection"
                raise NetworkError("WL5201", f"{redact_url(url)} cannot be reached: {reason}", remedy=remedy) from None
        sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _request(url: str, headers: Mapping[str, str], data: bytes | None, max_bytes: int) -> Response:
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
