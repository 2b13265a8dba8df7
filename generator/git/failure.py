"""Classify failed fetches and pushes by git's output, for cases where the branch's state is not enough."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from enum import Enum

from generator.git.messages import git_message, local_message, server_message
from generator.git.runner import GitResult


class Fault(Enum):
    """Why a remote operation failed, grouped by how to respond."""

    TRANSIENT = "retry"
    STALLED = "the remote does not answer: a retry would only wait twice as long"
    ACCESS = "no access, or no repository: a retry would fail in the same way"
    NO_REPOSITORY = "the URL is not a repository"
    LOCAL = "a local failure"
    REFUSED = "the remote refused"


def _any_pattern(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


_LOCAL_ERRORS = _any_pattern(
    *(
        "No space left on device",
        "Out of diskspace",
        "write error",
        "Disk quota exceeded",
        "File too large",
        "Read-only file system",
    ),
    *("died of signal (?:25|31)", "unable to (?:create temporary|write) file", "Too many open files"),
)
# The only error when index-pack was killed; after a lost connection other errors come before it.
_INDEX_PACK_KILLED = "fatal: fetch-pack: invalid index-pack output"
_ERROR_LINE = re.compile(r"^(?:fatal|error): .*", re.MULTILINE)
_NO_REPOSITORY_ERRORS = _any_pattern(
    "does not appear to be a git repository", "invalid gitfile format", "transport '[^'\\s]*' not allowed"
)
_REFUSED_ERRORS = _any_pattern(
    "HTTP 413", "remote error: service not enabled", "receive-pack[^\n]{0,80}not (?:enabled|permitted)"
)
_ACCESS_ERRORS = _any_pattern(
    *("Authentication failed", "could not read (?:Username|Password)", "terminal prompts disabled"),
    *("returned error: (?:3\\d\\d|400|401|403|404|407|410|451)", "HTTP (?:3\\d\\d|400|401|403|404|407)"),
    *("Permission denied \\(", "Host key verification failed", "Repository not found", "' not found$"),
    *("access denied or repository not exported", "is this a git repository\\?", "dubious ownership"),
    *("SSL certificate", "certificate verif", "unable to update url base from redirection"),
    *("invalid server response", "Could not find Project", "no matching host key", "git-http-push failed"),
)
_TIMEOUT_ERRORS = _any_pattern("Operation too slow", "Operation timed out", "Connection timed out")
# Reasons that a server gives for rejecting a ref that have nothing to do with the change itself.
_BUSY_REF = _any_pattern(
    "failed to update ref", "cannot lock ref", "unable to lock", "unpack", "stale info", "fetch first"
)
_BLOCKED_REF = _any_pattern("exists; cannot create")
_REJECTED_REF_LINE = re.compile(r"^!\t[^\t\n]*\t\[[^\]\n]*\](?: \((.*)\))?$", re.MULTILINE)


@dataclass(frozen=True)
class RemoteFailure:
    """A fault and the message to show. `nothing_changed`: the remote certainly did not change."""

    fault: Fault
    message: str
    nothing_changed: bool = False


class RemoteFaultError(Exception):
    """A remote operation failed. The publishing loop catches it and retries or reports it."""

    def __init__(self, failure: RemoteFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def classify_fetch_failure(output: GitResult) -> RemoteFailure:
    """Classify a failed `ls-remote` or `fetch`, or a push that the remote did not answer, by git's output."""
    fault = _fetch_fault(output)
    unanswered = fault in (Fault.TRANSIENT, Fault.STALLED)
    return RemoteFailure(fault, git_message(output.stderr) or "git gave no reason", nothing_changed=not unanswered)


def is_local_failure(output: GitResult) -> bool:
    """Whether git failed because of this machine: a full disk, a file size limit, or a signal that ended it."""
    damaged = (-signal.SIGBUS, -signal.SIGSEGV)  # reading a file that is shorter than it was
    return bool(_LOCAL_ERRORS.search(local_message(output.stderr))) or (
        output.exit_code < 0 and output.exit_code not in damaged
    )


def _fetch_fault(output: GitResult) -> Fault:
    if output.timed_out or _TIMEOUT_ERRORS.search(output.stderr):
        return Fault.STALLED
    own = local_message(output.stderr)
    if _LOCAL_ERRORS.search(own) or _ERROR_LINE.findall(own) == [_INDEX_PACK_KILLED]:
        return Fault.LOCAL
    for pattern, fault in (
        (_NO_REPOSITORY_ERRORS, Fault.NO_REPOSITORY),
        (_REFUSED_ERRORS, Fault.REFUSED),
        (_ACCESS_ERRORS, Fault.ACCESS),
    ):
        if pattern.search(output.stderr):
            return fault
    return Fault.TRANSIENT


def classify_push_failure(output: GitResult) -> RemoteFailure:
    """Classify a push that left the branch unchanged."""
    rejected = _REJECTED_REF_LINE.search(output.stdout.decode("utf-8", "replace"))
    if rejected is None:
        return classify_fetch_failure(output)
    reason = rejected[1] or "rejected"
    words = "\n".join(part for part in (server_message(output.stderr), f"({reason})") if part)
    busy = _BUSY_REF.search(reason) and not _BLOCKED_REF.search(output.stderr)
    return RemoteFailure(Fault.TRANSIENT if busy else Fault.REFUSED, words, nothing_changed=True)
