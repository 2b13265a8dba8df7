"""Merge requests on GitLab, through python-gitlab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from generator.errors import LocalError
from generator.forges.pull_request import TIMEOUT_SECONDS, PullRequest, PullRequestResult, RepositoryAccess, forge_error

# When rate limited, python-gitlab would otherwise wait for minutes without a message.
_NO_RATE_LIMIT_WAIT: dict[str, Any] = {"obey_rate_limit": False}


class GitLab:
    """Opens and updates merge requests on GitLab. Raises LocalError if python-gitlab is not installed."""

    def __init__(self, access: RepositoryAccess) -> None:
        try:
            import gitlab
        except ImportError:
            raise LocalError(
                "WL6006",
                "python-gitlab is not installed",
                remedy="pip install 'gitops-workloads[gitlab]', or push without --pull-request",
            ) from None
        self._token = access.token
        client = gitlab.Gitlab(access.api_url, private_token=access.token, timeout=TIMEOUT_SECONDS)
        self._requests = client.projects.get(access.repository_path, lazy=True).mergerequests

    def open_or_update(self, request: PullRequest) -> PullRequestResult:
        with self._translate_gitlab_errors():
            texts = {"title": request.title, "description": request.body}
            between: dict[str, Any] = {"source_branch": request.head, "target_branch": request.base}
            found = self._requests.list(iterator=False, get_all=False, state="opened", **between, **_NO_RATE_LIMIT_WAIT)
            if found:
                mine = found[0]
                changed = (mine.title, mine.description or "") != (request.title, request.body)
                if changed:
                    self._requests.update(mine.get_id(), texts, **_NO_RATE_LIMIT_WAIT)
                return PullRequestResult(str(mine.web_url), False, changed)
            new = {**between, **texts, "remove_source_branch": True}
            made = self._requests.create(new, **_NO_RATE_LIMIT_WAIT)
            return PullRequestResult(str(made.web_url), True, False)

    def list_open_heads(self, base: str) -> set[str]:
        with self._translate_gitlab_errors():
            listed = self._requests.list(iterator=True, state="opened", target_branch=base, **_NO_RATE_LIMIT_WAIT)
            return {str(each.source_branch) for each in listed if each.source_project_id == each.target_project_id}

    @contextmanager
    def _translate_gitlab_errors(self) -> Iterator[None]:
        import gitlab
        import requests

        try:
            yield
        except gitlab.GitlabError as error:
            # Without a status code, the error is python-gitlab's own: a redirect, or a response that is not JSON.
            raise forge_error("GitLab", error.response_code, str(error.error_message), self._token) from None
        except requests.RequestException as error:
            raise forge_error("GitLab", None, str(error), self._token) from None
