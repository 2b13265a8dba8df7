"""List the tags of a repository in an OCI registry, by the Distribution API and its token authentication."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode, urljoin, urlsplit

from generator.argocd.strings import quoted_excerpt
from generator.artifacts.credentials import Credentials, find_registry_credentials
from generator.artifacts.http_client import Response, fetch
from generator.errors import NetworkError

_MAX_PAGES, _PAGE_SIZE = 200, 1000
_CHALLENGE_FIELD = re.compile(r'([a-z]+)="([^"]*)"')
_NEXT_PAGE = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


def list_tags(repository: str) -> list[str]:
    """List the tags of `HOST/PATH`. Raises NetworkError if the registry cannot be read."""
    host, _, path = repository.partition("/")
    # As Docker does: only a registry on this machine is read without TLS.
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    url, authorization = f"{scheme}://{host}/v2/{quote(path)}/tags/list?n={_PAGE_SIZE}", ""
    tags: list[str] = []
    for _ in range(_MAX_PAGES):
        response = fetch(url, authorization=authorization)
        if response.status == 401 and not authorization:
            authorization = _authorize(host, path, response)
            response = fetch(url, authorization=authorization)
        tags += _read_tags(repository, host, response)
        following = _NEXT_PAGE.search(response.headers.get("Link", ""))
        if following is None:
            return tags
        url = urljoin(url, following[1])
        if urlsplit(url)[:2] != (scheme, host):
            raise NetworkError(f"{repository}: the registry continues its list of tags on another host")
    raise NetworkError(f"{repository} has more than {_MAX_PAGES * _PAGE_SIZE} tags")


def _read_tags(repository: str, host: str, response: Response) -> list[str]:
    if response.status in (401, 403):
        remedy = f"log in with access to it: helm registry login {host}, or docker login {host}"
        raise NetworkError(f"{repository}: {host} denies access ({response.status})", remedy=remedy)
    if response.status == 404:
        raise NetworkError(f"{host} has no repository {quoted_excerpt(repository)}", remedy="check its name")
    try:
        found = json.loads(response.body) if response.status == 200 else None
    except ValueError:
        found = None
    tags = found.get("tags", ()) if isinstance(found, dict) else ""
    tags = [] if tags is None else tags
    if not isinstance(tags, list):
        raise NetworkError(f"{repository}: {host} does not answer as an OCI registry ({response.status})")
    return [tag for tag in tags if isinstance(tag, str)]


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
