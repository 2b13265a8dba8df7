"""Prepare messages of git and servers for display: mask secrets and escape control characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "***"
# Every pattern here takes time in proportion to the text, which a server may choose.
_URL_USERINFO = re.compile(r"(://)[^/\s]*@")
_PARAMETER = re.compile(r"([?&;]([\w.-]+)=)[^&;\s'\"]+")
_SECRET_NAME = re.compile(r"token|secret|passw|pwd|key|sig|auth|credential", re.IGNORECASE)
_AUTHORIZATION_HEADER = re.compile(r"((?:proxy-)?authorization['\"]?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE)
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_PROGRESS_LINE = re.compile(
    r"^(Enumerating|Counting|Compressing|Receiving|Writing|Resolving|Unpacking|Updating|Processed)\b.*(%|objects:|done)"
    r"|^Total \d+ \(delta"
)
_MAX_LINES = 40
_MAX_LINE_LENGTH = 500


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask `secrets` and all credentials in URLs and headers in `text`."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _URL_USERINFO.sub(rf"\1{MASK}@", text)
    text = _PARAMETER.sub(lambda found: f"{found[1]}{MASK}" if _SECRET_NAME.search(found[2]) else found[0], text)
    return _AUTHORIZATION_HEADER.sub(rf"\1{MASK}", text)


def secrets_in_url(url: str) -> frozenset[str]:
    """Return the strings in `url` that must never be shown, both encoded and decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    userinfo = parts.netloc.rpartition("@")[0]
    name, colon, password = userinfo.partition(":")
    # A user name without a password is a token over HTTP, but only a name ("git") over SSH.
    secret = password if colon else name if parts.scheme.startswith("http") else ""
    values = [value for key, value in parse_qsl(parts.query) if _SECRET_NAME.search(key)]
    return frozenset(s for s in (secret, unquote(secret), *values) if len(s) > 2)


def escape_for_terminal(text: str) -> str:
    """Remove terminal sequences from `text`, and escape control and bidirectional characters."""
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return "".join(_escape_character(c) for c in text)


def _escape_character(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def server_message(stderr: str) -> str:
    """Return the server's lines (marked `remote:`) of git's stderr, without progress, limited in length."""
    lines = [line[len("remote:") :].strip() for line in _split_lines(stderr) if line.startswith("remote:")]
    return _limit_lines(line for line in lines if line and not _PROGRESS_LINE.match(line))


def git_message(stderr: str) -> str:
    """Return git's stderr without progress and hints, limited in length."""
    wanted = (line for line in _split_lines(stderr) if line and not line.startswith("hint:"))
    return _limit_lines(line for line in wanted if not _PROGRESS_LINE.match(line.removeprefix("remote:").strip()))


def local_message(stderr: str) -> str:
    """Return the lines of git's stderr that do not come from the server."""
    return "\n".join(line for line in _split_lines(stderr) if not line.startswith("remote:"))


def _split_lines(stderr: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\r\n]+", stderr)]


def _limit_lines(lines: Iterable[str]) -> str:
    every = list(lines)
    shown = [escape_for_terminal(line[:_MAX_LINE_LENGTH])[:_MAX_LINE_LENGTH] for line in every[:_MAX_LINES]]
    more = [f"({len(every) - _MAX_LINES} more lines)"] if len(every) > _MAX_LINES else []
    return "\n".join(shown + more)
