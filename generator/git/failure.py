"""What a failed fetch or push said → what kind of fault it was. Pure; only asked when state alone cannot tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from generator.git.command import Output
from generator.git.words import git_words, own_words, server_words


class Fault(Enum):
    """Why a remote operation failed, by what is to be done about it."""

    TRANSIENT = "retry"
    STALLED = "the remote keeps silent: waiting again would only double the wait"
    ACCESS = "not let in, or nothing there: the same again would fail the same"
    NO_REPOSITORY = "what the URL names is no repository"
    LOCAL = "this machine fails"
    REFUSED = "the remote said no"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_LOCAL = _any(
    *("No space left on device", "Disk quota exceeded", "File too large", "Read-only file system"),
    *("died of signal (?:25|31)", "unable to (?:create temporary|write) file", "Too many open files"),
)
# The one complaint when what unpacks a fetch was killed; after a cut connection it is preceded by others.
_INDEXER_DIED = "fatal: fetch-pack: invalid index-pack output"
_COMPLAINT = re.compile(r"^(?:fatal|error): .*", re.MULTILINE)
_NO_REPOSITORY = _any(
    "does not appear to be a git repository", "invalid gitfile format", "transport '[^']*' not allowed"
)
_REFUSED = _any("HTTP 413", "remote error: service not enabled", "receive-pack.*not (?:enabled|permitted)")
_ACCESS = _any(
    *("Authentication failed", "could not read (?:Username|Password)", "terminal prompts disabled"),
    *("returned error: (?:3\\d\\d|400|401|403|404|407|410|451)", "HTTP (?:3\\d\\d|400|401|403|404|407)"),
    *("Permission denied \\(", "Host key verification failed", "Repository not found", "repository '.*' not found"),
    *("access denied or repository not exported", "is this a git repository\\?", "dubious ownership"),
    *("SSL certificate", "certificate verif", "unable to update url base from redirection"),
    *("invalid server response", "Could not find Project", "no matching host key", "git-http-push failed"),
)
_SLOW = _any("Operation too slow", "Operation timed out", "Connection timed out")
# Reasons a server gives for a ref, that say nothing about the change itself.
_BUSY_REF = _any("failed to update ref", "cannot lock ref", "unable to lock", "unpack", "stale info", "fetch first")
_BLOCKED_REF = _any("exists; cannot create")
_REJECTED = re.compile(r"^!\t[^\t]*\t\[[^\]]*\](?: \((.*)\))?$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """A fault and the words to show for it. `answered`: it is certain that nothing was changed there."""

    fault: Fault
    words: str
    answered: bool = False


class RemoteFaultError(Exception):
    """A remote operation failed; not for the user: the publishing loop decides what becomes of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


def of_exchange(output: Output) -> Failure:
    """The fault behind a failed `ls-remote` or `fetch`, or behind a push that never came to an answer."""
    fault = _exchange_fault(output)
    unanswered = fault in (Fault.TRANSIENT, Fault.STALLED)
    return Failure(fault, git_words(output.err) or "git gave no reason", answered=not unanswered)


def _exchange_fault(output: Output) -> Fault:
    if output.timed_out or _SLOW.search(output.err):
        return Fault.STALLED
    own = own_words(output.err)
    if _LOCAL.search(own) or _COMPLAINT.findall(own) == [_INDEXER_DIED]:
        return Fault.LOCAL
    for pattern, fault in (
        (_NO_REPOSITORY, Fault.NO_REPOSITORY),
        (_REFUSED, Fault.REFUSED),
        (_ACCESS, Fault.ACCESS),
    ):
        if pattern.search(output.err):
            return fault
    return Fault.TRANSIENT


def of_push(output: Output) -> Failure:
    """The fault behind a push after which the branch is where it was."""
    rejected = _REJECTED.search(output.out.decode("utf-8", "replace"))
    if rejected is None:
        return of_exchange(output)
    reason = rejected[1] or "rejected"
    words = "\n".join(part for part in (server_words(output.err), f"({reason})") if part)
    busy = _BUSY_REF.search(reason) and not _BLOCKED_REF.search(output.err)
    return Failure(Fault.TRANSIENT if busy else Fault.REFUSED, words, answered=True)
