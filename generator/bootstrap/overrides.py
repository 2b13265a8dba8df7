"""Read the Helm values that a root Application passes: from files, and from `KEY=VALUE`. Pure, but for the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from generator.errors import LocalError, UsageError
from generator.helm.engine import HelmRefusal, parse_values

_UNESCAPED_DOT = re.compile(r"(?<!\\)\.")


def read_overrides(files: Iterable[Path], assignments: Iterable[str]) -> dict[str, Any]:
    """Merge values files in order, and then assignments. Raises UsageError and LocalError."""
    values: dict[str, Any] = {}
    for path in files:
        values = _merge(values, _read_values_file(path))
    for text in assignments:
        values = _merge(values, parse_assignment(text))
    return values


def _read_values_file(path: Path) -> dict[str, Any]:
    try:
        return parse_values(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalError("WL6001", f"{path}: {error.strerror or error}") from error
    except (HelmRefusal, UnicodeDecodeError) as error:
        raise UsageError("WL1007", f"{path} is not a file of Helm values: {error}") from error


def parse_assignment(text: str) -> dict[str, Any]:
    r"""Parse `a.b=VALUE` as a table; a dot in a key is written `\.`.

    A VALUE that JSON writes the same way is a boolean, number, null, list or table; any other is a string, so that
    1.10 stays as it is.
    """
    key, equals, value = text.partition("=")
    parts = [part.replace("\\.", ".") for part in _UNESCAPED_DOT.split(key)]
    if not equals or not all(parts):
        raise UsageError(
            "WL1004", f'--set "{text}" is not an assignment', remedy="write --set KEY=VALUE, such as labels.owner=me"
        )
    if "[" in key:
        raise UsageError(
            "WL1004", f'--set "{text}" has an index', remedy='pass the whole list: --set \'KEY=["a", "b"]\''
        )
    found: Any = _parse_value(value)
    for part in reversed(parts):
        found = {part: found}
    return dict(found)


def _parse_value(text: str) -> Any:
    try:
        found = json.loads(text, parse_constant=lambda name: name)
    except ValueError:
        return text
    return found if not isinstance(found, int | float) or json.dumps(found) == text else text


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
