"""Read and write the output folder. No other module writes below it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from generator.charts.change_set import ChangeSet
from generator.charts.digests import digest_file
from generator.charts.inventory import INVENTORY_FILE, Inventory, parse_inventory, update_digests
from generator.charts.layout import CHARTS_FOLDER, SHARDS_FOLDER, is_generated_path
from generator.errors import ConflictError, LocalError, RefusedError

# Never wait for something that is not a regular file, and never follow a link.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TEMPORARY_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OutputFolder:
    """The folder of the charts on disk. Links below it are refused, so that nothing is written elsewhere."""

    def __init__(self, root: Path, is_generated: Callable[[str], bool] = is_generated_path) -> None:
        """`is_generated` says which paths below `root` can be those of generated files."""
        self.root = root
        self._is_generated = is_generated
        self._root = os.fspath(root)
        self._checked_parents: set[str] = set()
        self._missing_parents: set[str] = set()
        self._created_folders: set[str] = set()

    def read_inventory(self) -> Inventory:
        """Read the inventory. Raises RefusedError as `parse_inventory` does."""
        data = self.read_output_file(INVENTORY_FILE)
        inventory = parse_inventory(data, str(self.root / INVENTORY_FILE), self._is_generated)
        return update_digests(inventory, self.read_output_files)

    def read_output_files(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Read files below the folder, by path; one that does not exist is left out. Raises as `read_output_file`."""
        return {path: data for path in paths if (data := self.read_output_file(path)) is not None}

    def read_digest(self, path: str) -> str | None:
        """Return the digest of a file below the folder; None if there is none. Raises as `read_output_file`."""
        data = self.read_output_file(path)
        return None if data is None else digest_file(path, data)

    def list_chart_paths(self) -> list[str]:
        """List all files in the folders of charts. Raises RefusedError for a link among them, and LocalError."""
        return [path for top in (CHARTS_FOLDER, SHARDS_FOLDER) for path in self._list_files(top)]

    def _list_files(self, folder: str) -> Iterator[str]:
        place = f"{self._root}/{folder}"
        if not self._parent_exists(f"{place}/"):
            return
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise LocalError("WL6001", f"{place} cannot be read: {error.strerror}") from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._list_files(f"{folder}/{entry.name}")
            elif entry.is_symlink():
                raise RefusedError("WL7006", f"{entry.path} is a link", remedy="move it away, then run this again")
            elif not _TEMPORARY_NAME.fullmatch(entry.name):
                yield f"{folder}/{entry.name}"

    def read_output_file(self, path: str) -> bytes | None:
        """The bytes of a file below the folder, None if there is none.

        Raises RefusedError if it is not a regular file, LocalError if it cannot be read.
        """
        # A string, since 70,000 Path objects take a second.
        target = f"{self._root}/{path}"
        if not self._parent_exists(target):
            return None
        try:
            handle = os.open(target, _READ_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise _irregular_file_error(target) from error
            raise LocalError("WL6001", f"{target} cannot be read: {error.strerror}") from error
        try:
            return _read_all_bytes(handle, target)
        except OSError as error:
            raise LocalError("WL6001", f"{target} cannot be read: {error.strerror}") from error
        finally:
            os.close(handle)

    def _parent_exists(self, target: str) -> bool:
        """Whether the folder of `target` exists. Raises RefusedError if something else is in its place."""
        parent = target.rpartition("/")[0]
        if parent not in self._checked_parents:
            self._check_parents(parent)
        return parent not in self._missing_parents

    def _check_parents(self, parent: str) -> None:
        while parent not in self._checked_parents:
            try:
                if not stat.S_ISDIR(os.lstat(parent).st_mode):
                    raise RefusedError(
                        "WL7006", f"{parent} is not a folder", remedy="move it away, then run this again"
                    )
            except (FileNotFoundError, NotADirectoryError):
                self._missing_parents.add(parent)  # A parent that is not a folder is found further up.
            except OSError as error:
                raise LocalError("WL6001", f"{parent} cannot be read: {error.strerror}") from error
            self._checked_parents.add(parent)
            if parent == self._root:
                return
            parent = os.path.dirname(parent)  # noqa: PTH120

    def apply_changes(
        self, change: ChangeSet, new_inventory: Inventory, on_progress: Callable[[int], None] = lambda done: None
    ) -> None:
        """Write and delete the files of a change set. If it is killed, the next run finishes the work.

        The inventory is written first with the new and the old files, and the digests of the old ones: then at any
        time each generated file is listed, and is as it was or as it will be. Raises ConflictError if a file is no
        longer as it was when it was compared, and LocalError if one cannot be written.
        """
        try:
            if change.added or change.removed:
                first = replace(change.inventory, files={**change.inventory.files, **new_inventory.files})
                self._replace_file(INVENTORY_FILE, first.to_json_bytes())
            files = change.files_to_write
            for done, path in enumerate((path for path in files if path != INVENTORY_FILE), 1):
                self._require_unchanged(path, change)
                self._replace_file(path, files[path])
                on_progress(done)
            for path in change.removed:
                self._require_unchanged(path, change)
            self._delete_files(change.removed)
            self._replace_file(INVENTORY_FILE, change.inventory.to_json_bytes())
        except OSError as error:
            raise LocalError(
                "WL6001",
                f"{error.filename or self.root} cannot be written: {error.strerror}",
                not_done="the charts are not complete; run 'workloads render' again",
            ) from error

    def _require_unchanged(self, path: str, change: ChangeSet) -> None:
        """Raise ConflictError if somebody wrote, changed or deleted a file since it was compared."""
        if path in change.added:
            unchanged = not os.path.lexists(f"{self._root}/{path}")
        else:
            unchanged = self.read_digest(path) == change.compared_digests.get(path)
        if not unchanged:
            raise ConflictError(
                "WL6009",
                f"{self.root / path} changed while this command ran",
                remedy="run it again",
                not_done="the charts are not complete; run 'workloads render' again",
            )

    def _replace_file(self, path: str, data: bytes) -> None:
        """Replace a file atomically: a reader, or a crash, sees the old bytes or the new ones."""
        target = f"{self._root}/{path}"
        folder, _, name = target.rpartition("/")
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"
        if folder not in self._created_folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            _remove_temporary_files(folder)
            self._created_folders.add(folder)
            self._missing_parents.clear()
        try:
            handle = os.open(temporary, _WRITE_FLAGS, 0o666)
            try:
                _write_all_bytes(handle, data)
            finally:
                os.close(handle)
            os.replace(temporary, target)  # noqa: PTH105
        except BaseException:  # Also ^C leaves nothing behind.
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise

    def _delete_files(self, paths: Iterable[str]) -> None:
        folders: set[Path] = set()
        for path in paths:
            target = self.root / path
            target.unlink(missing_ok=True)
            folders.update(parent for parent in target.parents if parent.is_relative_to(self.root))
        for folder in sorted(folders - {self.root}, key=lambda f: len(f.parts), reverse=True):
            with contextlib.suppress(OSError):  # A foreign file keeps the folder.
                folder.rmdir()


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, so that commands that write below it run one after the other.

    The lock is on the folder itself, so that no file is left behind. A file system without locks has none.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # Reading or writing reports the error.
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_temporary_files(folder: str) -> None:
    """Remove what a killed command left behind; no other command writes here, by `lock_folder`."""
    for entry in list(os.scandir(folder)):
        if _TEMPORARY_NAME.fullmatch(entry.name) and not entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)  # noqa: PTH108


def _write_all_bytes(handle: int, data: bytes) -> None:
    done = os.write(handle, data)
    while done < len(data):
        done += os.write(handle, memoryview(data)[done:])


def _read_all_bytes(handle: int, target: str) -> bytes:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise _irregular_file_error(target)
    data = os.read(handle, found.st_size + 1)
    while len(data) != found.st_size and (more := os.read(handle, 1 << 20)):
        data += more
    return data


def _irregular_file_error(target: str) -> RefusedError:
    return RefusedError("WL7006", f"{target} is not a regular file", remedy="move it away, then run this again")
