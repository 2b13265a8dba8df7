"""What was worked out before, by what it was worked out from. Nothing depends on its being there."""

from __future__ import annotations

import math
from typing import Any, Protocol

#: The kind of what an included file says, by the digest of its bytes: its tables, which are of the right shape.
FILE = "file"


class Memo(Protocol):
    """Keeps plain data (what JSON has) by kind of work and a digest of everything the work is done on."""

    def get(self, kind: str, key: str) -> Any:
        """What was kept, as it was put; None where nothing is known."""
        ...

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep `value`, if there is a place for it."""
        ...


def is_plain(value: Any) -> bool:
    """Whether JSON gives `value`, of TOML, back as it is: not where it holds a date or a number JSON does not have."""
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, list):
        return all(map(is_plain, value))
    return isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value))


class _Forgetful:
    """Remembers nothing."""

    def get(self, kind: str, key: str) -> Any:
        return None

    def put(self, kind: str, key: str, value: Any) -> None:
        """Nothing is kept."""


FORGETFUL: Memo = _Forgetful()
