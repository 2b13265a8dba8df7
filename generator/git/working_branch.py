"""Describe the branch that is checked out: its upstream, the remotes, and whether there are uncommitted changes.

This is the only module that uses GitPython, for what GitPython reads without starting git. Only `workloads doctor`
loads it: importing GitPython takes longer than a small command and starts `git version`.
"""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

# GitPython raises at import if git is missing, which is reported better where git is first needed.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import git

from generator.errors import LocalError
from generator.git import environment
from generator.git.messages import git_message, redact


@dataclass(frozen=True)
class WorkingBranch:
    """What a checkout is on. `branch` is None if HEAD is detached, `upstream` if the branch tracks no other.

    Untracked files do not count as changes.
    """

    branch: str | None
    upstream: str | None
    remotes: tuple[str, ...]
    has_changes: bool


def read_working_branch(top: Path) -> WorkingBranch:
    """Read the state of the checkout at `top`. Raises `LocalError` if GitPython or git cannot read it."""
    try:
        # With a path and without a search: `Repo()` alone obeys GIT_DIR, which is about another checkout.
        with git.Repo(top, expand_vars=False) as repo:
            return _describe(repo)
    except (git.GitError, configparser.Error, OSError, TypeError, ValueError) as error:
        raise LocalError("WL6003", f"{top} cannot be read: {_message(error)}", remedy="run git status there") from error


def _describe(repo: git.Repo) -> WorkingBranch:
    _isolate(repo)
    # `active_branch` raises if HEAD is detached.
    branch = None if repo.head.is_detached else repo.active_branch
    upstream = branch.tracking_branch() if branch else None
    return WorkingBranch(
        branch.name if branch else None,
        upstream.name if upstream else None,
        tuple(remote.name for remote in repo.remotes),
        repo.is_dirty(submodules=False),
    )


def _isolate(repo: git.Repo) -> None:
    """Give the git that `repo` starts the project's own variables: GitPython passes on the whole environment."""
    settings = environment.git_environment((*environment.read_config_variables(), *environment.FIXED_CONFIG), ())
    places = {"GIT_DIR": repo.git_dir, "GIT_COMMON_DIR": repo.common_dir, "GIT_WORK_TREE": repo.working_dir}
    places |= {"GIT_INDEX_FILE": repo.index.path, "GIT_OBJECT_DIRECTORY": f"{repo.common_dir}/objects"}
    repo.git.update_environment(**settings, **{name: str(Path(place).absolute()) for name, place in places.items()})


def _message(error: Exception) -> str:
    if isinstance(error, git.GitCommandError):
        return git_message(redact(str(error.stderr))) or f"git ended with {error.status}"
    if isinstance(error, git.InvalidGitRepositoryError):
        return "GitPython finds no repository there (GIT_OBJECT_DIRECTORY and GIT_COMMON_DIR must not be set)"
    return redact(str(error))
