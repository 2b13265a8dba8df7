"""Read registry files from a Git revision of the user's checkout."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from generator.git.checkout import Checkout
from generator.registry.files import filter_by_pattern


class RevisionFiles:
    """The files below `folder` at a Git revision. Implements `RegistryFiles`."""

    def __init__(self, checkout: Checkout, folder: Path, revision: str) -> None:
        self._checkout = checkout
        self._folder = folder.absolute()
        self._revision = revision

    def read_bytes(self, name: str) -> bytes | None:
        return self._checkout.read_committed_file(self._folder / name, self._revision)

    def list_matching(self, pattern: str) -> list[str]:
        return filter_by_pattern(pattern, self._file_names)

    @cached_property
    def _file_names(self) -> list[str]:
        return self._checkout.list_committed_files(self._folder, self._revision)
