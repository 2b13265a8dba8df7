"""The clone's objects: bytes ↔ blobs, trees and commits, a process for each batch and not for each file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from generator.errors import LocalError
from generator.git import cache
from generator.git.command import Output, Runner
from generator.git.failure import Fault, of_exchange
from generator.git.proposal import Change, Entry, Identity
from generator.git.signing import Signing, refusal, verify
from generator.git.words import git_words

_LISTED = re.compile(r"(\d+) \w+ ([0-9a-f]+)\t([^\0]*)\0")
_PENDING = b"refs/workloads/pending"


class DamagedError(LocalError):
    """The private clone does not answer as a sound one would."""


class Plumbing:
    """Reads and writes the objects of the clone in `folder`. `DamagedError` when that fails, `LocalError` when
    it is the machine that fails."""

    def __init__(self, git: Runner, folder: Path) -> None:
        self._git = git
        self._folder = folder

    def commit(self, oid: str) -> tuple[tuple[str, ...], str]:
        """The parents and the message of a commit."""
        raw = self._do("cat-file", "commit", oid)
        header, _, message = raw.partition(b"\n\n")
        parents = [line[len(b"parent ") :] for line in header.splitlines() if line.startswith(b"parent ")]
        return tuple(p.decode("ascii") for p in parents), message.decode("utf-8", "replace")

    def messages(self, commit: str, most: int) -> list[str]:
        """The messages of a commit and of those before it that the clone holds, none before one that builds on it."""
        options = ("-z", "--format=%B", "--topo-order", "--no-show-signature", f"--max-count={most}")
        listing = self._do("log", *options, commit)
        return listing.decode("utf-8", "replace").split("\0")

    def entries(self, commit: str) -> dict[str, Entry]:
        """Every file of a commit, by path."""
        listing = self._do("ls-tree", "-r", "-z", "--full-tree", commit)
        return {path: Entry(mode, oid) for mode, oid, path in _LISTED.findall(os.fsdecode(listing))}

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """The content of many blobs, by id."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        answer = self._do("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
        result, at = {}, 0
        for oid in wanted:
            line, at = answer[at : answer.find(b"\n", at)].split(), answer.find(b"\n", at) + 1
            if len(line) != 3 or line[0] != oid.encode() or line[1] != b"blob":
                raise DamagedError(f"{self._folder} lacks the object {oid}")
            result[oid] = answer[at : at + int(line[2])]
            at += int(line[2]) + 1
        return result

    def write_tree(self, base: str | None, changes: Mapping[str, Change], id_length: int) -> str:
        """The tree of `base` with `changes` made, of which only the folders with a change are read."""
        stream = b"".join(_import(base, changes, id_length))
        # A blob made as a difference from the one before, of another file, takes longer and is hardly smaller.
        told = self._do("fast-import", "--quiet", "--done", "--depth=0", stdin=stream)
        return object_id(told.removeprefix(b"040000 tree ").partition(b"\t")[0])

    def write_commit(
        self, tree: str, base: str | None, message: str, author: Identity, committer: Identity, signing: Signing | None
    ) -> str:
        """A commit on `base`. `LocalError` when it is to be signed and cannot be."""
        who = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
        }
        args = ["commit-tree", tree, *(["-p", base] if base else []), *(["-S"] if signing else []), "-F", "-"]
        text = (message.replace("\0", "").rstrip("\n") + "\n").encode("utf-8", "surrogateescape")
        output = self._git.run(*args, stdin=text, variables=who, config=signing.config() if signing else ())
        if signing and not output.ok:
            raise refusal(git_words(output.err) or "git does not say why that failed")
        oid = object_id(self._sound(args[0], output))
        if signing:
            verify(self._git, signing, oid)
        return oid

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is in the history of `newer` that the clone holds."""
        return self._git.run("merge-base", "--is-ancestor", older, newer).ok

    def _do(self, *args: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        return self._sound(args[0], self._git.run(*args, stdin=stdin, variables=variables))

    def _sound(self, command: str, output: Output) -> bytes:
        if output.ok:
            return output.out
        text = f"git {command} failed in {self._folder}: {git_words(output.err) or output.code}"
        if output.code >= 0 and of_exchange(output).fault is not Fault.LOCAL:
            raise DamagedError(text)
        with suppress(LocalError):  # a full disk is not helped by what we leave on it
            cache.discard(self._folder)
        raise LocalError(text, remedy="is the disk full?", undone="nothing was pushed")


def object_id(printed: bytes) -> str:
    """The object id that git printed, and nothing else. `LocalError` if it printed something else."""
    if not re.fullmatch(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n?", printed):
        raise LocalError("git printed something other than an object id", remedy="is git a wrapper script?")
    return printed.decode("ascii").strip()


def _import(base: str | None, changes: Mapping[str, Change], id_length: int) -> Iterator[bytes]:
    """A commit on `base` for fast-import, which is asked for the tree; no branch leads to it in the end."""
    yield b"commit %b\ncommitter <> 0 +0000\ndata 0\n" % _PENDING
    if base:
        yield b"from %b\n" % base.encode()
    # Deletions first: a file may make room for a folder of the same name.
    yield from (b"D %b\n" % _quoted(path) for path, change in changes.items() if change.content is None)
    for path, change in changes.items():
        if change.content is not None:
            yield b"M %b inline %b\ndata %d\n" % (change.mode.encode(), _quoted(path), len(change.content))
            yield change.content
            yield b"\n"
    yield b'ls ""\nreset %b\nfrom %b\n\ndone\n' % (_PENDING, b"0" * id_length)


def _quoted(path: str) -> bytes:
    return b'"%b"' % os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
