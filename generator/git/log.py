"""The history of some files, oldest first, from the user's checkout or a private clone beside it. Read-only."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from generator.errors import NetworkError
from generator.git import address
from generator.git.checkout import Checkout
from generator.git.command import Runner
from generator.git.words import git_words, redact, secrets_of

_FORMAT = "%x01%H%x00%cI%x00%an%x00%B"
_COMMIT = re.compile(r"\n?\x01([0-9a-f]{40,64})")
_CHANGE = re.compile(r"\n?:[0-7]{6} [0-7]{6} [0-9a-f]{40,64} ([0-9a-f]{40,64}) [A-Z]\d*")


@dataclass(frozen=True)
class Version:
    """A commit of the first-parent line that touched the files: `files` are all of them as they were then."""

    commit: str
    when: datetime
    author: str
    message: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Past:
    """A repository in which a commit and what came before it can be asked about."""

    git: Runner
    commit: str

    def versions(self, *pathspecs: str) -> Iterator[Version]:
        """Every commit that touched what `pathspecs` find, with each file's blob id by path."""
        out = self.git.check(
            *("log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "--no-abbrev"),
            *("--no-renames", "--no-show-signature", "--encoding=UTF-8", "-z", f"--format={_FORMAT}"),
            *(self.commit, "--", *pathspecs),
        )
        return _versions(out.decode("utf-8", "replace"))

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """The content of blobs by id, read by one process."""
        wanted = sorted(set(oids))
        if not wanted:
            return {}
        out = self.git.check("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
        found: dict[str, bytes] = {}
        at = 0
        while at < len(out):
            line_end = out.index(b"\n", at)
            oid, _, size = out[at:line_end].decode().split(" ")
            found[oid] = out[line_end + 1 : line_end + 1 + int(size)]
            at = line_end + 2 + int(size)
        return found


def _versions(out: str) -> Iterator[Version]:
    files: dict[str, str] = {}
    head: tuple[str, str, str, str] | None = None
    pieces = iter(out.split("\0"))
    for piece in pieces:
        if commit := _COMMIT.fullmatch(piece):
            if head:
                yield _version(head, files)
            head = (commit[1], next(pieces), next(pieces), next(pieces))
        elif change := _CHANGE.fullmatch(piece):
            path, oid = next(pieces), change[1]
            if set(oid) == {"0"}:
                files.pop(path, None)
            else:
                files[path] = oid
    if head:
        yield _version(head, files)


def _version(head: tuple[str, str, str, str], files: Mapping[str, str]) -> Version:
    commit, when, author, message = head
    return Version(commit, datetime.fromisoformat(when), author, message.strip(), dict(files))


def past_of(checkout: Checkout) -> Past | None:
    """What the checkout's HEAD comes from, None before the first commit."""
    head = checkout.head()
    return Past(Runner(checkout.top), head) if head else None


@contextmanager
def past_of_branch(checkout: Checkout, commit: str, url: str, branch: str) -> Iterator[Past]:
    """What `commit`, of a remote branch, comes from; the checkout need not have fetched it.

    Then a private clone that borrows the checkout's objects fetches what is missing. Raises NetworkError.
    """
    if checkout.resolve(commit) and not checkout.is_shallow():
        yield Past(Runner(checkout.top), commit)
        return
    where = address.absolute(url)
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        git = Runner(
            Path(folder),
            config=checkout.settings.transport,
            protocols=address.protocols(where),
            secrets=secrets_of(where),
            variables={"GIT_DIR": folder},
        )
        git.check("init", "--quiet", "--bare", "--template=", f"--object-format={_kind(commit)}")
        if not checkout.is_shallow():
            _borrow(checkout, Path(folder))
        fetched = git.run("fetch", "--quiet", "--no-tags", "--end-of-options", where, f"+refs/heads/{branch}:refs/past")
        if not fetched.ok:
            raise NetworkError(f"the history of {redact(url)} cannot be read: {git_words(fetched.err)}")
        yield Past(git, commit)


def _kind(commit: str) -> str:
    return "sha256" if len(commit) == 64 else "sha1"


def _borrow(checkout: Checkout, folder: Path) -> None:
    objects = Runner(checkout.top).check("rev-parse", "--path-format=absolute", "--git-path", "objects")
    (folder / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (folder / "objects" / "info" / "alternates").write_bytes(os.fsencode(os.fsdecode(objects)))
