"""The commit trailers that record why a change was made and which policy rules it overrides. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from generator.git.commit_plan import read_trailers

if TYPE_CHECKING:
    from generator.git.commit_log import LoggedCommit

_OVERRIDE_TRAILER = re.compile(r"Policy-Override: (\S+) ([^\s/]+)/(\S+) (\S.*)")
_REASON_TRAILER = "Reason: "


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
    """Parse the `Policy-Override: RULE ENV/APP REASON` trailers of a commit message."""
    found = (_OVERRIDE_TRAILER.fullmatch(line) for line in read_trailers(message))
    return [PolicyOverride(each[1], each[4], each[2], each[3]) for each in found if each]


def parse_change_overrides(messages: Iterable[str]) -> list[PolicyOverride]:
    """Parse the overrides that the commits of a change record."""
    return [override for message in messages for override in parse_override_trailers(message)]


def parse_reason_trailer(message: str) -> str:
    """Return the reason that the `Reason:` trailer of a commit message gives; empty if it has none."""
    found = (line for line in read_trailers(message) if line.startswith(_REASON_TRAILER))
    return next(found, "").removeprefix(_REASON_TRAILER)


class ChangeOrigins(NamedTuple):
    """What the commits that made a change say about it."""

    author: str
    subject: str
    reason: str
    overrides: Sequence[PolicyOverride]


def describe_origins(commits: Sequence[LoggedCommit], version: LoggedCommit) -> ChangeOrigins:
    """Who made the changes of `version`, and why, from the commits that made them; their overrides and its own."""
    told = {each.commit: each for each in (*commits, version)}.values()
    return ChangeOrigins(
        ", ".join(dict.fromkeys(each.author for each in commits)),
        commits[-1].message.partition("\n")[0],
        "; ".join(dict.fromkeys(filter(None, (parse_reason_trailer(each.message) for each in commits)))),
        [override for each in told for override in parse_override_trailers(each.message)],
    )
