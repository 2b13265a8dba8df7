"""What a revision is (a commit, tag, branch or version range), and the order of the versions in tags. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from semantic_version import NpmSpec, Version
from semantic_version.base import AllOf, AnyOf, Range

from generator.argocd.permissions import matches_glob
from generator.argocd.strings import COMMIT_PATTERN

#: A semantic version; it compares as semver.org says.
SemanticVersion: TypeAlias = Version
_RANGE_CHARACTERS = re.compile(r"[*<>~^|]|\.x\b| - ", re.ASCII)
_VERSION_LIKE = re.compile(r"v?[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_NUMBER = r"(0|[1-9]\d{0,17})"
_VERSION = re.compile(rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)
_CALENDAR_VERSION = re.compile(r"v?(\d{1,8}(?:[._-]\d{1,8}){1,4})", re.ASCII)
_DATE = re.compile(
    r"v?(\d{4})[-._]?(\d{2})[-._]?(\d{2})(?:[-._T ]?(\d{2})[-:.]?(\d{2})(?:[-:.]?(\d{2}))?Z?)?(?:[-+._].*)?",
    re.ASCII,
)
# An operator with a space or a "v" before its version, and Argo CD's suffix that admits pre-releases.
_OPERATOR_GAP = re.compile(r"([<>=^~]+)\s+")
_PREFIX = re.compile(r"(?<![0-9A-Za-z.-])v(?=[0-9])")
_ANY_PRERELEASE = re.compile(r"(?<=[0-9xX*])-0(?![0-9A-Za-z.-])")


def is_version_range(revision: str) -> bool:
    """Whether Argo CD reads a revision as a range of versions, which is matched against tags."""
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
    moves = revision in ("HEAD", "main", "master") or revision.startswith("refs/") or is_version_range(revision)
    moves = moves or bool(_SHORT_COMMIT.fullmatch(revision))
    return "tag" if pinned and not moves else "branch"


def parse_version(text: str) -> SemanticVersion | None:
    """Parse a semantic version, with or without a leading `v`, minor and patch; None if `text` is not a version."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    try:
        return Version(f"{found[1]}.{found[2] or 0}.{found[3] or 0}{found[4] or ''}{found[5] or ''}")
    except ValueError:
        return None


class VersionRange(NamedTuple):
    """A range of semantic versions."""

    clause: Any

    def allows(self, candidate: SemanticVersion) -> bool:
        """Whether a version is in the range."""
        return bool(self.clause.match(candidate))


def parse_version_range(text: str) -> VersionRange | None:
    """Parse a range such as `>=1.2,<2`, `^1.4`, `~1.4.2` or `1.x`; None if `text` is not a range.

    Pre-releases are in the range only if it names one of the same version, or has Argo CD's suffix for all
    pre-releases: `>=1.2.0-0`.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        return None
    plain = _PREFIX.sub("", _OPERATOR_GAP.sub(r"\1", " ".join(parts)))
    stable = _ANY_PRERELEASE.sub("", plain)
    try:
        clause = NpmSpec(stable).clause
    except ValueError:
        return None
    return VersionRange(clause if stable == plain else _with_prereleases(clause))


def _with_prereleases(clause: Any) -> Any:
    """A clause that also has the pre-releases of its versions, but not those of an excluded upper bound."""
    if isinstance(clause, (AllOf, AnyOf)):
        return type(clause)(*map(_with_prereleases, clause.clauses))
    target = clause.target
    if clause.operator == Range.OP_GTE and not target.prerelease:
        target = Version(f"{target}-0")
    return Range(clause.operator, target, prerelease_policy=Range.PRERELEASE_NATURAL)


class NewestTag(NamedTuple):
    """The newest tag, or None, and the tags that match the pattern but are no versions."""

    tag: str | None
    skipped: tuple[str, ...]


def find_newest_tag(tags: Iterable[str], pattern: str, order: str, version_range: VersionRange | None) -> NewestTag:
    """Find the newest tag that matches `pattern` and the range. Without a range, pre-releases are excluded."""
    newest: tuple[Any, str] | None = None
    skipped = []
    for tag in sorted(tags):
        if not matches_glob(tag, pattern):
            continue
        key = parse_tag(tag, pattern, order)
        if key is None:
            skipped.append(tag)
        elif isinstance(key, Version) and not (version_range.allows(key) if version_range else not key.prerelease):
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
