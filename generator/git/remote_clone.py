"""A private bare clone of a remote branch: query, fetch and push the branch."""

from __future__ import annotations

import hashlib
import os
import secrets as randomness
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from generator.errors import UsageError
from generator.git import clone_folder as cache
from generator.git import remote_url as address
from generator.git.branch_snapshot import HISTORY_LIMIT, BranchSnapshot
from generator.git.config import REMOTE_NAME, GitConfig
from generator.git.failure import Fault, RemoteFailure, RemoteFaultError, classify_fetch_failure
from generator.git.messages import secrets_in_url
from generator.git.object_store import ObjectStore, parse_object_id
from generator.git.repository import create_bare_repository, is_trustworthy, object_format_name, write_config
from generator.git.runner import GitResult, GitRunner, IdleBudget

_MARKER_FILE = "workloads-clone"
_MAX_PACKS, _MAX_LOOSE_SAMPLE = 60, 40
# The inventory of a large tree is mostly text: level 6 takes twice as long as level 1 and saves only 10 %.
_OWN_CONFIG = (("core.compression", "1"), ("protocol.version", "2"))
_PROTECTED_SCOPES = ("system", "global", "command")


@dataclass(frozen=True)
class PublishTarget:
    """The branch to publish to; `config` is the configuration of the user's checkout.

    `insecure` allows http and git to other machines. `request_branch` names the branch to push to instead, for a
    pull request: only workloads commits there, and it is always one commit on top of `branch`.
    """

    url: str = field(repr=False)  # like `config`, it may hold credentials
    branch: str
    create_branch: bool = False
    insecure: bool = False
    config: GitConfig = field(default_factory=GitConfig, repr=False)
    pull_request_branch: str = ""

    @property
    def push_branch(self) -> str:
        """The branch to push to: the pull request's branch, if any, or `branch`."""
        return self.pull_request_branch or self.branch


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
        self.url, push_url = target.config.fetch_url(target.url), target.config.push_url(target.url)
        self.newly_created = self._prepared = False
        self._folder = folder
        self._base_refs, self._push_refs = (
            _BranchRefs.for_branch(target.branch),
            _BranchRefs.for_branch(target.push_branch),
        )
        transport = target.config.transport_for_workloads()
        bare, credentials = address.split_credentials(self.url)
        bare_push, push_credentials = address.split_credentials(push_url)
        config = (
            *transport.config,
            *dict.fromkeys((*credentials, *push_credentials)),
            (f"remote.{REMOTE_NAME}.url", bare),
            *([(f"remote.{REMOTE_NAME}.pushurl", bare_push)] if bare_push != bare else []),
            *_OWN_CONFIG,
        )
        make_runner = partial(
            GitRunner,
            transport.folder or folder.parent,
            config=config,
            protocols=dict.fromkeys(
                name
                for url in (self.url, push_url)
                for name in address.allowed_protocols(url, insecure=target.insecure)
            ),
            secrets=secrets_in_url(self.url) | secrets_in_url(push_url) | _header_secrets(config),
            isolated=True,
        )
        protected = {"GIT_CONFIG_GLOBAL": str(_write_protected_config(folder, target.config))}
        self._git = make_runner(variables={"GIT_DIR": str(folder), **protected})
        self._git_outside_clone = make_runner(variables={"GIT_DIR": "/dev/null", **protected})
        self.objects = ObjectStore(self._git, folder)
        for name in dict.fromkeys((target.branch, target.push_branch)):
            if not is_branch_name(name):
                raise UsageError("WL1004", f"{name!r} cannot be the name of a branch")

    def base_branch_head(self, idle_budget: IdleBudget) -> str | None:
        """Return the current commit of the remote base branch; None if there is none. Raises `RemoteFaultError`."""
        return self._list_remote_refs(idle_budget, self._base_refs.remote_ref).get(self._base_refs.remote_ref)

    def push_branch_head(self, idle_budget: IdleBudget) -> str | None:
        """Return the current commit of the branch to push to; None if there is none. Raises `RemoteFaultError`."""
        return self._list_remote_refs(idle_budget, self._push_refs.remote_ref).get(self._push_refs.remote_ref)

    def list_branches(self, prefix: str, idle_budget: IdleBudget) -> list[str]:
        """Return the names of the remote's branches that start with `prefix`. Raises `RemoteFaultError`."""
        found = self._list_remote_refs(idle_budget, f"refs/heads/{prefix}*")
        return [ref.removeprefix("refs/heads/") for ref in found if ref.startswith(f"refs/heads/{prefix}")]

    def is_remote_empty(self, idle_budget: IdleBudget) -> bool:
        """Whether the remote has no branch and no tag. Raises `RemoteFaultError`.

        A web page also lists no branches, so this checks for a trace of git's protocol.
        """
        output = self._git_outside_clone.run_git(
            "ls-remote", REMOTE_NAME, idle_budget=idle_budget, variables={"GIT_TRACE_PACKET": "1"}
        )
        if output.succeeded and "< " not in output.stderr:
            raise RemoteFaultError(RemoteFailure(Fault.ACCESS, "what answers there is not git", nothing_changed=True))
        return not _parse_ref_listing(output)

    def fetch_base_branch(self, head: str | None, idle_budget: IdleBudget) -> BranchSnapshot:
        """Return the base branch at `head`, its current commit, fetched if needed. Raises `RemoteFaultError`."""
        return self._fetch_snapshot(self._base_refs, head, idle_budget)

    def fetch_current_base_branch(self, idle_budget: IdleBudget) -> BranchSnapshot:
        """Look up the base branch and return it, fetched if needed. Raises `RemoteFaultError`."""
        return self.fetch_base_branch(self.base_branch_head(idle_budget), idle_budget)

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
        return BranchSnapshot(self.objects, self._last_fetched_commit(branch), deepen)

    def push(self, commit: str, lease: str | None, idle_budget: IdleBudget) -> GitResult:
        """Push `commit` if the branch is still at `lease` (None: does not exist); return the result of git."""
        ref = self._push_refs.remote_ref
        return self._git.run_git(
            *("push", "--porcelain", "--no-verify", "--progress", f"--force-with-lease={ref}:{lease or ''}"),
            *(REMOTE_NAME, f"{commit}:{ref}"),
            idle_budget=idle_budget,
        )

    def push_branch_contains(self, head: str | None, commit: str, idle_budget: IdleBudget) -> bool:
        """Whether the branch to push to, now at `head`, recently included `commit`. Raises `RemoteFaultError`."""
        now = self.fetch_push_branch(head, idle_budget)
        if now.commit is None or now.commit == commit:
            return now.commit is not None
        self._fetch_branch(self._push_refs, HISTORY_LIMIT, idle_budget)
        return self.objects.is_ancestor(commit, now.commit)

    def remember_push(self, commit: str) -> None:
        """Record that the branch to push to is at `commit`, so that the next run need not fetch it."""
        place = self._folder / self._push_refs.clone_ref
        temporary = place.with_name(f"new-{randomness.token_hex(8)}")
        with suppress(OSError):  # then the next run fetches it
            place.parent.mkdir(exist_ok=True)
            temporary.write_text(f"{commit}\n")
            temporary.replace(place)

    def discard_clone(self) -> None:
        """Discard the clone; the next use creates a new one. Raises `LocalError` if it cannot be removed."""
        self.objects.close()
        cache.discard_folder(self._folder)

    def _list_remote_refs(self, idle_budget: IdleBudget, pattern: str) -> dict[str, str]:
        return _parse_ref_listing(
            self._git_outside_clone.run_git("ls-remote", REMOTE_NAME, pattern, idle_budget=idle_budget)
        )

    def _fetch_branch(self, branch: _BranchRefs, depth: int, idle_budget: IdleBudget) -> None:
        output = self._git.run_git(
            *("fetch", f"--depth={depth}", "--no-tags", "--no-write-fetch-head", "--progress"),
            *(REMOTE_NAME, f"+{branch.remote_ref}:{branch.clone_ref}"),
            idle_budget=idle_budget,
        )
        if not output.succeeded:
            raise RemoteFaultError(classify_fetch_failure(output))

    def _deepen_history(self, branch: _BranchRefs, idle_budget: IdleBudget, depth: int) -> bool:
        """Fetch more of a branch's history; return False if the clone already has all of it."""
        if not (self._folder / "shallow").exists():
            return False
        self._fetch_branch(branch, depth, idle_budget)
        self.objects.close()  # its process would not see that the history goes further back now
        return True

    def _last_fetched_commit(self, branch: _BranchRefs) -> str | None:
        return self.objects.resolve_commit(branch.clone_ref)

    def _ensure_clone(self, id_length: int) -> None:
        """Create the clone if there is none or it is not usable."""
        kind = object_format_name(id_length)
        if self._prepared and self._folder.exists():
            return
        if not _is_usable_clone(self._folder, kind):
            self.discard_clone()
            self.newly_created = True
            create_bare_repository(self._folder, kind)
            (self._folder / _MARKER_FILE).write_text(kind)
        self._prepared = True


def _parse_ref_listing(listing: GitResult) -> dict[str, str]:
    if not listing.succeeded:
        raise RemoteFaultError(classify_fetch_failure(listing))
    pairs = (line.split("\t", 1) for line in listing.stdout.decode("utf-8", "replace").splitlines())
    found = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    return {ref: parse_object_id(oid.encode()) for ref, oid in found.items()}


@contextmanager
def open_clone(target: PublishTarget) -> Iterator[RemoteClone]:
    """Yield the private clone for `target`. Raises `UsageError` for an invalid URL or branch, and `LocalError`."""
    url = target.config.fetch_url(target.url)
    address.allowed_protocols(url, insecure=target.insecure)
    with cache.reserve_clone_folder(address.split_credentials(url)[0]) as folder:
        clone = RemoteClone(target, folder)
        try:
            yield clone
        finally:
            clone.objects.close()


def is_branch_name(name: str) -> bool:
    """Whether git accepts `name` for a branch, by the rules of `git check-ref-format --branch`."""
    parts = name.split("/")
    wrong = any(not part or part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
    forbidden = any(c in " ~^:?*[\\" or unicodedata.category(c) in ("Cc", "Cs") for c in name)
    return not (wrong or forbidden or name.startswith("-") or ".." in name or "@{" in name or name in ("@", "HEAD"))


def _write_protected_config(folder: Path, config: GitConfig) -> str:
    """Write the user's `safe.directory` to a file: git takes it from no other place for a remote on this machine."""
    trusted = [value for scope, key, value in config.settings if key == "safe.directory" and scope in _PROTECTED_SCOPES]
    if not trusted:
        return os.devnull
    place = folder.with_name(f"{folder.name}.gitconfig")
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for value in trusted)
    temporary = place.with_name(f"{place.name}-{randomness.token_hex(8)}")
    temporary.write_text(
        "[safe]\n" + "".join(f'\tdirectory = "{value}"\n' for value in quoted), errors="surrogateescape"
    )
    temporary.replace(place)
    return str(place)


def _is_usable_clone(folder: Path, kind: str) -> bool:
    """Renew the clone's configuration; return whether it is complete, this user's, without locks, and not too large.

    Any lock in it is stale, because this process has reserved the folder.
    """
    try:
        if not is_trustworthy(folder, {_MARKER_FILE}) or (folder / _MARKER_FILE).read_text() != kind:
            return False
        locks = [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")]
        packs = sum(1 for _ in (folder / "objects" / "pack").glob("*.pack"))
        # Sample one of the 256 object folders, as git's own `gc --auto` does.
        sample = sum(1 for _ in (folder / "objects" / "17").glob("*"))
        if locks or packs > _MAX_PACKS or sample > _MAX_LOOSE_SAMPLE:
            return False
        write_config(folder, kind)
        _remove_crash_leftovers(folder)
    except (OSError, UnicodeDecodeError):
        return False
    return True


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
