"""`ChangeSet` → files: the only writer below the output folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from generator.charts.diff import ChangeSet
from generator.charts.files import digest
from generator.charts.record import RECORD, Record, read_record
from generator.errors import LocalError, RefusedError

# What is no regular file is not waited for, and no link is followed.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OutputFolder:
    """The folder of the charts on disk. Links below it are refused, so that nothing is written elsewhere."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = os.fspath(root)
        self._checked: set[str] = set()
        self._absent: set[str] = set()
        self._made: set[str] = set()

    def record(self) -> Record:
        """What is owned here. Raises RefusedError where the record is damaged."""
        return read_record(self.read(RECORD), str(self.root / RECORD))

    def digest(self, path: str) -> str | None:
        """The sha256 of a file below the folder, None where there is none. Raises what `read` does."""
        data = self.read(path)
        return None if data is None else digest(data)

    def states(self, paths: Collection[str]) -> list[tuple[int, ...] | None]:
        """What tells each regular file from any other, and from itself before it was written again; None for no such.

        Its inode and size, the times of its last change in bytes and of any change, in nanoseconds, and its device.
        """
        for folder in dict.fromkeys(path.rpartition("/")[0] for path in paths):
            self._reachable(f"{self._root}/{folder}/")
        return [_state(f"{self._root}/{path}") for path in paths]

    def read(self, path: str) -> bytes | None:
        """The bytes of a file below the folder, None where there is none.

        Raises RefusedError for anything that is no regular file, LocalError if it cannot be read.
        """
        # As text: a Path for each of 70,000 files takes a second.
        target = f"{self._root}/{path}"
        if not self._reachable(target):
            return None
        try:
            handle = os.open(target, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise _irregular(target) from error
            raise LocalError(f"{target} cannot be read: {error.strerror}") from error
        try:
            return _whole(handle, target)
        except OSError as error:
            raise LocalError(f"{target} cannot be read: {error.strerror}") from error
        finally:
            os.close(handle)

    def _reachable(self, target: str) -> bool:
        """Whether its folder is there. Raises RefusedError where something else is in its place."""
        parent = target.rpartition("/")[0]
        if parent not in self._checked:
            self._check_parents(parent)
        return parent not in self._absent

    def _check_parents(self, parent: str) -> None:
        while parent not in self._checked:
            try:
                if not stat.S_ISDIR(os.lstat(parent).st_mode):
                    raise RefusedError(f"{parent} is not a folder", remedy="move it away, then run this again")
            except (FileNotFoundError, NotADirectoryError):
                self._absent.add(parent)  # What above it is no folder is found on the way up.
            except OSError as error:
                raise LocalError(f"{parent} cannot be read: {error.strerror}") from error
            self._checked.add(parent)
            if parent == self._root:
                return
            parent = os.path.dirname(parent)  # noqa: PTH120

    def apply(self, change: ChangeSet, owned: Record, step: Callable[[int], None] = lambda done: None) -> None:
        """Write and delete files. Killed at any moment, the next run finishes the work.

        The record comes first, with what was and what will be ours: a file is then never ours without
        being recorded. Raises LocalError where the disk refuses.
        """
        try:
            first = _both(owned, change.record)
            if change.added or change.removed:
                self._write(RECORD, first.dump())
            files = change.written
            for done, path in enumerate((path for path in files if path != RECORD), 1):
                self._write(path, files[path])
                step(done)
            self._delete(change.removed)
            if first is not change.record or not change.added:
                self._write(RECORD, change.record.dump())
        except OSError as error:
            raise LocalError(
                f"{error.filename or self.root} cannot be written: {error.strerror}",
                undone="the charts are not complete; run 'workloads render' again",
            ) from error

    def _write(self, path: str, data: bytes) -> None:
        """Replace a file whole: a reader, or a crash, sees the old bytes or the new ones."""
        target = f"{self._root}/{path}"
        folder, _, name = target.rpartition("/")
        temporary = f"{folder}/.{name}.tmp"
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
            self._absent.clear()
        try:
            handle = _fresh(temporary)
            try:
                _write_whole(handle, data)
            finally:
                os.close(handle)
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:  # Also ^C leaves nothing behind.
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
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


def _state(target: str) -> tuple[int, ...] | None:
    try:
        found = os.lstat(target)
    except OSError:
        return None  # Whoever reads it says what is wrong.
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev


def _both(before: Record, after: Record) -> Record:
    """What was and what will be ours; most often nothing goes, and it is `after` itself, which is then written once."""
    if before.files.keys() <= after.files.keys():
        return after
    return Record({**before.files, **after.files}, after.applications)


def _fresh(path: str) -> int:
    """A file made anew, open for writing: a link left under this name would lead the bytes elsewhere."""
    try:
        return os.open(path, _WRITE, 0o666)
    except FileExistsError:
        Path(path).unlink()
        return os.open(path, _WRITE, 0o666)


def _write_whole(handle: int, data: bytes) -> None:
    done = os.write(handle, data)
    while done < len(data):
        done += os.write(handle, memoryview(data)[done:])


def _whole(handle: int, target: str) -> bytes:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise _irregular(target)
    data = os.read(handle, found.st_size + 1)
    while len(data) != found.st_size and (more := os.read(handle, 1 << 20)):
        data += more
    return data


def _irregular(target: str) -> RefusedError:
    return RefusedError(f"{target} is not a regular file", remedy="move it away, then run this again")
