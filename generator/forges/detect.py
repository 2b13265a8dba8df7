"""Detect the forge of a repository and connect to it, or return the command to open a pull request by hand."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from generator.argocd.urls import HostedRepository, parse_remote_url, parse_repository_url
from generator.errors import UsageError
from generator.forges.gitea import Gitea
from generator.forges.github import GitHub
from generator.forges.gitlab import GitLab
from generator.forges.pull_request import Forge, PullRequest, RepositoryAccess
from generator.git import remote_url as address
from generator.git.messages import redact

#: The environment variables with each forge's token and, for a non-default API, its URL.
TOKEN_VARIABLES = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN", "gitea": "GITEA_TOKEN"}
_API_VARIABLES = {"github": "GITHUB_API_URL", "gitlab": "CI_SERVER_URL", "gitea": "GITEA_SERVER_URL"}
#: The variable in which each forge's CI gives its own URL to a job.
_JOB_HOST_VARIABLES = {"github": "GITHUB_SERVER_URL", "gitlab": "CI_SERVER_URL", "gitea": "GITEA_SERVER_URL"}
_FORGES: Mapping[str, Callable[[RepositoryAccess], Forge]] = {"github": GitHub, "gitlab": GitLab, "gitea": Gitea}
_PUBLIC_FORGES = {"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "gitea"}
_HOST_LABELS = {"github": "github", "gitlab": "gitlab", "gitea": "gitea", "forgejo": "gitea"}


def detect_forge(repository: HostedRepository, environment: Mapping[str, str]) -> str:
    """Return the forge's kind by well-known host, the CI job's own host, or a label of the host; empty if unknown."""
    if repository.host in _PUBLIC_FORGES:
        return _PUBLIC_FORGES[repository.host]
    for name, variable in _JOB_HOST_VARIABLES.items():
        own = parse_remote_url(environment.get(variable, ""))
        if own and own.host_and_port == repository.host:
            return "gitea" if name == "github" and environment.get("GITEA_ACTIONS") == "true" else name
    labels = repository.host.partition(":")[0].split(".")
    return next((_HOST_LABELS[label] for label in labels if label in _HOST_LABELS), "")


def refuse_organisation_url(url: str, environment: Mapping[str, str], label: str) -> None:
    """Raise UsageError for the URL of an organisation of a known forge, which is no repository and grants nothing.

    `label` is the start of the message.
    """
    parts = parse_remote_url(url)
    path = parts.path.strip("/") if parts else ""
    is_one_name = path and "/" not in path and not url.endswith("/")
    if parts and parts.host and is_one_name and detect_forge(HostedRepository(parts.host, path), environment):
        shown = redact(url)
        raise UsageError(
            "WL1004",
            f"{label}{shown} is not a repository",
            remedy=f"write {shown}/NAME.git for one, or {shown}/ where a prefix is wanted",
        )


def open_forge(url: str, chosen_forge: str, environment: Mapping[str, str]) -> Forge | None:
    """Connect to the forge of a repository; None if the forge is unknown or there is no token for it.

    Raises UsageError for an insecure API URL, and LocalError if the forge's library is missing.
    """
    where = parse_repository_url(url)
    name = chosen_forge or (detect_forge(where, environment) if where else "")
    token = environment.get(TOKEN_VARIABLES[name], "") if name in TOKEN_VARIABLES else ""
    if not token:
        return None
    if where is None:
        raise UsageError("WL5101", "a pull request needs a repository with an https or ssh URL")
    api = _api_url(name, where, environment)
    address.allowed_protocols(api)
    return _FORGES[name](RepositoryAccess(api, where.path, token))


def _api_url(forge_name: str, repository: HostedRepository, environment: Mapping[str, str]) -> str:
    stated = environment.get(_API_VARIABLES[forge_name], "").rstrip("/")
    if forge_name == "github":
        usual = "https://api.github.com" if repository.host == "github.com" else f"https://{repository.host}/api/v3"
        return stated or usual
    server = stated or f"https://{repository.host}"
    return f"{server}/api/v1" if forge_name == "gitea" else server


def pull_request_command(url: str, chosen_forge: str, request: PullRequest, environment: Mapping[str, str]) -> str:
    """Return the command that opens the pull request by hand; on a plain server, the one that merges the branch."""
    where = parse_repository_url(url)
    name = chosen_forge or (detect_forge(where, environment) if where else "")
    head, base, title = (shlex.quote(text) for text in (request.head, request.base, request.title))
    if name == "github":
        return f"gh pr create --head {head} --base {base} --title {title} --body ''"
    if name == "gitlab":
        return f"glab mr create --source-branch {head} --target-branch {base} --title {title} --description ''"
    if name == "gitea":
        return f"tea pulls create --head {head} --base {base} --title {title}"
    return f"git fetch origin {head} && git push origin FETCH_HEAD:{shlex.quote(f'refs/heads/{request.base}')}"
