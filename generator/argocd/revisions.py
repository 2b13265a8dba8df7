"""What a revision is (a commit, tag, branch or version range), and the order of the versions in tags. Pure.

Every command imports this module, so it does without the library that matches ranges: see `version_ranges`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from generator.argocd.permissions import matches_glob
from generator.argocd.strings import COMMIT_PATTERN

_RANGE_CHARACTERS = re.compile(r"[*<>~^|]|\.x\b| - ", re.ASCII)
_VERSION_LIKE = re.compile(r"v?[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_NUMBER = r"(0|[1-9]\d{0,17})"
_IDENTIFIER = r"(?:0|[1-9]\d{0,99}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_CALENDAR_VERSION = re.compile(r"v?(\d{1,8}(?:[._-]\d{1,8}){1,4})", re.ASCII)
_DATE = re.compile(
    r"v?(\d{4})[-._]?(\d{2})[-._]?(\d{2})(?:[-._T ]?(\d{2})[-:.]?(\d{2})(?:[-:.]?(\d{2}))?Z?)?(?:[-+._].*)?",
    re.ASCII,
)


def is_written_as_range(revision: str) -> bool:
    """Whether a revision has characters of a version range, so that Argo CD looks for the newest tag in the range."""
    return bool(_RANGE_CHARACTERS.search(revision))


def revision_kind(revision: str, pinned: bool) -> str:
    """Classify a revision as `commit`, `tag` or `branch` by its text alone.

    A version-like word is a tag; any other word is taken for a tag only where a promotion list pins it.
    """
    if COMMIT_PATTERN.fullmatch(revision) or _DIGEST.fullmatch(revision):
        return "commit"
    if revision.startswith("refs/tags/") or _VERSION_LIKE.fullmatch(revision):
        return "tag"
    # A shortened commit ID is not a tag, and may become ambiguous.
    moves = revision in ("HEAD", "main", "master") or revision.startswith("refs/") or is_written_as_range(revision)
    moves = moves or bool(_SHORT_COMMIT.fullmatch(revision))
    return "tag" if pinned and not moves else "branch"


def shorten_commit(revision: str) -> str:
    """Shorten a commit ID to 12 characters; return any other revision unchanged."""
    return revision[:12] if COMMIT_PATTERN.fullmatch(revision) else revision


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


class NewestTag(NamedTuple):
    """The newest tag, or None, and the tags that match the pattern but are no versions."""

    tag: str | None
    skipped: tuple[str, ...]


def find_newest_tag(
    tags: Iterable[str], pattern: str, order: str, allows: Callable[[SemanticVersion], bool] | None
) -> NewestTag:
    """Find the newest tag that matches `pattern` and that a range allows; without a range, no pre-release."""
    newest: tuple[Any, str] | None = None
    skipped = []
    for tag in sorted(tags):
        if not matches_glob(tag, pattern):
            continue
        key = parse_tag(tag, pattern, order)
        if key is None:
            skipped.append(tag)
        elif isinstance(key, SemanticVersion) and not (allows(key) if allows else key.is_release):
            continue
        elif newest is None or newest[0] <= key:
            newest = key, tag
    return NewestTag(newest[1] if newest else None, tuple(skipped))


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


def _parse_date(text: str) -> datetime | None:
    found = _DATE.fullmatch(text)
    try:
        return datetime(*(int(part or 0) for part in found.groups())) if found else None  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
