"""`ChangeSet` → files: the only writer below the output folder."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from generator.charts.diff import ChangeSet
from generator.charts.record import RECORD, Record, read_record
from generator.errors import LocalError, RefusedError


class OutputFolder:
    """The folder of the charts on disk. Links below it are refused, so that nothing is written elsewhere."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checked: set[Path] = set()

    def record(self) -> Record:
        """What is owned here. Raises RefusedError where the record is damaged."""
        return read_record(self.read(RECORD), str(self.root / RECORD))

    def read(self, path: str) -> bytes | None:
        """The bytes of a file below the folder, None where there is none.

        Raises RefusedError for anything that is no regular file, LocalError if it cannot be read.
        """
        target = self.root / path
        self._check_parents(target)
        try:
            if not stat.S_ISREG(os.lstat(target).st_mode):
                raise RefusedError(f"{target} is not a regular file", remedy="move it away, then run this again")
            return target.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LocalError(f"{target} cannot be read: {error.strerror}") from error

    def _check_parents(self, target: Path) -> None:
        parent = target.parent
        while parent not in self._checked:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISDIR(os.lstat(parent).st_mode):
                    raise RefusedError(f"{parent} is not a folder", remedy="move it away, then run this again")
            self._checked.add(parent)
            if parent == self.root:
                return
            parent = parent.parent

    def apply(self, change: ChangeSet, owned: Record, step: Callable[[int], None] = lambda done: None) -> None:
        """Write and delete files. Killed at any moment, the next run finishes the work.

        The record comes first, with what was and what will be ours: a file is then never ours without
        being recorded. Raises LocalError where the disk refuses.
        """
        try:
            if change.added or change.removed:
                both = Record({**owned.files, **change.record.files}, change.record.applications)
                self._write(RECORD, both.dump())
            files = {path: data for path, data in change.written.items() if path != RECORD}
            for done, (path, data) in enumerate(files.items(), 1):
                self._write(path, data)
                step(done)
            self._delete(change.removed)
            self._write(RECORD, change.record.dump())
        except OSError as error:
            raise LocalError(
                f"{error.filename or self.root} cannot be written: {error.strerror}",
                undone="the charts are not complete; run 'workloads render' again",
            ) from error

    def _write(self, path: str, data: bytes) -> None:
        """Replace a file whole: a reader, or a crash, sees the old bytes or the new ones."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            # Made anew, or a link left under this name would lead the bytes elsewhere.
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:
                file.write(data)
            temporary.replace(target)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def _delete(self, paths: Iterable[str]) -> None:
        folders: set[Path] = set()
        for path in paths:
            target = self.root / path
            target.unlink(missing_ok=True)
            folders.update(parent for parent in target.parents if parent.is_relative_to(self.root))
        for folder in sorted(folders - {self.root}, key=lambda f: len(f.parts), reverse=True):
            with contextlib.suppress(OSError):  # Somebody else's file keeps the folder.
                folder.rmdir()
