"""String types of the registry, each with its validation rule.

Every check matches the whole string: `\\Z`-anchored patterns and `fullmatch`, never `$`, which would
let a trailing newline through.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

NAME_PATTERN = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
APPLICATION_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
GLOB_CHARACTERS = re.compile(r"[*?\[\]{}!\\]")

# Characters that YAML 1.2 does not allow (production 1, c-printable), or that Helm's Go writer prints raw although
# YAML readers reject them (DEL, C1 controls, U+FFFE, U+FFFF) or fold them to a space (U+0085).
UNWRITABLE_CHARACTERS = re.compile("[\x00\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# Line breaks to Go's YAML, but not to Helm's `nindent`, which indents multi-line text.
_UNICODE_LINE_BREAKS = re.compile("[\u2028\u2029]")

#: The sync options of Argo CD with their first version. It ignores others (docs: user-guide/sync-options).
SYNC_OPTIONS = {
    "Validate=false": "", "CreateNamespace=true": "", "CreateNamespace=false": "",
    "PrunePropagationPolicy=background": "", "PrunePropagationPolicy=foreground": "",
    "PrunePropagationPolicy=orphan": "", "PruneLast=true": "", "ApplyOutOfSyncOnly=true": "", "Replace=true": "",
    "FailOnSharedResource=true": "2.2", "RespectIgnoreDifferences=true": "2.3", "ServerSideApply=true": "2.5",
    "SkipDryRunOnMissingResource=true": "3.1", "ClientSideApplyMigration=false": "3.3",
    "Prune=false": "3.4", "Prune=confirm": "3.4", "Delete=false": "3.4", "Delete=confirm": "3.4",
}  # fmt: skip
#: Options that only say what Argo CD does anyway; they are left out.
DEFAULT_SYNC_OPTIONS = frozenset({
    "ApplyOutOfSyncOnly=false", "ClientSideApplyMigration=true", "Delete=true", "FailOnSharedResource=false",
    "Prune=true", "PruneLast=false", "Replace=false", "RespectIgnoreDifferences=false", "ServerSideApply=false",
    "SkipDryRunOnMissingResource=false", "Validate=true",
})  # fmt: skip

# Unicode's bidirectional controls, which reorder text on the screen.
_BIDIRECTIONAL_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SEGMENT = r"[A-Za-z0-9._-]+"
_FOLDER = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_SERVER = re.compile(r"https?://[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[-A-Za-z0-9._~]+)*/?")
#: A cluster as AWS names it; the managed Argo CD of EKS takes it as a server.
EKS_CLUSTER_ARN = re.compile(r"arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
# EKS registers clusters by their ARN, which has colons and a slash.
_CLUSTER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._:/@]*")
# git check-ref-format, without the characters that are special in a shell or a URL.
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[-A-Za-z0-9_+]|[./](?![./]|\Z))*")
_CHART_PART = "[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_BRANCH_PART = re.compile(r"(?:^|/)\.|\.lock(?:/|\Z)")
_GO_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h))+")
# Go counts nanoseconds in 64 bits, which is 292 years.
_MAX_HOURS = 2_562_047
_HOURS = re.compile(r"([0-9]+)(?:\.[0-9]+)?h")
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_ROLE_RESOURCES = ("applications", "applicationsets", "clusters", "exec", "logs", "repositories")
_ROLE_ACTION = re.compile(r"\*|get|create|update|delete|sync|override|rollback|(?:action|update|delete)/[!-~]+")
#: The fields of a cron schedule: minimum, maximum, and names that stand for the values from the minimum up.
_CRON_FIELDS: tuple[tuple[int, int, str], ...] = (
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    (0, 6, "sun mon tue wed thu fri sat"),
)
#: An app's name is the default name of its Helm release.
MAX_APP_NAME_LENGTH = 53


def build_validation_error(text: str) -> PydanticCustomError:
    """Build a pydantic error that shows `text` unchanged."""
    return PydanticCustomError("invalid_text", "{text}", {"text": text})


def string_validator(find_problem: Callable[[str], str | None]) -> AfterValidator:
    """Turn a function that returns the problem of a string, or None, into a pydantic validator.

    With `interpolate` in the validator's context, a string with "${" is valid: what is filled in is validated later.
    """

    def validate_string(value: str, info: ValidationInfo) -> str:
        if "${" in value and info.context and info.context.get("interpolate"):
            return value
        wrong = find_problem(value)
        if wrong:
            raise build_validation_error(wrong)
        return value

    return AfterValidator(validate_string)


def matching(pattern: str, problem: str) -> AfterValidator:
    """Build a validator of strings that match a whole pattern; `problem` follows the value in the message."""
    # Most commands use few of these patterns: `re` compiles each when it is first used, and keeps it.
    return string_validator(
        lambda value: None if re.fullmatch(pattern, value) else f"{quoted_excerpt(value)} {problem}"
    )


def quoted_excerpt(value: str, limit: int = 60) -> str:
    """A value from the registry in quotes, shortened to `limit` characters."""
    return f'"{value}"' if len(value) <= limit else f'"{value[:limit]}…" ({len(value)} characters)'


def unwritable_problem(value: str) -> str | None:
    """Why Helm cannot write a string as YAML, or None if it can."""
    found = UNWRITABLE_CHARACTERS.search(value) or (_UNICODE_LINE_BREAKS.search(value) if "\n" in value else None)
    if found is None:
        return None
    return f"holds the character U+{ord(found[0]):04X}, which Helm cannot write as YAML: remove it"


def line_problem(value: str) -> str | None:
    """Why `value` is not a single line of visible text, or None if it is."""
    return _invisible_character_problem(value, value)


def prose_problem(value: str) -> str | None:
    """Why `value` is not visible text of any number of lines, or None if it is."""
    return _invisible_character_problem(value, re.sub("[\n\t]", "", value))


def _invisible_character_problem(value: str, checked_part: str) -> str | None:
    found = _CONTROL_CHARACTERS.search(checked_part) or _BIDIRECTIONAL_CONTROLS.search(checked_part)
    if found is None:
        return unwritable_problem(value)
    kind = "bidirectional control" if _BIDIRECTIONAL_CONTROLS.match(found[0]) else "control character"
    return f"{quoted_excerpt(value)} holds the {kind} U+{ord(found[0]):04X}: remove it"


def name_problem(value: str, max_length: int) -> str | None:
    """Why `value` is not a DNS-1123 label of at most `max_length` characters that starts with a letter, or None."""
    if len(value) > max_length:
        return f"{quoted_excerpt(value, 30)} is longer than {max_length} characters: shorten it"
    if NAME_PATTERN.fullmatch(value):
        return None
    return f"{quoted_excerpt(value)} is not a name: use lower-case letters a-z, digits and inner '-', and begin with a letter"  # noqa: E501


def _required_line_problem(value: str) -> str | None:
    return line_problem(value) if value else "is empty: fill it in, or remove it"


def _folder_problem(value: str) -> str | None:
    # Some file systems drop trailing dots, so that ".git." becomes ".git".
    parts = (part.lower().rstrip(".") for part in value.split("/"))
    if value == "." or (_FOLDER.fullmatch(value) and not any(part in ("", ".git") for part in parts)):
        return None
    return f"{quoted_excerpt(value)} is not a folder of the repository: use letters, digits, '.', '_', '-' and '/', without '.git' or '..'"  # noqa: E501


def _server_problem(value: str) -> str | None:
    return None if EKS_CLUSTER_ARN.fullmatch(value) else server_url_problem(value)


def server_url_problem(value: str) -> str | None:
    """Why `value` is not the URL of a cluster's API server, or None if it is."""
    if _SERVER.fullmatch(value):
        return None
    hint = ", or put a name into cluster" if _CLUSTER.fullmatch(value) else ""
    shown = quoted_excerpt(re.sub(r"//[^/]*@", "//***@", value))
    return f"{shown} is not the URL of a cluster: write https://host{hint}"


def _cluster_name_problem(value: str) -> str | None:
    if "://" in value:
        return f"{quoted_excerpt(value)} is a URL, not the name of a cluster: use server"
    if _CLUSTER.fullmatch(value) and len(value) <= 253:
        return None
    return f"{quoted_excerpt(value)} is not the name of a cluster: use letters, digits, '-', '_', '.', ':', '/' and '@'"


def _branch_problem(value: str) -> str | None:
    if _BRANCH.fullmatch(value) and not _BRANCH_PART.search(value) and len(value) <= 244 and value != "HEAD":
        return None
    return f"{quoted_excerpt(value)} is not the name of a branch: write the name without refs/heads/"


def _remote_problem(value: str) -> str | None:
    """Why `value` is not a repository to push to, or None. The allowed protocols are validated on push."""
    if not value or value.startswith("-") or not value.isprintable() or " " in value:
        wrong = "is not the URL or path of a repository: write https://host/path or git@host:path"
        return f"{quoted_excerpt(value)} {wrong}"
    user = re.match(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?([^/]*)@", value)
    if user and (":" in user[2] or (user[1] or "ssh").lower() != "ssh"):
        return "holds a user name or password: remove it, and use a credential helper of Git"
    return None


def _pattern_problem(value: str) -> str | None:
    if not value or not value.isprintable() or " " in value:
        return f"{quoted_excerpt(value)} is not a name or glob: remove spaces and invisible characters"
    if re.search(r"//[^/]*:[^/]*@", value):
        return "holds a password: remove it, and give the credentials to Argo CD"
    return None


def revision_problem(value: str) -> str | None:
    """Why `value` is not a branch, tag, commit or version range, or None if it is."""
    if not value or len(value) > 255:
        return f"{quoted_excerpt(value)} is not a revision: write 1 to 255 characters"
    if value.startswith("-") or value != value.strip() or not value.isprintable():
        return f"{quoted_excerpt(value)} is not a revision: write a branch, tag, commit or version range"
    return None


def _json_pointer_problem(value: str) -> str | None:
    missing = None if value.startswith("/") else f"{quoted_excerpt(value)} is not a JSON pointer: begin with '/'"
    return line_problem(value) or missing


def _sync_option_problem(value: str) -> str | None:
    if value in SYNC_OPTIONS or value in DEFAULT_SYNC_OPTIONS:
        return None
    alike = [option for option in SYNC_OPTIONS if option.split("=")[0].lower() == value.split("=")[0].strip().lower()]
    known = ", ".join(alike or SYNC_OPTIONS)
    return f"{quoted_excerpt(value)} is not a sync option, and Argo CD would ignore it: use {known}"


def _go_duration_problem(value: str) -> str | None:
    """Why Go's time.ParseDuration rejects `value`, or None."""
    hours = sum(int(found[1]) for found in _HOURS.finditer(value))
    if _GO_DURATION.fullmatch(value) and hours < _MAX_HOURS:
        return None
    return f'{quoted_excerpt(value)} is not a duration: write one such as "90s", "5m" or "1h30m"'


def _duration_problem(value: str) -> str | None:
    # A bare integer is seconds to Argo CD, everywhere but in sync windows.
    return None if re.fullmatch("[0-9]{1,9}", value) else _go_duration_problem(value)


def _schedule_problem(value: str) -> str | None:
    fields = value.split(" ")
    if len(fields) == len(_CRON_FIELDS) and all(
        _is_cron_field(field, *rule) for field, rule in zip(fields, _CRON_FIELDS, strict=True)
    ):
        return None
    return f'{quoted_excerpt(value)} is not a cron schedule: write five fields such as "0 22 * * 1-5"'


def _is_cron_field(field: str, minimum: int, maximum: int, names: str) -> bool:
    """Whether Argo CD's cron library (robfig/cron) accepts one field. Sunday is 0, not 7."""

    def parse_cron_number(text: str) -> int:
        if text.lower() in names.split():
            return names.split().index(text.lower()) + minimum
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


#: Data that Helm passes to Argo CD unchanged.
WritableText = Annotated[str, string_validator(unwritable_problem)]
#: Text for people: names and remarks on one line, and descriptions on any number of lines.
SingleLineText = Annotated[str, string_validator(line_problem)]
MultiLineText = Annotated[str, string_validator(prose_problem)]
RequiredLine = Annotated[str, string_validator(_required_line_problem)]
ApplicationName = Annotated[
    str,
    matching(
        APPLICATION_NAME.pattern,
        "is not the name of an Application: use at most 253 of a-z, 0-9 and inner '-' and '.'",
    ),
]
FactName = Annotated[
    str, matching(r"[A-Za-z][A-Za-z0-9_-]{0,62}", "is not the name of a fact: use letters, digits, '-' and '_'")
]
AppName = Annotated[str, string_validator(lambda value: name_problem(value, MAX_APP_NAME_LENGTH))]
DnsLabel = Annotated[str, string_validator(lambda value: name_problem(value, 63))]
FolderPath = Annotated[str, string_validator(_folder_problem)]
BranchName = Annotated[str, string_validator(_branch_problem)]
ServerUrl = Annotated[str, string_validator(_server_problem)]
ClusterName = Annotated[str, string_validator(_cluster_name_problem)]
RemoteRepository = Annotated[str, string_validator(_remote_problem)]
GlobPattern = Annotated[str, string_validator(_pattern_problem)]
Revision = Annotated[str, string_validator(revision_problem)]
JsonPointer = Annotated[str, string_validator(_json_pointer_problem)]
Duration = Annotated[str, string_validator(_duration_problem)]
GoDuration = Annotated[str, string_validator(_go_duration_problem)]
CronSchedule = Annotated[str, string_validator(_schedule_problem)]
TimeZone = Annotated[str, string_validator(_time_zone_problem)]
RolePolicy = Annotated[str, string_validator(_role_policy_problem)]
RoleGroup = Annotated[str, string_validator(_group_problem)]
SyncOption = Annotated[
    str,
    string_validator(_sync_option_problem),
    Field(json_schema_extra={"enum": [*SYNC_OPTIONS, *sorted(DEFAULT_SYNC_OPTIONS)]}),
]
ArgoCDVersion = Annotated[
    str, matching(r"[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", 'is not a version: write one such as "3.4"')
]
ArgoCDAddress = Annotated[
    str,
    matching(
        r"https?://(?:[-A-Za-z0-9._~:/\[\]]|\{environment\})+",
        "is not the address of Argo CD: write https://HOST, where {environment} may stand for the environment's name",
    ),
]
ChartName = Annotated[
    str,
    matching(
        rf"{_CHART_PART}(?:/{_CHART_PART})*",
        "is not the name of a chart: write letters, digits, '.', '_', '-' and inner '/'",
    ),
]
NAMESPACE_PATTERN = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
Namespace = Annotated[
    str,
    matching(
        NAMESPACE_PATTERN.pattern,
        "is not a namespace: use at most 63 lower-case letters a-z, digits and inner '-'",
    ),
]
NamespaceGrant = Annotated[
    str,
    matching(
        r"[a-z0-9](?:[-a-z0-9*]{0,61}[a-z0-9*])?",
        "is not a namespace: use at most 63 lower-case letters a-z, digits, inner '-' and '*'",
    ),
]
CodeOwner = Annotated[
    str,
    matching(
        r"@[A-Za-z0-9][-A-Za-z0-9_.]*(?:/[-A-Za-z0-9_.]+)*|[A-Za-z0-9][-A-Za-z0-9_.+]*@[A-Za-z0-9][-A-Za-z0-9.]*",
        "is not an owner for CODEOWNERS: write @user, @org/team or an e-mail address",
    ),
]
NameSuffix = Annotated[
    str,
    matching(
        r"(?:[-a-z0-9]{0,30}[a-z0-9])?",
        "cannot end a name: use at most 31 of a-z, 0-9 and '-', and do not end with '-'",
    ),
]
ReleaseName = Annotated[
    str,
    matching(
        r"[a-z0-9](?:[-a-z0-9]{0,51}[a-z0-9])?",
        "is not a Helm release name: use at most 53 of a-z, 0-9 and inner '-'",
    ),
]
RoleName = Annotated[
    str, matching(r"[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?", "is not a role name: use letters, digits, '-' and '_'")
]
KeyId = Annotated[
    str,
    matching(r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40}", "is not a GnuPG key ID: write 16 or 40 hexadecimal digits"),
]
