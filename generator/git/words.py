"""What git or a server said → what may be shown: secrets masked, control characters escaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "***"
_USERINFO = re.compile(r"([a-z][a-z0-9+.-]*://)[^/\s]*@", re.IGNORECASE)
_QUERY = re.compile(
    r"([?&;][\w.-]*(?:token|secret|passw|pwd|key|sig|auth|credential)[\w.-]*=)[^&;\s'\"]+", re.IGNORECASE
)
_HEADER = re.compile(r"((?:proxy-)?authorization['\"]?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE)
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_PROGRESS = re.compile(
    r"^(Enumerating|Counting|Compressing|Receiving|Writing|Resolving|Unpacking|Updating|Processed)\b.*(%|objects:|done)"
    r"|^Total \d+ \(delta"
)
_LINES_SHOWN = 40
_LINE_WIDTH = 500


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without credentials: those of any URL or header in it, and every one of `secrets`."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = _QUERY.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text)


def secrets_of(url: str) -> frozenset[str]:
    """The strings in `url` that must never be shown, as written there and as decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    userinfo = parts.netloc.rpartition("@")[0]
    name, colon, password = userinfo.partition(":")
    # A user name alone is a token over HTTP, and merely a name ("git") over SSH.
    secret = password if colon else name if parts.scheme.startswith("http") else ""
    values = [value for key, value in parse_qsl(parts.query) if _QUERY.match(f"?{key}=x")]
    return frozenset(s for s in (secret, unquote(secret), *values) if len(s) > 2)


def printable(text: str) -> str:
    """`text` with terminal sequences dropped and other control or bidirectional characters escaped."""
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return "".join(_shown(c) for c in text)


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def server_words(stderr: str) -> str:
    """What the server itself said (git marks it `remote:`), without progress, short enough to show."""
    lines = [line[len("remote:") :].strip() for line in _lines(stderr) if line.startswith("remote:")]
    return _shortened(line for line in lines if line and not _PROGRESS.match(line))


def git_words(stderr: str) -> str:
    """What git said, without progress and hints, short enough to show."""
    wanted = (line for line in _lines(stderr) if line and not line.startswith("hint:"))
    return _shortened(line for line in wanted if not _PROGRESS.match(line.removeprefix("remote:").strip()))


def own_words(stderr: str) -> str:
    """What was said on this side of the connection."""
    return "\n".join(line for line in _lines(stderr) if not line.startswith("remote:"))


def _lines(stderr: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\r\n]+", stderr)]


def _shortened(lines: Iterable[str]) -> str:
    shown = [printable(line)[:_LINE_WIDTH] for line in lines]
    more = [f"({len(shown) - _LINES_SHOWN} more lines)"] if len(shown) > _LINES_SHOWN else []
    return "\n".join(shown[:_LINES_SHOWN] + more)
