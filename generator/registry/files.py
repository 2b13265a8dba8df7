"""Where registry files come from, which files the root file includes, and which team each of them belongs to."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol

from generator.argocd.strings import quoted_excerpt
from generator.errors import LocalError, UsageError
from generator.toml.document import TomlError, parse_document

REGISTRY_NAME = "apps.toml"
#: The part of an include pattern that stands for the name of the team that a file belongs to.
TEAM_PLACEHOLDER = "{team}"
_MAX_BYTES = 4 * 1024 * 1024


class RegistryFiles(Protocol):
    """Registry files by `/`-separated name, relative to the root file's folder."""

    def read_bytes(self, name: str) -> bytes | None:
        """Read a regular file, at most one byte more than 4 MiB; None if it does not exist."""
        ...

    def list_matching(self, pattern: str) -> list[str]:
        """List the file names that match a pattern (`*`, `?`, `**`, `{team}`), sorted."""
        ...


def find_registry(explicit_path: str | None, start: Path | None = None) -> Path:
    """Find the registry: `explicit_path`, else the nearest `apps.toml` in `start` or a folder above it.

    Raises LocalError if there is none, and UsageError for a file that a registry above includes.
    """
    folder = start or Path.cwd()
    places = [Path(explicit_path)] if explicit_path is not None else _find_above(folder)
    for path in places:
        root = _find_including_registry(path)
        if root:
            raise UsageError(
                "WL2004",
                f"{path} is not a root file: {root} includes it",
                remedy=f"pass the root file: --registry {root}",
            )
        return path
    raise LocalError(
        "WL2003",
        f"no {REGISTRY_NAME} here or in any folder above",
        remedy="change into the repository that holds it, or name it with --registry FILE; to write a first one, run "
        "workloads init, or workloads import for Applications that exist",
    )


def _find_above(folder: Path) -> Iterator[Path]:
    """Yield the registries in a folder and in those above it, nearest first, as paths relative to it."""
    for place in (folder, *folder.parents):
        if os.path.lexists(place / REGISTRY_NAME):
            yield Path(os.path.relpath(place / REGISTRY_NAME, folder))


def _find_including_registry(path: Path) -> Path | None:
    """The registry above that includes a file; None for a registry, which has a `version`, and on any error."""
    try:
        if not path.is_file() or re.search(rb"^\s*[\"']?version\b", read_regular_file(path) or b"", re.MULTILINE):
            return None
        for root in _find_above(path.parent.absolute().parent):
            place = path.parent / ".." / root
            include = parse_document("", read_regular_file(place) or b"").data.get("include")
            name = path.resolve().relative_to(place.parent.resolve()).as_posix()
            if isinstance(include, list) and any(filter_by_pattern(str(each), [name]) for each in include):
                return Path(os.path.normpath(place))
    except (OSError, ValueError, LocalError, TomlError):
        return None
    return None


class RegistryLocation(NamedTuple):
    """Where a registry is in its repository: its root file, and the folder of its included files ("" is the top)."""

    root_path: str
    folder: str

    @classmethod
    def from_root_path(cls, root_path: str) -> RegistryLocation:
        """The location of a registry whose root file is no link."""
        return cls(root_path, root_path.rpartition("/")[0])

    @property
    def pathspec(self) -> str:
        """The pathspec that matches the root file."""
        return f":(top,literal){self.root_path}"

    @property
    def prefix(self) -> str:
        """The folder as the start of a path."""
        return f"{self.folder}/" if self.folder else ""


class FolderFiles:
    """Registry files on disk. Refuses links that lead out of the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._resolved_root = Path(os.path.realpath(root))

    def read_bytes(self, name: str) -> bytes | None:
        """See `RegistryFiles`. Raises UsageError for a path outside the folder, LocalError if it cannot be read."""
        path = self._root / name
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self._resolved_root):
            remedy = "it is a link, or below one, that leads out of the folder: put the file itself there"
            raise UsageError("WL2004", f"{path} is outside of {self._root}", remedy=remedy)
        return read_regular_file(path)

    def list_matching(self, pattern: str) -> list[str]:
        found = (path for path in self._root.glob(pattern.replace(TEAM_PLACEHOLDER, "*")) if not path.is_dir())
        # The same rule as for a Git tree, also on a case-insensitive file system.
        return filter_by_pattern(pattern, (path.relative_to(self._root).as_posix() for path in found))


class MemoryFiles:
    """Registry files in memory, as a mapping of names to bytes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read_bytes(self, name: str) -> bytes | None:
        return self._files.get(name)

    def list_matching(self, pattern: str) -> list[str]:
        return filter_by_pattern(pattern, self._files)


def filter_by_pattern(pattern: str, names: Iterable[str]) -> list[str]:
    """Filter `names` by a pattern of `*`, `?` and `**` as `Path.glob` does, and of `{team}`; sorted."""
    compiled = _compile_pattern(pattern)
    return sorted(name for name in names if compiled.fullmatch(name))


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    out = []
    for part in PurePosixPath(pattern).parts:
        if part == "**":
            out.append(r"(?:[^/]+/)*")
        else:
            out.append(re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/")
    text, placeholder = "".join(out).removesuffix("/"), re.escape(TEAM_PLACEHOLDER)
    return re.compile(text.replace(placeholder, "(?P<team>[^/]+)", 1).replace(placeholder, "[^/]+"))


class ResolvedInclude(NamedTuple):
    """One file that the list entry at `entry_index` includes, or the `problem` with that entry."""

    entry_index: int
    name: str
    problem: str | None = None


def resolve_includes(files: RegistryFiles, root_name: str, entries: list[Any]) -> Iterator[ResolvedInclude]:
    """Resolve each included file once, in the order of entries and then of names; also yield invalid entries."""
    seen = {root_name}
    written: set[str] = set()
    for index, entry in enumerate(entries):
        wrong = _include_problem(entry, root_name, written) if isinstance(entry, str) else None
        if wrong:
            yield ResolvedInclude(index, "", wrong)
        elif isinstance(entry, str):
            written.add(entry)
            for name in files.list_matching(entry) if is_file_pattern(entry) else [entry]:
                if name not in seen:
                    seen.add(name)
                    yield ResolvedInclude(index, name)


def is_file_pattern(entry: str) -> bool:
    """Whether an entry of `include` or of a team's `files` is a pattern, not a file name."""
    return "*" in entry or "?" in entry or TEAM_PLACEHOLDER in entry


def _include_problem(entry: str, root_name: str, earlier_entries: set[str]) -> str | None:
    wrong = file_entry_problem(entry, root_name)
    if wrong:
        return wrong
    if entry in earlier_entries:
        return f"{quoted_excerpt(entry)} is included twice: remove one"
    if _is_ambiguous(entry):
        return f"{quoted_excerpt(entry)} can match one file for two teams: write {{team}} once, and no '*' or '?' in the same folder or file name, or '**' before it"  # noqa: E501
    return None


def _is_ambiguous(entry: str) -> bool:
    """Whether a pattern with `{team}` can match one file in two ways."""
    before, placeholder, after = entry.partition(TEAM_PLACEHOLDER)
    part = before.rpartition("/")[2] + after.partition("/")[0]
    return bool(placeholder) and ("**" in before or TEAM_PLACEHOLDER in after or not {"*", "?"}.isdisjoint(part))


def file_entry_problem(entry: str, root_name: str) -> str | None:
    """Why an entry of `include` or of a team's `files` is not a file or pattern, or None if it is."""
    parts = entry.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in entry:
        return f"{quoted_excerpt(entry)} is not below the registry's folder: write a relative path without '.' or '..'"
    if "[" in entry or any("**" in part and part != "**" for part in parts):
        return f"{quoted_excerpt(entry)} is not a pattern: use '*', '?' and, as a whole folder, '**'"
    if not entry.endswith(".toml"):
        return f'{quoted_excerpt(entry)} does not end in ".toml": rename the file'
    if entry == root_name:
        return f"{quoted_excerpt(entry)} is the root file itself: remove it"
    return None


class FileOwners:
    """Finds the teams of included files, by `{team}` in the include patterns and by the `files` of each team."""

    def __init__(self, include: Sequence[str], files_by_team: Mapping[str, Sequence[str]]) -> None:
        self._team_patterns = [
            _compile_pattern(entry) for entry in include if TEAM_PLACEHOLDER in entry and not _is_ambiguous(entry)
        ]
        entries = [(entry, team) for team, files in files_by_team.items() for entry in files]
        self._patterns = [(_compile_pattern(entry), team) for entry, team in entries if is_file_pattern(entry)]
        self._teams_by_name: dict[str, list[str]] = {}
        for entry, team in entries:
            self._teams_by_name.setdefault(entry, []).append(team)

    def find_teams(self, name: str) -> list[str]:
        """The teams that a file belongs to: one, unless the root file is wrong."""
        named = [found["team"] for pattern in self._team_patterns if (found := pattern.fullmatch(name))]
        matched = [team for pattern, team in self._patterns if pattern.fullmatch(name)]
        return list(dict.fromkeys((*named, *matched, *self._teams_by_name.get(name, ()))))


def replace_file(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; its mode and a link to it stay. Raises OSError."""
    real = path.resolve()
    temporary = real.with_name(f".{real.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        if real.exists():
            temporary.chmod(real.stat().st_mode & 0o7777)
        temporary.replace(real)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def read_regular_file(path: Path) -> bytes | None:
    """Read a regular file, cut one byte past the size limit; None if it does not exist.

    Raises LocalError for a folder, device, pipe or socket, and for a file that cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe without a writer blocks.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LocalError("WL6001", f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise LocalError("WL6001", f"{path} is not a regular file", remedy="name the registry file itself")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise LocalError("WL6001", f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
