"""Compare versions of Argo CD."""

from __future__ import annotations

import functools

#: The newest Argo CD version whose fields this generator supports.
NEWEST_KNOWN_ARGOCD = "3.6"
#: The first Argo CD, as (major, minor), whose AppProject can allow one object of a cluster-scoped kind by its name.
NAMED_KINDS_SINCE = (3, 3)


@functools.lru_cache(maxsize=64)
def major_minor(version: str) -> tuple[int, int]:
    """The (major, minor) pair of a version such as "3.4" or "3.4.1", for comparison."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def too_new_message(since: str, version: str) -> str:
    """The message for a feature that Argo CD `version` does not have."""
    return f"needs Argo CD {since}, and argocd.version is {version}: remove it, or raise argocd.version"
