"""A remote branch ↔ our private bare clone of it: what the branch is, fetching it, pushing to it."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from generator.errors import LocalError, UsageError
from generator.git import address, cache
from generator.git.base import DEEP, Base
from generator.git.command import Output, Patience, Runner
from generator.git.failure import Failure, Fault, RemoteFaultError, of_exchange
from generator.git.plumbing import DamagedError, Plumbing, object_id
from generator.git.words import secrets_of

_REMOTE = "workloads-target"
_MARKER = "workloads-clone"
_PACKS, _LOOSE_SAMPLE = 60, 40
# The record of a large tree is much text: level 6 takes twice the time of level 1 for a tenth less of it.
_QUICK = ("core.compression", "1")


@dataclass(frozen=True)
class Target:
    """The branch to publish to. `config`: how the user's checkout reaches remotes (`Settings.transport`).

    `insecure` allows http and git to other machines than this one. `request` names the branch to push to instead,
    one that is ours alone and always one commit on top of `branch`: what a pull request is made from.
    """

    url: str = field(repr=False)  # like `config`, it may hold credentials
    branch: str
    create_branch: bool = False
    insecure: bool = False
    config: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    request: str = ""

    @property
    def written(self) -> str:
        """The branch that is pushed to."""
        return self.request or self.branch


class _Branch(NamedTuple):
    """A branch's name on the remote, and of what we keep of it in the clone."""

    ref: str
    kept: str

    @classmethod
    def named(cls, name: str) -> _Branch:
        return cls(f"refs/heads/{name}", f"refs/workloads/{hashlib.sha256(name.encode()).hexdigest()}")


class Repository:
    """One remote branch and the clone that serves it, while its folder is reserved for us."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.url = address.absolute(target.url)
        self.fresh = False
        self._folder = folder
        self._read, self._written = _Branch.named(target.branch), _Branch.named(target.written)
        bare, credentials = address.without_credentials(self.url)
        config = (*target.config, *credentials, (f"remote.{_REMOTE}.url", bare), _QUICK)
        protocols = address.protocols(self.url, insecure=target.insecure)
        secrets = secrets_of(self.url) | _header_secrets(config)
        # Relative to the folder: a git that outlived an earlier run must not write into the folder's successor.
        self._git = Runner(folder, config=config, protocols=protocols, secrets=secrets, variables={"GIT_DIR": "."})
        self._afar = Runner(
            folder.parent, config=config, protocols=protocols, secrets=secrets, variables={"GIT_DIR": "/dev/null"}
        )
        self.objects = Plumbing(self._git, folder)
        for name in dict.fromkeys((target.branch, target.written)):
            if not self._afar.run("check-ref-format", _Branch.named(name).ref).ok:
                raise UsageError(f"{name!r} cannot be the name of a branch")

    def head(self, patience: Patience) -> str | None:
        """The commit the remote branch points at now, None if it does not exist. `RemoteFaultError`."""
        return self._listed(patience, self._read.ref).get(self._read.ref)

    def written_head(self, patience: Patience) -> str | None:
        """The same of the branch that is pushed to. `RemoteFaultError`."""
        return self._listed(patience, self._written.ref).get(self._written.ref)

    def is_empty(self, patience: Patience) -> bool:
        """Whether the remote has no branch and no tag at all. `RemoteFaultError`.

        A web page in place of a repository lists no branches either: only a trace of git's protocol is proof.
        """
        output = self._afar.run("ls-remote", _REMOTE, patience=patience, variables={"GIT_TRACE_PACKET": "1"})
        if output.ok and "< " not in output.err:
            raise RemoteFaultError(Failure(Fault.ACCESS, "what answers there is not git", answered=True))
        return not _parsed(output)

    def base(self, head: str | None, patience: Patience) -> Base:
        """The remote branch, fetched if need be; `head` is where it was a moment ago. `RemoteFaultError`."""
        return self._fetched(self._read, head, patience)

    def written(self, head: str | None, patience: Patience) -> Base:
        """The same of the branch that is pushed to. `RemoteFaultError`."""
        return self._fetched(self._written, head, patience)

    def request(self, patience: Patience) -> Base:
        """The branch that is pushed to, as it is now, where that is not the one that is read. `RemoteFaultError`."""
        return self.written(self.written_head(patience), patience)

    def _fetched(self, branch: _Branch, head: str | None, patience: Patience) -> Base:
        self._prepare(len(head) if head else 40)
        deepen = partial(self._deepened, branch, patience)
        if head is None or self._kept_commit(branch) == head:
            return Base(self.objects, head, deepen)
        try:
            self._fetch(branch, 1, patience)
        except RemoteFaultError as fault:
            # The remote has just answered: it may well be our clone that is broken.
            if self.fresh or fault.failure.fault is not Fault.TRANSIENT:
                raise
            self.replace()
            self._prepare(len(head))
            self._fetch(branch, 1, patience)
        commit = self._git.check("rev-parse", "--verify", f"{branch.kept}^{{commit}}")
        return Base(self.objects, object_id(commit), deepen)

    def push(self, commit: str, lease: str | None, patience: Patience) -> Output:
        """Push `commit` if the branch still is at `lease` (None: does not exist). Whatever happens is returned."""
        ref = self._written.ref
        return self._git.run(
            *("push", "--porcelain", "--no-verify", "--progress", f"--force-with-lease={ref}:{lease or ''}"),
            *(*self._server_half(), _REMOTE, f"{commit}:{ref}"),
            patience=patience,
        )

    def _server_half(self) -> tuple[str, ...]:
        """How to run the server's half of a push when that is done on this machine, in the user's name.

        Its own hooks are its policy and must run; a `core.hooksPath` of the user's own must not replace them.
        """
        folder = address.local_folder(self.url)
        if folder is None or not folder.is_dir():
            return ()
        there = Runner(folder, variables={"GIT_CONFIG_GLOBAL": os.devnull})
        own = there.run("config", "--get-all", "core.hooksPath").out.decode("utf-8", "replace").splitlines()
        # The last value is the one that we set for every command.
        hooks = own[-2] if len(own) > 1 else "hooks"
        return (f"--receive-pack=git -c {shlex.quote(f'core.hooksPath={hooks}')} receive-pack",)

    def contains(self, head: str | None, commit: str, patience: Patience) -> bool:
        """Whether `commit` is in the recent history of the branch pushed to, now at `head`. `RemoteFaultError`."""
        now = self.written(head, patience)
        if now.commit is None or now.commit == commit:
            return now.commit is not None
        self._fetch(self._written, DEEP, patience)
        return self.objects.is_ancestor(commit, now.commit)

    def keep(self, commit: str) -> None:
        """Remember that the branch pushed to is at `commit`: the next run need not fetch it."""
        self._git.run("update-ref", self._written.kept, commit)

    def replace(self) -> None:
        """Throw the clone away; the next use makes a new one. `LocalError` if it cannot be removed."""
        cache.discard(self._folder)

    def _listed(self, patience: Patience, pattern: str) -> dict[str, str]:
        return _parsed(self._afar.run("ls-remote", _REMOTE, pattern, patience=patience))

    def _fetch(self, branch: _Branch, depth: int, patience: Patience) -> None:
        output = self._git.run(
            *("fetch", f"--depth={depth}", "--no-tags", "--no-write-fetch-head", "--progress"),
            *(_REMOTE, f"+{branch.ref}:{branch.kept}"),
            patience=patience,
        )
        if not output.ok:
            raise RemoteFaultError(of_exchange(output))

    def _deepened(self, branch: _Branch, patience: Patience, depth: int) -> bool:
        """Fetch more of a branch's history; False where all of it is here."""
        if self._git.check("rev-parse", "--is-shallow-repository").strip() != b"true":
            return False
        self._fetch(branch, depth, patience)
        return True

    def _kept_commit(self, branch: _Branch) -> str | None:
        output = self._git.run("rev-parse", "--verify", "--quiet", f"{branch.kept}^{{commit}}")
        return object_id(output.out) if output.ok else None

    def _prepare(self, id_length: int) -> None:
        """Make the clone if there is none, or none to rely on."""
        kind = "sha256" if id_length == 64 else "sha1"
        if _is_sound(self._folder, kind):
            _tidy(self._folder)
            return
        cache.discard(self._folder)
        self.fresh = True
        try:
            self._folder.mkdir(mode=0o700)
            self._git.check("init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
            (self._folder / _MARKER).write_text(kind)
        except OSError as error:
            raise LocalError(f"{self._folder} cannot be made: {error.strerror}", undone="nothing was pushed") from error


def _parsed(listing: Output) -> dict[str, str]:
    if not listing.ok:
        raise RemoteFaultError(of_exchange(listing))
    pairs = (line.split("\t", 1) for line in listing.out.decode("utf-8", "replace").splitlines())
    found = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    return {ref: object_id(oid.encode()) for ref, oid in found.items()}


@contextmanager
def opened(target: Target) -> Iterator[Repository]:
    """The private clone for `target`. `UsageError` for a URL or branch that cannot be; `LocalError`."""
    url = address.absolute(target.url)
    address.protocols(url, insecure=target.insecure)
    with cache.reserved_folder(address.without_credentials(url)[0]) as folder:
        yield Repository(target, folder)


def _is_sound(folder: Path, kind: str) -> bool:
    """Whether the clone was made to the end, nobody died in the middle of a change, and it has not grown too big.

    A lock in it is a dead one: who holds the folder is us.
    """
    try:
        made = (folder / _MARKER).read_text() == kind
        locks = [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]
        packs = sum(1 for _ in (folder / "objects" / "pack").glob("*.pack"))
        # One of 256 folders tells about all of them, as git's own housekeeping assumes.
        sample = sum(1 for _ in (folder / "objects" / "17").glob("*"))
        return made and not locks and packs <= _PACKS and sample <= _LOOSE_SAMPLE
    except (OSError, UnicodeDecodeError):
        return False


def _tidy(folder: Path) -> None:
    leftovers = [
        *folder.glob("fast_import_crash_*"),
        *folder.glob("objects/pack/tmp_*"),
    ]
    for leftover in leftovers:
        with suppress(OSError):
            leftover.unlink()


def _header_secrets(config: Sequence[tuple[str, str]]) -> frozenset[str]:
    headers = [value for key, value in config if key.lower().endswith(".extraheader")]
    return frozenset(word for value in headers for word in value.split()[1:] if len(word) > 8)


__all__ = ["Base", "DamagedError", "Repository", "Target", "opened"]
