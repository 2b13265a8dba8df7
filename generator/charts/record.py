"""`.generated.json`: which files are the generator's, and which Applications they stand for."""

from __future__ import annotations

import functools
import json
import string
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import NoneType
from typing import Any

from generator.charts.render import RenderedTree
from generator.charts.templates import NOTICE
from generator.errors import RefusedError

RECORD = ".generated.json"
_VERSION = 2
#: The first version told every field of every Application, and is read for good.
_VERSIONS = (1, _VERSION)
#: Fields that most of an environment's apps have in common: told once, and by the apps that differ.
_COMMON = ("argocdNamespace", "cluster")
_IN_PATHS = f"{string.ascii_letters}{string.digits}_.-/".encode()
#: What is between two paths that are looked at together, each between slashes.
_BREAK = "/\n/"
#: Parts of a path that it must not have.
_OUTWARD = ("//", "/./", "/../", "/.git/")
#: A member a line, so that git shows and merges what changed; indented, it takes `json` four times as long.
_a_line_each = json.JSONEncoder(sort_keys=True, separators=(",\n", ": ")).encode

_Identities = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Record:
    """What is owned: each path below the output folder with the sha256 of its bytes, and the identity of
    each Application by `<env>/<app>`."""

    files: Mapping[str, str] = field(default_factory=dict)
    applications: _Identities = field(default_factory=dict)

    def dump(self) -> bytes:
        """The file's bytes. JSON has no comments, so the notice is its first member."""
        return self._bytes

    @functools.cached_property
    def _bytes(self) -> bytes:
        shared = _shared(self.applications)
        parts = {"shared": shared, "applications": _brief(self.applications, shared), "files": self.files}
        told = ",\n".join(f'"{name}": {_a_line_each(part)}' for name, part in parts.items())
        return f'{{"comment": {json.dumps(NOTICE)},\n{told},\n"version": {_VERSION}}}\n'.encode()


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
    applications = body["applications"]
    return Record(body["files"], applications if body["version"] == 1 else _full(applications, body["shared"]))


def _shared(applications: _Identities) -> dict[str, dict[str, str]]:
    """The value of each common field that most apps of an environment have, by environment."""
    of: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for key, identity in applications.items():
        of[key.partition("/")[0]].append(identity)
    found: dict[str, dict[str, str]] = {env: {} for env in of}
    for env, identities in of.items():
        for name in _COMMON:
            counts = Counter(identity[name] for identity in identities if name in identity)
            if counts:
                found[env][name] = max(sorted(counts), key=counts.__getitem__)
    return found


def _brief(applications: _Identities, shared: _Identities) -> dict[str, dict[str, str | None]]:
    """What of each identity is not implied; a field that is implied and not there is null."""
    told: dict[str, dict[str, str | None]] = {}
    for key, identity in applications.items():
        implied = _implied(key, shared, {})
        own: dict[str, str | None] = {name: value for name, value in identity.items() if implied.get(name) != value}
        if not identity.keys() >= implied.keys():
            own.update(dict.fromkeys(implied.keys() - identity.keys()))
        told[key] = own
    return told


def _full(brief: Mapping[str, Mapping[str, str | None]], shared: _Identities) -> dict[str, dict[str, Any]]:
    """The identities of which `_brief` told."""
    found = {key: _implied(key, shared, told) for key, told in brief.items()}
    for key, told in brief.items():
        if None in told.values():
            found[key] = {name: value for name, value in found[key].items() if value is not None}
    return found


def _implied(key: str, shared: _Identities, told: Mapping[str, str | None]) -> dict[str, Any]:
    """An identity as far as it is implied by its key and what is shared, and by what is told of it."""
    environment, _, app = key.partition("/")
    return {**shared.get(environment, {}), "name": app, "namespace": app, "project": app, **told}


def _sound(body: Any) -> bool:
    if not isinstance(body, dict) or body.get("version") not in _VERSIONS:
        return False
    files, applications = body.get("files"), body.get("applications")
    if not isinstance(files, dict) or not _are(files.values(), str) or not _inside(files):
        return False
    if body["version"] == 1:
        return _are_tables(applications, str)
    return _are_brief(applications, body.get("shared"))


def _are_brief(applications: Any, shared: Any) -> bool:
    """Whether `_brief` may have told it: without what its environment shares, an identity would be another one."""
    tables = _are_tables(applications, str, NoneType) and _are_tables(shared, str)
    return tables and {key.partition("/")[0] for key in applications} <= {*shared}


def _are_tables(value: Any, *kinds: type) -> bool:
    """Whether it is a table of tables with values of these kinds."""
    tables = isinstance(value, dict) and _are(value.values(), dict)
    return tables and _are(chain.from_iterable(table.values() for table in value.values()), *kinds)


def _are(values: Iterable[Any], *kinds: type) -> bool:
    return {*map(type, values)} <= {*kinds}


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
