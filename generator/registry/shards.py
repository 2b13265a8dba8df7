"""Assign apps to the shards of an environment, and name the shards. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.registry.registry import Environment

#: The value of `shards` that gives each team a shard; a number distributes projects over shards by hash.
SHARD_BY_TEAM = "team"
MAX_SHARDS = 1000


def find_app_shard(environment: Environment, team: str, project: str) -> str:
    """The shard of an app by its team and project, or "" if the environment has no shards.

    A hash of the project selects the shard, so that all apps of a project, and the project itself, are in one chart.
    The result never depends on other apps.
    """
    if environment.shards is None:
        return ""
    return team if environment.shards == SHARD_BY_TEAM else str(_jump_hash_bucket(project, int(environment.shards)))


def _jump_hash_bucket(name: str, buckets: int) -> int:
    """The bucket of a name, 0 to `buckets` - 1. Adding a bucket moves only the names that go into it.

    Jump consistent hashing (Lamping and Veach, 2014), in integers, so that every machine computes the same.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    bucket, following = -1, 0
    while following < buckets:
        bucket = following
        key = (key * 2862933555777941757 + 1) % 2**64
        following = ((bucket + 1) << 31) // ((key >> 33) + 1)
    return bucket


def bootstrap_name(environment: str) -> str:
    """The name of the Application that deploys an environment's chart, and of the AppProject of its shards."""
    return f"{environment}-applications"


def root_project_name(environment: str) -> str:
    """The name of the AppProject of the Application that deploys an environment's chart."""
    return f"{bootstrap_name(environment)}-root"


def is_bootstrap_name(name: str, environments: Iterable[str]) -> bool:
    """Whether an Application or AppProject of an environment's charts has, or may get, this name."""
    return "-applications" in name and any(
        f"{name}-".startswith(f"{bootstrap_name(environment)}-") for environment in environments
    )


def shard_application_name(environment: str, shard: str) -> str:
    """The name of the Application that deploys a shard's chart."""
    return f"{bootstrap_name(environment)}-{shard}"


def team_namespaces_name(environment: str) -> str:
    """The name of the Application that deploys the namespaces of an environment's teams, and of its AppProject."""
    return f"{bootstrap_name(environment)}-team-namespaces"


def is_team_namespaces_name(name: str) -> bool:
    """Whether an Application or AppProject deploys the namespaces of teams; no app can have such a name."""
    return name.endswith(team_namespaces_name(""))
