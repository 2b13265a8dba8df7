"""List Applications from argocd-server's API, with a token from the environment. Reads only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from generator.argocd.urls import redact_url
from generator.artifacts.http_client import fetch
from generator.errors import NetworkError, UsageError
from generator.git.messages import redact
from generator.live.applications import LiveState

if TYPE_CHECKING:
    from generator.artifacts.http_request import Response

TOKEN_VARIABLE = "ARGOCD_AUTH_TOKEN"  # noqa: S105 - the name of the variable
#: An Application has about 9 kB, and the API has no pages.
_MAX_BYTES = 1024 * 1024 * 1024
_ADDRESS_REMEDY = "check that it is the address of argocd-server, and not of a login page before it"
_REMEDIES = {
    401: f"set {TOKEN_VARIABLE} to a token that is valid: argocd account generate-token",
    403: "allow the account to read: p, ACCOUNT, applications, get, */*, allow",
}


def read_argocd_server(url: str, namespace: str, variables: Mapping[str, str], name: str) -> LiveState:
    """List the Applications in a namespace. The token is that of the Argo CD called `name`, or of all.

    Raises UsageError without a token or with an unsafe address, and NetworkError if they cannot be read.
    """
    own = f"{TOKEN_VARIABLE}_{name.upper().replace('-', '_')}"
    token = (variables.get(own) or variables.get(TOKEN_VARIABLE) or "").strip()
    if not token:
        raise UsageError("WL1009", f"there is no token for {redact_url(url)}", remedy=f"set {TOKEN_VARIABLE}, or {own}")
    if not (token.isascii() and token.isprintable()):
        raise UsageError(
            "WL1009", f"the token for {redact_url(url)} has characters that no token has", remedy="copy it again"
        )
    _require_safe_address(url)
    base, place = url.rstrip("/"), redact_url(url).strip('"')
    # Without `fields`: what it selects from leaves out conditions, history and times.
    query = urlencode({"appNamespace": namespace})
    listed = fetch(f"{base}/api/v1/applications?{query}", authorization=f"Bearer {token}", max_bytes=_MAX_BYTES)
    found = _read_json(place, listed, token)
    # The list leaves out, without a word, what the account may not read.
    allowed = fetch(f"{base}/api/v1/account/can-i/applications/get/*/*", authorization=f"Bearer {token}")
    sees_all = allowed.status == 200 and _read_json(place, allowed, token).get("value") == "yes"
    unseen = "" if sees_all else f"the account at {place} may not read all Applications (applications, get, */*)"
    items = found.get("items") or []
    if "items" not in found or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NetworkError("WL5302", f"{place} does not list its Applications", remedy=_ADDRESS_REMEDY)
    return LiveState.from_objects(place, items, unseen)


def _require_safe_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0 and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(
            "WL1009",
            f"{redact_url(url)} is not the address of an argocd-server",
            remedy="use https://HOST, with a port and a path where it needs them, and without a user",
        )
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(
            "WL1009", f"{redact_url(url)} would send the token without TLS", remedy="use an address with https://"
        )


def _read_json(place: str, response: Response, token: str) -> Mapping[str, Any]:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    if response.status == 200 and isinstance(body, dict):
        return body
    said = f": {redact(str(body['message']), [token])}" if isinstance(body, dict) and "message" in body else ""
    raise NetworkError(
        "WL5302",
        f"{place} does not list its Applications ({response.status}){said}",
        remedy=_REMEDIES.get(response.status, _ADDRESS_REMEDY),
    )
