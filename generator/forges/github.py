"""Pull requests on GitHub and GitHub Enterprise, through PyGithub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from generator.errors import LocalError
from generator.forges.pull_request import TIMEOUT_SECONDS, PullRequest, PullRequestResult, RepositoryAccess, forge_error


class GitHub:
    """Opens and updates pull requests on GitHub. Raises LocalError if PyGithub is not installed."""

    def __init__(self, access: RepositoryAccess) -> None:
        try:
            import github
        except ImportError:
            raise LocalError(
                "WL6006",
                "PyGithub is not installed",
                remedy="pip install 'gitops-workloads[github]', or push without --pull-request",
            ) from None
        self._token = access.token
        self._owner = access.repository_path.partition("/")[0]
        client = github.Github(
            auth=github.Auth.Token(access.token),
            base_url=access.api_url,
            timeout=TIMEOUT_SECONDS,
            lazy=True,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        self._repository = client.get_repo(access.repository_path)

    def open_or_update(self, request: PullRequest) -> PullRequestResult:
        with self._translate_github_errors():
            head = f"{self._owner}:{request.head}"
            for found in self._repository.get_pulls(state="open", head=head, base=request.base):
                if found.head.ref != request.head:
                    continue  # Some servers ignore the filter.
                changed = (found.title, found.body or "") != (request.title, request.body)
                if changed:
                    found.edit(title=request.title, body=request.body)
                return PullRequestResult(found.html_url, False, changed)
            made = self._repository.create_pull(
                base=request.base, head=request.head, title=request.title, body=request.body
            )
            return PullRequestResult(made.html_url, True, False)

    def list_open_heads(self, base: str) -> set[str]:
        with self._translate_github_errors():
            return {
                found.head.ref
                for found in self._repository.get_pulls(state="open", base=base)
                if found.base.ref == base
                and getattr(found.head.repo, "id", None) == found.base.repo.id  # None: its fork was deleted
            }

    @contextmanager
    def _translate_github_errors(self) -> Iterator[None]:
        import requests
        from github import GithubException

        try:
            yield
        except GithubException as error:
            message = _error_message(error.data) or str(error.message)
            raise forge_error("GitHub", error.status, message, self._token) from None
        except requests.RequestException as error:
            raise forge_error("GitHub", None, str(error), self._token) from None
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
            # PyGithub raises these when the response is a sign-in page or a redirect.
            raise forge_error("GitHub", None, "the response does not come from its API", self._token) from None


def _error_message(data: object) -> str:
    """Return GitHub's error message, followed by the problem of each field."""
    if not isinstance(data, dict):
        return ""
    found = data.get("errors")
    problems = [str(each.get("message", each)) if isinstance(each, dict) else str(each) for each in found or []]
    return ": ".join([str(data.get("message", "")), *problems])
