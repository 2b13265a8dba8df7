"""Read documents over HTTP: with time-outs, retries and bounds, and with credentials for one host only.

The client library for OCI registries, oras, has no time-outs, waits for minutes between its attempts, and depends on a
JSON Schema validator; two GET requests need none of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from generator.argocd.urls import redact_url
from generator.errors import NetworkError

if TYPE_CHECKING:
    from generator.artifacts.http_request import Response

_ATTEMPTS, _MAX_REDIRECTS, _MAX_PAUSE_SECONDS = 3, 5, 30.0
_MAX_BYTES = 64 * 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WORTH_ANOTHER_ATTEMPT = frozenset({429, 500, 502, 503, 504})


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
    # What speaks HTTP takes a tenth of the start of a command, and few commands need it.
    from generator.artifacts.http_request import ConnectionFailedError, send_request

    for attempt in range(1, _ATTEMPTS + 1):
        last, pause = attempt == _ATTEMPTS, float(2 ** (attempt - 1))
        try:
            response = send_request(url, headers, data, max_bytes)
            if last or response.status not in _WORTH_ANOTHER_ATTEMPT:
                return response
            wanted = response.headers.get("Retry-After", "")
            pause = min(float(wanted), _MAX_PAUSE_SECONDS) if wanted.isdecimal() else pause
        except ConnectionFailedError as error:
            if last:
                remedy = "check the address and the connection"
                raise NetworkError("WL5201", f"{redact_url(url)} cannot be reached: {error}", remedy=remedy) from None
        sleep(pause)
    raise AssertionError("the last attempt returns or raises")
