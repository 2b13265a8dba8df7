"""A remote's URL → the protocols git may use for it, and the form every folder understands."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
