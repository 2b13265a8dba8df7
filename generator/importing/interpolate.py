"""Find values that differ between environments by the environment's name alone, and write that once. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from generator.toml.data import equal_data

Table = dict[str, Any]
_NAME = "${environment.name}"
#: The fields whose strings the registry fills in; None stands for all that is in the table.
_FIELDS: dict[str, frozenset[str] | None] = {
    "name": None,
    "namespace": None,
    "repoURL": None,
    "path": None,
    "labels": None,
    "annotations": None,
    "kustomize": None,
    "helm": frozenset({"valueFiles", "parameters", "valuesObject"}),
}


def interpolate_environment(tables: Mapping[str, Table]) -> dict[str, Table]:
    """The tables of an app by environment, with `${environment.name}` where that makes differing strings equal."""
    found = {env: dict(table) for env, table in tables.items()}
    for field, inner in _FIELDS.items():
        for key in inner or (None,):
            values = {env: _get(table, field, key) for env, table in tables.items()}
            for env, value in _unify(values).items():
                if value is None:
                    continue
                found[env][field] = value if key is None else {**found[env][field], key: value}
    return found


def _get(table: Table, field: str, key: str | None) -> Any:
    value = table.get(field)
    return value.get(key) if key is not None and isinstance(value, dict) else value


def _unify(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by environment, with the name filled in wherever they differ by it alone."""
    first = next(iter(values.values()))
    if all(equal_data(value, first) for value in values.values()):
        return dict(values)
    if all(isinstance(value, str) for value in values.values()):
        templates = {_with_placeholder(value, env) for env, value in values.items()}
        return dict.fromkeys(values, templates.pop()) if len(templates) == 1 else dict(values)
    if all(isinstance(value, dict) for value in values.values()):
        return _unify_tables(values)
    if all(isinstance(value, list) and len(value) == len(first) for value in values.values()):
        elements = [_unify({env: value[index] for env, value in values.items()}) for index in range(len(first))]
        return {env: [element[env] for element in elements] for env in values}
    return dict(values)


def _unify_tables(values: Mapping[str, Table]) -> dict[str, Table]:
    found = {env: dict(table) for env, table in values.items()}
    for key in set.intersection(*(set(table) for table in values.values())):
        for env, value in _unify({env: table[key] for env, table in values.items()}).items():
            found[env][key] = value
    return found


def _with_placeholder(value: str, environment: str) -> str:
    """The value with a placeholder wherever the environment's name is a whole word."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(environment)}(?![A-Za-z0-9])", _NAME, value)


def has_placeholder(value: Any) -> bool:
    """Whether a string in the data has a placeholder, or what would be read as one."""
    if isinstance(value, str):
        return "${" in value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_placeholder, parts))
