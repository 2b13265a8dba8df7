"""The kinds of string a registry holds, each with the rule that keeps it what it claims to be.

Every check matches the whole string: `\\Z`-anchored patterns and `fullmatch`, never `$`, which would
let a trailing newline through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

NAME = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
GLOB = re.compile(r"[*?\[\]{}!\\]")
RELEASE = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
REF = re.compile(r"[A-Za-z0-9_-]+")
KEY_ID = re.compile(r"[0-9A-Fa-f]{16,40}")
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# YAML 1.2 production 1, c-printable, less what Go's writer inside Helm prints raw although no YAML reader takes
# it back (DEL, C1 controls, U+FFFE, U+FFFF) or folds to a space (U+0085).
UNWRITABLE = re.compile("[\x00\x7f-\x9f\ufffe\uffff\ud800-\udfff]")

#: Argo CD reads these and silently ignores every other one (docs: user-guide/sync-options).
SYNC_OPTIONS = {
    "Validate=false": "", "CreateNamespace=true": "", "CreateNamespace=false": "",
    "PrunePropagationPolicy=background": "", "PrunePropagationPolicy=foreground": "",
    "PrunePropagationPolicy=orphan": "", "PruneLast=true": "", "ApplyOutOfSyncOnly=true": "", "Replace=true": "",
    "FailOnSharedResource=true": "2.2", "RespectIgnoreDifferences=true": "2.3", "ServerSideApply=true": "2.5",
    "SkipDryRunOnMissingResource=true": "3.1", "ClientSideApplyMigration=false": "3.3",
    "Prune=false": "3.4", "Prune=confirm": "3.4", "Delete=false": "3.4", "Delete=confirm": "3.4",
}  # fmt: skip

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_ROLE = re.compile(r"[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?")
_ROLE_RESOURCES = {"applications", "applicationsets", "repositories", "clusters", "logs", "exec"}
_ROLE_ACTION = re.compile(r"\*|get|create|update|delete|sync|override|rollback|(?:action|update|delete)/\S+")


def refuse(text: str) -> PydanticCustomError:
    """An error whose text is shown as it is."""
    return PydanticCustomError("refused", "{text}", {"text": text})


def _checked(check: Callable[[str], str | None]) -> AfterValidator:
    """Turn a function that says what is wrong with a string, or None, into a validator."""

    def validate(value: str) -> str:
        wrong = check(value)
        if wrong:
            raise refuse(wrong)
        return value

    return AfterValidator(validate)


def shown(value: str, limit: int = 60) -> str:
    """A string of the user's, quoted, shortened to `limit` characters."""
    return f'"{value}"' if len(value) <= limit else f'"{value[:limit]}…" ({len(value)} characters)'


def unwritable(value: str) -> str | None:
    """What in a string cannot pass through the YAML that Helm writes, or None."""
    found = UNWRITABLE.search(value)
    if found is None:
        return None
    return f"holds the character U+{ord(found[0]):04X}, which Helm cannot write as YAML: remove it"


def name_problem(value: str, longest: int) -> str | None:
    """What keeps `value` from being a DNS-1123 label of at most `longest` characters that begins with a letter."""
    if len(value) > longest:
        return f"{shown(value, 30)} is longer than {longest} characters"
    if NAME.fullmatch(value):
        return None
    return f"{shown(value)} is not a name: lower-case ASCII letters, digits and inner '-', first a letter"


def _relative(value: str) -> str | None:
    parts = value.split("/")
    if value.startswith(("/", "~")) or ".." in parts or "\\" in value or "://" in value:
        return f"{shown(value)} must be a path inside the repository: relative, without '..' or '\\'"
    return unwritable(value) or ("is empty" if not value else None)


def _value_file(value: str) -> str | None:
    if not value.startswith("$"):
        return _relative(value)
    ref, _, rest = value[1:].partition("/")
    if not REF.fullmatch(ref) or not rest:
        return f"{shown(value)}: a reference to another source is written $ref/path"
    return _relative(rest)


def revision_problem(value: str) -> str | None:
    """What keeps `value` from being a branch, tag, commit or version range that git and Argo CD take, or None."""
    if not value or len(value) > 255:
        return "must have 1 to 255 characters"
    if value.startswith("-") or value != value.strip() or not value.isprintable():
        return f"{shown(value)} is not a revision: a branch, tag, commit or version range"
    return None


def _sync_option(value: str) -> str | None:
    if value in SYNC_OPTIONS:
        return None
    alike = [option for option in SYNC_OPTIONS if option.split("=")[0].lower() == value.split("=")[0].strip().lower()]
    known = ", ".join(alike or SYNC_OPTIONS)
    return f"Argo CD would silently ignore {shown(value)}; it knows {known}"


def _duration(value: str) -> str | None:
    # A bare integer is seconds to Argo CD (util/duration), everything else is Go's time.ParseDuration.
    if _DURATION.fullmatch(value) or re.fullmatch(r"[0-9]+", value):
        return None
    return f'{shown(value)} is not a duration such as "90s", "5m" or "1h30m"'


def _schedule(value: str) -> str | None:
    ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    names = (None, None, None, "jan feb mar apr may jun jul aug sep oct nov dec", "sun mon tue wed thu fri sat")
    fields = value.split(" ")
    wrong = f'{shown(value)} is not a cron schedule of five fields such as "0 22 * * 1-5"'
    if len(fields) != 5:
        return wrong
    ok = all(_cron_field(f, low, high, n) for f, (low, high), n in zip(fields, ranges, names, strict=True))
    return None if ok else wrong


def _cron_field(field: str, low: int, high: int, names: str | None) -> bool:
    words = names.split() if names else []

    def number(text: str) -> bool:
        return text.lower() in words or (text.isascii() and text.isdigit() and low <= int(text) <= high)

    for item in field.split(","):
        span, slash, step = item.partition("/")
        if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
            return False
        start, dash, end = span.partition("-")
        if span not in ("*", "?") and not (number(start) and (not dash or number(end))):
            return False
    return True


def _time_zone(value: str) -> str | None:
    from zoneinfo import available_timezones

    if value in available_timezones():
        return None
    return f'{shown(value)} is not an IANA time zone such as "Europe/Berlin"; Argo CD would silently use UTC'


def _policy(value: str) -> str | None:
    fields = [field.strip() for field in value.split(",")]
    shape = f'{shown(value)} is not "p, proj:PROJECT:ROLE, RESOURCE, ACTION, PROJECT/OBJECT, allow|deny"'
    if len(fields) != 6 or fields[0] != "p" or not fields[1].startswith("proj:") or fields[5] not in ("allow", "deny"):
        return shape
    if fields[2] not in _ROLE_RESOURCES:
        return f"{shown(value)}: the resource is one of {', '.join(sorted(_ROLE_RESOURCES))}"
    if not _ROLE_ACTION.fullmatch(fields[3]):
        return f"{shown(value)}: {shown(fields[3])} is not an action that Argo CD knows"
    return None


def _url(value: str) -> str | None:
    from generator.registry.urls import url_problem

    return url_problem(value)


Text = Annotated[str, _checked(unwritable)]
AppName = Annotated[str, _checked(lambda value: name_problem(value, 53))]
Name = Annotated[str, _checked(lambda value: name_problem(value, 63))]
Url = Annotated[str, _checked(_url)]
RelativePath = Annotated[str, _checked(_relative)]
ValueFile = Annotated[str, _checked(_value_file)]
Revision = Annotated[str, _checked(revision_problem)]
SyncOption = Annotated[str, _checked(_sync_option), Field(json_schema_extra={"enum": list(SYNC_OPTIONS)})]
Duration = Annotated[str, _checked(_duration)]
ReleaseName = Annotated[
    str, _checked(lambda v: None if RELEASE.fullmatch(v) and len(v) <= 53 else f"{shown(v)} is not a Helm release name")
]
RefName = Annotated[
    str, _checked(lambda v: None if REF.fullmatch(v) else f"{shown(v)} is not a ref name: letters, digits, '-', '_'")
]
KeyId = Annotated[
    str, _checked(lambda v: None if KEY_ID.fullmatch(v) else f"{shown(v)} is not a GnuPG key id: 16 to 40 hex digits")
]
JsonPointer = Annotated[
    str, _checked(lambda v: unwritable(v) or (None if v.startswith("/") else f"{shown(v)} must start with '/'"))
]
Schedule = Annotated[str, _checked(_schedule)]
TimeZone = Annotated[str, _checked(_time_zone)]
Policy = Annotated[str, _checked(_policy)]
RoleName = Annotated[
    str, _checked(lambda v: None if _ROLE.fullmatch(v) else f"{shown(v)} is not a role name: letters, digits, '-', '_'")
]
