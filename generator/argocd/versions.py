"""Find fields that the configured Argo CD version does not support yet."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from generator.argocd.strings import SYNC_OPTIONS
from generator.argocd.table import Since
from generator.toml.document import KeyPath

#: The newest Argo CD version whose fields this generator supports.
NEWEST_KNOWN_ARGOCD = "3.6"
#: The first Argo CD, as (major, minor), whose AppProject can allow one object of a cluster-scoped kind by its name.
NAMED_KINDS_SINCE = (3, 3)


class _VersionedField(NamedTuple):
    """A field: the version that introduced it, and the versioned fields of the tables that it holds."""

    since: str | None
    table_fields: Mapping[str, _VersionedField]
    is_table_mapping: bool


@functools.lru_cache(maxsize=64)
def major_minor(version: str) -> tuple[int, int]:
    """The (major, minor) pair of a version such as "3.4" or "3.4.1", for comparison."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


@functools.cache
def _versioned_fields(model: type[BaseModel]) -> Mapping[str, _VersionedField]:
    """The fields of a model that have a minimum version, or that contain such fields."""
    found = {}
    for info in model.model_fields.values():
        since = next((item.version for item in info.metadata if isinstance(item, Since)), None)
        inner: dict[str, _VersionedField] = {}
        for table in _models_in_annotation(info.annotation):
            inner.update(_versioned_fields(table))
        if since or inner:
            found[str(info.alias)] = _VersionedField(since, inner, _is_table_mapping(info.annotation))
    return found


def _is_table_mapping(annotation: Any) -> bool:
    """Whether an annotation is a mapping of names to tables: `dict[DnsLabel, Table]`."""
    if get_origin(annotation) is dict:
        return any(_models_in_annotation(annotation))
    return any(_is_table_mapping(argument) for argument in get_args(annotation))


def _models_in_annotation(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in_annotation(argument)


def find_newer_fields(model: type[BaseModel], table: Mapping[str, Any], version: str) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and a message for every field in `table` that is newer than Argo CD `version`."""
    yield from _find_newer_values(_versioned_fields(model), table, major_minor(version), version, ())


def _find_newer_values(
    versioned_fields: Mapping[str, _VersionedField],
    value: Any,
    limit: tuple[int, int],
    version: str,
    parent_path: KeyPath,
) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _find_newer_values(versioned_fields, element, limit, version, (*parent_path, index))
    elif isinstance(value, Mapping):
        for key in value.keys() & versioned_fields.keys():
            since, inner, named = versioned_fields[key]
            if since and major_minor(since) > limit:
                yield (*parent_path, key), too_new_message(since, version)
            elif named:
                for name, table in value[key].items():
                    yield from _find_newer_values(inner, table, limit, version, (*parent_path, key, name))
            else:
                yield from _find_newer_values(inner, value[key], limit, version, (*parent_path, key))


def too_new_message(since: str, version: str) -> str:
    """The message for a feature that Argo CD `version` does not have."""
    return f"needs Argo CD {since}, and argocd.version is {version}: remove it, or raise argocd.version"


def find_newer_sync_options(options: list[str], version: str) -> Iterator[tuple[int, str]]:
    """Yield the index and a message for each sync option that is newer than Argo CD `version`."""
    for index, option in enumerate(options):
        since = SYNC_OPTIONS.get(option)
        if since and major_minor(since) > major_minor(version):
            yield index, f'"{option}" {too_new_message(since, version)}'
