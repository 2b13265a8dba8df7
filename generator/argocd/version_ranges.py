"""Parse semantic versions and ranges, and find the newest tag in a range. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import total_ordering
from typing import NamedTuple

_VERSION = re.compile(
    r"v?(0|[1-9]\d{0,17})(?:\.(0|[1-9]\d{0,17}))?(?:\.(0|[1-9]\d{0,17}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_COMPARATOR = re.compile(r"(>=|<=|>|<|=|\^|~)?\s*(\*|v?\d[0-9A-Za-z.+*-]*)")
_WILDCARD_SUFFIX = re.compile(r"(?:\.[xX*])+\Z")


@total_ordering
class SemanticVersion(NamedTuple):
    """A semantic version, ordered as on semver.org; `written_parts` counts the numbers in the text."""

    numbers: tuple[int, int, int]
    prerelease: str = ""
    written_parts: int = 3

    def _sort_key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        words = self.prerelease.split(".") if self.prerelease else []
        return (
            self.numbers,
            not self.prerelease,
            tuple((not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in words),
        )

    def __lt__(self, other: tuple[object, ...]) -> bool:
        return self._sort_key() < other._sort_key() if isinstance(other, SemanticVersion) else NotImplemented


def parse_version(text: str) -> SemanticVersion | None:
    """Parse a version with or without a leading `v`; None if `text` is not a version."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    numbers = [int(number) for number in found.group(1, 2, 3) if number is not None]
    one, two, three = (*numbers, 0, 0)[:3]
    return SemanticVersion((one, two, three), found[4] or "", len(numbers))


class _Bound(NamedTuple):
    operator: str
    version: SemanticVersion


class VersionRange(NamedTuple):
    """A range of versions; it allows pre-releases only of the numbers in `allowed_prereleases`."""

    bounds: tuple[_Bound, ...]
    allowed_prereleases: frozenset[tuple[int, int, int]]

    def allows(self, candidate: SemanticVersion) -> bool:
        """Whether a version is in the range."""
        if candidate.prerelease and candidate.numbers not in self.allowed_prereleases:
            return False
        return all(_satisfies_bound(candidate, bound) for bound in self.bounds)


def _satisfies_bound(candidate: SemanticVersion, bound: _Bound) -> bool:
    key, wanted = candidate._sort_key(), bound.version._sort_key()
    signs = {">=": key >= wanted, ">": key > wanted, "<=": key <= wanted, "<": key < wanted, "=": key == wanted}
    return signs[bound.operator]


def parse_version_range(text: str) -> VersionRange | None:
    """Parse a range such as `>=1.2,<2`, `^1.4`, `~1.4.2` or `1.x`; None if `text` is not a range."""
    bounds: list[_Bound] = []
    named: set[tuple[int, int, int]] = set()
    at = 0
    stripped = text.strip()
    while at < len(stripped):
        found = _COMPARATOR.match(stripped, at)
        parsed = _parse_comparator(found[1] or "", found[2]) if found else None
        if found is None or parsed is None:
            return None
        bounds += parsed
        named |= {
            bound.version.numbers for bound in parsed if bound.version.prerelease and bound.version.prerelease != "0"
        }
        at = found.end()
        gap = re.compile(r"\s*,\s*|\s+").match(stripped, at)
        if at < len(stripped) and gap is None:
            return None
        at = gap.end() if gap else at
    return VersionRange(tuple(bounds), frozenset(named)) if stripped and not stripped.endswith(",") else None


def _parse_comparator(operator: str, text: str) -> list[_Bound] | None:
    if text == "*":
        return [] if operator in ("", "=") else None
    wild = bool(_WILDCARD_SUFFIX.search(text))
    low = parse_version(_WILDCARD_SUFFIX.sub("", text))
    if low is None or (wild and operator not in ("", "=", "~", "^")):
        return None
    if operator in (">=", "<"):
        return [_Bound(operator, low)]
    if operator in ("", "=") and low.written_parts == 3 and not wild:
        return [_Bound("=", low)]
    above = _Bound("<", _exclusive_upper_bound(operator, low))
    if operator in (">", "<="):
        whole = low.written_parts == 3
        bound = _Bound(operator, low) if whole else _Bound(">=" if operator == ">" else "<", above.version)
        return [bound]
    return [_Bound(">=", low), above]


def _exclusive_upper_bound(operator: str, lower_bound: SemanticVersion) -> SemanticVersion:
    """The first version above the range: ^ fixes the first nonzero number, other operators the last written."""
    major, minor, patch = lower_bound.numbers
    if operator == "^":
        place = 0 if major or lower_bound.written_parts == 1 else 1 if minor or lower_bound.written_parts == 2 else 2
    else:
        place = min(lower_bound.written_parts - 1, 1)
    numbers = [major, minor, patch][: place + 1]
    numbers[place] += 1
    one, two, three = (*numbers, 0, 0)[:3]
    # Exclude its pre-releases too.
    return SemanticVersion((one, two, three), "0")


def newest_matching_tag(tags: Iterable[str], pattern: str, version_range: VersionRange | None) -> str | None:
    """The tag of the newest version that matches `pattern` and the range, or None.

    Without a range, pre-releases are excluded.
    """
    found = [
        (known, tag)
        for tag in tags
        if fnmatchcase(tag, pattern) and (known := parse_version(strip_pattern_prefix(tag, pattern))) is not None
        if (version_range.allows(known) if version_range else not known.prerelease)
    ]
    return max(found, key=lambda pair: (pair[0]._sort_key(), pair[1]))[1] if found else None


def strip_pattern_prefix(tag: str, pattern: str) -> str:
    """The version part of a tag: 1.2.0 for the tag `billing-v1.2.0` and the pattern `billing-v*`."""
    head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return tag.removeprefix(head) if tag.removeprefix(head)[:1].isdigit() else tag.rpartition("/")[2]
