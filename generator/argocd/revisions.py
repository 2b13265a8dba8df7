"""What a revision is (a commit, tag, branch or version range), and the order of the versions in tags. Pure.

Every command imports this module, so it does without the library that matches ranges: see `version_ranges`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

#: What names its content and cannot move: the ID of a commit, or the digest of an OCI artifact or image.
CONTENT_ID_PATTERN = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?|sha256:[0-9a-f]{64}")
_RANGE_CHARACTERS = re.compile(r"[*<>~^|]|\.x\b| - ", re.ASCII)
_VERSION_LIKE = re.compile(r"v?[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]+)?")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_NUMBER = r"(0|[1-9]\d{0,17})"
_IDENTIFIER = r"(?:0|[1-9]\d{0,99}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_VERSION_AFTER_PREFIX = re.compile(r"((?:[^\d]*[^\dv])?)(v?\d.*)")
_CALENDAR_VERSION = re.compile(r"v?(\d{1,8}(?:[._-]\d{1,8}){1,4})", re.ASCII)
_DATE = re.compile(
    r"v?(\d{4})[-._]?(\d{2})[-._]?(\d{2})(?:[-._T ]?(\d{2})[-:.]?(\d{2})(?:[-:.]?(\d{2}))?Z?)?(?:[-+._].*)?",
    re.ASCII,
)


def is_written_as_range(revision: str) -> bool:
    """Whether a revision has characters of a version range, so that Argo CD looks for the newest tag in the range."""
    return bool(_RANGE_CHARACTERS.search(revision))


def revision_kind(revision: str, pinned: bool, *, in_git: bool = True) -> str:
    """Classify a revision as `commit`, `tag` or `branch` by its text alone.

    A version-like word is a tag; any other word is taken for a tag only where a promotion list pins it, or where it is
    not a revision in Git but the version of a chart or the tag of an image.
    """
    if CONTENT_ID_PATTERN.fullmatch(revision):
        return "commit"
    if revision.startswith("refs/tags/") or _VERSION_LIKE.fullmatch(revision):
        return "tag"
    # A shortened commit ID is not a tag, and may become ambiguous.
    moves = revision in ("HEAD", "main", "master") or revision.startswith("refs/") or is_written_as_range(revision)
    moves = moves or (bool(_SHORT_COMMIT.fullmatch(revision)) if in_git else revision == "latest")
    return "tag" if (pinned or not in_git) and not moves else "branch"


def required_kind(policy: str, takes_commits: bool) -> str:
    """The kind of revision that a pin policy requires where a pin can, or cannot, name a commit or digest."""
    return "tag" if policy == "commit" and not takes_commits else policy


def required_kind_name(policy: str, takes_commits: bool) -> str:
    """What a pin policy requires, for messages: `commits`, `tags` or `fixed versions`."""
    return f"{policy}s" if takes_commits else "fixed versions"


def shorten_commit(revision: str) -> str:
    """Shorten the digits of a commit ID or digest to 12; return any other revision unchanged."""
    digits = revision.rpartition(":")[2]
    return revision.removesuffix(digits[12:]) if CONTENT_ID_PATTERN.fullmatch(revision) else revision


class SemanticVersion(NamedTuple):
    """A semantic version; it compares as semver.org says, so without its build metadata."""

    numbers: tuple[int, int, int]
    is_release: bool
    #: The identifiers of a pre-release: (True, 0, "beta") or (False, 2, ""). Numbers come before words.
    prerelease: tuple[tuple[bool, int, str], ...]

    def __str__(self) -> str:
        identifiers = ".".join(word if is_word else str(number) for is_word, number, word in self.prerelease)
        return ".".join(map(str, self.numbers)) + (f"-{identifiers}" if identifiers else "")


def parse_version(text: str) -> SemanticVersion | None:
    """Parse a semantic version, with or without a leading `v`, minor and patch; None if `text` is not a version."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, prerelease = found.groups()
    identifiers = prerelease.split(".") if prerelease else []
    ordered = tuple((False, int(each), "") if each.isdigit() else (True, 0, each) for each in identifiers)
    return SemanticVersion((int(major), int(minor or 0), int(patch or 0)), not identifiers, ordered)


def parse_tag(tag: str, pattern: str, order: str) -> Any:
    """The version in a tag, which compares with others of the same order; None if there is none.

    `billing-v1.2.0` has the version 1.2.0 for the pattern `billing-v*`.
    """
    head = re.split(r"[*?\[{]", pattern, maxsplit=1)[0]
    rest = tag.removeprefix(head)
    text = rest if rest[:1].isdigit() else tag.rpartition("/")[2]
    if order == "semver":
        return parse_version(text)
    if order == "calver":
        found = _CALENDAR_VERSION.fullmatch(text)
        return tuple(map(int, re.split("[._-]", found[1]))) if found else None
    return _parse_date(text)


def compare_versions(first: str, second: str, order: str = "semver") -> int | None:
    """Compare the versions in two tags: 1 if `first` is higher, -1 if it is lower, 0 if they are equal.

    `order` is that of `track`. None if they are not versions of that order, or have different prefixes.
    """
    one, other = _split_version(first, order), _split_version(second, order)
    if one is None or other is None or one[0] != other[0]:
        return None
    return int(other[1] < one[1]) - int(one[1] < other[1])


def _split_version(tag: str, order: str) -> tuple[str, Any] | None:
    """Split a tag into a prefix and a version that compares."""
    found = _VERSION_AFTER_PREFIX.fullmatch(tag.removeprefix("refs/tags/"))
    version = parse_tag(found[2], "*", order) if found else None
    return (found[1], version) if found and version else None


def _parse_date(text: str) -> datetime | None:
    found = _DATE.fullmatch(text)
    try:
        return datetime(*(int(part or 0) for part in found.groups())) if found else None  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
