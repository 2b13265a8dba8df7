"""What is to be published → the changes against a base, or the reason why they may not be made. Pure."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from generator.errors import RefusedError, UsageError

#: The trailer of every commit of ours.
GENERATED_BY = "Generated-By: workloads "
_FILE = "100644"
_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}
_CRUD = " .,:;\"\\'"


@dataclass(frozen=True)
class Identity:
    """Who a commit is by. `UsageError` for what git would refuse, or write down as something else."""

    name: str
    email: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.strip())
        object.__setattr__(self, "email", self.email.strip())
        for what, value in (("name", self.name), ("email", self.email)):
            if not value.strip(_CRUD):
                raise UsageError(f"no {what} for the commit", remedy=f"set git's user.{what}")
            if any(c in "<>" or unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in value):
                raise UsageError(f"{value!a} cannot be the {what} in a commit", remedy=f"correct git's user.{what}")


class Entry(NamedTuple):
    """A file in a commit: its mode ("100644"; "120000" a link, "160000" a submodule) and object id."""

    mode: str
    oid: str


@dataclass(frozen=True)
class Proposal:
    """Files by their path in the repository, None to delete one; and the commit to make of them."""

    files: Mapping[str, bytes | None]
    message: str
    author: Identity


class Change(NamedTuple):
    """A file to be written with `content`, or deleted when that is None."""

    mode: str
    content: bytes | None


def changes(entries: Mapping[str, Entry], files: Mapping[str, bytes | None]) -> dict[str, Change]:
    """Those of `files` that differ from `entries`. `RefusedError` names the path that may not be touched."""
    for path in files:
        _refuse_malformed(path)
        _refuse_special(path, entries)
    changed = {
        path: Change(_mode(entries.get(path)), files[path]) for path in sorted(files) if _differs(path, entries, files)
    }
    _refuse_collisions(entries, changed)
    return changed


def applied(entries: Mapping[str, Entry], changed: Mapping[str, Change], id_length: int) -> dict[str, Entry]:
    """The files of a commit that makes the changes."""
    kept = {path: entry for path, entry in entries.items() if path not in changed}
    written = {
        path: Entry(change.mode, blob_id(change.content, id_length))
        for path, change in changed.items()
        if change.content is not None
    }
    return kept | written


def is_ours(message: str) -> bool:
    """Whether a commit's message says that workloads made it."""
    return any(line.startswith(GENERATED_BY) for line in message.splitlines())


def _mode(entry: Entry | None) -> str:
    return entry.mode if entry else _FILE


def _differs(path: str, entries: Mapping[str, Entry], files: Mapping[str, bytes | None]) -> bool:
    content, entry = files[path], entries.get(path)
    if content is None or entry is None:
        return (content is None) != (entry is None)
    return blob_id(content, len(entry.oid)) != entry.oid


def blob_id(content: bytes, length: int) -> str:
    """The id git gives a file of this content, in a repository whose ids have `length` digits."""
    data = b"blob %d\0" % len(content)
    found = hashlib.sha256(data) if length == 64 else hashlib.sha1(data, usedforsecurity=False)
    found.update(content)
    return found.hexdigest()


def _refuse_malformed(path: str) -> None:
    parts = path.split("/")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts) or "\0" in path or "\n" in path:
        raise _refused(path, "is not a path in a repository")


def _refuse_special(path: str, entries: Mapping[str, Entry]) -> None:
    for each in (path, *_parents(path)):
        kind = _KINDS.get(entries[each].mode) if each in entries else None
        if kind:
            raise _refused(path, "is" if each == path else f"is below {each}, which is", kind)


def _refuse_collisions(entries: Mapping[str, Entry], changed: Mapping[str, Change]) -> None:
    """Refuse a file where a folder is, a folder where a file is, and names that differ in case only."""
    written = [path for path, change in changed.items() if change.content is not None]
    if entries.keys() >= set(written):
        return  # Where every name is there already, none is new beside another.
    after = {path for path in entries if path not in changed or changed[path].content is not None} | set(written)
    holding = {path.rpartition("/")[0] for path in after} - {""}
    folders = holding | {parent for folder in holding for parent in _parents(folder)}
    by_fold = _by_fold(after | folders, added=set(written) - set(entries))
    for path in written:
        if path in folders:
            raise _refused(path, "is to be a file, and is a folder there")
        for parent in _parents(path):
            if parent in after:
                raise _refused(path, f"is below {parent}, which is a file there")
    for names in by_fold.values():
        if len(names) > 1:
            raise _refused(names[0], f"and {names[1]} would be one and the same on some systems")


def _by_fold(paths: Iterable[str], added: set[str]) -> dict[str, list[str]]:
    """Names that are one when case is ignored, where a file we add is among them."""
    folded: dict[str, list[str]] = {each.casefold(): [] for path in added for each in (path, *_parents(path))}
    for path in sorted(paths):
        if path.casefold() in folded:
            folded[path.casefold()].append(path)
    ours = added | {parent for path in added for parent in _parents(path)}
    return {fold: sorted(names, key=lambda n: n not in ours) for fold, names in folded.items()}


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _refused(path: str, *reason: str) -> RefusedError:
    return RefusedError(f"{path} {' '.join(reason)}", remedy="move it away by hand", undone="nothing was pushed")
