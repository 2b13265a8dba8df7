"""Ranges of semantic versions, such as `>=1.2,<2`, as Argo CD reads them. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from semantic_version import NpmSpec, Version
from semantic_version.base import AllOf, AnyOf, Range

from generator.argocd.revisions import SemanticVersion

# An operator with a space or a "v" before its version, and Argo CD's suffix that admits pre-releases.
_OPERATOR_GAP = re.compile(r"([<>=^~]+)\s+")
_PREFIX = re.compile(r"(?<![0-9A-Za-z.-])v(?=[0-9])")
_ANY_PRERELEASE = re.compile(r"(?<=[0-9xX*])-0(?![0-9A-Za-z.-])")


class VersionRange(NamedTuple):
    """A range of semantic versions."""

    clause: Any

    def allows(self, candidate: SemanticVersion) -> bool:
        """Whether a version is in the range."""
        return bool(self.clause.match(Version(str(candidate))))


def parse_version_range(text: str) -> VersionRange | None:
    """Parse a range such as `^1.4`, `>=1.2,<2` or `1.x`, or an exact version such as `1.4.2`; None for anything else.

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
