"""The inventory, `.generated.json`: the generated files, and the Applications that they define."""

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

INVENTORY_FILE = ".generated.json"
_FORMAT_VERSION = 2
#: Version 1 has every field of every Application; it stays readable.
_READABLE_VERSIONS = (1, _FORMAT_VERSION)
#: Fields that most apps of an environment share: written once, and for each app that differs.
_SHARED_FIELDS = ("argocdNamespace", "cluster")
_PATH_CHARACTERS = f"{string.ascii_letters}{string.digits}_.-/".encode()
#: Separates paths that are validated as one text; each path is between slashes.
_PATH_SEPARATOR = "/\n/"
#: Parts that no path may contain.
_FORBIDDEN_PARTS = ("//", "/./", "/../", "/.git/")
#: One member a line, for Git diffs and merges; with an indent, `json` takes four times as long.
_encode_member_per_line = json.JSONEncoder(sort_keys=True, separators=(",\n", ": ")).encode

_Identities = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Inventory:
    """The generated files: the SHA-256 of each by path below the output folder, and the identity of
    each Application by `<env>/<app>`."""

    files: Mapping[str, str] = field(default_factory=dict)
    applications: _Identities = field(default_factory=dict)

    def to_json_bytes(self) -> bytes:
        """The bytes of the inventory file. JSON has no comments, so the notice is its first member."""
        return self._json_bytes

    @functools.cached_property
    def _json_bytes(self) -> bytes:
        shared = _find_shared_values(self.applications)
        parts = {"shared": shared, "applications": _shorten_identities(self.applications, shared), "files": self.files}
        told = ",\n".join(f'"{name}": {_encode_member_per_line(part)}' for name, part in parts.items())
        return f'{{"comment": {json.dumps(NOTICE)},\n{told},\n"version": {_FORMAT_VERSION}}}\n'.encode()


def build_inventory(tree: RenderedTree) -> Inventory:
    """Build the inventory of a rendered tree."""
    return Inventory(tree.digests, tree.applications)


def parse_inventory(data: bytes | None, display_path: str) -> Inventory:
    """Parse an inventory; an empty one if `data` is None. `display_path` names the file in errors.

    Raises RefusedError if it is damaged or from a newer version: without it nobody knows which files may be
    overwritten or deleted.
    """
    return Inventory() if data is None else _parse_inventory_data(data, display_path)


@functools.lru_cache(maxsize=2)
def _parse_inventory_data(data: bytes, display_path: str) -> Inventory:
    # Parsing a large inventory is slow, and the committed one usually equals the one in the folder.
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged_inventory_error(display_path) from error
    if isinstance(body, dict) and isinstance(body.get("version"), int) and body["version"] > _FORMAT_VERSION:
        raise RefusedError(f"{display_path} was written by a newer version of workloads", remedy="upgrade workloads")
    if not _is_valid_inventory(body):
        raise _damaged_inventory_error(display_path)
    applications = body["applications"]
    return Inventory(
        body["files"], applications if body["version"] == 1 else _restore_identities(applications, body["shared"])
    )


def _find_shared_values(applications: _Identities) -> dict[str, dict[str, str]]:
    """The most frequent value of each shared field, by environment."""
    of: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for key, identity in applications.items():
        of[key.partition("/")[0]].append(identity)
    found: dict[str, dict[str, str]] = {env: {} for env in of}
    for env, identities in of.items():
        for name in _SHARED_FIELDS:
            counts = Counter(identity[name] for identity in identities if name in identity)
            if counts:
                found[env][name] = max(sorted(counts), key=counts.__getitem__)
    return found


def _shorten_identities(applications: _Identities, shared: _Identities) -> dict[str, dict[str, str | None]]:
    """Omit the fields that the key and the shared values imply; null marks an implied field that is absent."""
    told: dict[str, dict[str, str | None]] = {}
    for key, identity in applications.items():
        implied = _complete_identity(key, shared, {})
        own: dict[str, str | None] = {name: value for name, value in identity.items() if implied.get(name) != value}
        if not identity.keys() >= implied.keys():
            own.update(dict.fromkeys(implied.keys() - identity.keys()))
        told[key] = own
    return told


def _restore_identities(
    brief: Mapping[str, Mapping[str, str | None]], shared: _Identities
) -> dict[str, dict[str, Any]]:
    """Restore the identities that `_shorten_identities` shortened."""
    found = {key: _complete_identity(key, shared, told) for key, told in brief.items()}
    for key, told in brief.items():
        if None in told.values():
            found[key] = {name: value for name, value in found[key].items() if value is not None}
    return found


def _complete_identity(key: str, shared: _Identities, own_fields: Mapping[str, str | None]) -> dict[str, Any]:
    """Fill in the fields that the brief form omits."""
    environment, _, app = key.partition("/")
    return {**shared.get(environment, {}), "name": app, "namespace": app, "project": app, **own_fields}


def _is_valid_inventory(body: Any) -> bool:
    if not isinstance(body, dict) or body.get("version") not in _READABLE_VERSIONS:
        return False
    files, applications = body.get("files"), body.get("applications")
    if not isinstance(files, dict) or not _all_have_types(files.values(), str) or not _are_safe_paths(files):
        return False
    if body["version"] == 1:
        return _is_table_of_tables(applications, str)
    return _are_brief_identities(applications, body.get("shared"))


def _are_brief_identities(applications: Any, shared: Any) -> bool:
    """Whether these are brief identities, and `shared` has the environment of each: without it they would differ."""
    tables = _is_table_of_tables(applications, str, NoneType) and _is_table_of_tables(shared, str)
    return tables and {key.partition("/")[0] for key in applications} <= {*shared}


def _is_table_of_tables(value: Any, *kinds: type) -> bool:
    """Whether it is a table of tables whose values have these types."""
    tables = isinstance(value, dict) and _all_have_types(value.values(), dict)
    return tables and _all_have_types(chain.from_iterable(table.values() for table in value.values()), *kinds)


def _all_have_types(values: Iterable[Any], *kinds: type) -> bool:
    return {*map(type, values)} <= {*kinds}


def _are_safe_paths(paths: Collection[str]) -> bool:
    """Whether all are safe relative paths outside of `.git`; they are validated as one text, for speed."""
    whole = f"/{_PATH_SEPARATOR.join(paths)}/"
    strange = whole.encode("utf-8", "replace").translate(None, _PATH_CHARACTERS)
    within = strange == b"\n" * (len(paths) - 1) and not any(part in whole for part in _FORBIDDEN_PARTS)
    return within or not paths


def _damaged_inventory_error(display_path: str) -> RefusedError:
    return RefusedError(
        f"{display_path} is damaged: what is generated and what is yours cannot be told apart",
        remedy="restore it from git (after a merge conflict, either side will do) and render again",
    )
