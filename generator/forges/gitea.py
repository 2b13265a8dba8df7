"""Pull requests on Gitea and Forgejo, through their REST API, which has no well-maintained client library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, OpenerDirector, build_opener
from urllib.request import Request as Call

from generator.forges.pull_request import TIMEOUT_SECONDS, PullRequest, PullRequestResult, RepositoryAccess, forge_error

_MAX_RESPONSE_BYTES = 8 << 20
_PAGE_SIZE, _MAX_PAGES = 50, 40


class _NoRedirect(HTTPRedirectHandler):
    """Rejects redirects, which could send the token to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Gitea:
    """Opens and updates pull requests on Gitea or Forgejo; the token is sent in a header, to the API only."""

    def __init__(self, access: RepositoryAccess) -> None:
        self._token = access.token
        owner, _, name = access.repository_path.partition("/")
        self._pulls_url = f"{access.api_url}/repos/{quote(owner, safe='')}/{quote(name, safe='')}/pulls"
        self._url_opener: OpenerDirector = build_opener(_NoRedirect)

    def open_or_update(self, request: PullRequest) -> PullRequestResult:
        texts = {"title": request.title, "body": request.body}
        mine = self._find_open_request(request)
        if mine is None:
            made = self._call_api("POST", "", {"base": request.base, "head": request.head, **texts})
            return PullRequestResult(str(made["html_url"]), True, False)
        changed = {key: mine.get(key) or "" for key in texts} != texts
        if changed:
            self._call_api("PATCH", f"/{int(mine['number'])}", texts)
        return PullRequestResult(str(mine["html_url"]), False, changed)

    def list_open_heads(self, base: str) -> set[str]:
        found = self._list_open_requests(base)
        return {str(each["head"]["ref"]) for each in found if each["head"]["repo_id"] == each["base"]["repo_id"]}

    def _find_open_request(self, request: PullRequest) -> dict[str, Any] | None:
        """Return the open pull request for the two branches, or None."""
        found = self._list_open_requests(request.base)
        return next((each for each in found if each["head"]["ref"] == request.head), None)

    def _list_open_requests(self, base: str) -> Iterator[dict[str, Any]]:
        """Yield the open pull requests that merge into `base`. Older servers filter by state only."""
        for page in range(1, _MAX_PAGES + 1):
            query = urlencode({"state": "open", "base_branch": base, "limit": _PAGE_SIZE, "page": page})
            found = self._call_api("GET", f"?{query}", None)
            yield from (each for each in found if each["base"]["ref"] == base)
            if not found:
                return

    def _call_api(self, method: str, path: str, body: dict[str, str] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self._token}", "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        call = Call(f"{self._pulls_url}{path}", data=data, headers=headers, method=method)  # noqa: S310 - see access.py
        try:
            with self._url_opener.open(call, timeout=TIMEOUT_SECONDS) as answer:
                return json.loads(answer.read(_MAX_RESPONSE_BYTES))
        except HTTPError as error:
            raise forge_error("Gitea", error.code, _http_error_message(error), self._token) from None
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            raise forge_error("Gitea", None, str(error), self._token) from None


def _http_error_message(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(_MAX_RESPONSE_BYTES))["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)
