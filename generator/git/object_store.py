"""Read and write blobs, trees and commits of the private clone, in batches."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from generator.errors import LocalError
from generator.git import clone_folder as cache
from generator.git.commit_plan import FileChange, GitIdentity, TreeEntry
from generator.git.failure import is_local_failure
from generator.git.messages import git_message
from generator.git.object_reader import ObjectReader, UnreadableObjectError
from generator.git.runner import GitResult, GitRunner
from generator.git.signing import SigningConfig, signing_error, verify_signature

_PENDING_REF = b"refs/workloads/pending"
_PENDING_MARK = b":1"


class DamagedCloneError(LocalError):
    """The private clone is damaged."""


class ObjectStore:
    """Reads and writes the objects of the clone in `folder`; what is read is compared with its id.

    Raises `DamagedCloneError` if the clone is damaged, and `LocalError` if the machine fails (a full disk).
    """

    def __init__(self, git: GitRunner, folder: Path) -> None:
        self._git = git
        self._folder = folder
        self._reader = ObjectReader(git, str(folder), verify=True)

    def close(self) -> None:
        """End the process that reads objects; the next use starts another."""
        self._reader.close()

    def resolve_commit(self, name: str) -> str | None:
        """Return the commit that `name` names; None if there is none."""
        try:
            found = self._reader.read_object(f"{name}^{{commit}}")
        except UnreadableObjectError:
            return None  # reported when the commit is needed
        return found.oid if found else None

    def read_commit(self, oid: str) -> tuple[tuple[str, ...], str]:
        """Return the parents and the message of a commit."""
        with _report_damage():
            found = self._reader.read_object(oid)
        if found is None or found.kind != "commit":
            raise DamagedCloneError("WL6008", f"{self._folder} lacks the commit {oid}")
        header, _, message = found.content.partition(b"\n\n")
        parents = [line[len(b"parent ") :] for line in header.splitlines() if line.startswith(b"parent ")]
        return tuple(p.decode("ascii", "replace") for p in parents), message.decode("utf-8", "replace")

    def read_identities(self, oid: str) -> tuple[str, str]:
        """Return the author and the committer of a commit, each as `name <email>`."""
        with _report_damage():
            found = self._reader.read_object(oid)
        header = found.content.partition(b"\n\n")[0].decode("utf-8", "replace") if found else ""
        lines = dict(line.partition(" ")[::2] for line in header.split("\n"))
        author, committer = (lines.get(role, "").rpartition(">")[0] + ">" for role in ("author", "committer"))
        return author, committer

    def read_messages(self, commit: str, limit: int) -> list[str]:
        """Return up to `limit` messages of a commit and its ancestors in the clone, newest first."""
        options = ("-z", "--format=%B", "--topo-order", "--no-show-signature", f"--max-count={limit}")
        listing = self._run_checked("log", *options, commit)
        return listing.decode("utf-8", "replace").split("\0")

    def list_tree_entries(self, commit: str) -> dict[str, TreeEntry]:
        """Return every file of a commit, by path."""
        with _report_damage():
            return self._reader.list_tree_entries(commit)

    def read_blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Return the content of blobs, by id. Raises `DamagedCloneError` if one is missing or damaged."""
        with _report_damage():
            return self._reader.read_blobs(oids)

    def write_commit(
        self,
        base: str | None,
        changes: Mapping[str, FileChange],
        message: str,
        author: GitIdentity,
        committer: GitIdentity,
        signing: SigningConfig | None,
        id_length: int,
    ) -> str:
        """Write a commit of `base` with `changes` applied, and return its id. Reads only the changed folders.

        Raises `LocalError` when signing is required and fails.
        """
        text = (message.replace("\0", "").rstrip("\n") + "\n").encode("utf-8", "surrogateescape")
        stream = b"".join(_fast_import_stream(base, changes, text, (author, committer), id_length))
        # No deltas: a delta against the blob of another file takes longer and saves little.
        printed = self._run_checked("fast-import", "--quiet", "--done", "--depth=0", "--date-format=now", stdin=stream)
        tree, _, commit = printed.partition(b"\n")
        if signing is None:
            return parse_object_id(commit)
        tree_id = parse_object_id(tree.removeprefix(b"040000 tree ").partition(b"\t")[0])
        return self._sign_commit(tree_id, base, text, author, committer, signing)

    def _sign_commit(
        self,
        tree: str,
        base: str | None,
        message: bytes,
        author: GitIdentity,
        committer: GitIdentity,
        signing: SigningConfig,
    ) -> str:
        who = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
        }
        args = ["commit-tree", tree, *(["-p", base] if base else []), "-S", "-F", "-"]
        output = self._git.run_git(*args, stdin=message, variables=who, config=signing.git_config_pairs())
        if not output.succeeded:
            raise signing_error(git_message(output.stderr) or "git does not say why that failed")
        oid = parse_object_id(self._require_success(args[0], output))
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
        if is_local_failure(output):
            self.close()
            with suppress(LocalError):  # free the space when the disk is full
                cache.discard_folder(self._folder)
            raise LocalError("WL6003", text, remedy="is the disk full?", not_done="nothing was pushed")
        raise DamagedCloneError("WL6008", text)


@contextmanager
def _report_damage() -> Iterator[None]:
    try:
        yield
    except UnreadableObjectError as error:
        raise DamagedCloneError("WL6008", error.message) from error


def parse_object_id(printed: bytes) -> str:
    """Return the object id in git's output. Raises `LocalError` if the output is anything else."""
    if not re.fullmatch(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n?", printed):
        raise LocalError("WL6003", "git printed something other than an object id", remedy="is git a wrapper script?")
    return printed.decode("ascii").strip()


def _fast_import_stream(
    base: str | None,
    changes: Mapping[str, FileChange],
    message: bytes,
    identities: tuple[GitIdentity, GitIdentity],
    id_length: int,
) -> Iterator[bytes]:
    """Yield fast-import commands that commit `changes` on `base` and print the tree and the commit.

    No branch is kept.
    """
    yield b"commit %b\nmark %b\n" % (_PENDING_REF, _PENDING_MARK)
    for role, identity in zip((b"author", b"committer"), identities, strict=True):
        yield b"%b %b <%b> now\n" % (role, identity.name.encode(), identity.email.encode())
    yield b"data %d\n%b\n" % (len(message), message)
    if base:
        yield b"from %b\n" % base.encode()
    # Deletions first: a new folder may have the name of a deleted file.
    yield from (b"D %b\n" % _quote_import_path(path) for path, change in changes.items() if change.content is None)
    for path, change in changes.items():
        if change.content is not None:
            yield b"M %b inline %b\ndata %d\n" % (change.mode.encode(), _quote_import_path(path), len(change.content))
            yield change.content
            yield b"\n"
    yield b'ls ""\nget-mark %b\n' % _PENDING_MARK
    yield b"reset %b\nfrom %b\n\ndone\n" % (_PENDING_REF, b"0" * id_length)


def _quote_import_path(path: str) -> bytes:
    return b'"%b"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
