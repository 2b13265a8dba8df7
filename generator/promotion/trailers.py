"""The commit trailers that record why a change was made and which policy rules it overrides. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_OVERRIDE_TRAILER = re.compile(r"Policy-Override: (\S+) ([^\s/]+)/(\S+) (\S.*)")
_REASON_TRAILER = "Reason: "
#: More lines of a message than this are not searched.
_MAX_LINES = 1_000


class PolicyOverride(NamedTuple):
    """A rule that the user overrides, with the reason, for one entry; an empty name matches every entry."""

    rule: str
    reason: str
    environment: str = ""
    app: str = ""

    def covers(self, environment: str, app: str) -> bool:
        """Whether the override applies to an entry."""
        return self.environment in ("", environment) and self.app in ("", app)

    def format_trailer(self, environment: str, app: str) -> str:
        """Format the commit trailer that records the override of one entry."""
        return f"Policy-Override: {self.rule} {environment}/{app} {' '.join(self.reason.split())}"


def parse_override_trailers(message: str) -> list[PolicyOverride]:
    """Parse the `Policy-Override: RULE ENV/APP REASON` trailers in the last paragraph of a commit message."""
    lines = [line.strip() for line in message.strip().splitlines()[-_MAX_LINES:]]
    if "" not in lines:
        return []
    last_paragraph = lines[len(lines) - lines[::-1].index("") :]
    found = (_OVERRIDE_TRAILER.fullmatch(line) for line in last_paragraph)
    return [PolicyOverride(each[1], each[4], each[2], each[3]) for each in found if each]


def parse_change_overrides(messages: Iterable[str]) -> list[PolicyOverride]:
    """Parse the overrides that the commits of a change record."""
    return [override for message in messages for override in parse_override_trailers(message)]


def parse_reason_trailer(message: str) -> str:
    """Return the reason that a commit message gives in a `Reason:` line; empty if it has none."""
    lines = message.splitlines()[:_MAX_LINES]
    return next((line[len(_REASON_TRAILER) :] for line in lines if line.startswith(_REASON_TRAILER)), "")
