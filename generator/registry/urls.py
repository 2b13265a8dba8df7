"""Repository URLs: which may stand in a registry, and which of them are one repository."""

from __future__ import annotations

import re

from generator.registry.text import GLOB, shown

_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9_.-]+)@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/:][^:]*)")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
# An OCI registry that Argo CD takes without a scheme, for Helm charts: host, at least one dot or a port, and a path.
_BARE = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?(?:/[A-Za-z0-9._-]+)*/?")
_HOST = re.compile(r"(?:(?P<user>[^@/]*)@)?(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::(?P<port>\d{1,5}))?")

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
    `.`, `..`, empty and percent-encoded path segments, by which a prefix could be left.
    """
    if GLOB.search(url):
        return f"{shown(url)}: Argo CD reads * ? [ ] {{ }} ! \\ in a project as globs; they may not stand in a URL"
    if not url.isprintable() or not url.isascii() or " " in url or not url:
        return f"{shown(url)} is not a URL in printable ASCII"
    if re.search(r"[?#%<>\"'`|^]", url):
        return f"{shown(url)} may not have a query, a fragment, quotes or percent-encoding"
    found = _URL.fullmatch(url)
    if found is None:
        scp = _SCP.fullmatch(url)
        if scp is None and not _BARE.fullmatch(url):
            return f"{shown(url)} is not a repository URL: https://host/path or ssh (git@host:path)"
        return _segments(url, scp["path"] if scp else url)
    return _absolute(url, found["scheme"], found["rest"])


def _absolute(url: str, scheme: str, rest: str) -> str | None:
    if scheme not in SECURE_SCHEMES | OPEN_SCHEMES:
        return f"{shown(url)}: repositories are read over https or ssh, not {scheme}"
    host, _, path = rest.partition("/")
    if scheme == "file":
        return f"{shown(url)}: a file URL has no host: file:///path" if host else _segments(url, path)
    found = _HOST.fullmatch(host)
    if found is None or (found["port"] and int(found["port"]) > 65535):
        return f"{shown(url)} has no valid host"
    if found["user"] is not None and (scheme != "ssh" or ":" in found["user"] or not found["user"]):
        return f"{_without_user(scheme, rest)} must not carry user info; Argo CD keeps credentials itself"
    return _segments(url, path)


def _without_user(scheme: str, rest: str) -> str:
    return shown(f"{scheme}://***@{rest.partition('@')[2]}")


def _segments(url: str, path: str) -> str | None:
    parts = path.removesuffix("/").split("/")
    if not path or any(part in ("", ".", "..") for part in parts):
        return f"{shown(url)} needs a path without empty, '.' or '..' segments"
    return None


def repository_key(url: str) -> str:
    """One key for every spelling of one repository: host and path, without scheme, user, case, port 22/443, `.git`.

    Argo CD compares lower-cased and without `.git` (util/git NormalizeGitURL), and does not equate ssh
    and https; two teams, however, must not meet in one repository by any spelling.
    A prefix (ending in `/`) keeps its slash.
    """
    found = _URL.fullmatch(url)
    if found:
        host, slash, path = found["rest"].partition("/")
        host = re.sub(r"(?<!^):(?:22|443|80)$", "", host.rpartition("@")[2])
        place = f"{host}{slash}{path}"
    else:
        scp = _SCP.fullmatch(url)
        place = f"{scp['host']}/{scp['path']}" if scp else url
    return place.lower().removesuffix(".git")


def grants(grant: str, url: str) -> bool:
    """Whether a team's `grant`, a URL or a prefix that ends in `/`, covers `url` as it is written."""
    return url.startswith(grant) and url != grant if grant.endswith("/") else url == grant
