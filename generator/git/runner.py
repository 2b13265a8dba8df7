"""Run git commands. This is the only module that starts git itself.

Every command that reads or publishes starts git here, with `subprocess` and not with GitPython, which passes the whole
environment on, ends a child with SIGKILL only, starts `git version` when it is imported, and reads no SHA-256 or
reftable repository. GitPython describes the checkout for `workloads doctor` (`working_branch.py`), and in the tests it
reads back what was published.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from generator.errors import LocalError
from generator.git import environment
from generator.git.messages import git_message, redact
from generator.git.sigterm import raise_on_sigterm

_LOGGER = logging.getLogger(__name__)

MINIMUM_GIT_VERSION = (2, 34)
_MINIMUM_VERSION_TEXT = ".".join(map(str, MINIMUM_GIT_VERSION))
_REMEDY = f"install git {_MINIMUM_VERSION_TEXT} or newer and put it on PATH"
_GRACE = 10.0
_MAX_STDERR = 256 * 1024
_NO_USER_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
_POLL_INTERVAL = 0.25
# git shows a speed in KiB/s or more only above the limit that also ends a slow HTTP transfer.
_TRANSFER_PROGRESS = re.compile(rb"[KMG]iB/s|(?:objects|deltas): +\d+%")


@dataclass(frozen=True)
class GitResult:
    """The result of a git command. `stderr` is redacted; `timed_out` means that the runner ended the command."""

    exit_code: int
    stdout: bytes
    stderr: str
    timed_out: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether git ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.timed_out


class IdleBudget:
    """The total time that a remote may be idle, shared by all commands that use this object.

    Unlike git's low-speed limit for HTTP, this also covers connecting, `git://` and `ssh://`.
    """

    def __init__(self, seconds: float = 31.0) -> None:
        self.seconds_left = seconds

    def record_idle_time(self, idle_seconds: float) -> None:
        """Subtract an idle time from the total; the first second of each is free."""
        self.seconds_left = max(0.0, self.seconds_left - max(0.0, idle_seconds - 1.0))


class GitRunner:
    """Runs git in `folder`, with `config` added to the user's configuration, over `protocols` only.

    `isolated` hides the user's configuration, of every scope: then `config` is all that applies. `secrets` are masked
    in all error output, as is everything that looks like a credential.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: Sequence[tuple[str, str]] = (),
        protocols: Iterable[str] = (),
        variables: Mapping[str, str] | None = None,
        removed_variables: Iterable[str] = (),
        secrets: Iterable[str] = (),
        isolated: bool = False,
    ) -> None:
        self._folder = folder
        self._config = tuple(config)
        self._protocols = tuple(protocols)
        self._variables = {**(_NO_USER_CONFIG if isolated else {}), **(variables or {})}
        self._secrets = frozenset(secrets)
        self._removed_variables = tuple(removed_variables)
        self._isolated = isolated

    def run_git(
        self,
        *args: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        config: Sequence[tuple[str, str]] = (),
        deadline: float = 600.0,
        idle_budget: IdleBudget | None = None,
    ) -> GitResult:
        """Run `git *args` and return its result, even if it fails. Raises `LocalError` if git is missing or too old."""
        settings = self._environment(variables, (*self._config, *config, *environment.FIXED_CONFIG))
        _LOGGER.debug("%s", redact(f"git {shlex.join(args)}  (in {self._folder})", self._secrets))
        with raise_on_sigterm():
            process = _start_git(_git_executable(), args, self._folder, settings, with_stdin=bool(stdin))
            try:
                out, err, timed_out = _communicate(process, stdin, time.monotonic() + deadline, idle_budget)
            finally:
                _terminate_process_group(process)
        return GitResult(process.returncode, out, self._decode_errors(err), timed_out)

    def check_output(self, *args: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run a git command and return its output. Raises `LocalError` with git's message if it fails."""
        output = self.run_git(*args, stdin=stdin, variables=variables)
        if not output.succeeded:
            raise LocalError(
                "WL6003", f"git {args[0]} failed in {self._folder}: {git_message(output.stderr) or output.exit_code}"
            )
        return output.stdout

    def list_config(self) -> GitResult:
        """List the configuration that applies in the folder, without the settings of this module.

        Outside of a checkout, no repository's: a folder that only looks like one could hold a hostile configuration.
        """
        none = {} if os.path.lexists(self._folder / ".git") else {"GIT_DIR": os.devnull}
        args = ("config", "--list", "--includes", "--show-scope", "-z")
        process = _start_git(_git_executable(), args, self._folder, self._environment(none, ()), with_stdin=False)
        try:
            out, err, timed_out = _communicate(process, b"", time.monotonic() + 60, None)
        finally:
            _terminate_process_group(process)
        return GitResult(process.returncode, out, self._decode_errors(err), timed_out)

    def start_object_process(self, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start `git cat-file --batch`, which ends when its input is closed."""
        settings = self._environment(None, (*self._config, *environment.FIXED_CONFIG))
        args = ("cat-file", "--batch")
        return _start_git(_git_executable(), args, self._folder, settings, with_stdin=True, stderr=stderr)

    def _environment(self, variables: Mapping[str, str] | None, config: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        own = () if self._isolated else environment.read_config_variables()
        return environment.git_environment(
            (*own, *config), self._protocols, {**self._variables, **(variables or {})}, self._removed_variables
        )

    def _decode_errors(self, stderr: bytes) -> str:
        if len(stderr) > _MAX_STDERR:
            stderr = stderr[: _MAX_STDERR // 2] + b"\n" + stderr[-_MAX_STDERR // 2 :]
        return redact(stderr.decode("utf-8", "replace"), self._secrets)


def _git_executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise LocalError(
            "WL6002",
            f"git is not installed, or not executable: {_MINIMUM_VERSION_TEXT} or newer is needed",
            remedy=_REMEDY,
        )
    executable = os.path.abspath(found)
    _require_git_version(executable)
    return executable


@functools.cache
def _require_git_version(executable: str) -> None:
    settings = environment.git_environment((), (), _NO_USER_CONFIG)
    process = _start_git(executable, ["version"], Path("/"), settings, with_stdin=False)
    try:
        out, err, _ = _communicate(process, b"", time.monotonic() + 30, None)
    finally:
        _terminate_process_group(process)
    # Search instead of match: some wrappers print other text first.
    found = re.search(rb"git version (\d+)\.(\d+)", out)
    if found is None:
        said = git_message((err or out).decode("utf-8", "replace"))
        raise LocalError(
            "WL6002", f"{executable} is not a working git ({_MINIMUM_VERSION_TEXT} is needed): {said}", remedy=_REMEDY
        )
    if (int(found[1]), int(found[2])) < MINIMUM_GIT_VERSION:
        have = f"{int(found[1])}.{int(found[2])}"
        raise LocalError(
            "WL6002", f"{executable} is git {have}; {_MINIMUM_VERSION_TEXT} or newer is needed", remedy=_REMEDY
        )


def _start_git(
    executable: str,
    args: Sequence[str],
    folder: Path,
    settings: Mapping[str, str],
    *,
    with_stdin: bool,
    stderr: IO[bytes] | int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a git process in a session of its own, so that it can be ended with everything that it started."""
    try:
        return subprocess.Popen(  # noqa: S603 - the only program is git, and no shell reads the arguments
            [executable, "-C", str(folder), *args],
            stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=settings,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise LocalError(
            "WL6002", f"{executable} cannot be started ({_MINIMUM_VERSION_TEXT} is needed): {error}", remedy=_REMEDY
        ) from error


def _communicate(
    process: subprocess.Popen[bytes], stdin: bytes, deadline: float, idle_budget: IdleBudget | None
) -> tuple[bytes, bytes, bool]:
    """Write input and read output until git ends or time runs out; return output, errors and whether it timed out."""
    quiet_since, seen, last_look = time.monotonic(), 0, False
    if stdin:
        _start_stdin_writer(process, stdin)
    while True:
        try:
            out, err = process.communicate(timeout=_POLL_INTERVAL)
            break
        except subprocess.TimeoutExpired as tick:
            out, err, now = tick.output or b"", tick.stderr or b"", time.monotonic()
        if last_look:
            break
        # A daemon that git left behind (an SSH master, a credential cache) may keep the pipes open forever.
        last_look = process.poll() is not None
        if _TRANSFER_PROGRESS.search(err, seen):
            quiet_since = now
        seen = len(err)
        if now > deadline or (idle_budget is not None and now - quiet_since > idle_budget.seconds_left):
            return out, err, True
    if idle_budget is not None:
        idle_budget.record_idle_time(time.monotonic() - quiet_since)
    return out, err, False


def _start_stdin_writer(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write git's input in a thread: `communicate` loses the unwritten rest of it after a timeout."""
    pipe, process.stdin = process.stdin, None
    if pipe is not None:
        threading.Thread(target=_write_stdin, args=(pipe, data), daemon=True).start()


def _write_stdin(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError):  # git may end without reading all of its input.
        pipe.write(data)
    with suppress(OSError):
        pipe.close()


def _terminate_process_group(process: subprocess.Popen[bytes]) -> None:
    """End the process group, with SIGTERM and then SIGKILL; a command that has already ended is left alone."""
    try:
        if process.poll() is None:
            _signal_process_group(process, signal.SIGTERM)
            _wait_for_process_group(process)
            _signal_process_group(process, signal.SIGKILL)
    finally:
        if process.poll() is None:  # the user interrupted the wait above
            _signal_process_group(process, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _wait_for_process_group(process: subprocess.Popen[bytes]) -> None:
    """Wait up to the grace period for git to end, then briefly for the processes that it started."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    until = time.monotonic() + _GRACE / 10
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.02)


def _signal_process_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
