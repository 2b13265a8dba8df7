"""Plain data as TOML, also data that no registry should hold."""

from __future__ import annotations

import datetime
import json
from typing import Any


def toml(value: Any, at: tuple[str, ...] = ()) -> str:
    plain = "".join(f"{string(k)} = {inline(v)}\n" for k, v in value.items() if not isinstance(v, dict))
    head = f"[{'.'.join(string(part) for part in at)}]\n" if at else ""
    return head + plain + "".join(toml(v, (*at, k)) for k, v in value.items() if isinstance(v, dict))


def inline(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{string(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return string(value) if isinstance(value, str) else repr(value)


def string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
