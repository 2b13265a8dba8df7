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
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# YAML 1.2 production 1, c-printable, less what Go's writer inside Helm prints raw although no YAML reader takes
# it back (DEL, C1 controls, U+FFFE, U+FFFF) or folds to a space (U+0085).
UNWRITABLE = re.compile("[\x00\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# To Go's YAML a line ends here too, but not to Helm's `nindent`, which must indent text of several lines.
_BREAKS = re.compile("[\u2028\u2029]")

#: Argo CD reads these and silently ignores every other one (docs: user-guide/sync-options).
SYNC_OPTIONS = {
    "Validate=false": "", "CreateNamespace=true": "", "CreateNamespace=false": "",
    "PrunePropagationPolicy=background": "", "PrunePropagationPolicy=foreground": "",
    "PrunePropagationPolicy=orphan": "", "PruneLast=true": "", "ApplyOutOfSyncOnly=true": "", "Replace=true": "",
    "FailOnSharedResource=true": "2.2", "RespectIgnoreDifferences=true": "2.3", "ServerSideApply=true": "2.5",
    "SkipDryRunOnMissingResource=true": "3.1", "ClientSideApplyMigration=false": "3.3",
    "Prune=false": "3.4", "Prune=confirm": "3.4", "Delete=false": "3.4", "Delete=confirm": "3.4",
}  # fmt: skip

# What reorders text on the screen, so that it reads otherwise than it is (Unicode's bidirectional controls).
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SEGMENT = r"[A-Za-z0-9._-]+"
_FOLDER = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_SERVER = re.compile(
    r"https?://[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[-A-Za-z0-9._~]+)*/?", re.ASCII
)
# EKS registers clusters by their ARN, which has colons and a slash.
_CLUSTER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._:/@]*")
# git check-ref-format, less the characters that a shell or a URL would read.
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[-A-Za-z0-9_+]|[./](?![./]|\Z))*")
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?")
_SUFFIX = re.compile(r"(?:[-a-z0-9]{0,30}[a-z0-9])?")
_OWNER = re.compile(
    r"@[A-Za-z0-9][-A-Za-z0-9_.]*(?:/[-A-Za-z0-9_.]+)*|[A-Za-z0-9][-A-Za-z0-9_.+]*@[A-Za-z0-9][-A-Za-z0-9.]*"
)
_BRANCH_PART = re.compile(r"(?:^|/)\.|\.lock(?:/|\Z)")


def refuse(text: str) -> PydanticCustomError:
    """An error whose text is shown as it is."""
    return PydanticCustomError("refused", "{text}", {"text": text})


def checked(check: Callable[[str], str | None]) -> AfterValidator:
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
    found = UNWRITABLE.search(value) or (_BREAKS.search(value) if "\n" in value else None)
    if found is None:
        return None
    return f"holds the character U+{ord(found[0]):04X}, which Helm cannot write as YAML: remove it"


def line_problem(value: str) -> str | None:
    """What keeps `value` from being text that is seen as it is, on one line, or None."""
    return _unseen(value, value)


def prose_problem(value: str) -> str | None:
    """What keeps `value` from being text that is seen as it is, on any number of lines, or None."""
    return _unseen(value, re.sub("[\n\t]", "", value))


def _unseen(value: str, judged: str) -> str | None:
    found = _CONTROL.search(judged) or _BIDI.search(judged)
    if found is None:
        return unwritable(value)
    kind = "bidirectional control" if _BIDI.match(found[0]) else "control character"
    return f"{shown(value)} holds the {kind} U+{ord(found[0]):04X}: remove it"


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
    return line_problem(value) or ("is empty: name a path" if not value else None)


def _folder(value: str) -> str | None:
    # Some file systems drop trailing dots, and ".git." is then git's own.
    parts = (part.lower().rstrip(".") for part in value.split("/"))
    if value == "." or (_FOLDER.fullmatch(value) and not any(part in ("", ".git") for part in parts)):
        return None
    return (
        f"{shown(value)} is not a folder of the repository: letters, digits, '.', '_', '-' and '/', no '.git' or '..'"
    )


def _server(value: str) -> str | None:
    if _SERVER.fullmatch(value):
        return None
    hint = "; a name goes into cluster (destination.name)" if _CLUSTER.fullmatch(value) else ""
    return f"{shown(value)} is not the https:// URL of a cluster{hint}"


def _cluster(value: str) -> str | None:
    if "://" in value:
        return f"{shown(value)} is a URL, and a cluster is a name (destination.name): use server"
    if _CLUSTER.fullmatch(value) and len(value) <= 253:
        return None
    return f"{shown(value)} is not the name of a cluster: letters, digits and '-', '_', '.', ':', '/', '@'"


def _branch(value: str) -> str | None:
    if _BRANCH.fullmatch(value) and not _BRANCH_PART.search(value) and len(value) <= 244 and value != "HEAD":
        return None
    return f"{shown(value)} is not the name of a branch"


def _remote(value: str) -> str | None:
    """A repository to push to; which protocols git may use is judged where it is pushed to."""
    if not value or value.startswith("-") or not value.isprintable() or " " in value:
        return "is not the URL or path of a repository"
    user = re.match(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?([^/]*)@", value)
    if user and (":" in user[2] or (user[1] or "ssh").lower() != "ssh"):
        return "must not carry user info: remove it; git has credential helpers for that"
    return None


def _version(value: str) -> str | None:
    return None if _VERSION.fullmatch(value) else f'{shown(value)} is not a version such as "3.4"'


def _suffix(value: str) -> str | None:
    if _SUFFIX.fullmatch(value):
        return None
    return f"{shown(value)} cannot end a name: at most 31 of '-', a-z and 0-9, and no '-' at the end"


def _owner(value: str) -> str | None:
    if _OWNER.fullmatch(value):
        return None
    return f"{shown(value)} is not an owner as CODEOWNERS takes it: @user, @org/team or an e-mail address"


def _pattern(value: str) -> str | None:
    if not value or not value.isprintable() or " " in value:
        return f"{shown(value)} is not a name or a glob: no spaces, nothing invisible"
    if re.search(r"//[^/]*:[^/]*@", value):
        return "carries a password: remove it; Argo CD keeps credentials itself"
    return None


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


#: Data: reaches Argo CD as it is, whatever it holds.
Text = Annotated[str, checked(unwritable)]
#: What people read: names and remarks, on one line, and descriptions on any number of lines.
Line = Annotated[str, checked(line_problem)]
Prose = Annotated[str, checked(prose_problem)]
AppName = Annotated[str, checked(lambda value: name_problem(value, 53))]
Name = Annotated[str, checked(lambda value: name_problem(value, 63))]
RelativePath = Annotated[str, checked(_relative)]
Folder = Annotated[str, checked(_folder)]
Branch = Annotated[str, checked(_branch)]
Server = Annotated[str, checked(_server)]
Cluster = Annotated[str, checked(_cluster)]
Remote = Annotated[str, checked(_remote)]
Version = Annotated[str, checked(_version)]
Suffix = Annotated[str, checked(_suffix)]
Owner = Annotated[str, checked(_owner)]
Pattern = Annotated[str, checked(_pattern)]
ValueFile = Annotated[str, checked(_value_file)]
Revision = Annotated[str, checked(revision_problem)]
SyncOption = Annotated[str, checked(_sync_option), Field(json_schema_extra={"enum": list(SYNC_OPTIONS)})]
ReleaseName = Annotated[
    str, checked(lambda v: None if len(v) <= 53 and RELEASE.fullmatch(v) else f"{shown(v)} is not a Helm release name")
]
RefName = Annotated[
    str, checked(lambda v: None if REF.fullmatch(v) else f"{shown(v)} is not a ref name: letters, digits, '-', '_'")
]
JsonPointer = Annotated[
    str, checked(lambda v: line_problem(v) or (None if v.startswith("/") else f"{shown(v)} must start with '/'"))
]
