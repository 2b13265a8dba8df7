"""A problem of a table, before it has a position in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from generator.toml.document import KeyPath


class Finding(NamedTuple):
    """A problem of the kind `code` at a path of some table."""

    path: KeyPath
    code: str
    text: str
