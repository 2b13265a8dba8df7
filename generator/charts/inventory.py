"""The inventory, `.generated.json`: the generated files, and the Applications that they define.

Everything that belongs to one app in one environment is together, a value a line: its Application, the digests of its
template and suite, and that of its entry in values.yaml. A line that one app's promotion changes is never next to one
that another app's promotion changes, so that Git merges both.
"""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any

from generator.argocd.strings import NAME_PATTERN
from generator.charts.digests import digest_file, sha256_hex
from generator.charts.former_destinations import FormerDestination
from generator.charts.layout import NOTICE, Chart, is_generated_path
from generator.charts.values_file import APPS_PART, VALUES_FILE
from generator.errors import RefusedError
from generator.registry.uniqueness import helm_values_key

if TYPE_CHECKING:
    from generator.charts.render import RenderedTree

INVENTORY_FILE = ".generated.json"
_FORMAT_VERSION = 3
#: Version 1 has every field of every Application, version 2 the digest of each file; both stay readable.
_READABLE_VERSIONS = (1, 2, _FORMAT_VERSION)
#: Fields that most apps of an environment share: written once, and for each app that differs.
_SHARED_FIELDS = ("argocdNamespace", "cluster")
#: One member a line, for Git diffs and merges; with an indent, `json` takes four times as long.
_encode_member_per_line = json.JSONEncoder(sort_keys=True, separators=(",\n", ": ")).encode

_Identities = Mapping[str, Mapping[str, str]]
#: Reads many files at once; paths without a file are left out.
_ReadFiles = Callable[[Collection[str]], Mapping[str, bytes]]


@dataclass(frozen=True)
class Inventory:
    """The generated files: the digest of each by path below the output folder (see `digest_file`), and the identity
    of each Application by `<env>/<app>`. `former_destinations` are those that projects keep, each with the day since
    when. `version` is that of the format it was read from."""

    files: Mapping[str, str] = field(default_factory=dict)
    applications: _Identities = field(default_factory=dict)
    former_destinations: Mapping[FormerDestination, str] = field(default_factory=dict)
    version: int = _FORMAT_VERSION

    def to_json_bytes(self) -> bytes:
        """The bytes of the inventory file. JSON has no comments, so the notice is its first member."""
        return self._json_bytes

    @functools.cached_property
    def _json_bytes(self) -> bytes:
        shared = _find_shared_values(self.applications)
        files = _split_digests(self.files)
        entries = _shorten_identities(self.applications, shared)
        for key, entry in entries.items():
            # The files of an app are listed with it, by the names of their entries.
            entry.update(
                {name: files.pop(at) for name, at in _list_app_files(key, self.applications[key]) if at in files}
            )
        kept = {" ".join(each): since for each, since in self.former_destinations.items()}
        parts = (
            f'"comment": {json.dumps(NOTICE)}',
            f'"version": {_FORMAT_VERSION}',
            f'"shared": {_format_tables(shared)}',
            f'"applications": {_format_tables(entries)}',
            *([f'"formerDestinations": {_format_lines(_format_values(kept), gap=True)}'] if kept else []),
            f'"files": {_format_lines(_format_values(files), gap=True)}',
        )
        return _format_lines(parts).encode() + b"\n"


def _format_lines(members: Iterable[str], *, gap: bool = False) -> str:
    """Format the members of an object, with an empty line between two of them where a gap is wanted."""
    separator = ",\n\n" if gap else ",\n"
    return f"{{\n{separator.join(members)}\n}}"


def _format_values(values: Mapping[str, str]) -> Iterable[str]:
    return (f"{json.dumps(name)}: {json.dumps(values[name])}" for name in sorted(values))


def _format_tables(tables: Mapping[str, Mapping[str, Any]]) -> str:
    # The braces have lines of their own: they stay the same whatever is between them.
    return _format_lines(
        f"{json.dumps(key)}: {{\n{_encode_member_per_line(tables[key])[1:-1]}\n}}" for key in sorted(tables)
    )


def _split_digests(files: Mapping[str, str]) -> dict[str, str]:
    """The digest of each file, or of each of its parts by `<path> <part>`."""
    found: dict[str, str] = {}
    for path, digest in files.items():
        for line in digest.split("\n"):
            part, space, digest_of_part = line.rpartition(" ")
            found[f"{path}{space}{part}"] = digest_of_part
    return found


def _join_digests(files: Mapping[str, str]) -> dict[str, str]:
    """Join what `_split_digests` split."""
    found: dict[str, str] = {}
    parts: dict[str, list[str]] = defaultdict(list)
    for place, digest in files.items():
        path, space, part = place.partition(" ")
        if space:
            parts[path].append(f"{part} {digest}")
        else:
            found[path] = digest
    return found | {path: "\n".join(sorted(lines)) for path, lines in parts.items()}


def _list_app_files(key: str, identity: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What belongs to an app in one environment: names of entries, and the paths or parts of files."""
    environment, _, app = key.partition("/")
    folder = Chart(environment, identity.get("shard") or "").folder
    yield "template", f"{folder}/templates/{app}.yaml"
    yield "suite", f"{folder}/tests/{app}_test.yaml"
    if NAME_PATTERN.fullmatch(app):
        yield "values", f"{folder}/{VALUES_FILE} {APPS_PART}.{helm_values_key(app)}"


def build_inventory(tree: RenderedTree) -> Inventory:
    """Build the inventory of a rendered tree."""
    return Inventory(tree.digests, tree.applications, tree.former_destinations)


def parse_inventory(
    data: bytes | None, display_path: str, is_generated: Callable[[str], bool] = is_generated_path
) -> Inventory:
    """Parse an inventory; an empty one if `data` is None. `display_path` names the file in errors.

    An inventory is a claim: anyone who can edit it must not have other files overwritten or deleted. So it may list
    only paths that `is_generated` says can be generated. Raises RefusedError if it lists others, is damaged or is
    from a newer version.
    """
    return Inventory() if data is None else _parse_inventory_data(data, display_path, is_generated)


@functools.lru_cache(maxsize=2)
def _parse_inventory_data(data: bytes, display_path: str, is_generated: Callable[[str], bool]) -> Inventory:
    # Parsing a large inventory is slow, and the committed one usually equals the one in the folder.
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged_inventory_error(display_path) from error
    if isinstance(body, dict) and isinstance(body.get("version"), int) and body["version"] > _FORMAT_VERSION:
        raise RefusedError(
            "WL7005", f"{display_path} was written by a newer version of workloads", remedy="upgrade workloads"
        )
    if not _is_valid_inventory(body):
        raise _damaged_inventory_error(display_path)
    inventory = _read_valid_inventory(body)
    others = [path for path in inventory.files if not is_generated(path)]
    if others:
        raise RefusedError(
            "WL7005",
            f"{display_path} lists {others[0]!r}, which workloads does not generate",
            remedy="restore it from git, or remove that entry",
        )
    return inventory


def _read_valid_inventory(body: Mapping[str, Any]) -> Inventory:
    version = body["version"]
    if version == 1:
        return Inventory(body["files"], body["applications"], version=version)
    entries: Mapping[str, dict[str, Any]] = {key: dict(entry) for key, entry in body["applications"].items()}
    files = dict(body["files"])
    for key, entry in entries.items():
        files.update({at: entry.pop(name) for name, at in _list_app_files(key, entry) if name in entry})
    kept = {FormerDestination(*key.split(" ")): since for key, since in body.get("formerDestinations", {}).items()}
    return Inventory(_join_digests(files), _restore_identities(entries, body["shared"]), kept, version)


def update_digests(inventory: Inventory, read_files: _ReadFiles) -> Inventory:
    """The inventory with its digests as they are computed today; an older version had other ones of values.yaml.

    Files that do not match their digest keep it: they were edited.
    """
    old = [path for path, digest in inventory.files.items() if path.endswith(f"/{VALUES_FILE}") and " " not in digest]
    found = {path: data for path, data in read_files(old).items() if sha256_hex(data) == inventory.files[path]}
    now = {path: digest_file(path, data) for path, data in found.items()}
    return replace(inventory, files={**inventory.files, **now}) if now else inventory


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
    if not isinstance(files, dict) or not _all_have_types(files.values(), str):
        return False
    if body["version"] == 1:
        return _is_table_of_tables(applications, str)
    former = body.get("formerDestinations", {})
    if not isinstance(former, dict) or not _all_have_types(former.values(), str):
        return False
    return all(key.count(" ") == 3 for key in former) and _are_brief_identities(applications, body.get("shared"))


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


def _damaged_inventory_error(display_path: str) -> RefusedError:
    return RefusedError(
        "WL7005",
        f"{display_path} is damaged, so generated files cannot be distinguished from other files",
        remedy="restore it from git (after a merge conflict, either side will do) and render again",
    )
