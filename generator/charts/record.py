"""`.generated.json`: which files are the generator's, and which Applications they stand for."""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from generator.charts.render import RenderedTree
from generator.charts.templates import NOTICE
from generator.errors import RefusedError

RECORD = ".generated.json"
_VERSION = 1
_IN_PATHS = f"{string.ascii_letters}{string.digits}_.-/".encode()
#: What is between two paths that are looked at together, each between slashes.
_BREAK = "/\n/"
#: Parts of a path that it must not have.
_OUTWARD = ("//", "/./", "/../", "/.git/")
#: A member a line, so that git shows and merges what changed; indented, it takes `json` four times as long.
_a_line_each = json.JSONEncoder(sort_keys=True, separators=(",\n", ": ")).encode


@dataclass(frozen=True)
class Record:
    """What is owned: each path below the output folder with the sha256 of its bytes, and the identity of
    each Application by `<env>/<app>`."""

    files: Mapping[str, str] = field(default_factory=dict)
    applications: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def dump(self) -> bytes:
        """The file's bytes. JSON has no comments, so the notice is its first member."""
        return self._bytes

    @functools.cached_property
    def _bytes(self) -> bytes:
        applications, files = (_a_line_each(told) for told in (self.applications, self.files))
        told = f'"comment": {json.dumps(NOTICE)},\n"applications": {applications},\n"files": {files}'
        return f'{{{told},\n"version": {_VERSION}}}\n'.encode()


def record_of(tree: RenderedTree) -> Record:
    """The record that belongs to a rendered tree."""
    return Record(tree.digests, tree.applications)


def read_record(data: bytes | None, place: str) -> Record:
    """The record in `data`, empty where there is no file.

    Raises RefusedError where it is damaged or from a newer version: without it nobody knows what may be
    overwritten or deleted.
    """
    return Record() if data is None else _parsed(data, place)


@functools.lru_cache(maxsize=2)
def _parsed(data: bytes, place: str) -> Record:
    # Of a large tree it takes a while, and what is committed is most often what is in the folder.
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(place) from error
    if isinstance(body, dict) and isinstance(body.get("version"), int) and body["version"] > _VERSION:
        raise RefusedError(f"{place} was written by a newer version of workloads", remedy="upgrade workloads")
    if not _sound(body):
        raise _damaged(place)
    return Record(body["files"], body["applications"])


def _sound(body: Any) -> bool:
    if not isinstance(body, dict) or body.get("version") != _VERSION:
        return False
    files, applications = body.get("files"), body.get("applications")
    return (
        isinstance(files, dict)
        and _are(str, files.values())
        and _inside(files)
        and isinstance(applications, dict)
        and _are(dict, applications.values())
        and _are(str, chain.from_iterable(fields.values() for fields in applications.values()))
    )


def _are(kind: type, values: Iterable[Any]) -> bool:
    return {*map(type, values)} <= {kind}


def _inside(paths: Collection[str]) -> bool:
    """Whether all are paths below a folder and outside of git's own, looked at in one go."""
    whole = f"/{_BREAK.join(paths)}/"
    strange = whole.encode("utf-8", "replace").translate(None, _IN_PATHS)
    within = strange == b"\n" * (len(paths) - 1) and not any(part in whole for part in _OUTWARD)
    return within or not paths


def _damaged(place: str) -> RefusedError:
    return RefusedError(
        f"{place} is damaged: what is generated and what is yours cannot be told apart",
        remedy="restore it from git (after a merge conflict, either side will do) and render again",
    )
