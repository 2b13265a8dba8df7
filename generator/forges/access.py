"""A repository's URL and the environment → its forge, if it is on one and a token is there; else what to do by hand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from generator.errors import UsageError
from generator.forges.forge import Access, Forge, Request
from generator.git import address

#: Each forge's token, and the variable that says where its API is if that is not where it usually is.
TOKENS = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN", "gitea": "GITEA_TOKEN"}
_APIS = {"github": "GITHUB_API_URL", "gitlab": "CI_SERVER_URL", "gitea": "GITEA_SERVER_URL"}
#: The host that a job runs for, by the variable its forge sets.
_OWN_HOSTS = {"github": "GITHUB_SERVER_URL", "gitlab": "CI_SERVER_URL", "gitea": "GITEA_SERVER_URL"}
_PUBLIC = {"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "gitea"}
_LABELS = {"github": "github", "gitlab": "gitlab", "gitea": "gitea", "forgejo": "gitea"}
_SCP = re.compile(r"(?:[^@/:]+@)?([^/:]+):(?!//)(.+)")


@dataclass(frozen=True)
class Place:
    """A repository on some server: `path` is "owner/name", or deeper."""

    host: str
    path: str


def place(url: str) -> Place | None:
    """Where `url` leads; None for a folder of this machine."""
    found = _SCP.fullmatch(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme in ("https", "http", "ssh") and parts.hostname:
        port = f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
        host, path = f"{parts.hostname}{port}", parts.path
    elif found and "://" not in url:
        host, path = found[1], found[2]
    else:
        return None
    path = path.strip("/").removesuffix(".git").strip("/")
    return Place(host.lower(), path) if "/" in path else None


def kind(where: Place, environment: Mapping[str, str]) -> str:
    """Which forge that is, empty where nothing says so: a well-known host, the job's own, or a telling name."""
    if where.host in _PUBLIC:
        return _PUBLIC[where.host]
    for name, variable in _OWN_HOSTS.items():
        own = environment.get(variable, "")
        if own and urlsplit(own).netloc.lower() == where.host:
            return "gitea" if name == "github" and environment.get("GITEA_ACTIONS") == "true" else name
    labels = where.host.partition(":")[0].split(".")
    return next((_LABELS[label] for label in labels if label in _LABELS), "")


def forge(url: str, chosen: str, environment: Mapping[str, str]) -> Forge | None:
    """The forge to make a request on; None where it is unknown or we have no token for it.

    Raises UsageError for an API that is not reached safely, LocalError where the forge's library is missing.
    """
    where = place(url)
    name = chosen or (kind(where, environment) if where else "")
    token = environment.get(TOKENS[name], "") if name in TOKENS else ""
    if not token:
        return None
    if where is None:
        raise UsageError("a request needs a repository that is reached by https or ssh")
    api = _api(name, where, environment)
    address.protocols(api)
    return _opener(name)(Access(api, where.path, token))


def _api(name: str, where: Place, environment: Mapping[str, str]) -> str:
    stated = environment.get(_APIS[name], "").rstrip("/")
    if name == "github":
        usual = "https://api.github.com" if where.host == "github.com" else f"https://{where.host}/api/v3"
        return stated or usual
    server = stated or f"https://{where.host}"
    return f"{server}/api/v1" if name == "gitea" else server


def _opener(name: str) -> Callable[[Access], Forge]:
    if name == "github":
        from generator.forges.github import GitHub

        return GitHub
    if name == "gitlab":
        from generator.forges.gitlab import GitLab

        return GitLab
    from generator.forges.gitea import Gitea

    return Gitea


def command(url: str, chosen: str, request: Request, environment: Mapping[str, str]) -> str:
    """The command that makes the request by hand; on a plain server, the one that merges the branch."""
    where = place(url)
    name = chosen or (kind(where, environment) if where else "")
    head, base, title = (shlex.quote(text) for text in (request.head, request.base, request.title))
    if name == "github":
        return f"gh pr create --head {head} --base {base} --title {title} --body ''"
    if name == "gitlab":
        return f"glab mr create --source-branch {head} --target-branch {base} --title {title} --description ''"
    if name == "gitea":
        return f"tea pulls create --head {head} --base {base} --title {title}"
    return f"git fetch origin {head} && git push origin FETCH_HEAD:{shlex.quote(f'refs/heads/{request.base}')}"
