"""A private bare clone of a remote branch: query, fetch and push the branch."""

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
from generator.git import clone_folder as cache
from generator.git import remote_url as address
from generator.git.branch_snapshot import HISTORY_LIMIT, BranchSnapshot
from generator.git.failure import Fault, RemoteFailure, RemoteFaultError, classify_fetch_failure
from generator.git.messages import secrets_in_url
from generator.git.object_store import DamagedCloneError, ObjectStore, parse_object_id
from generator.git.runner import GitResult, GitRunner, IdleBudget

_REMOTE = "workloads-target"
_MARKER_FILE = "workloads-clone"
_MAX_PACKS, _MAX_LOOSE_SAMPLE = 60, 40
# The inventory of a large tree is mostly text: level 6 takes twice as long as level 1 and saves only 10 %.
_FAST_COMPRESSION = ("core.compression", "1")


@dataclass(frozen=True)
class PublishTarget:
    """The branch to publish to. `config` is how the user's checkout connects (`GitConfig.transport_config`).

    `insecure` allows http and git to other machines. `request_branch` names the branch to push to instead, for a
    pull request: only workloads commits there, and it is always one commit on top of `branch`.
    """

    url: str = field(repr=False)  # like `config`, it may hold credentials
    branch: str
    create_branch: bool = False
    insecure: bool = False
    config: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    request_branch: str = ""

    @property
    def push_branch(self) -> str:
        """The branch to push to: the pull request's branch, if any, or `branch`."""
        return self.request_branch or self.branch


class _BranchRefs(NamedTuple):
    """The ref of a branch on the remote, and the ref of its last fetched commit in the clone."""

    remote_ref: str
    clone_ref: str

    @classmethod
    def for_branch(cls, name: str) -> _BranchRefs:
        return cls(f"refs/heads/{name}", f"refs/workloads/{hashlib.sha256(name.encode()).hexdigest()}")


class RemoteClone:
    """A remote branch and its private clone, whose folder this process has reserved."""

    def __init__(self, target: PublishTarget, folder: Path) -> None:
        self.url = address.absolute_url(target.url)
        self.newly_created = False
        self._folder = folder
        self._base_refs, self._push_refs = (
            _BranchRefs.for_branch(target.branch),
            _BranchRefs.for_branch(target.push_branch),
        )
        bare, credentials = address.split_credentials(self.url)
        config = (*target.config, *credentials, (f"remote.{_REMOTE}.url", bare), _FAST_COMPRESSION)
        protocols = address.allowed_protocols(self.url, insecure=target.insecure)
        secrets = secrets_in_url(self.url) | _header_secrets(config)
        # Relative to the folder: a git process left over from an earlier run must not write into a new clone.
        self._git = GitRunner(folder, config=config, protocols=protocols, secrets=secrets, variables={"GIT_DIR": "."})
        self._git_outside_clone = GitRunner(
            folder.parent, config=config, protocols=protocols, secrets=secrets, variables={"GIT_DIR": "/dev/null"}
        )
        self.objects = ObjectStore(self._git, folder)
        for name in dict.fromkeys((target.branch, target.push_branch)):
            if not self._git_outside_clone.run_git(
                "check-ref-format", _BranchRefs.for_branch(name).remote_ref
            ).succeeded:
                raise UsageError(f"{name!r} cannot be the name of a branch")

    def base_branch_head(self, idle_budget: IdleBudget) -> str | None:
        """Return the current commit of the remote base branch; None if there is none. Raises `RemoteFaultError`."""
        return self._list_remote_refs(idle_budget, self._base_refs.remote_ref).get(self._base_refs.remote_ref)

    def push_branch_head(self, idle_budget: IdleBudget) -> str | None:
        """Return the current commit of the branch to push to; None if there is none. Raises `RemoteFaultError`."""
        return self._list_remote_refs(idle_budget, self._push_refs.remote_ref).get(self._push_refs.remote_ref)

    def is_remote_empty(self, idle_budget: IdleBudget) -> bool:
        """Whether the remote has no branch and no tag. Raises `RemoteFaultError`.

        A web page also lists no branches, so this checks for a trace of git's protocol.
        """
        output = self._git_outside_clone.run_git(
            "ls-remote", _REMOTE, idle_budget=idle_budget, variables={"GIT_TRACE_PACKET": "1"}
        )
        if output.succeeded and "< " not in output.stderr:
            raise RemoteFaultError(RemoteFailure(Fault.ACCESS, "what answers there is not git", nothing_changed=True))
        return not _parse_ref_listing(output)

    def fetch_base_branch(self, head: str | None, idle_budget: IdleBudget) -> BranchSnapshot:
        """Return the base branch at `head`, its current commit, fetched if needed. Raises `RemoteFaultError`."""
        return self._fetch_snapshot(self._base_refs, head, idle_budget)

    def fetch_push_branch(self, head: str | None, idle_budget: IdleBudget) -> BranchSnapshot:
        """Return the branch to push to at `head`, its current commit, fetched if needed. Raises `RemoteFaultError`."""
        return self._fetch_snapshot(self._push_refs, head, idle_budget)

    def fetch_current_push_branch(self, idle_budget: IdleBudget) -> BranchSnapshot:
        """Look up the branch to push to and return it, fetched if needed. Raises `RemoteFaultError`."""
        return self.fetch_push_branch(self.push_branch_head(idle_budget), idle_budget)

    def _fetch_snapshot(self, branch: _BranchRefs, head: str | None, idle_budget: IdleBudget) -> BranchSnapshot:
        self._ensure_clone(len(head) if head else 40)
        deepen = partial(self._deepen_history, branch, idle_budget)
        if head is None or self._last_fetched_commit(branch) == head:
            return BranchSnapshot(self.objects, head, deepen)
        try:
            self._fetch_branch(branch, 1, idle_budget)
        except RemoteFaultError as fault:
            # The remote has just answered, so the clone itself may be broken.
            if self.newly_created or fault.failure.fault is not Fault.TRANSIENT:
                raise
            self.discard_clone()
            self._ensure_clone(len(head))
            self._fetch_branch(branch, 1, idle_budget)
        commit = self._git.check_output("rev-parse", "--verify", f"{branch.clone_ref}^{{commit}}")
        return BranchSnapshot(self.objects, parse_object_id(commit), deepen)

    def push(self, commit: str, lease: str | None, idle_budget: IdleBudget) -> GitResult:
        """Push `commit` if the branch is still at `lease` (None: does not exist); return the result of git."""
        ref = self._push_refs.remote_ref
        return self._git.run_git(
            *("push", "--porcelain", "--no-verify", "--progress", f"--force-with-lease={ref}:{lease or ''}"),
            *(*self._receive_pack_option(), _REMOTE, f"{commit}:{ref}"),
            idle_budget=idle_budget,
        )

    def _receive_pack_option(self) -> tuple[str, ...]:
        """Return the option for `git push` that runs a local remote's own hooks; empty for a network remote.

        The remote's hooks must run; the user's own `core.hooksPath` must not replace them.
        """
        folder = address.local_remote_folder(self.url)
        if folder is None or not folder.is_dir():
            return ()
        there = GitRunner(folder, variables={"GIT_CONFIG_GLOBAL": os.devnull, "GIT_DIR": "."})
        own = there.run_git("config", "--get-all", "core.hooksPath").stdout.decode("utf-8", "replace").splitlines()
        # The last value is the one that this tool sets for every command.
        hooks = own[-2] if len(own) > 1 else "hooks"
        return (f"--receive-pack=git -c {shlex.quote(f'core.hooksPath={hooks}')} receive-pack",)

    def push_branch_contains(self, head: str | None, commit: str, idle_budget: IdleBudget) -> bool:
        """Whether the branch to push to, now at `head`, recently included `commit`. Raises `RemoteFaultError`."""
        now = self.fetch_push_branch(head, idle_budget)
        if now.commit is None or now.commit == commit:
            return now.commit is not None
        self._fetch_branch(self._push_refs, HISTORY_LIMIT, idle_budget)
        return self.objects.is_ancestor(commit, now.commit)

    def remember_push(self, commit: str) -> None:
        """Record that the branch to push to is at `commit`, so that the next run need not fetch it."""
        self._git.run_git("update-ref", self._push_refs.clone_ref, commit)

    def discard_clone(self) -> None:
        """Discard the clone; the next use creates a new one. Raises `LocalError` if it cannot be removed."""
        cache.discard_folder(self._folder)

    def _list_remote_refs(self, idle_budget: IdleBudget, pattern: str) -> dict[str, str]:
        return _parse_ref_listing(
            self._git_outside_clone.run_git("ls-remote", _REMOTE, pattern, idle_budget=idle_budget)
        )

    def _fetch_branch(self, branch: _BranchRefs, depth: int, idle_budget: IdleBudget) -> None:
        output = self._git.run_git(
            *("fetch", f"--depth={depth}", "--no-tags", "--no-write-fetch-head", "--progress"),
            *(_REMOTE, f"+{branch.remote_ref}:{branch.clone_ref}"),
            idle_budget=idle_budget,
        )
        if not output.succeeded:
            raise RemoteFaultError(classify_fetch_failure(output))

    def _deepen_history(self, branch: _BranchRefs, idle_budget: IdleBudget, depth: int) -> bool:
        """Fetch more of a branch's history; return False if the clone already has all of it."""
        if self._git.check_output("rev-parse", "--is-shallow-repository").strip() != b"true":
            return False
        self._fetch_branch(branch, depth, idle_budget)
        return True

    def _last_fetched_commit(self, branch: _BranchRefs) -> str | None:
        output = self._git.run_git("rev-parse", "--verify", "--quiet", f"{branch.clone_ref}^{{commit}}")
        return parse_object_id(output.stdout) if output.succeeded else None

    def _ensure_clone(self, id_length: int) -> None:
        """Create the clone if there is none or it is not usable."""
        kind = "sha256" if id_length == 64 else "sha1"
        if _is_usable_clone(self._folder, kind):
            _remove_crash_leftovers(self._folder)
            return
        cache.discard_folder(self._folder)
        self.newly_created = True
        try:
            self._folder.mkdir(mode=0o700)
            self._git.check_output("init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
            (self._folder / _MARKER_FILE).write_text(kind)
        except OSError as error:
            raise LocalError(
                f"{self._folder} cannot be made: {error.strerror}", not_done="nothing was pushed"
            ) from error


def _parse_ref_listing(listing: GitResult) -> dict[str, str]:
    if not listing.succeeded:
        raise RemoteFaultError(classify_fetch_failure(listing))
    pairs = (line.split("\t", 1) for line in listing.stdout.decode("utf-8", "replace").splitlines())
    found = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    return {ref: parse_object_id(oid.encode()) for ref, oid in found.items()}


@contextmanager
def open_clone(target: PublishTarget) -> Iterator[RemoteClone]:
    """Yield the private clone for `target`. Raises `UsageError` for an invalid URL or branch, and `LocalError`."""
    url = address.absolute_url(target.url)
    address.allowed_protocols(url, insecure=target.insecure)
    with cache.reserve_clone_folder(address.split_credentials(url)[0]) as folder:
        yield RemoteClone(target, folder)


def _is_usable_clone(folder: Path, object_format: str) -> bool:
    """Whether the clone is complete, has no leftover locks, and is not too large.

    Any lock in it is stale, because this process has reserved the folder.
    """
    try:
        made = (folder / _MARKER_FILE).read_text() == object_format
        locks = [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]
        packs = sum(1 for _ in (folder / "objects" / "pack").glob("*.pack"))
        # Sample one of the 256 object folders, as git's own `gc --auto` does.
        sample = sum(1 for _ in (folder / "objects" / "17").glob("*"))
        return made and not locks and packs <= _MAX_PACKS and sample <= _MAX_LOOSE_SAMPLE
    except (OSError, UnicodeDecodeError):
        return False


def _remove_crash_leftovers(folder: Path) -> None:
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


__all__ = ["BranchSnapshot", "DamagedCloneError", "PublishTarget", "RemoteClone", "open_clone"]
