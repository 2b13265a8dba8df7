"""An operation carried out on the workloads branch's own registry; what the user's checkout holds does not matter."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from generator.cache import user_cache
from generator.charts.record import RECORD, read_record
from generator.git.base import Base
from generator.git.checkout import Checkout
from generator.git.log import past_of_branch
from generator.promotion.history import History, folder_of, read_history
from generator.publishing.ground import Ground, Operation
from generator.publishing.source import Branch, Published
from generator.registry.book import read_book


class Operated:
    """A `RegistrySource` that edits: on a lost race the operation is decided and carried out again on the new head."""

    apart = False
    dirty = False
    shallow = False

    def __init__(self, path: Path, checkout: Checkout, operation: Operation, url: str, branch: str) -> None:
        self._folder = folder_of(checkout, path)
        self._prefix = "" if self._folder == "." else f"{self._folder}/"
        self._name = path.name
        self._checkout = checkout
        self._operation = operation
        self._remote = url, branch
        self.commit = checkout.head()

    def at(self, base: Base) -> Published:
        """Raises what reading the branch's registry and the operation raise."""
        files = Branch(base, self._prefix, self._name)
        book = read_book(files, self._name, self._folder, user_cache())
        output = str(PurePosixPath(self._prefix + book.registry.workloads.path))
        record = f"{output}/{RECORD}"
        ground = Ground(book, lambda: self._history(base), lambda: read_record(base.read(record), record).applications)
        edited = self._operation(ground)
        changed = {self._prefix + name: data for name, data in edited.book.changes(book, files).items()}
        registry = edited.book.reread(user_cache()).registry if changed else book.registry
        return Published(registry, output, changed, edited)

    def _history(self, base: Base) -> History:
        """Of the branch as it is at the base, which the user's checkout need not have."""
        if base.commit is None:
            return History()
        with past_of_branch(self._checkout, base.commit, *self._remote) as past:
            return read_history(past, self._folder, self._name, user_cache())

    def knows(self, older: str, newer: str) -> bool:
        return True
