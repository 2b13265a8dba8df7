"""Run git commands. This is the only module that starts git."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from generator.errors import LocalError
from generator.git import environment
from generator.git.messages import git_message, redact
from generator.git.sigterm import raise_on_sigterm

MINIMUM_GIT_VERSION = (2, 34)
_MINIMUM_VERSION_TEXT = ".".join(map(str, MINIMUM_GIT_VERSION))
_REMEDY = f"install git {_MINIMUM_VERSION_TEXT} or newer and put it on PATH"
_GRACE = 10.0
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
        return self.exit_code == 0 and not self.timed_out


class IdleBudget:
    """The total time that a remote may be idle, shared by all commands that use this object.

    Unlike git's low-speed limit for HTTP, this also covers connecting, `git://` and `ssh://`.
    """

    def __init__(self, seconds: float = 31.0) -> None:
        self.seconds_left = seconds

    def record_idle_time(self, idle_seconds: float) -> None:
        self.seconds_left = max(0.0, self.seconds_left - max(0.0, idle_seconds - 1.0))


class GitRunner:
    """Runs git in `folder`, with `config` added to the user's configuration, over `protocols` only.

    `secrets` are masked in all error output, as is everything that looks like a credential.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: Sequence[tuple[str, str]] = (),
        protocols: Iterable[str] = (),
        variables: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self._folder = folder
        self._config = tuple(config)
        self._protocols = tuple(protocols)
        self._variables = dict(variables or {})
        self._secrets = frozenset(secrets)

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
        more = {**self._variables, **(variables or {})}
        settings = environment.git_variables((*self._config, *config), self._protocols, more)
        with raise_on_sigterm():
            process = _start_git(_git_executable(), args, self._folder, settings, with_stdin=bool(stdin))
            try:
                out, err, timed_out = _communicate(process, stdin, time.monotonic() + deadline, idle_budget)
            finally:
                _terminate_process_group(process)
        text = redact(err.decode("utf-8", "replace"), self._secrets)
        return GitResult(process.returncode, out, text, timed_out)

    def check_output(self, *args: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run a command that must succeed and return its output. Raises `LocalError` with git's message if it fails."""
        output = self.run_git(*args, stdin=stdin, variables=variables)
        if not output.succeeded:
            raise LocalError(
                f"git {args[0]} failed in {self._folder}: {git_message(output.stderr) or output.exit_code}"
            )
        return output.stdout


def _git_executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise LocalError(
            f"git is not installed, or not executable: {_MINIMUM_VERSION_TEXT} or newer is needed", remedy=_REMEDY
        )
    executable = os.path.abspath(found)
    _require_git_version(executable)
    return executable


@functools.cache
def _require_git_version(executable: str) -> None:
    process = _start_git(executable, ["version"], Path("/"), environment.git_variables((), ()), with_stdin=False)
    try:
        out, err, _ = _communicate(process, b"", time.monotonic() + 30, None)
    finally:
        _terminate_process_group(process)
    # Search instead of match: some wrappers print other text first.
    found = re.search(rb"git version (\d+)\.(\d+)", out)
    if found is None:
        said = git_message((err or out).decode("utf-8", "replace"))
        raise LocalError(
            f"{executable} is not a working git ({_MINIMUM_VERSION_TEXT} is needed): {said}", remedy=_REMEDY
        )
    if (int(found[1]), int(found[2])) < MINIMUM_GIT_VERSION:
        have = f"{int(found[1])}.{int(found[2])}"
        raise LocalError(f"{executable} is git {have}; {_MINIMUM_VERSION_TEXT} or newer is needed", remedy=_REMEDY)


def _start_git(
    executable: str, args: Sequence[str], folder: Path, settings: Mapping[str, str], *, with_stdin: bool
) -> subprocess.Popen[bytes]:
    """Start a git process through GitPython; this module writes its input, waits for it and ends it.

    GitPython's `execute` takes a file but no bytes as input, kills with SIGKILL only and not the whole group,
    expands `$` in the folder's name (hence `-C`), and passes on all of `os.environ`: `env -u` removes variables
    (by name: no value shows in `ps`).
    """
    try:
        from git.cmd import Git  # imports slowly, and runs git while it does
    except ModuleNotFoundError as error:
        raise LocalError(
            f"GitPython is not installed where {sys.executable} looks for it: {error}",
            remedy="install gitops-workloads anew, with all that it needs",
        ) from error
    except ImportError as error:
        raise LocalError(f"git {_MINIMUM_VERSION_TEXT} or newer is needed: {error}", remedy=_REMEDY) from error
    drop = [part for name in environment.disallowed_variables() if name not in settings for part in ("-u", name)]
    try:
        started = Git().execute(
            ["env", *drop, executable, "-C", str(folder), *args],
            istream=subprocess.PIPE if with_stdin else None,
            as_process=True,
            env=dict(settings),
            shell=False,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise LocalError(f"git could not be started in {folder}: {error}", remedy=_REMEDY) from error
    process, started.proc = started.proc, None  # or the wrapper kills the process when it is collected
    return cast("subprocess.Popen[bytes]", process)


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
