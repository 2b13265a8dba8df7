"""Compare the objects of two charts by identity and field. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

Manifest = Mapping[str, Any]
#: The key that is added to an object to record the shard whose chart it is in.
SHARD_FIELD = "shard"
FieldPath = tuple[str | int, ...]
#: Lists whose items share their `name`: it is that of a cluster.
_PLAIN_LISTS = (("destinations",),)


class Absent(Enum):
    """Marks a missing field, because `null` is a value."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class ObjectKey(NamedTuple):
    """The identity of an object in a cluster."""

    kind: str
    namespace: str
    name: str


class FieldDifference(NamedTuple):
    """One field that differs; its path holds keys, the index of a list item, or `[name]` of a named item.

    `version_order` says how the values compare, where they are versions: `semver`, `calver` or `date`; else empty.
    """

    path: FieldPath
    before: Any
    after: Any
    version_order: str = ""


@dataclass(frozen=True)
class ObjectDifference:
    """An object that is added (`before` is None), removed (`after` is None) or changed.

    `fields` are the fields that differ, in order; empty for an added or removed object. `app` is its app's name.
    """

    key: ObjectKey
    before: Manifest | None
    after: Manifest | None
    fields: tuple[FieldDifference, ...] = ()
    app: str = ""

    @property
    def change_type(self) -> str:
        """The type of change: `added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    @property
    def former_key(self) -> ObjectKey:
        """The identity of the object before the change; another one if it was renamed."""
        return self.key if self.before is None else object_key(self.before)


ObjectsByKey = Mapping[ObjectKey, Manifest]
#: App names by the key of their Application.
AppsByApplication = Mapping[ObjectKey, str]


def object_key(item: Manifest) -> ObjectKey:
    """The identity of an object, also of a malformed one."""
    metadata = _mapping_or_empty(item.get("metadata"))
    return ObjectKey(
        *(str(value or "") for value in (item.get("kind"), metadata.get("namespace"), metadata.get("name")))
    )


def index_objects(items: Iterable[Manifest]) -> dict[ObjectKey, Manifest]:
    """Index objects by identity; of several with the same identity the last one counts, as in a cluster."""
    return {object_key(item): item for item in items}


def compare_objects(
    before: ObjectsByKey, after: ObjectsByKey, apps_before: AppsByApplication, apps_after: AppsByApplication
) -> list[ObjectDifference]:
    """List the objects that differ, sorted by identity. A renamed Application of an app counts as changed."""
    old_keys = _match_renamed_applications(before, after, apps_before, apps_after)
    found = []
    for key, item in after.items():
        old = before.get(old_keys.get(key, key))
        fields = tuple(compare_fields(old, item)) if old is not None else ()
        if old is None or fields:
            found.append(ObjectDifference(key, old, item, fields, apps_after.get(key, "")))
    matched = set(old_keys.values())
    gone = (key for key in before if key not in after and key not in matched)
    found += [ObjectDifference(key, before[key], None, (), apps_before.get(key, "")) for key in gone]
    return sorted(found, key=lambda each: each.key)


def _match_renamed_applications(
    before: ObjectsByKey, after: ObjectsByKey, apps_before: AppsByApplication, apps_after: AppsByApplication
) -> dict[ObjectKey, ObjectKey]:
    """Map the new key of each renamed Application to its former key."""
    old = {app: key for key, app in apps_before.items() if key in before and key not in after}
    new = (key for key in after if key not in before and apps_after.get(key) in old)
    return {key: old[apps_after[key]] for key in new}


def compare_fields(before: Any, after: Any, path: FieldPath = ()) -> Iterator[FieldDifference]:
    """List the fields in which two values differ, as deep as both have the same structure."""
    if before == after and _have_same_json(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from compare_fields(before.get(name, ABSENT), after.get(name, ABSENT), (*path, str(name)))
    elif path[-1:] not in _PLAIN_LISTS and _has_unique_names(before) and _has_unique_names(after):
        yield from _compare_named_items(before, after, path)
    elif path[-1:] == ("sources",) and _are_tables_of_equal_count(before, after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from compare_fields(one, other, (*path, index))
    else:
        yield FieldDifference(path, before, after, "semver" if path[-1:] == ("targetRevision",) else "")


def _compare_named_items(
    before: Sequence[Manifest], after: Sequence[Manifest], path: FieldPath
) -> Iterator[FieldDifference]:
    old, new = ({item["name"]: item for item in items} for items in (before, after))
    for name in [*old, *(name for name in new if name not in old)]:
        yield from compare_fields(old.get(name, ABSENT), new.get(name, ABSENT), (*path, f"[{name}]"))
    if list(old) != list(new) and set(old) == set(new):
        yield FieldDifference((*path, "order"), list(old), list(new))


def _are_tables_of_equal_count(before: Any, after: Any) -> bool:
    return _is_list_of_mappings(before) and _is_list_of_mappings(after) and len(before) == len(after)


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _has_unique_names(value: Any) -> bool:
    """Whether the value is a list whose items have unique names, such as parameters or roles."""
    if not _is_list_of_mappings(value) or not all(isinstance(item.get("name"), str) for item in value):
        return False
    return len({item["name"] for item in value}) == len(value)


def _have_same_json(before: Any, after: Any) -> bool:
    # In Python 1 == True == 1.0; in Kubernetes they are three.
    if before is ABSENT or after is ABSENT:
        return before is after
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def find_nested_value(item: Any, *path: str) -> Any:
    """The value at a path of keys; None if it is missing."""
    for name in path:
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def format_field_path(path: FieldPath) -> str:
    """Format a path for people: `spec.source.helm.parameters[replicaCount].value`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.startswith("[") or not text:
            text += part
        else:
            text += f"[{part}]" if "." in part or "/" in part else f".{part}"
    return text


def _mapping_or_empty(value: Any) -> Manifest:
    return value if isinstance(value, Mapping) else {}
