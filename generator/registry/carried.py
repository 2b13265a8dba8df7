"""What free-form values must be to reach Argo CD exactly as they were written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from generator.registry.text import unwritable
from generator.registry.toml import Path

#: Helm keeps numbers as IEEE doubles: integers are exact up to here (2**53).
_EXACT = 2**53


def not_carried(value: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path and a refusal of everything in `value` that would arrive as something else, or not at all."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            wrong = unwritable(key)
            if wrong:
                yield (*at, key), f"the key {wrong}"
            yield from not_carried(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from not_carried(inner, (*at, index))
    else:
        wrong = _scalar_problem(value)
        if wrong:
            yield at, wrong


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
    """Every free-form table of an app's layer: `spec`, and `valuesObject` wherever a source has one."""
    if "spec" in layer and not at:
        yield ("spec",), layer["spec"]
    helm = layer.get("helm")
    if isinstance(helm, Mapping) and "valuesObject" in helm:
        yield (*at, "helm", "valuesObject"), helm["valuesObject"]
    for index, source in enumerate(layer.get("sources", ())):
        yield from free_form(source, (*at, "sources", index))
    dry = layer.get("sourceHydrator", {}).get("drySource")
    if dry:
        yield from free_form(dry, (*at, "sourceHydrator", "drySource"))
