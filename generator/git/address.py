"""A remote's URL → the protocols git may use for it, and the form every folder understands."""

from __future__ import annotations

import base64
import ipaddress
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from generator.errors import UsageError
from generator.git.words import printable, redact

_SAFE = ("file", "https", "ssh")
_PLAIN = ("http", "git")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)(://|::)", re.IGNORECASE)
_SCP_LIKE = re.compile(r"^[^/:]+:")


def absolute(url: str) -> str:
    """`url`, a path made absolute: git runs elsewhere. `UsageError` if it can be no remote."""
    if not url.strip() or url.startswith("-") or not url.isprintable():
        raise UsageError(f"{printable(redact(url))!r} is not the URL of a repository")
    return url if _scheme(url) else str(Path(url).expanduser().absolute())


def protocols(url: str, *, insecure: bool = False) -> tuple[str, ...]:
    """The protocols allowed for `url`. `UsageError` for one that is unknown, or that anybody can listen to.

    `http` and `git` are for this very machine, unless `insecure` says that the risk is known.
    """
    scheme = _scheme(url) or "file"
    if scheme in _SAFE:
        return _SAFE
    if scheme not in _PLAIN:
        raise UsageError(f"{redact(url)}: git may not use {scheme!r} here", remedy="use https, ssh or file")
    if insecure or _loopback(url):
        return (*_SAFE, scheme)
    raise UsageError(f"{redact(url)}: {scheme} lets anybody on the way read and change it", remedy="use https or ssh")


def local_folder(url: str) -> Path | None:
    """The folder `url` (as `absolute` gives it) names on this machine; None for any other."""
    scheme = _scheme(url)
    if scheme == "file":
        return Path(unquote(url.partition("://")[2]))
    return None if scheme else Path(url)


def without_credentials(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """`url` without user and password, and the settings that have git use them all the same.

    git hands the URL of an HTTP remote on to a helper on its command line, where everybody on the machine can see it.
    """
    parts = urlsplit(url) if _scheme(url) in ("http", "https") else None
    if parts is None or "@" not in parts.netloc:
        return url, ()
    userinfo, _, host = parts.netloc.rpartition("@")
    name, colon, password = userinfo.partition(":")
    bare, server = urlunsplit(parts._replace(netloc=host)), f"{parts.scheme}://{host}/"
    if not colon:
        return bare, ((f"credential.{server}.username", unquote(name)),)
    given = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return bare, ((f"http.{server}.extraHeader", f"Authorization: Basic {given}"),)


def _scheme(url: str) -> str:
    found = _SCHEME.match(url)
    if found:
        return found[1].lower()
    return "ssh" if _SCP_LIKE.match(url) else ""


def _loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
