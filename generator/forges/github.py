"""Requests on GitHub and GitHub Enterprise, by PyGithub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from generator.errors import LocalError
from generator.forges.errors import answered
from generator.forges.forge import TIMEOUT, Access, Opened, Request


class GitHub:
    """Raises LocalError where PyGithub is not installed."""

    def __init__(self, access: Access) -> None:
        try:
            import github
        except ImportError:
            raise LocalError(
                "PyGithub is not installed", remedy="pip install 'gitops-workloads[github]', or push without a request"
            ) from None
        self._token = access.token
        self._owner = access.path.partition("/")[0]
        client = github.Github(
            auth=github.Auth.Token(access.token),
            base_url=access.api,
            timeout=TIMEOUT,
            lazy=True,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        self._repository = client.get_repo(access.path)

    def bring(self, request: Request) -> Opened:
        with self._speaking():
            head = f"{self._owner}:{request.head}"
            for found in self._repository.get_pulls(state="open", head=head, base=request.base):
                if found.head.ref != request.head:
                    continue  # Some servers ignore the filter.
                changed = (found.title, found.body or "") != (request.title, request.body)
                if changed:
                    found.edit(title=request.title, body=request.body)
                return Opened(found.html_url, False, changed)
            made = self._repository.create_pull(
                base=request.base, head=request.head, title=request.title, body=request.body
            )
            return Opened(made.html_url, True, False)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        import requests
        from github import GithubException

        try:
            yield
        except GithubException as error:
            raise answered("GitHub", error.status, _words(error.data) or str(error.message), self._token) from None
        except requests.RequestException as error:
            raise answered("GitHub", None, str(error), self._token) from None
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
            # What PyGithub ends in when what answers is a sign-in page, or leads elsewhere.
            raise answered("GitHub", None, "what answers there is not its API", self._token) from None


def _words(data: object) -> str:
    """GitHub's own words: a message, and what it found wrong with which field."""
    if not isinstance(data, dict):
        return ""
    found = data.get("errors")
    problems = [str(each.get("message", each)) if isinstance(each, dict) else str(each) for each in found or []]
    return ": ".join([str(data.get("message", "")), *problems])
