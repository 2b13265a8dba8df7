"""Requests on GitLab, by python-gitlab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from generator.errors import LocalError
from generator.forges.errors import answered
from generator.forges.forge import TIMEOUT, Access, Opened, Request

# Told to come back later, python-gitlab would wait for minutes without a word.
_ONCE: dict[str, Any] = {"obey_rate_limit": False}


class GitLab:
    """Raises LocalError where python-gitlab is not installed."""

    def __init__(self, access: Access) -> None:
        try:
            import gitlab
        except ImportError:
            raise LocalError(
                "python-gitlab is not installed",
                remedy="pip install 'gitops-workloads[gitlab]', or push without a request",
            ) from None
        self._token = access.token
        client = gitlab.Gitlab(access.api, private_token=access.token, timeout=TIMEOUT)
        self._requests = client.projects.get(access.path, lazy=True).mergerequests

    def bring(self, request: Request) -> Opened:
        with self._speaking():
            between: dict[str, Any] = {"source_branch": request.head, "target_branch": request.base}
            found = self._requests.list(iterator=False, get_all=False, state="opened", **between, **_ONCE)
            if found:
                mine = found[0]
                changed = (mine.title, mine.description or "") != (request.title, request.body)
                if changed:
                    self._requests.update(mine.get_id(), {"title": request.title, "description": request.body}, **_ONCE)
                return Opened(str(mine.web_url), False, changed)
            made = self._requests.create(
                {**between, "title": request.title, "description": request.body, "remove_source_branch": True}, **_ONCE
            )
            return Opened(str(made.web_url), True, False)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        import gitlab
        import requests

        try:
            yield
        except gitlab.GitlabError as error:
            # Without a code it is python-gitlab itself that gave up: a redirect, an answer that is no JSON.
            raise answered("GitLab", error.response_code, str(error.error_message), self._token) from None
        except requests.RequestException as error:
            raise answered("GitLab", None, str(error), self._token) from None
