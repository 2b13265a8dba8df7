"""String types of AppProject fields: durations, schedules, policies, keys and groups."""

from __future__ import annotations

import functools
import re
from typing import Annotated
from zoneinfo import available_timezones

from generator.argocd.strings import line_problem, quoted_excerpt, string_validator

_GO_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h))+")
_SECONDS = re.compile(r"[0-9]{1,9}")
# Go counts nanoseconds in 64 bits, which is 292 years.
_MAX_HOURS = 2_562_047
_HOURS = re.compile(r"([0-9]+)(?:\.[0-9]+)?h")
_ROLE_NAME = re.compile(r"[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?")
_KEY_ID = re.compile(r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40}")
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_ROLE_RESOURCES = ("applications", "applicationsets", "clusters", "exec", "logs", "repositories")
_ROLE_ACTION = re.compile(r"\*|get|create|update|delete|sync|override|rollback|(?:action|update|delete)/[!-~]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The fields of a cron schedule: minimum, maximum, and names that stand for the values from the minimum up.
_CRON_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)


def _go_duration_problem(value: str) -> str | None:
    """Why Go's time.ParseDuration rejects `value`, or None."""
    hours = sum(int(found[1]) for found in _HOURS.finditer(value))
    if _GO_DURATION.fullmatch(value) and hours < _MAX_HOURS:
        return None
    return f'{quoted_excerpt(value)} is not a duration: write one such as "90s", "5m" or "1h30m"'


def _duration_problem(value: str) -> str | None:
    # A bare integer is seconds to Argo CD, everywhere but in sync windows.
    return None if _SECONDS.fullmatch(value) else _go_duration_problem(value)


def _schedule_problem(value: str) -> str | None:
    fields = value.split(" ")
    if len(fields) == len(_CRON_FIELDS) and all(
        _is_cron_field(field, *rule) for field, rule in zip(fields, _CRON_FIELDS, strict=True)
    ):
        return None
    return f'{quoted_excerpt(value)} is not a cron schedule: write five fields such as "0 22 * * 1-5"'


def _is_cron_field(field: str, minimum: int, maximum: int, names: tuple[str, ...]) -> bool:
    """Whether Argo CD's cron library (robfig/cron) accepts one field. Sunday is 0, not 7."""

    def parse_cron_number(text: str) -> int:
        if text.lower() in names:
            return names.index(text.lower()) + minimum
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1

    for item in field.split(","):
        span, slash, step = item.partition("/")
        if slash and parse_cron_number(step) < 1:
            return False
        start, dash, end = span.partition("-")
        first, last = parse_cron_number(start), parse_cron_number(end) if dash else parse_cron_number(start)
        if span not in ("*", "?") and not minimum <= first <= last <= maximum:
            return False
    return True


@functools.cache
def _known_time_zones() -> frozenset[str]:

    return frozenset(available_timezones())


def _time_zone_problem(value: str) -> str | None:
    # Without a time zone database on this machine, only the syntax is validated.
    if _TIME_ZONE.fullmatch(value) and value in (_known_time_zones() or {value}):
        return None
    return f'{quoted_excerpt(value)} is not an IANA time zone, and Argo CD would use UTC: write one such as "Europe/Berlin"'  # noqa: E501


def _role_policy_problem(value: str) -> str | None:
    fields = [field.strip() for field in value.split(",")]
    if len(fields) != 6 or fields[0] != "p" or not fields[1].startswith("proj:") or fields[5] not in ("allow", "deny"):
        return f'{quoted_excerpt(value)} is not a policy: write "p, proj:PROJECT:ROLE, RESOURCE, ACTION, PROJECT/OBJECT, allow|deny"'  # noqa: E501
    if fields[2] not in _ROLE_RESOURCES:
        return f"{quoted_excerpt(value)} names an unknown resource: use one of {', '.join(_ROLE_RESOURCES)}"
    if not _ROLE_ACTION.fullmatch(fields[3]):
        return f"{quoted_excerpt(value)}: {quoted_excerpt(fields[3])} is not an action: use one of Argo CD's, such as get or sync"  # noqa: E501
    return line_problem(value)


def _group_problem(value: str) -> str | None:
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    inner = value[1:-1] if quoted else value
    if not inner.strip() or '"' in inner:
        return f"{quoted_excerpt(value)} is not the name of a group: write text without double quotes"
    if "," in inner and not quoted:
        return f"{quoted_excerpt(value)} has a comma: write the group in double quotes of its own"
    return line_problem(value)


Duration = Annotated[str, string_validator(_duration_problem)]
GoDuration = Annotated[str, string_validator(_go_duration_problem)]
CronSchedule = Annotated[str, string_validator(_schedule_problem)]
TimeZone = Annotated[str, string_validator(_time_zone_problem)]
RolePolicy = Annotated[str, string_validator(_role_policy_problem)]
RoleGroup = Annotated[str, string_validator(_group_problem)]
KeyId = Annotated[
    str,
    string_validator(
        lambda v: (
            None
            if _KEY_ID.fullmatch(v)
            else f"{quoted_excerpt(v)} is not a GnuPG key ID: write 16 or 40 hexadecimal digits"
        )
    ),
]
RoleName = Annotated[
    str,
    string_validator(
        lambda v: (
            None
            if _ROLE_NAME.fullmatch(v)
            else f"{quoted_excerpt(v)} is not a role name: use letters, digits, '-' and '_'"
        )
    ),
]
