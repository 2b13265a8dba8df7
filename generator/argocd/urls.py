"""Parse, validate, normalize and compare URLs of repositories: those of apps, and those of remotes."""

from __future__ import annotations

import functools
import re
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from generator.argocd.strings import GLOB_CHARACTERS, quoted_excerpt, string_validator

#: The server of the cluster in which Argo CD itself runs.
IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
_SCP_STYLE_URL = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^/:][^:]*)"
)
# The same with a slash, which some hosts print and git reads as a path: `git@host/path`.
_SCP_STYLE_WITH_SLASH = re.compile(
    r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)/(?P<path>[^/:][^:]*)"
)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
# Of Azure DevOps, whose clone URLs name the organisation twice.
_AZURE = re.compile(r"(?P<user>[A-Za-z0-9-]+)@dev\.azure\.com/(?P<organisation>[A-Za-z0-9-]+)/.+", re.IGNORECASE)
# An OCI registry for Helm charts, without a scheme: a host with at least one dot, an optional port and a path.
_BARE_OCI_REGISTRY = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*/?")
_URL_HOST = re.compile(r"(?:(?P<user>[^@/]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)(?::(?P<port>[0-9]{1,5}))?")
_USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_REMOTE_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)(://|::)", re.IGNORECASE)
_SCP_LIKE_REMOTE = re.compile(r"([^/:]+):(.*)", re.DOTALL)
_SCHEME_WORDS = frozenset({"ext", "file", "ftp", "git", "http", "https", "oci", "ssh"})

_MAX_URL_LENGTH = 1000

#: Always allowed. `file` and `http` must be allowed by `allowSchemes` in the root file.
SECURE_SCHEMES = frozenset({"https", "ssh", "oci"})
OPT_IN_SCHEMES = frozenset({"file", "http"})


class RemoteUrl(NamedTuple):
    """The parts of a remote's URL. `scheme` is "ssh" for `host:path`, and empty for a local path.

    `user_info` is a name, or a name and password, as written.
    """

    scheme: str
    path: str
    host: str = ""
    port: int | None = None
    user_info: str = ""

    @property
    def host_and_port(self) -> str:
        """The host, with the port if the URL names one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def parse_remote_url(url: str) -> RemoteUrl | None:
    """Parse the URL or path of a remote as git does; None if it is invalid."""
    found = _REMOTE_SCHEME.match(url)
    if found is None:
        scp = _SCP_LIKE_REMOTE.fullmatch(url)
        if scp is None:
            return RemoteUrl("", url)
        user, _, host = scp[1].rpartition("@")
        return RemoteUrl("ssh", scp[2], host.lower(), None, user)
    if found[2] == "::":
        return RemoteUrl(found[1].lower(), url[found.end() :])
    try:
        parts = urlsplit(url)
        user, _, _ = parts.netloc.rpartition("@")
        return RemoteUrl(parts.scheme, parts.path, parts.hostname or "", parts.port, user)
    except ValueError:
        return None


class HostedRepository(NamedTuple):
    """A repository on a server; `path` is "owner/name", or longer for nested groups."""

    host: str
    path: str


def parse_repository_url(url: str) -> HostedRepository | None:
    """Parse the URL of a repository on a forge into host and path; None for any other URL or a local folder."""
    parts = parse_remote_url(url)
    if parts is None or parts.scheme not in ("https", "http", "ssh") or not parts.host:
        return None
    path = parts.path.strip("/").removesuffix(".git").strip("/")
    host = parts.host if parts.scheme == "ssh" else parts.host_and_port
    return HostedRepository(host, path) if "/" in path else None


def url_scheme(url: str) -> str:
    """The scheme of a valid URL in lower case; `ssh` for `git@host:path`, `oci` for a bare registry host."""
    found = _URL.fullmatch(url)
    if found:
        return found["scheme"].lower()
    return "ssh" if _match_scp_style(url) else "oci"


def _match_scp_style(url: str) -> re.Match[str] | None:
    return _SCP_STYLE_URL.fullmatch(url) or _SCP_STYLE_WITH_SLASH.fullmatch(url)


def repository_url_problem(url: str) -> str | None:
    """Why `url` is not a repository that an app may name, or None if it is.

    Refused: schemes other than https, ssh, oci, file and http; user info (but the user of an ssh URL, and the
    organisation in a URL of Azure DevOps); query, fragment, control characters and white space; what Argo CD would
    read as a glob; `.`, `..` and empty path segments, and percent-encoding other than `%20`, by which a prefix could
    be left. A trailing slash, by which a server finds the same repository and Argo CD does not, is dropped later.
    """
    wrong = _url_problem(url)
    return f"{redact_url(url)} {wrong}" if wrong else None


def credential_url_problem(url: str) -> str | None:
    """Why `url` is not a repository, or a prefix of repositories that ends in `/`, or None if it is."""
    found = _URL.fullmatch(url)
    is_host = found is not None and "/" not in found["rest"][:-1] and found["rest"].endswith("/")
    wrong = _url_problem(f"{url}x" if is_host else url)
    return f"{redact_url(url)} {wrong}" if wrong else None


def credential_kind_problem(kind: str, url: str) -> str | None:
    """Why a credential of a kind cannot be for a URL, or None if it can."""
    schemes = {"https-token": ("https", "http"), "github-app": ("https",), "ssh": ("ssh",), "oci": ("oci",)}
    if kind not in schemes or url_scheme(url) in schemes[kind]:
        return None
    return f'has kind = "{kind}", but {quoted_excerpt(url)} is no {schemes[kind][0]} URL: correct one of them'


def repository_grant_problem(grant: str) -> str | None:
    """Why `grant` is not a repository, a prefix of repositories or a folder in one, or None if it is."""
    url, folder = split_grant(grant)
    found = _URL.fullmatch(url)
    if found and found["rest"].endswith("/") and "/" not in found["rest"][:-1]:
        return f"{redact_url(url)} is a whole host: remove the '/' at its end, or add a path"
    if folder is not None and url.endswith("/"):
        return f"{redact_url(grant)} has a folder after a prefix: write the URL of one repository before //"
    wrong = _url_problem(url) or (_granted_folder_problem(folder) if folder is not None else None)
    return f"{redact_url(grant)} {wrong}" if wrong else None


def split_grant(grant: str) -> tuple[str, str | None]:
    """Split `https://host/repository.git//folder` into the URL and the folder, which is None where there is none."""
    found = re.search(r"(?<![:/])//", grant)
    return (grant[: found.start()], grant[found.end() :].removesuffix("/")) if found else (grant, None)


def _granted_folder_problem(folder: str) -> str | None:
    if all(re.fullmatch(r"[A-Za-z0-9_.-]+", part) and part.strip(".") for part in folder.split("/")):
        return None
    return "has no valid folder after //: use letters, digits, '.', '_', '-' and '/', without '.' or '..'"


def is_in_folder(path: str, folder: str) -> bool:
    """Whether a normalized path is a folder, or below it."""
    return f"{path}/".startswith(f"{folder}/")


def _url_problem(url: str) -> str | None:
    if not url.isprintable() or not url.isascii() or " " in url or not 0 < len(url) <= _MAX_URL_LENGTH:
        return f"is not a URL: write printable ASCII, at most {_MAX_URL_LENGTH} characters"
    if GLOB_CHARACTERS.search(url) and "?" not in url:
        return "has a character that Argo CD reads as a glob: remove * ? [ ] { } ! \\"
    if re.search(r"[?#<>\"'`|^;]|%(?!20)", url):
        return "has a query, fragment, quote, ';' or percent-encoding other than %20: remove it"
    found = _URL.fullmatch(url)
    if found:
        return _absolute_url_problem(found["scheme"], found["rest"])
    scp = _match_scp_style(url)
    if scp is None and not _BARE_OCI_REGISTRY.fullmatch(url):
        return "is not a repository URL: write https://host/path or git@host:path"
    if scp and scp["host"].lower() in _SCHEME_WORDS:
        return "is not a repository URL: write :// after the scheme"
    return _path_segments_problem(scp["path"] if scp else url)


def _absolute_url_problem(scheme: str, rest: str) -> str | None:
    if scheme not in SECURE_SCHEMES | OPT_IN_SCHEMES:
        return f"has the scheme {quoted_excerpt(scheme, 20)}: use https or ssh"
    host, _, path = rest.partition("/")
    if scheme == "file":
        return "has a host: write file:///path" if host else _path_segments_problem(path)
    found = _URL_HOST.fullmatch(host)
    if found is None or (found["port"] and int(found["port"]) > 65535):
        return "has no valid host: write https://host/path"
    if found["user"] is not None and not _is_user_needed(scheme, rest, found["user"]):
        return "holds a user name or password: remove it, and give the credentials to Argo CD"
    # A Helm repository may be a host without a path.
    return None if not path and scheme in ("https", "http") else _path_segments_problem(path)


def _is_user_needed(scheme: str, rest: str, user: str) -> bool:
    """Whether a URL needs its user name, which is not a secret."""
    azure = _AZURE.fullmatch(rest)
    named_twice = azure is not None and azure["user"].lower() == azure["organisation"].lower()
    return bool(_USER_NAME.fullmatch(user)) and (scheme == "ssh" or named_twice)


def _path_segments_problem(path: str) -> str | None:
    if any(part in ("", ".", "..") for part in path.removesuffix("/").split("/")):
        return "has an empty, '.' or '..' segment in its path, or none: write the full path of the repository"
    return None


def redact_url(url: str) -> str:
    """`url` quoted for a message, without anything that could be a password or token."""
    head, at, rest = url.rpartition("@")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/*", head)
    told = f"{scheme[0] if scheme else ''}***@{rest}" if at and head not in ("git", "ssh://git") else url
    return quoted_excerpt(re.sub(r"([?#]).+", r"\1***", told, flags=re.DOTALL))


@functools.lru_cache(maxsize=4096)
def repository_key(url: str) -> str:
    """A key that is equal for every spelling of a repository: its host and path.

    Scheme, user, case, ports 22, 80 and 443 and `.git` are ignored.

    Argo CD compares lower-cased and without `.git` (util/git NormalizeGitURL), and does not equate ssh
    and https; two teams, however, must not meet in one repository by any spelling.
    A prefix (ending in `/`) keeps its slash.
    """
    found = _URL.fullmatch(url)
    scp = None if found else _match_scp_style(url)
    if scp:
        host, path = scp["host"], f"/{scp['path']}"
    else:
        host, slash, path = (found["rest"] if found else url).partition("/")
        path = slash + path
    # DNS treats a host with a trailing dot as the same host.
    host = re.sub(r"(?<!^):(?:22|443|80)\Z", "", host.rpartition("@")[2]).rstrip(".")
    return re.sub(r"(?<=[^/])(?:\.git)+\Z", "", f"{host}{path}".lower())


def is_same_repository(url: str, other: str | None) -> bool:
    """Whether two URLs name the same repository (https or ssh, with or without `.git`); False without the second."""
    return other is not None and repository_key(url.rstrip("/")) == repository_key(other.rstrip("/"))


def to_https_url(url: str) -> str:
    """The https URL of a remote repository, without user and port, the same for every clone.

    A local path or file URL is returned unchanged.
    """
    found = _URL.fullmatch(url)
    scp = None if found else _match_scp_style(url)
    if scp:
        return f"https://{scp['host'].rpartition('@')[2]}/{scp['path'].lstrip('/')}"
    if found is None or url_scheme(url) not in ("ssh", "https"):
        return url
    host, slash, path = found["rest"].partition("/")
    host = host.rpartition("@")[2]
    return f"https://{host if url_scheme(url) == 'https' else host.partition(':')[0]}{slash}{path}"


def grant_covers_url(grant: str, url: str) -> bool:
    """Whether a team's `grant`, a URL or a prefix ending in `/`, covers `url` as spelled, but for a `/` at its end."""
    return f"{url}/".startswith(grant) if grant.endswith("/") else url.rstrip("/") == grant


RepositoryUrl = Annotated[str, string_validator(repository_url_problem)]
CredentialUrl = Annotated[str, string_validator(credential_url_problem)]
RepositoryGrant = Annotated[str, string_validator(repository_grant_problem)]
