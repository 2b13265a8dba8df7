"""A git revision of the user's checkout → the registry files in it. Reads, and never writes."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from generator.git.checkout import Checkout
from generator.registry.files import matching


class Revision:
    """The files below `folder` at a revision, as `Files` has them."""

    def __init__(self, checkout: Checkout, folder: Path, revision: str) -> None:
        self._checkout = checkout
        self._folder = folder.absolute()
        self._revision = revision

    def read(self, name: str) -> bytes | None:
        return self._checkout.read(self._folder / name, self._revision)

    def match(self, pattern: str) -> list[str]:
        return matching(pattern, self._names)

    @cached_property
    def _names(self) -> list[str]:
        return self._checkout.names(self._folder, self._revision)
