"""A problem of a table, before it has a position in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from generator.toml.document import KeyPath


class Finding(NamedTuple):
    """A problem at a path of some table; `is_violation` marks a violation of tenancy or policy."""

    path: KeyPath
    text: str
    is_violation: bool = False
