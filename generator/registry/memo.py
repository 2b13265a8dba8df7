"""What was worked out before, by what it was worked out from. Nothing depends on its being there."""

from __future__ import annotations

from typing import Any, Protocol


class Memo(Protocol):
    """Keeps plain data (what JSON has) by kind of work and a digest of everything the work is done on."""

    def get(self, kind: str, key: str) -> Any:
        """What was kept, as it was put; None where nothing is known."""
        ...

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep `value`, if there is a place for it."""
        ...


class _Forgetful:
    """Remembers nothing."""

    def get(self, kind: str, key: str) -> Any:
        return None

    def put(self, kind: str, key: str, value: Any) -> None:
        """Nothing is kept."""


FORGETFUL: Memo = _Forgetful()
