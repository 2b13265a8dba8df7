"""What was worked out before, by what it was worked out from. Nothing depends on its being there."""

from __future__ import annotations

from typing import Any, Protocol

#: The kind of what an included file says, by the digest of its bytes: its tables, which are of the right shape.
FILE = "file"


class Memo(Protocol):
    """Keeps plain data by kind of work and a digest of everything the work is done on.

    Data that JSON does not have, such as dates and NaN, is not kept; tuples come back as lists.
    """

    def get(self, kind: str, key: str) -> Any:
        """What was kept; None where nothing is known."""
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
