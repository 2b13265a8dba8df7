"""A memo that tells how often it knew."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any


class Remembering:
    """Keeps JSON, as the user's cache does, for as long as the test."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.known: list[str] = []

    def get(self, kind: str, key: str) -> Any:
        text = self.kept.get((kind, key))
        if text is None:
            return None
        self.known.append(kind)
        return json.loads(text)

    def put(self, kind: str, key: str, value: Any) -> None:
        with suppress(TypeError, ValueError):
            self.kept[kind, key] = json.dumps(value, allow_nan=False)
