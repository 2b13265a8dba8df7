"""Objects of a chart and those of another → what differs, by identity and field. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

Manifest = Mapping[str, Any]
#: Beside an object's own fields, the shard whose chart it is in.
SHARD = "shard"
Path = tuple[str | int, ...]


class Absent(Enum):
    """What stands for a field that is not there: `null` is a value."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Key(NamedTuple):
    """What makes an object of a cluster the one that it is."""

    kind: str
    namespace: str
    name: str


class Field(NamedTuple):
    """One field that differs: its path (keys, the index of a list item, `[name]` of one that has a name)."""

    path: Path
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """An object that is added (`before` None), removed (`after` None) or changed; `app` is the registry's name for it.

    `fields` are those that differ, in order; of an object that is added or removed there are none.
    """

    key: Key
    before: Manifest | None
    after: Manifest | None
    fields: tuple[Field, ...] = ()
    app: str = ""

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


Objects = Mapping[Key, Manifest]
#: The app of each Application of a chart, by the Application's key.
Apps = Mapping[Key, str]


def key_of(item: Manifest) -> Key:
    """The identity of an object, whatever state it is in."""
    metadata = _table(item.get("metadata"))
    return Key(*(str(value or "") for value in (item.get("kind"), metadata.get("namespace"), metadata.get("name"))))


def by_key(items: Iterable[Manifest]) -> dict[Key, Manifest]:
    """Objects by identity; of several with the same one the last counts, as it does in a cluster."""
    return {key_of(item): item for item in items}


def differences(before: Objects, after: Objects, was: Apps, now: Apps) -> list[Difference]:
    """Everything that differs, sorted by identity. An app's Application under another name is a change of it."""
    old_keys = _matched(before, after, was, now)
    found = []
    for key, item in after.items():
        old = before.get(old_keys.get(key, key))
        fields = tuple(fields_of(old, item)) if old is not None else ()
        if old is None or fields:
            found.append(Difference(key, old, item, fields, now.get(key, "")))
    matched = set(old_keys.values())
    gone = (key for key in before if key not in after and key not in matched)
    found += [Difference(key, before[key], None, (), was.get(key, "")) for key in gone]
    return sorted(found, key=lambda each: each.key)


def _matched(before: Objects, after: Objects, was: Apps, now: Apps) -> dict[Key, Key]:
    """The former key of each object whose key is new while its app is not."""
    old = {app: key for key, app in was.items() if key in before and key not in after}
    new = (key for key in after if key not in before and now.get(key) in old)
    return {key: old[now[key]] for key in new}


def fields_of(before: Any, after: Any, path: Path = ()) -> Iterator[Field]:
    """The fields in which two values differ, as deep as both have the same shape."""
    if before == after and _same_types(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from fields_of(before.get(name, ABSENT), after.get(name, ABSENT), (*path, str(name)))
    elif _named(before) and _named(after):
        yield from _by_name(before, after, path)
    elif _tables(before) and _tables(after) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from fields_of(one, other, (*path, index))
    else:
        yield Field(path, before, after)


def _by_name(before: Sequence[Manifest], after: Sequence[Manifest], path: Path) -> Iterator[Field]:
    old, new = ({item["name"]: item for item in items} for items in (before, after))
    for name in [*old, *(name for name in new if name not in old)]:
        yield from fields_of(old.get(name, ABSENT), new.get(name, ABSENT), (*path, f"[{name}]"))
    if list(old) != list(new) and set(old) == set(new):
        yield Field((*path, "order"), list(old), list(new))


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _named(value: Any) -> bool:
    """Whether a list's items each have a name of their own, as parameters and roles do."""
    if not _tables(value) or not all(isinstance(item.get("name"), str) for item in value):
        return False
    return len({item["name"] for item in value}) == len(value)


def _same_types(before: Any, after: Any) -> bool:
    # In Python 1 == True == 1.0; in Kubernetes they are three.
    if before is ABSENT or after is ABSENT:
        return before is after
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def at(item: Any, *path: str) -> Any:
    """The value at a path of keys, None where there is none."""
    for name in path:
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def dotted(path: Path) -> str:
    """A path as people write it: `spec.source.helm.parameters[replicaCount].value`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.startswith("[") or not text:
            text += part
        else:
            text += f"[{part}]" if "." in part or "/" in part else f".{part}"
    return text


def _table(value: Any) -> Manifest:
    return value if isinstance(value, Mapping) else {}
