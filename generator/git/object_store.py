"""Read and write blobs, trees and commits of the private clone, in batches."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from generator.errors import LocalError
from generator.git import clone_folder as cache
from generator.git.commit_plan import FileChange, GitIdentity, TreeEntry
from generator.git.failure import Fault, classify_fetch_failure
from generator.git.messages import git_message
from generator.git.runner import GitResult, GitRunner
from generator.git.signing import SigningConfig, signing_error, verify_signature

_TREE_ENTRY = re.compile(r"(\d+) \w+ ([0-9a-f]+)\t([^\0]*)\0")
_PENDING_REF = b"refs/workloads/pending"


class DamagedCloneError(LocalError):
    """The private clone is damaged."""


class ObjectStore:
    """Reads and writes the objects of the clone in `folder`.

    Raises `DamagedCloneError` if the clone is damaged, and `LocalError` if the machine fails (a full disk).
    """

    def __init__(self, git: GitRunner, folder: Path) -> None:
        self._git = git
        self._folder = folder

    def read_commit(self, oid: str) -> tuple[tuple[str, ...], str]:
        """Return the parents and the message of a commit."""
        raw = self._run_checked("cat-file", "commit", oid)
        header, _, message = raw.partition(b"\n\n")
        parents = [line[len(b"parent ") :] for line in header.splitlines() if line.startswith(b"parent ")]
        return tuple(p.decode("ascii") for p in parents), message.decode("utf-8", "replace")

    def read_messages(self, commit: str, limit: int) -> list[str]:
        """Return up to `limit` messages of a commit and its ancestors in the clone, newest first."""
        options = ("-z", "--format=%B", "--topo-order", "--no-show-signature", f"--max-count={limit}")
        listing = self._run_checked("log", *options, commit)
        return listing.decode("utf-8", "replace").split("\0")

    def list_tree_entries(self, commit: str) -> dict[str, TreeEntry]:
        """Return every file of a commit, by path."""
        listing = self._run_checked("ls-tree", "-r", "-z", "--full-tree", commit)
        return {path: TreeEntry(mode, oid) for mode, oid, path in _TREE_ENTRY.findall(os.fsdecode(listing))}

    def read_blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blobs, by id."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        answer = self._run_checked("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
        result, at = {}, 0
        for oid in wanted:
            line, at = answer[at : answer.find(b"\n", at)].split(), answer.find(b"\n", at) + 1
            if len(line) != 3 or line[0] != oid.encode() or line[1] != b"blob":
                raise DamagedCloneError(f"{self._folder} lacks the object {oid}")
            result[oid] = answer[at : at + int(line[2])]
            at += int(line[2]) + 1
        return result

    def write_tree(self, base: str | None, changes: Mapping[str, FileChange], id_length: int) -> str:
        """Write the tree of `base` with `changes` applied, and return its id. Reads only the changed folders."""
        stream = b"".join(_fast_import_stream(base, changes, id_length))
        # No deltas: a delta against the blob of another file takes longer and saves little.
        told = self._run_checked("fast-import", "--quiet", "--done", "--depth=0", stdin=stream)
        return parse_object_id(told.removeprefix(b"040000 tree ").partition(b"\t")[0])

    def write_commit(
        self,
        tree: str,
        base: str | None,
        message: str,
        author: GitIdentity,
        committer: GitIdentity,
        signing: SigningConfig | None,
    ) -> str:
        """Write a commit on `base` and return its id. Raises `LocalError` when signing is required and fails."""
        who = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
        }
        args = ["commit-tree", tree, *(["-p", base] if base else []), *(["-S"] if signing else []), "-F", "-"]
        text = (message.replace("\0", "").rstrip("\n") + "\n").encode("utf-8", "surrogateescape")
        output = self._git.run_git(
            *args, stdin=text, variables=who, config=signing.git_config_pairs() if signing else ()
        )
        if signing and not output.succeeded:
            raise signing_error(git_message(output.stderr) or "git does not say why that failed")
        oid = parse_object_id(self._require_success(args[0], output))
        if signing:
            verify_signature(self._git, signing, oid)
        return oid

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is an ancestor of `newer`, or the same commit, in the history that the clone has."""
        return self._git.run_git("merge-base", "--is-ancestor", older, newer).succeeded

    def _run_checked(self, *args: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        return self._require_success(args[0], self._git.run_git(*args, stdin=stdin, variables=variables))

    def _require_success(self, command: str, output: GitResult) -> bytes:
        if output.succeeded:
            return output.stdout
        text = f"git {command} failed in {self._folder}: {git_message(output.stderr) or output.exit_code}"
        if output.exit_code >= 0 and classify_fetch_failure(output).fault is not Fault.LOCAL:
            raise DamagedCloneError(text)
        with suppress(LocalError):  # free the space when the disk is full
            cache.discard_folder(self._folder)
        raise LocalError(text, remedy="is the disk full?", not_done="nothing was pushed")


def parse_object_id(printed: bytes) -> str:
    """Return the object id in git's output. Raises `LocalError` if the output is anything else."""
    if not re.fullmatch(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n?", printed):
        raise LocalError("git printed something other than an object id", remedy="is git a wrapper script?")
    return printed.decode("ascii").strip()


def _fast_import_stream(base: str | None, changes: Mapping[str, FileChange], id_length: int) -> Iterator[bytes]:
    """Yield fast-import commands that apply `changes` to `base` and print the tree; no branch is kept."""
    yield b"commit %b\ncommitter <> 0 +0000\ndata 0\n" % _PENDING_REF
    if base:
        yield b"from %b\n" % base.encode()
    # Deletions first: a new folder may have the name of a deleted file.
    yield from (b"D %b\n" % _quote_import_path(path) for path, change in changes.items() if change.content is None)
    for path, change in changes.items():
        if change.content is not None:
            yield b"M %b inline %b\ndata %d\n" % (change.mode.encode(), _quote_import_path(path), len(change.content))
            yield change.content
            yield b"\n"
    yield b'ls ""\nreset %b\nfrom %b\n\ndone\n' % (_PENDING_REF, b"0" * id_length)


def _quote_import_path(path: str) -> bytes:
    return b'"%b"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
