"""Which shard of an environment an app belongs to, and what the shard is called. Pure."""

from __future__ import annotations

import hashlib

from generator.registry.model import BY_TEAM
from generator.registry.registry import Environment


def shard_of(environment: Environment, team: str, project: str) -> str:
    """The shard that an app of a team and project is in, "" where the environment has none.

    By hash it is the project that is placed, so that the apps of one project, and with them the project, are in one
    chart. Neither way does it matter which other apps there are.
    """
    if environment.shards is None:
        return ""
    return team if environment.shards == BY_TEAM else str(_jump(project, int(environment.shards)))


def _jump(name: str, buckets: int) -> int:
    """The bucket of a name, 0 to `buckets` - 1: with one bucket more, only the names move that come into it.

    Jump consistent hashing (Lamping and Veach, 2014), in integers, so that every machine computes the same.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    bucket, following = -1, 0
    while following < buckets:
        bucket = following
        key = (key * 2862933555777941757 + 1) % 2**64
        following = ((bucket + 1) << 31) // ((key >> 33) + 1)
    return bucket


def shard_application(environment: str, shard: str) -> str:
    """The Application that a shard's chart is the source of."""
    return f"{environment}-applications-{shard}"


def shard_project(environment: str) -> str:
    """The AppProject of the Applications that an environment's shards are."""
    return f"{environment}-applications"
