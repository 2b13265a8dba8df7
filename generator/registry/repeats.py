"""What stands in a list twice: at best it does nothing, at worst the second silently wins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.registry.text import shown
from generator.registry.toml import Path

#: What is the user's own data (a chart's values, a plugin's arguments), or has a message of its own.
_OTHERS = frozenset({"valuesObject", "spec", "array", "apps", "include", "promotesFrom", "syncOptions", "roles"})
#: Lists of tables that Argo CD, or a tool it runs, tells apart by name.
_BY_NAME = frozenset({"parameters", "fileParameters", "env", "replicas", "extVars", "tlas"})


def repeated(value: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path and a refusal of everything in `value` that an earlier element of its list says already."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)) and key not in _OTHERS:
                yield from repeated(inner, (*at, key))
    elif isinstance(value, list):
        by_name = bool(at) and at[-1] in _BY_NAME
        seen: set[str] = set()
        for index, inner in enumerate(value):
            name = inner.get("name") if by_name and isinstance(inner, dict) else None
            # Equal tables of TOML have equal texts when their keys are in one order.
            identity = repr(name) if name else repr(_sorted(inner))
            if identity in seen:
                yield (*at, index), f"{shown(str(name))} is set twice: keep one" if name else _twice(inner)
            seen.add(identity)
            if isinstance(inner, (dict, list)):
                yield from repeated(inner, (*at, index))


def _twice(value: Any) -> str:
    return f"{shown(value) if isinstance(value, str) else 'this'} is in the list twice: remove one"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _sorted(inner)) for key, inner in value.items())
    return value
