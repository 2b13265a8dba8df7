"""Find duplicates in lists.

A duplicate has no effect, or silently overrides the earlier element.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.argocd.strings import quoted_excerpt
from generator.toml.document import KeyPath

#: Keys of free-form data (chart values, plugin arguments), or of lists whose duplicates are reported elsewhere.
_UNCHECKED_KEYS = frozenset(
    {"valuesObject", "spec", "array", "apps", "include", "promotesFrom", "syncOptions", "roles"}
)
#: Lists of tables that Argo CD, or a tool it runs, identifies by name.
_LISTS_KEYED_BY_NAME = frozenset({"parameters", "fileParameters", "env", "replicas", "extVars", "tlas"})


def find_duplicates(value: Any, parent_path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and a message for each list element in `value` that repeats an earlier one."""
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
                yield (
                    (*parent_path, index),
                    f"{quoted_excerpt(str(name))} is set twice: remove one" if name else _duplicate_message(inner),
                )
            seen.add(identity)
            if isinstance(inner, (dict, list)):
                yield from find_duplicates(inner, (*parent_path, index))


def _duplicate_message(value: Any) -> str:
    return f"{quoted_excerpt(value) if isinstance(value, str) else 'this'} is in the list twice: remove one"


def _with_sorted_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _with_sorted_keys(inner)) for key, inner in value.items())
    return value
