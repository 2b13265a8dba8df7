"""Compute the file changes of a proposed commit, and refuse unsafe paths."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from generator.errors import RefusedError, UsageError

#: The trailer of every commit that workloads makes.
GENERATED_BY = "Generated-By: workloads "
#: The trailer of the commit on a request branch: a digest of everything in it but its time.
_SEAL = "Generated-Content: "
_TRAILER_LINE = re.compile(r"[A-Za-z0-9-]+: .*|\(cherry picked from commit [0-9a-f]+\)")
_REGULAR_FILE_MODE = "100644"
_SPECIAL_FILE_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}
_TRIMMED_CHARACTERS = " .,:;\"\\'"


@dataclass(frozen=True)
class GitIdentity:
    """The name and email of a commit's author or committer. Raises `UsageError` for what git would not store as is."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.strip())
        object.__setattr__(self, "email", self.email.strip())
        for what, value in (("name", self.name), ("email", self.email)):
            if not value.strip(_TRIMMED_CHARACTERS):
                raise UsageError("WL5018", f"no {what} for the commit", remedy=f"set git's user.{what}")
            if any(c in "<>" or unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in value):
                raise UsageError(
                    "WL5018", f"{value!a} cannot be the {what} in a commit", remedy=f"correct git's user.{what}"
                )


class TreeEntry(NamedTuple):
    """A file in a commit: its mode ("100644"; "120000" for a link, "160000" for a submodule) and object id."""

    mode: str
    oid: str


@dataclass(frozen=True)
class Proposal:
    """A commit to make: file contents by path (None deletes the file), message and author."""

    files: Mapping[str, bytes | None]
    message: str
    author: GitIdentity


class FileChange(NamedTuple):
    """A file to write with `content`, or to delete if `content` is None."""

    mode: str
    content: bytes | None


def find_changed_files(entries: Mapping[str, TreeEntry], files: Mapping[str, bytes | None]) -> dict[str, FileChange]:
    """Return the changes in `files` against `entries`. Raises `RefusedError` for a path that must not change."""
    for path in files:
        _refuse_malformed(path)
        _refuse_special(path, entries)
    changed = {
        path: FileChange(_file_mode(entries.get(path)), files[path])
        for path in sorted(files)
        if _content_differs(path, entries, files)
    }
    _refuse_collisions(entries, changed)
    return changed


def apply_file_changes(
    entries: Mapping[str, TreeEntry], changed: Mapping[str, FileChange], id_length: int
) -> dict[str, TreeEntry]:
    """Return the files of a commit after applying the changes to `entries`."""
    kept = {path: entry for path, entry in entries.items() if path not in changed}
    written = {
        path: TreeEntry(change.mode, blob_id(change.content, id_length))
        for path, change in changed.items()
        if change.content is not None
    }
    return kept | written


def read_trailers(message: str) -> list[str]:
    """The lines of a commit message's trailer block: its last paragraph, if all its lines are trailers.

    Only line feeds end lines, as for Git: with other separators a trailer could be hidden in a line.
    """
    paragraphs = re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip())
    lines = paragraphs[-1].split("\n") if len(paragraphs) > 1 else []
    return lines if all(map(_TRAILER_LINE.fullmatch, lines)) else []


def is_workloads_commit(message: str) -> bool:
    """Whether the trailers of a commit message have the one that workloads adds."""
    return any(line.startswith(GENERATED_BY) for line in read_trailers(message))


@dataclass(frozen=True)
class CommitContent:
    """What a commit holds, apart from its message and its time; the identities are `name <email>`."""

    parents: Sequence[str]
    entries: Mapping[str, TreeEntry]
    author: str
    committer: str


def seal_message(message: str, content: CommitContent) -> str:
    """Add the trailer that proves that nobody amended the commit of a pull request."""
    return f"{message.rstrip()}\n{_SEAL}{_digest_commit(message, content)}\n"


def is_sealed(message: str, content: CommitContent) -> bool:
    """Whether a commit message has the trailer of `seal_message` and it fits the commit's content."""
    seals = [line for line in read_trailers(message) if line.startswith(_SEAL)]
    return seals == [f"{_SEAL}{_digest_commit(unseal_message(message), content)}"]


def unseal_message(message: str) -> str:
    """The message without the trailer that `seal_message` adds."""
    return "\n".join(line for line in message.rstrip().split("\n") if not line.startswith(_SEAL)) + "\n"


def _digest_commit(message: str, content: CommitContent) -> str:
    found = hashlib.sha256(repr((message.rstrip(), list(content.parents), content.author, content.committer)).encode())
    for path, entry in sorted(content.entries.items()):
        found.update(f"{entry.mode} {entry.oid} {path}\0".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def _file_mode(entry: TreeEntry | None) -> str:
    return entry.mode if entry else _REGULAR_FILE_MODE


def _content_differs(path: str, entries: Mapping[str, TreeEntry], files: Mapping[str, bytes | None]) -> bool:
    content, entry = files[path], entries.get(path)
    if content is None or entry is None:
        return (content is None) != (entry is None)
    return blob_id(content, len(entry.oid)) != entry.oid


def blob_id(content: bytes, length: int) -> str:
    """Return git's blob id for this content, in a repository whose ids have `length` digits."""
    data = b"blob %d\0" % len(content)
    found = hashlib.sha256(data) if length == 64 else hashlib.sha1(data, usedforsecurity=False)
    found.update(content)
    return found.hexdigest()


def _refuse_malformed(path: str) -> None:
    parts = path.split("/")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts) or "\0" in path or "\n" in path:
        raise _refused_path_error(path, "is not a path in a repository")


def _refuse_special(path: str, entries: Mapping[str, TreeEntry]) -> None:
    for each in (path, *_parent_folders(path)):
        kind = _SPECIAL_FILE_KINDS.get(entries[each].mode) if each in entries else None
        if kind:
            raise _refused_path_error(path, "is" if each == path else f"is below {each}, which is", kind)


def _refuse_collisions(entries: Mapping[str, TreeEntry], changed: Mapping[str, FileChange]) -> None:
    """Refuse paths that are both a file and a folder, and paths that differ only in case."""
    written = [path for path, change in changed.items() if change.content is not None]
    if entries.keys() >= set(written):
        return  # No path is new, so no collision is new.
    after = {path for path in entries if path not in changed or changed[path].content is not None} | set(written)
    holding = {path.rpartition("/")[0] for path in after} - {""}
    folders = holding | {parent for folder in holding for parent in _parent_folders(folder)}
    by_fold = _group_by_casefold(after | folders, added=set(written) - set(entries))
    for path in written:
        if path in folders:
            raise _refused_path_error(path, "must be a file, and is a folder there")
        for parent in _parent_folders(path):
            if parent in after:
                raise _refused_path_error(path, f"is below {parent}, which is a file there")
    for names in by_fold.values():
        if len(names) > 1:
            raise _refused_path_error(names[0], f"and {names[1]} would be the same path on some systems")


def _group_by_casefold(paths: Iterable[str], added: set[str]) -> dict[str, list[str]]:
    """Group paths that differ only in case and include an added file; added paths come first."""
    folded: dict[str, list[str]] = {each.casefold(): [] for path in added for each in (path, *_parent_folders(path))}
    for path in sorted(paths):
        if path.casefold() in folded:
            folded[path.casefold()].append(path)
    ours = added | {parent for path in added for parent in _parent_folders(path)}
    return {fold: sorted(names, key=lambda n: n not in ours) for fold, names in folded.items()}


def _parent_folders(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _refused_path_error(path: str, *reason: str) -> RefusedError:
    return RefusedError(
        "WL5017", f"{path} {' '.join(reason)}", remedy="move it away by hand", not_done="nothing was pushed"
    )
