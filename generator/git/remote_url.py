"""Check and normalize remote URLs, and choose the protocols that git may use for them."""

from __future__ import annotations

import base64
import ipaddress
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from generator.errors import UsageError
from generator.git.messages import escape_for_terminal, redact

_SAFE_PROTOCOLS = ("file", "https", "ssh")
_PLAINTEXT_PROTOCOLS = ("http", "git")
_SCHEME_PREFIX = re.compile(r"^([a-z][a-z0-9+.-]*)(://|::)", re.IGNORECASE)
_SCP_LIKE = re.compile(r"^[^/:]+:")


def absolute_url(url: str) -> str:
    """Return `url`, with a local path made absolute. Raises `UsageError` if it cannot name a remote."""
    if not url.strip() or url.startswith("-") or not url.isprintable():
        raise UsageError(f"{escape_for_terminal(redact(url))!r} is not the URL of a repository")
    return url if _url_scheme(url) else str(Path(url).expanduser().absolute())


def allowed_protocols(url: str, *, insecure: bool = False) -> tuple[str, ...]:
    """Return the protocols that git may use for `url`. Raises `UsageError` for unknown or unencrypted ones.

    `http` and `git` are allowed for this machine only, unless `insecure` is set.
    """
    scheme = _url_scheme(url) or "file"
    if scheme in _SAFE_PROTOCOLS:
        return _SAFE_PROTOCOLS
    if scheme not in _PLAINTEXT_PROTOCOLS:
        raise UsageError(f"{redact(url)}: git may not use {scheme!r} here", remedy="use https, ssh or file")
    if insecure or _is_loopback(url):
        return (*_SAFE_PROTOCOLS, scheme)
    raise UsageError(f"{redact(url)}: {scheme} lets anybody on the way read and change it", remedy="use https or ssh")


def local_remote_folder(url: str) -> Path | None:
    """Return the local folder that `url` (as returned by `absolute_url`) names; None for a network URL."""
    scheme = _url_scheme(url)
    if scheme == "file":
        return Path(unquote(url.partition("://")[2]))
    return None if scheme else Path(url)


def split_credentials(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split `url` into the URL without credentials and the git settings that supply the credentials.

    git passes the URL of an HTTP remote to a helper on the command line, which every user of the machine can see.
    """
    parts = urlsplit(url) if _url_scheme(url) in ("http", "https") else None
    if parts is None or "@" not in parts.netloc:
        return url, ()
    userinfo, _, host = parts.netloc.rpartition("@")
    name, colon, password = userinfo.partition(":")
    bare, server = urlunsplit(parts._replace(netloc=host)), f"{parts.scheme}://{host}/"
    if not colon:
        return bare, ((f"credential.{server}.username", unquote(name)),)
    given = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return bare, ((f"http.{server}.extraHeader", f"Authorization: Basic {given}"),)


def _url_scheme(url: str) -> str:
    found = _SCHEME_PREFIX.match(url)
    if found:
        return found[1].lower()
    return "ssh" if _SCP_LIKE.match(url) else ""


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
