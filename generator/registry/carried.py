"""What free-form values must be to reach Argo CD exactly as they were written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from generator.registry.text import unwritable
from generator.registry.toml import Path

#: Helm keeps numbers as IEEE doubles: integers are exact up to here (2**53).
_EXACT = 2**53
#: The longest key of a YAML parser. Where it is exceeded, Helm's `toYaml` yields nothing, and no error.
_LONGEST = 1024

_FREE = (("helm", "valuesObject"), ("kustomize", "commonLabels"), ("kustomize", "commonAnnotations"))


def not_carried(value: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path and a refusal of everything in `value` that would arrive as something else, or not at all."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            wrong = key_problem(key)
            if wrong:
                yield (*at, key), wrong
            yield from not_carried(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from not_carried(inner, (*at, index))
    else:
        wrong = _scalar_problem(value)
        if wrong:
            yield at, wrong


def key_problem(key: str) -> str | None:
    """What keeps a key of a free-form table from arriving, or None."""
    wrong = unwritable(key)
    if wrong:
        return f"the key {wrong}"
    if key == "<<":
        return 'Helm would write the key "<<" as a YAML merge: rename it'
    # Go's JSON, which `toYaml` reads back as YAML, escapes these five with six characters.
    written = len(json.dumps(key, ensure_ascii=False)) + 5 * sum(map(key.count, "<>&\u2028\u2029"))
    return f"the key has {len(key)} characters, more than Helm can write: shorten it" if written > _LONGEST else None


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, str):
        return unwritable(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= _EXACT else f"Helm would round the integer {value}: quote it"
    if isinstance(value, float):
        if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
            return f"JSON has no {value}: quote it"
        return None
    return f"{value} is a date or time, which JSON does not have: quote it"


def free_form(layer: Mapping[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every table of an app's layer whose keys are the user's: `spec`, and what a source hands to its tool."""
    if "spec" in layer and not at:
        yield ("spec",), layer["spec"]
    for tool, key in _FREE:
        if key in layer.get(tool, {}):
            yield (*at, tool, key), layer[tool][key]
    for index, parameter in enumerate(layer.get("plugin", {}).get("parameters", ())):
        yield (*at, "plugin", "parameters", index, "map"), parameter.get("map", {})
    for index, source in enumerate(layer.get("sources", ())):
        yield from free_form(source, (*at, "sources", index))
    dry = layer.get("sourceHydrator", {}).get("drySource")
    if dry:
        yield from free_form(dry, (*at, "sourceHydrator", "drySource"))
