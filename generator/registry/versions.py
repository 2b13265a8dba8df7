"""Semantic versions and ranges of them: which of a repository's tags is the newest that a range allows. Pure."""

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
_WILD = re.compile(r"(?:\.[xX*])+\Z")


@total_ordering
class Version(NamedTuple):
    """A version as semver.org orders it; `parts` is how many numbers were written."""

    numbers: tuple[int, int, int]
    pre: str = ""
    parts: int = 3

    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        words = self.pre.split(".") if self.pre else []
        return self.numbers, not self.pre, tuple((not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in words)

    def __lt__(self, other: tuple[object, ...]) -> bool:
        return self._key() < other._key() if isinstance(other, Version) else NotImplemented


def version(text: str) -> Version | None:
    """The version that `text` is, with or without a `v`; None where it is none."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    numbers = [int(number) for number in found.group(1, 2, 3) if number is not None]
    one, two, three = (*numbers, 0, 0)[:3]
    return Version((one, two, three), found[4] or "", len(numbers))


class _Bound(NamedTuple):
    sign: str
    version: Version


class Range(NamedTuple):
    """A range of versions; `pre` are the numbers whose pre-releases it names, and so allows."""

    bounds: tuple[_Bound, ...]
    pre: frozenset[tuple[int, int, int]]

    def allows(self, candidate: Version) -> bool:
        """Whether a version is in the range."""
        if candidate.pre and candidate.numbers not in self.pre:
            return False
        return all(_holds(candidate, bound) for bound in self.bounds)


def _holds(candidate: Version, bound: _Bound) -> bool:
    key, wanted = candidate._key(), bound.version._key()
    signs = {">=": key >= wanted, ">": key > wanted, "<=": key <= wanted, "<": key < wanted, "=": key == wanted}
    return signs[bound.sign]


def parse_range(text: str) -> Range | None:
    """The range that `text` is, such as `>=1.2,<2`, `^1.4`, `~1.4.2` or `1.x`; None where it is none."""
    bounds: list[_Bound] = []
    named: set[tuple[int, int, int]] = set()
    at = 0
    stripped = text.strip()
    while at < len(stripped):
        found = _COMPARATOR.match(stripped, at)
        parsed = _comparator(found[1] or "", found[2]) if found else None
        if found is None or parsed is None:
            return None
        bounds += parsed
        named |= {bound.version.numbers for bound in parsed if bound.version.pre and bound.version.pre != "0"}
        at = found.end()
        gap = re.compile(r"\s*,\s*|\s+").match(stripped, at)
        if at < len(stripped) and gap is None:
            return None
        at = gap.end() if gap else at
    return Range(tuple(bounds), frozenset(named)) if stripped and not stripped.endswith(",") else None


def _comparator(sign: str, text: str) -> list[_Bound] | None:
    if text == "*":
        return [] if sign in ("", "=") else None
    wild = bool(_WILD.search(text))
    low = version(_WILD.sub("", text))
    if low is None or (wild and sign not in ("", "=", "~", "^")):
        return None
    if sign in (">=", "<"):
        return [_Bound(sign, low)]
    if sign in ("", "=") and low.parts == 3 and not wild:
        return [_Bound("=", low)]
    above = _Bound("<", _above(sign, low))
    if sign in (">", "<="):
        whole = low.parts == 3
        bound = _Bound(sign, low) if whole else _Bound(">=" if sign == ">" else "<", above.version)
        return [bound]
    return [_Bound(">=", low), above]


def _above(sign: str, low: Version) -> Version:
    """The first version that is too new: for ^ the first number that is not 0 may not change, else the last written."""
    major, minor, patch = low.numbers
    if sign == "^":
        place = 0 if major or low.parts == 1 else 1 if minor or low.parts == 2 else 2
    else:
        place = min(low.parts - 1, 1)
    numbers = [major, minor, patch][: place + 1]
    numbers[place] += 1
    one, two, three = (*numbers, 0, 0)[:3]
    # Its own pre-releases are too new as well.
    return Version((one, two, three), "0")


def newest(tags: Iterable[str], pattern: str, wanted: Range | None) -> str | None:
    """The tag of the newest version among those that `pattern` finds and the range allows; None where there is none.

    Without a range, pre-releases are left out.
    """
    found = [
        (known, tag)
        for tag in tags
        if fnmatchcase(tag, pattern) and (known := version(bare(tag, pattern))) is not None
        if (wanted.allows(known) if wanted else not known.pre)
    ]
    return max(found, key=lambda pair: (pair[0]._key(), pair[1]))[1] if found else None


def bare(tag: str, pattern: str) -> str:
    """What a tag says beyond the words of its pattern: `billing-v1.2.0` of `billing-v*` is 1.2.0."""
    head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return tag.removeprefix(head) if tag.removeprefix(head)[:1].isdigit() else tag.rpartition("/")[2]
