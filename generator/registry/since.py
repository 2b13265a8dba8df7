"""Which fields of a registry an older Argo CD does not know."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from generator.registry.table import Since
from generator.registry.text import SYNC_OPTIONS
from generator.registry.toml import Path

#: The newest Argo CD whose fields are known here.
NEWEST = "3.6"


class _Known(NamedTuple):
    """A field: the version that brought it, and the fields of the tables in it, `named` where each has a name."""

    since: str | None
    inner: Mapping[str, _Known]
    named: bool


@functools.lru_cache(maxsize=64)
def release(version: str) -> tuple[int, int]:
    """`major.minor` of a version such as "3.4" or "3.4.1", for comparison."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


@functools.cache
def _fields(model: type[BaseModel]) -> Mapping[str, _Known]:
    """The fields of a model that have, or that hold something that has, a first version."""
    found = {}
    for info in model.model_fields.values():
        since = next((item.version for item in info.metadata if isinstance(item, Since)), None)
        inner: dict[str, _Known] = {}
        for table in _tables(info.annotation):
            inner.update(_fields(table))
        if since or inner:
            found[str(info.alias)] = _Known(since, inner, _is_named(info.annotation))
    return found


def _is_named(annotation: Any) -> bool:
    """Whether an annotation is of tables by name: `dict[Name, Table]`."""
    if get_origin(annotation) is dict:
        return any(_tables(annotation))
    return any(_is_named(argument) for argument in get_args(annotation))


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables(argument)


def newer_fields(model: type[BaseModel], table: Mapping[str, Any], version: str) -> Iterator[tuple[Path, str]]:
    """The path and a refusal of everything in `table`, read as `model`, that is newer than `version`."""
    yield from _walk(_fields(model), table, release(version), version, ())


def _walk(
    known: Mapping[str, _Known], value: Any, limit: tuple[int, int], version: str, at: Path
) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _walk(known, element, limit, version, (*at, index))
    elif isinstance(value, Mapping):
        for key in value.keys() & known.keys():
            since, inner, named = known[key]
            if since and release(since) > limit:
                yield (*at, key), too_new(since, version)
            elif named:
                for name, table in value[key].items():
                    yield from _walk(inner, table, limit, version, (*at, key, name))
            else:
                yield from _walk(inner, value[key], limit, version, (*at, key))


def too_new(since: str, version: str) -> str:
    """The refusal of what Argo CD `version` does not have."""
    return f"needs Argo CD {since}, and argocd.version is {version}: remove it, or raise argocd.version"


def newer_sync_options(options: list[str], version: str) -> Iterator[tuple[int, str]]:
    """The index and a refusal of each sync option that is newer than `version`."""
    for index, option in enumerate(options):
        since = SYNC_OPTIONS.get(option)
        if since and release(since) > release(version):
            yield index, f'"{option}" {too_new(since, version)}'
