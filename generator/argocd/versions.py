"""Compare versions of Argo CD."""

from __future__ import annotations

import functools

#: The Argo CD versions whose fields this generator knows.
OLDEST_KNOWN_ARGOCD, NEWEST_KNOWN_ARGOCD = "2.14", "3.6"
#: The first Argo CD, as (major, minor), whose AppProject can allow one object of a cluster-scoped kind by its name.
NAMED_KINDS_SINCE = (3, 3)


@functools.lru_cache(maxsize=64)
def major_minor(version: str) -> tuple[int, int]:
    """The (major, minor) pair of a version such as "3.4" or "3.4.1", for comparison."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def unknown_version_problem(version: str) -> str | None:
    """Why an Argo CD version is not among those that this generator knows, with what to do; None if it is."""
    if major_minor(version) > major_minor(NEWEST_KNOWN_ARGOCD):
        return f"Argo CD {version} is newer than {NEWEST_KNOWN_ARGOCD}, the newest that is known: update workloads"
    if major_minor(version) < major_minor(OLDEST_KNOWN_ARGOCD):
        return f"Argo CD {version} is older than {OLDEST_KNOWN_ARGOCD}, the oldest that is known: update Argo CD"
    return None


def too_new_message(since: str, version: str, remedy: str = "remove it") -> str:
    """The message for a feature that Argo CD `version` does not have."""
    return f"needs Argo CD {since}, and argocd.version is {version}: {remedy}, or raise argocd.version"
