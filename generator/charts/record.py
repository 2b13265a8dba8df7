"""`.generated.json`: which files are the generator's, and which Applications they stand for."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.charts.render import RenderedTree
from generator.charts.templates import NOTICE
from generator.errors import RefusedError

RECORD = ".generated.json"
_VERSION = 1
_string = json.encoder.encode_basestring_ascii
_PATH = re.compile(r"(?:[A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]+")


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
        lines = (f"{_string(key)}: {_fields(self.applications[key])}" for key in sorted(self.applications))
        applications, files = _object(",\n  ".join(lines), "\n "), _object(_file(self.files)[1:-1], "\n ")
        told = f'"comment": {json.dumps(NOTICE)},\n "applications": {applications},\n "files": {files}'
        return f'{{ {told},\n "version": {_VERSION}\n}}\n'.encode()


def _members(indent: str) -> Callable[[Mapping[str, str]], str]:
    """What writes an object, a line a member: with the indent that it knows itself, `json` takes four times as long."""
    return json.JSONEncoder(sort_keys=True, separators=(f",\n{indent}", ": ")).encode


_file, _field = _members("  "), _members("   ")


def _fields(identity: Mapping[str, str]) -> str:
    return _object(_field(identity)[1:-1], "\n  ")


def _object(members: str, outer: str) -> str:
    """A JSON object of members that are written, as `json.dumps` lays it out with an indent of 1."""
    return f"{{{outer} {members}{outer}}}" if members else "{}"


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
        and all(isinstance(value, str) and _inside(path) for path, value in files.items())
        and isinstance(applications, dict)
        and all(isinstance(fields, dict) for fields in applications.values())
        and all(isinstance(value, str) for fields in applications.values() for value in fields.values())
    )


def _inside(path: str) -> bool:
    # Nearly no path has a part that begins with a dot, and needs to be taken apart.
    return bool(_PATH.fullmatch(path)) and ("/." not in f"/{path}" or not {"..", ".", ".git"} & set(path.split("/")))


def _damaged(place: str) -> RefusedError:
    return RefusedError(
        f"{place} is damaged: what is generated and what is yours cannot be told apart",
        remedy="restore it from git (after a merge conflict, either side will do) and render again",
    )
