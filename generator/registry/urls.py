"""Repository URLs: which may stand in a registry, and which of them are one repository."""

from __future__ import annotations

import functools
import re
from typing import Annotated

from generator.registry.text import GLOB, checked, shown

_SCP = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^/:][^:]*)"
)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
# An OCI registry that Argo CD takes without a scheme, for Helm charts: host, at least one dot or a port, and a path.
_BARE = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*/?")
_HOST = re.compile(r"(?:(?P<user>[^@/]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)(?::(?P<port>[0-9]{1,5}))?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SCHEME_WORDS = frozenset({"ext", "file", "ftp", "git", "http", "https", "oci", "ssh"})

_LONGEST = 1000

#: Always allowed. `file` and `http` need the root registry's word (`allowSchemes`).
SECURE_SCHEMES = frozenset({"https", "ssh", "oci"})
OPEN_SCHEMES = frozenset({"file", "http"})


def scheme_of(url: str) -> str:
    """The scheme of an accepted URL, lower-case; `ssh` for `git@host:path`, `oci` for a bare registry host."""
    found = _URL.fullmatch(url)
    if found:
        return found["scheme"].lower()
    return "ssh" if _SCP.fullmatch(url) else "oci"


def url_problem(url: str) -> str | None:
    """What keeps `url` from being a repository that an app may name, or None.

    Refused: schemes other than https, ssh, oci, file and http; user info (but the user of an ssh
    URL); query, fragment, control characters and white space; what Argo CD would read as a glob;
    `.`, `..`, empty and percent-encoded path segments, by which a prefix could be left; a trailing
    slash, by which a server finds the same repository and Argo CD does not.
    """
    if url.endswith("/"):
        return grant_problem(url) or f"{concealed(url)} ends in '/', which only a team's prefix may: remove it"
    return grant_problem(url)


def grant_problem(url: str) -> str | None:
    """What keeps `url` from being a repository, or a prefix of repositories, that a team may own, or None."""
    if not url.isprintable() or not url.isascii() or " " in url or not 0 < len(url) <= _LONGEST:
        return f"{concealed(url)} is not a URL in printable ASCII of at most {_LONGEST} characters"
    if GLOB.search(url) and "?" not in url:
        return f"{concealed(url)}: Argo CD reads * ? [ ] {{ }} ! \\ in a project as globs; they may not stand in a URL"
    if re.search(r"[?#%<>\"'`|^]", url):
        return f"{concealed(url)} may not have a query, a fragment, quotes or percent-encoding"
    found = _URL.fullmatch(url)
    return _absolute(url, found["scheme"], found["rest"]) if found else _without_scheme(url)


def _without_scheme(url: str) -> str | None:
    scp = _SCP.fullmatch(url)
    if scp is None and not _BARE.fullmatch(url):
        return f"{concealed(url)} is not a repository URL: https://host/path or ssh (git@host:path)"
    if scp and scp["host"].lower() in _SCHEME_WORDS:
        return f"{concealed(url)} is not a repository URL: after the scheme comes ://"
    return _segments(url, scp["path"] if scp else url)


def _absolute(url: str, scheme: str, rest: str) -> str | None:
    if scheme not in SECURE_SCHEMES | OPEN_SCHEMES:
        return f"{concealed(url)}: repositories are read over https or ssh, not {shown(scheme, 20)}"
    host, slash, path = rest.partition("/")
    if scheme == "file":
        return f"{concealed(url)}: a file URL has no host: file:///path" if host else _segments(url, path)
    found = _HOST.fullmatch(host)
    if found is None or (found["port"] and int(found["port"]) > 65535):
        return f"{concealed(url)} has no valid host"
    if found["user"] is not None and (scheme != "ssh" or not _USER.fullmatch(found["user"])):
        return f"{concealed(url)} must not carry user info; Argo CD keeps credentials itself"
    # A repository of Helm charts may be a host of its own.
    return None if not slash and scheme in ("https", "http") else _segments(url, path)


def concealed(url: str) -> str:
    """`url` as a message may show it: without what could be a password or a token."""
    head, at, rest = url.rpartition("@")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/*", head)
    told = f"{scheme[0] if scheme else ''}***@{rest}" if at and head not in ("git", "ssh://git") else url
    return shown(re.sub(r"([?#]).+", r"\1***", told, flags=re.DOTALL))


def _segments(url: str, path: str) -> str | None:
    parts = path.removesuffix("/").split("/")
    if not path or any(part in ("", ".", "..") for part in parts):
        return f"{concealed(url)} needs a path without empty, '.' or '..' segments"
    return None


@functools.lru_cache(maxsize=4096)
def repository_key(url: str) -> str:
    """One key for every spelling of one repository: host and path, without scheme, user, case, port 22/443, `.git`.

    Argo CD compares lower-cased and without `.git` (util/git NormalizeGitURL), and does not equate ssh
    and https; two teams, however, must not meet in one repository by any spelling.
    A prefix (ending in `/`) keeps its slash.
    """
    found = _URL.fullmatch(url)
    scp = None if found else _SCP.fullmatch(url)
    if scp:
        host, path = scp["host"], f"/{scp['path']}"
    else:
        host, slash, path = (found["rest"] if found else url).partition("/")
        path = slash + path
    # A trailing dot is the same host to the name service.
    host = re.sub(r"(?<!^):(?:22|443|80)\Z", "", host.rpartition("@")[2]).rstrip(".")
    return re.sub(r"(?<=[^/])(?:\.git)+\Z", "", f"{host}{path}".lower())


def https_form(url: str) -> str:
    """A repository on another machine as every clone of it tells it: over https, without user and port.

    What is a path or a file on this machine stays as it is.
    """
    found = _URL.fullmatch(url)
    scp = None if found else _SCP.fullmatch(url)
    if scp:
        return f"https://{scp['host'].rpartition('@')[2]}/{scp['path'].lstrip('/')}"
    if found is None or scheme_of(url) not in ("ssh", "https"):
        return url
    host, slash, path = found["rest"].partition("/")
    host = host.rpartition("@")[2]
    return f"https://{host if scheme_of(url) == 'https' else host.partition(':')[0]}{slash}{path}"


def grants(grant: str, url: str) -> bool:
    """Whether a team's `grant`, a URL or a prefix that ends in `/`, covers `url` as it is written."""
    return url.startswith(grant) and url != grant if grant.endswith("/") else url == grant


Url = Annotated[str, checked(url_problem)]
Grant = Annotated[str, checked(grant_problem)]
