"""Validate the values of tables: lists without duplicates, and free-form values that reach Argo CD as written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from generator.argocd.strings import quoted_excerpt, unwritable_problem
from generator.toml.document import KeyPath

#: Keys of free-form data (chart values, plugin arguments), or of lists whose duplicates are reported elsewhere.
_UNCHECKED_KEYS = frozenset({"valuesObject", "spec", "array", "apps", "include", "promotesFrom", "syncOptions"})
#: Lists of tables that Argo CD, or a tool it runs, identifies by name.
_LISTS_KEYED_BY_NAME = frozenset({"parameters", "fileParameters", "env", "replicas", "extVars", "tlas"})
#: Helm keeps numbers as IEEE doubles: integers are exact up to here (2**53).
_MAX_EXACT_INTEGER = 2**53
#: The longest key that a YAML parser accepts. For a longer one, Helm's `toYaml` returns nothing, without an error.
_MAX_KEY_LENGTH = 1024
_FREE_FORM_FIELDS = (("helm", "valuesObject"), ("kustomize", "commonLabels"), ("kustomize", "commonAnnotations"))


def find_duplicates(value: Any, parent_path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and a message for each list element in `value` that repeats an earlier one.

    A duplicate has no effect, or silently overrides the earlier element.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)) and key not in _UNCHECKED_KEYS:
                yield from find_duplicates(inner, (*parent_path, key))
    elif isinstance(value, list):
        by_name = bool(parent_path) and parent_path[-1] in _LISTS_KEYED_BY_NAME
        seen: set[str] = set()
        for index, inner in enumerate(value):
            name = inner.get("name") if by_name and isinstance(inner, dict) else None
            # Equal TOML tables have equal text once their keys are sorted.
            identity = repr(name) if name else repr(_with_sorted_keys(inner))
            if identity in seen:
                shown = quoted_excerpt(str(name or inner)) if name or isinstance(inner, str) else "this"
                yield (*parent_path, index), f"{shown} is {'set' if name else 'in the list'} twice: remove one"
            seen.add(identity)
            if isinstance(inner, (dict, list)):
                yield from find_duplicates(inner, (*parent_path, index))


def _with_sorted_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _with_sorted_keys(inner)) for key, inner in value.items())
    return value


def find_lossy_values(value: Any, parent_path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and a message for every part of `value` that Helm would change or drop."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            wrong = free_form_key_problem(key)
            if wrong:
                yield (*parent_path, key), wrong
            yield from find_lossy_values(inner, (*parent_path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from find_lossy_values(inner, (*parent_path, index))
    else:
        wrong = _scalar_problem(value)
        if wrong:
            yield parent_path, wrong


def free_form_key_problem(key: str) -> str | None:
    """Why Helm cannot write this key of a free-form table, or None if it can."""
    wrong = unwritable_problem(key)
    if wrong:
        return f"the key {wrong}"
    if key == "<<":
        return 'the key "<<" means a merge in YAML: rename it'
    # Go's JSON, which `toYaml` reads back as YAML, escapes these five with six characters.
    written = len(json.dumps(key, ensure_ascii=False)) + 5 * sum(map(key.count, "<>&\u2028\u2029"))
    return f"the key is too long for Helm ({len(key)} characters): shorten it" if written > _MAX_KEY_LENGTH else None


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, str):
        return unwritable_problem(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= _MAX_EXACT_INTEGER else f"Helm would round the integer {value}: quote it"
    if isinstance(value, float):
        if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
            return f"{value} is not a number in JSON: quote it"
        return None
    return f"{value} is a date or time, and JSON has none: quote it"


def find_free_form_tables(layer: Mapping[str, Any], parent_path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every free-form table of an app's layer with its path: `spec`, and the values passed to a tool."""
    if "spec" in layer and not parent_path:
        yield ("spec",), layer["spec"]
    for tool, key in _FREE_FORM_FIELDS:
        if key in layer.get(tool, {}):
            yield (*parent_path, tool, key), layer[tool][key]
    for index, parameter in enumerate(layer.get("plugin", {}).get("parameters", ())):
        yield (*parent_path, "plugin", "parameters", index, "map"), parameter.get("map", {})
    for index, source in enumerate(layer.get("sources", ())):
        yield from find_free_form_tables(source, (*parent_path, "sources", index))
    dry = layer.get("sourceHydrator", {}).get("drySource")
    if dry:
        yield from find_free_form_tables(dry, (*parent_path, "sourceHydrator", "drySource"))
