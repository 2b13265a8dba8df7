"""Requests on Gitea and Forgejo, by three calls of their REST API: no client library of theirs is well kept."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, OpenerDirector, build_opener
from urllib.request import Request as Call

from generator.forges.errors import answered
from generator.forges.forge import TIMEOUT, Access, Opened, Request

_LARGEST_ANSWER = 8 << 20
_PAGE, _MOST_PAGES = 50, 40


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would take the token to where nobody meant it to go."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Gitea:
    """Two branches of one repository; the token goes in a header, and nowhere but to the API."""

    def __init__(self, access: Access) -> None:
        self._token = access.token
        owner, _, name = access.path.partition("/")
        self._pulls = f"{access.api}/repos/{quote(owner, safe='')}/{quote(name, safe='')}/pulls"
        self._opener: OpenerDirector = build_opener(_NoRedirect)

    def bring(self, request: Request) -> Opened:
        texts = {"title": request.title, "body": request.body}
        mine = self._open(request)
        if mine is None:
            made = self._call("POST", "", {"base": request.base, "head": request.head, **texts})
            return Opened(str(made["html_url"]), True, False)
        changed = {key: mine.get(key) or "" for key in texts} != texts
        if changed:
            self._call("PATCH", f"/{int(mine['number'])}", texts)
        return Opened(str(mine["html_url"]), False, changed)

    def _open(self, request: Request) -> dict[str, Any] | None:
        """The open request for the two branches, or None. Older servers filter by state alone."""
        for page in range(1, _MOST_PAGES + 1):
            query = urlencode({"state": "open", "base_branch": request.base, "limit": _PAGE, "page": page})
            found = self._call("GET", f"?{query}", None)
            for each in found:
                if (each["base"]["ref"], each["head"]["ref"]) == (request.base, request.head):
                    mine: dict[str, Any] = each
                    return mine
            if not found:
                break
        return None

    def _call(self, method: str, path: str, body: dict[str, str] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self._token}", "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        call = Call(f"{self._pulls}{path}", data=data, headers=headers, method=method)  # noqa: S310 - see access.py
        try:
            with self._opener.open(call, timeout=TIMEOUT) as answer:
                return json.loads(answer.read(_LARGEST_ANSWER))
        except HTTPError as error:
            raise answered("Gitea", error.code, _words(error), self._token) from None
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            raise answered("Gitea", None, str(error), self._token) from None


def _words(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(_LARGEST_ANSWER))["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)
