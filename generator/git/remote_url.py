"""Choose the protocols that git may use for a remote URL, and keep credentials out of it."""

from __future__ import annotations

import base64
import ipaddress
from pathlib import Path
from urllib.parse import unquote

from generator.argocd.urls import RemoteUrl, parse_remote_url, url_scheme
from generator.errors import UsageError
from generator.git.messages import escape_for_terminal, redact

_SAFE_PROTOCOLS = ("file", "https", "ssh")
_PLAINTEXT_PROTOCOLS = ("http", "git")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}


def absolute_url(url: str, folder: Path | None = None) -> str:
    """Return `url`, with a local path made absolute, relative to `folder` or the working directory.

    `git@host/path` becomes `ssh://git@host/path`.

    Raises `UsageError` if it cannot name a remote.
    """
    if not url.strip() or url.startswith("-") or not url.isprintable():
        raise UsageError("WL5004", f"{escape_for_terminal(redact(url))!r} is not the URL of a repository")
    if transport_scheme(url):
        return url
    # Git takes this form of a URL for a local path, and Argo CD does not.
    if url_scheme(url) == "ssh":
        return f"ssh://{url}"
    return str((folder or Path.cwd()) / Path(url).expanduser())


def transport_scheme(url: str) -> str:
    """Return the scheme of `url` in lower case, `ssh` for `host:path`; empty for a local path."""
    return _parse_url(url).scheme


def url_host(url: str) -> str:
    """Return the scheme, host and port of `url`, `https://example.org:443`; `file://` for a local repository."""
    parts = _parse_url(url)
    if not parts.scheme:
        return "file://"
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{parts.host.rstrip('.')}" + (f":{port}" if port else "")


def _parse_url(url: str) -> RemoteUrl:
    parts = parse_remote_url(url)
    if parts is None:
        raise UsageError("WL5004", f"{escape_for_terminal(redact(url))!r} is not the URL of a repository")
    return parts


def names_a_host(pattern: str) -> bool:
    """Whether the URL pattern of a setting such as `http.<url>.extraHeader` is for some hosts only."""
    rest = pattern.partition("://")[2] if "://" in pattern else pattern
    host = rest.partition("/")[0].rpartition("@")[2].partition(":")[0]
    return any(label not in ("", "*") for label in host.split("."))


def has_credentials(url: str) -> bool:
    """Whether an HTTP URL holds a user name or a password."""
    parts = _parse_url(url)
    return parts.scheme in ("http", "https") and bool(parts.user_info)


def allowed_protocols(url: str, *, insecure: bool = False) -> tuple[str, ...]:
    """Return the protocols that git may use for `url`. Raises `UsageError` for unknown or unencrypted ones.

    `http` and `git` are allowed for this machine only, unless `insecure` is set.
    """
    scheme = transport_scheme(url) or "file"
    if scheme in _SAFE_PROTOCOLS:
        return _SAFE_PROTOCOLS
    if scheme not in _PLAINTEXT_PROTOCOLS:
        raise UsageError("WL5004", f"{redact(url)}: git may not use {scheme!r} here", remedy="use https, ssh or file")
    if insecure or _is_loopback(url):
        return (*_SAFE_PROTOCOLS, scheme)
    raise UsageError(
        "WL5004", f"{redact(url)}: anybody on the network can read and change {scheme}", remedy="use https or ssh"
    )


def split_credentials(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split `url` into the URL without credentials and the git settings that supply the credentials.

    git passes the URL of an HTTP remote to a helper on the command line, which every user of the machine can see.
    """
    parts = _parse_url(url)
    if parts.scheme not in ("http", "https") or not parts.user_info:
        return url, ()
    name, colon, password = parts.user_info.partition(":")
    bare, server = url.replace(f"{parts.user_info}@", "", 1), f"{parts.scheme}://{parts.host_and_port}/"
    if not colon:
        return bare, ((f"credential.{server}.username", unquote(name)),)
    given = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return bare, ((f"http.{server}.extraHeader", f"Authorization: Basic {given}"),)


def _is_loopback(url: str) -> bool:
    host = _parse_url(url).host
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
