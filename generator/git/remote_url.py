"""Check and normalize remote URLs, and choose the protocols that git may use for them."""

from __future__ import annotations

import base64
import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from generator.errors import UsageError
from generator.git.messages import escape_for_terminal, redact

_SAFE_PROTOCOLS = ("file", "https", "ssh")
_PLAINTEXT_PROTOCOLS = ("http", "git")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_SCHEME_PREFIX = re.compile(r"^([a-z][a-z0-9+.-]*)(://|::)", re.IGNORECASE)
_SCP_LIKE = re.compile(r"^[^/:]+:")


def absolute_url(url: str, folder: Path | None = None) -> str:
    """Return `url`, with a local path made absolute, relative to `folder` or the working directory.

    Raises `UsageError` if it cannot name a remote.
    """
    if not url.strip() or url.startswith("-") or not url.isprintable():
        raise UsageError(f"{escape_for_terminal(redact(url))!r} is not the URL of a repository")
    if url_scheme(url):
        _split_url(url)
        return url
    return str((folder or Path.cwd()) / Path(url).expanduser())


def url_scheme(url: str) -> str:
    """Return the scheme of `url` in lower case, `ssh` for `host:path`; empty for a local path."""
    found = _SCHEME_PREFIX.match(url)
    if found:
        return found[1].lower()
    return "ssh" if _SCP_LIKE.match(url) else ""


def url_host(url: str) -> str:
    """Return the scheme, host and port of `url`, `https://example.org:443`; `file://` for a local repository."""
    if "://" not in url:
        host = url.partition(":")[0].rpartition("@")[2].lower() if url_scheme(url) else ""
        return f"ssh://{host}:22" if host else "file://"
    parts = _split_url(url)
    try:
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        port = None
    return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}" + (f":{port}" if port else "")


def _split_url(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise UsageError(f"{escape_for_terminal(redact(url))!r} is not the URL of a repository") from None


def names_a_host(pattern: str) -> bool:
    """Whether the URL pattern of a setting such as `http.<url>.extraHeader` is for some hosts only."""
    rest = pattern.partition("://")[2] if "://" in pattern else pattern
    host = rest.partition("/")[0].rpartition("@")[2].partition(":")[0]
    return any(label not in ("", "*") for label in host.split("."))


def has_credentials(url: str) -> bool:
    """Whether an HTTP URL holds a user name or a password."""
    return url_scheme(url) in ("http", "https") and "@" in _split_url(url).netloc


def allowed_protocols(url: str, *, insecure: bool = False) -> tuple[str, ...]:
    """Return the protocols that git may use for `url`. Raises `UsageError` for unknown or unencrypted ones.

    `http` and `git` are allowed for this machine only, unless `insecure` is set.
    """
    scheme = url_scheme(url) or "file"
    if scheme in _SAFE_PROTOCOLS:
        return _SAFE_PROTOCOLS
    if scheme not in _PLAINTEXT_PROTOCOLS:
        raise UsageError(f"{redact(url)}: git may not use {scheme!r} here", remedy="use https, ssh or file")
    if insecure or _is_loopback(url):
        return (*_SAFE_PROTOCOLS, scheme)
    raise UsageError(f"{redact(url)}: anybody on the network can read and change {scheme}", remedy="use https or ssh")


def local_remote_folder(url: str) -> Path | None:
    """Return the local folder that `url` (as returned by `absolute_url`) names; None for a network URL."""
    scheme = url_scheme(url)
    if scheme == "file":
        return Path(unquote(url.partition("://")[2]))
    return None if scheme else Path(url)


def split_credentials(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split `url` into the URL without credentials and the git settings that supply the credentials.

    git passes the URL of an HTTP remote to a helper on the command line, which every user of the machine can see.
    """
    parts = _split_url(url) if url_scheme(url) in ("http", "https") else None
    if parts is None or "@" not in parts.netloc:
        return url, ()
    userinfo, _, host = parts.netloc.rpartition("@")
    name, colon, password = userinfo.partition(":")
    bare, server = urlunsplit(parts._replace(netloc=host)), f"{parts.scheme}://{host}/"
    if not colon:
        return bare, ((f"credential.{server}.username", unquote(name)),)
    given = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return bare, ((f"http.{server}.extraHeader", f"Authorization: Basic {given}"),)


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
