"""The kinds of string that an AppProject holds besides those of every table: times, policies, keys, groups."""

from __future__ import annotations

import functools
import re
from typing import Annotated

from generator.registry.text import checked, line_problem, shown

_GO_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h))+")
_SECONDS = re.compile(r"[0-9]{1,9}")
# Go counts nanoseconds in 64 bits, which is 292 years.
_LONGEST_HOURS = 2_562_047
_HOURS = re.compile(r"([0-9]+)(?:\.[0-9]+)?h")
_ROLE = re.compile(r"[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?")
_KEY_ID = re.compile(r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40}")
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_ROLE_RESOURCES = ("applications", "applicationsets", "clusters", "exec", "logs", "repositories")
_ROLE_ACTION = re.compile(r"\*|get|create|update|delete|sync|override|rollback|(?:action|update|delete)/[!-~]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The fields of a schedule: least, greatest, and the names that count from the least.
_CRON: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)


def _go_duration(value: str) -> str | None:
    """Go's time.ParseDuration."""
    hours = sum(int(found[1]) for found in _HOURS.finditer(value))
    if _GO_DURATION.fullmatch(value) and hours < _LONGEST_HOURS:
        return None
    return f'{shown(value)} is not a duration such as "90s", "5m" or "1h30m"'


def _duration(value: str) -> str | None:
    # A bare integer is seconds to Argo CD, everywhere but in sync windows.
    return None if _SECONDS.fullmatch(value) else _go_duration(value)


def _schedule(value: str) -> str | None:
    fields = value.split(" ")
    if len(fields) == len(_CRON) and all(_cron_field(field, *rule) for field, rule in zip(fields, _CRON, strict=True)):
        return None
    return f'{shown(value)} is not a cron schedule of five fields such as "0 22 * * 1-5"'


def _cron_field(field: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """Whether the cron library of Argo CD (robfig/cron) takes one field: Sunday is 0, and not 7."""

    def number(text: str) -> int:
        if text.lower() in names:
            return names.index(text.lower()) + low
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1

    for item in field.split(","):
        span, slash, step = item.partition("/")
        if slash and number(step) < 1:
            return False
        start, dash, end = span.partition("-")
        first, last = number(start), number(end) if dash else number(start)
        if span not in ("*", "?") and not low <= first <= last <= high:
            return False
    return True


@functools.cache
def _time_zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _time_zone(value: str) -> str | None:
    # A machine without a time zone database knows none; the shape has to do there.
    if _TIME_ZONE.fullmatch(value) and value in (_time_zones() or {value}):
        return None
    return f'{shown(value)} is not an IANA time zone such as "Europe/Berlin"; Argo CD would silently use UTC'


def _policy(value: str) -> str | None:
    fields = [field.strip() for field in value.split(",")]
    if len(fields) != 6 or fields[0] != "p" or not fields[1].startswith("proj:") or fields[5] not in ("allow", "deny"):
        return f'{shown(value)} is not "p, proj:PROJECT:ROLE, RESOURCE, ACTION, PROJECT/OBJECT, allow|deny"'
    if fields[2] not in _ROLE_RESOURCES:
        return f"{shown(value)}: the resource is one of {', '.join(_ROLE_RESOURCES)}"
    if not _ROLE_ACTION.fullmatch(fields[3]):
        return f"{shown(value)}: {shown(fields[3])} is not an action that Argo CD knows"
    return line_problem(value)


def _group(value: str) -> str | None:
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    inner = value[1:-1] if quoted else value
    if not inner.strip() or '"' in inner:
        return f"{shown(value)} is not the name of a group"
    if "," in inner and not quoted:
        return f"{shown(value)}: a group with a comma is written in double quotes of its own"
    return line_problem(value)


Duration = Annotated[str, checked(_duration)]
GoDuration = Annotated[str, checked(_go_duration)]
Schedule = Annotated[str, checked(_schedule)]
TimeZone = Annotated[str, checked(_time_zone)]
Policy = Annotated[str, checked(_policy)]
Group = Annotated[str, checked(_group)]
KeyId = Annotated[
    str, checked(lambda v: None if _KEY_ID.fullmatch(v) else f"{shown(v)} is not a GnuPG key id: 16 or 40 hex digits")
]
RoleName = Annotated[
    str, checked(lambda v: None if _ROLE.fullmatch(v) else f"{shown(v)} is not a role name: letters, digits, '-', '_'")
]
