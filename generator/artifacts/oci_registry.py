"""List the tags of a repository in an OCI registry, by the Distribution API and its token authentication."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin, urlsplit

from generator.argocd.strings import quoted_excerpt
from generator.artifacts.credentials import Credentials, find_registry_credentials
from generator.artifacts.http_client import fetch
from generator.errors import NetworkError

if TYPE_CHECKING:
    from generator.artifacts.http_request import Response

_MAX_PAGES, _PAGE_SIZE = 200, 1000
_ACCEPTED = (
    "application/json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_CHALLENGE_FIELD = re.compile(r'([a-z]+)="([^"]*)"')
_NEXT_PAGE = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


def list_tags(repository: str) -> list[str]:
    """List the tags of `HOST/PATH`. Raises NetworkError if the registry cannot be read."""
    connection, tags = _Repository(repository), list[str]()
    target = f"{connection.url}/tags/list?n={_PAGE_SIZE}"
    for _ in range(_MAX_PAGES):
        response = connection.get(target)
        tags += _read_tags(connection, response)
        following = _NEXT_PAGE.search(response.headers.get("Link", ""))
        if following is None:
            return tags
        target = urljoin(target, following[1])
        if urlsplit(target)[:2] != urlsplit(connection.url)[:2]:
            raise NetworkError("WL5201", f"{repository}: the registry continues its list of tags on another host")
    raise NetworkError("WL5201", f"{repository} has more than {_MAX_PAGES * _PAGE_SIZE} tags")


def resolve_digest(repository: str, tag: str) -> str | None:
    """Return the digest of a tag of `HOST/PATH`; None if there is no such tag. Raises NetworkError."""
    connection = _Repository(repository)
    response = connection.get(f"{connection.url}/manifests/{quote(tag)}", missing_is_fine=True)
    return None if response.status == 404 else f"sha256:{hashlib.sha256(response.body).hexdigest()}"


class _Repository:
    """A repository in a registry, which is asked for a token at most once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.host, _, self.path = name.partition("/")
        # As Docker does: only a registry on this machine is read without TLS.
        scheme = "http" if self.host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
        self.url, self._authorization = f"{scheme}://{self.host}/v2/{quote(self.path)}", ""

    def get(self, url: str, *, missing_is_fine: bool = False) -> Response:
        """Request an address below the repository. Raises NetworkError if it is not read."""
        headers = {"Accept": ", ".join(_ACCEPTED)}
        response = fetch(url, headers, self._authorization)
        if response.status == 401 and not self._authorization:
            self._authorization = _authorize(self.host, self.path, response)
            response = fetch(url, headers, self._authorization)
        if response.status in (401, 403):
            remedy = f"log in with access to it: helm registry login {self.host}, or docker login {self.host}"
            raise NetworkError("WL5201", f"{self.name}: {self.host} denies access ({response.status})", remedy=remedy)
        if response.status == 404 and not missing_is_fine:
            raise NetworkError(
                "WL5201", f"{self.host} has no repository {quoted_excerpt(self.name)}", remedy="check its name"
            )
        if response.status not in (200, 404):
            raise self.unreadable(response)
        return response

    def unreadable(self, response: Response) -> NetworkError:
        """The error for an answer that no registry gives."""
        return NetworkError(
            "WL5201", f"{self.name}: {self.host} does not answer as an OCI registry ({response.status})"
        )


def _read_tags(repository: _Repository, response: Response) -> list[str]:
    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    tags = found.get("tags", ()) if isinstance(found, dict) else ""
    tags = [] if tags is None else tags
    if not isinstance(tags, list):
        raise repository.unreadable(response)
    return [tag for tag in tags if isinstance(tag, str) and _TAG.fullmatch(tag)]


def _authorize(host: str, path: str, challenge: Response) -> str:
    """Return the Authorization header that a registry asks for; empty if there are no credentials for it."""
    kind, _, rest = challenge.headers.get("WWW-Authenticate", "").partition(" ")
    credentials = find_registry_credentials(host)
    if kind.lower() == "basic":
        return credentials.basic_authorization if credentials else ""
    fields = dict(_CHALLENGE_FIELD.findall(rest))
    realm = fields.get("realm", "")
    if kind.lower() != "bearer" or urlsplit(realm).scheme not in ("https", urlsplit(challenge.url).scheme):
        return ""
    query = {"service": fields.get("service", ""), "scope": fields.get("scope") or f"repository:{path}:pull"}
    token = _request_token(realm, {key: value for key, value in query.items() if value}, credentials)
    return f"Bearer {token}" if token else ""


def _request_token(realm: str, query: dict[str, str], credentials: Credentials | None) -> str:
    if credentials and credentials.identity_token:
        grant = {"grant_type": "refresh_token", "refresh_token": credentials.identity_token, "client_id": "workloads"}
        response = fetch(realm, data=urlencode({**grant, **query}).encode())
    else:
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        response = fetch(url, authorization=credentials.basic_authorization if credentials else "")
    try:
        found = json.loads(response.body) if response.status == 200 else None
    except ValueError:
        found = None
    return str(found.get("token") or found.get("access_token") or "") if isinstance(found, dict) else ""
