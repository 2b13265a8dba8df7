"""Move the user's checkout to a commit that was just pushed, if nothing of the user's can be lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from generator.errors import GeneratorError
from generator.git.checkout import Checkout
from generator.git.commit_plan import blob_id
from generator.git.remote_url import allowed_protocols
from generator.git.runner import GitRunner, IdleBudget


class _ChangedFile(NamedTuple):
    path: str
    mode: str
    before: str
    after: str


def fast_forward_checkout(checkout: Checkout, branch: str, commit: str) -> bool:
    """Fast-forward the checked-out `branch` to `commit` of `origin`; False if that is not possible.

    A file with the content that it has in `commit` counts as unedited. With any other edit of a file that changes,
    staged or not, local commits, a merge in progress or another process at work, nothing is changed.
    """
    try:
        return _fast_forward(checkout, branch, commit)
    except (GeneratorError, OSError):
        return False


def _fast_forward(checkout: Checkout, branch: str, commit: str) -> bool:
    head, index = checkout.head_commit(), checkout.git_dir / "index"
    # A partial clone may lack the content of a file that has to be written.
    busy = (checkout.git_dir / "MERGE_HEAD").exists() or checkout.is_partial()
    if head is None or busy or checkout.current_branch() != branch:
        return False
    git = GitRunner(
        checkout.top, protocols=allowed_protocols(checkout.git_config.fetch_url(checkout.origin_url() or ""))
    )
    if not (_fetch_branch(git, branch) and checkout.is_ancestor(head, commit)):
        return False
    lock = index.with_name("index.lock")  # Git's own lock: no other command changes the index meanwhile.
    try:
        with lock.open("xb") as copy, index.open("rb") as current:
            shutil.copyfileobj(current, copy)
    except OSError:
        return False
    try:
        return _move_to_commit(git, checkout, branch, (head, commit), lock)
    finally:
        lock.unlink(missing_ok=True)


def _fetch_branch(git: GitRunner, branch: str) -> bool:
    refspec = f"+refs/heads/{branch}:refs/remotes/origin/{branch}"
    arguments = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--progress", "origin", refspec)
    return git.run_git(*arguments, idle_budget=IdleBudget()).succeeded


def _move_to_commit(git: GitRunner, checkout: Checkout, branch: str, move: tuple[str, str], lock: Path) -> bool:
    """Move the files, the branch and then the index, which is prepared in `lock`, from one commit to the other."""
    variables = {"GIT_INDEX_FILE": str(lock.absolute())}
    head, commit = move
    changed = _list_changed_files(git, move)
    if _has_filters(git, changed):
        return False
    equal = _list_equal_files(git, checkout, changed)
    if equal:
        git.check_output("update-index", "-z", "--index-info", stdin=equal, variables=variables)
    # Files with another time, and the same content, count as unedited.
    git.run_git("update-index", "-q", "--refresh", variables=variables)
    if not git.run_git("read-tree", "-m", "-u", head, commit, variables=variables).succeeded:
        return False
    reason = "workloads publish: fast-forward"
    if not git.run_git("update-ref", "-m", reason, f"refs/heads/{branch}", commit, head).succeeded:
        git.run_git("read-tree", "-m", "-u", commit, head, variables=variables)
        return False
    lock.replace(lock.with_name("index"))
    return True


def _list_changed_files(git: GitRunner, move: tuple[str, str]) -> list[_ChangedFile]:
    listed = os.fsdecode(git.check_output("diff-tree", "-r", "-z", "--no-renames", *move)).split("\0")
    pairs = ((meta.split(" "), path) for meta, path in zip(listed[::2], listed[1::2], strict=False))
    return [_ChangedFile(path, meta[1], meta[2], meta[3]) for meta, path in pairs]


def _has_filters(git: GitRunner, changed: Sequence[_ChangedFile]) -> bool:
    """Whether Git would start a filter to write one of the files, or may once their attributes have changed."""
    paths = [file.path for file in changed]
    found = git.check_output("check-attr", "-z", "--stdin", "filter", stdin=os.fsencode("\0".join(paths)))
    values = found.split(b"\0")[2::3]
    return any(path.endswith(".gitattributes") for path in paths) or bool({*values} - {b"unspecified", b"unset"})


def _list_equal_files(git: GitRunner, checkout: Checkout, changed: Sequence[_ChangedFile]) -> bytes:
    """List index entries for the files that already are what they are in the new commit, and that nobody staged."""
    index = _read_index(git)
    return os.fsencode(
        "".join(
            f"{file.mode} {file.after} 0\t{file.path}\0"
            for file in changed
            if index.get(file.path, "0" * len(file.before)) == file.before and _is_equal(checkout.top / file.path, file)
        )
    )


def _is_equal(path: Path, file: _ChangedFile) -> bool:
    regular = file.mode.startswith("100") and path.is_file() and not path.is_symlink()
    return regular and blob_id(path.read_bytes(), len(file.after)) == file.after


def _read_index(git: GitRunner) -> dict[str, str]:
    """Return the object ID of each file in the index."""
    entries = (
        line.partition("\t") for line in os.fsdecode(git.check_output("ls-files", "-s", "-z")).split("\0") if line
    )
    return {path: meta.split(" ")[1] for meta, _, path in entries}
