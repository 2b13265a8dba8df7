"""A git command line → its output: the only place that runs git."""

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
from generator.git.interrupt import terminable
from generator.git.words import git_words, redact

NEEDED = (2, 34)
_NEEDED_TEXT = ".".join(map(str, NEEDED))
_REMEDY = f"install git {_NEEDED_TEXT} or newer and put it on PATH"
_GRACE = 10.0
_TICK = 0.25
# git shows a speed in KiB/s or more only above the limit that also ends a slow HTTP transfer.
_ALIVE = re.compile(rb"[KMG]iB/s|(?:objects|deltas): +\d+%")


@dataclass(frozen=True)
class Output:
    """How a command ended. `err` is redacted; `timed_out` says that we ended it."""

    code: int
    out: bytes
    err: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out


class Patience:
    """How long a remote may keep us waiting without moving data, over all commands that share this one.

    The low-speed limit of HTTP knows neither connecting nor `git://` nor `ssh://`; this does.
    """

    def __init__(self, seconds: float = 31.0) -> None:
        self.left = seconds

    def spend(self, quiet: float) -> None:
        self.left = max(0.0, self.left - max(0.0, quiet - 1.0))


class Runner:
    """Runs git in `folder`, with `config` on top of the user's, over `protocols` only.

    `secrets` are strings masked in everything shown, beside what looks like a credential.
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

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        config: Sequence[tuple[str, str]] = (),
        deadline: float = 600.0,
        patience: Patience | None = None,
    ) -> Output:
        """Run `git *args` to its end, however it ends. `LocalError` if there is no git that can be used."""
        more = {**self._variables, **(variables or {})}
        settings = environment.variables((*self._config, *config), self._protocols, more)
        with terminable():
            process = _start(_executable(), args, self._folder, settings, with_stdin=bool(stdin))
            try:
                out, err, timed_out = _converse(process, stdin, time.monotonic() + deadline, patience)
            finally:
                _end(process)
        text = redact(err.decode("utf-8", "replace"), self._secrets)
        return Output(process.returncode, out, text, timed_out)

    def check(self, *args: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """The output of a command that must succeed; `LocalError` with git's words otherwise."""
        output = self.run(*args, stdin=stdin, variables=variables)
        if not output.ok:
            raise LocalError(f"git {args[0]} failed in {self._folder}: {git_words(output.err) or output.code}")
        return output.out


def _executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise LocalError(f"git is not installed, or not executable: {_NEEDED_TEXT} or newer is needed", remedy=_REMEDY)
    executable = os.path.abspath(found)
    _require_version(executable)
    return executable


@functools.cache
def _require_version(executable: str) -> None:
    process = _start(executable, ["version"], Path("/"), environment.variables((), ()), with_stdin=False)
    try:
        out, err, _ = _converse(process, b"", time.monotonic() + 30, None)
    finally:
        _end(process)
    # Searched for, not matched: some wrappers print greetings first.
    found = re.search(rb"git version (\d+)\.(\d+)", out)
    if found is None:
        said = git_words((err or out).decode("utf-8", "replace"))
        raise LocalError(f"{executable} is not a working git ({_NEEDED_TEXT} is needed): {said}", remedy=_REMEDY)
    if (int(found[1]), int(found[2])) < NEEDED:
        have = f"{int(found[1])}.{int(found[2])}"
        raise LocalError(f"{executable} is git {have}; {_NEEDED_TEXT} or newer is needed", remedy=_REMEDY)


def _start(
    executable: str, args: Sequence[str], folder: Path, settings: Mapping[str, str], *, with_stdin: bool
) -> subprocess.Popen[bytes]:
    """Start git through GitPython, which spawns; feeding, waiting and killing are done here.

    Its `execute` takes a file but no bytes as input, kills with SIGKILL only and not the whole group, expands `$`
    in the folder's name (hence `-C`), and always passes on all of `os.environ`: `env -u` takes variables away again
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
        raise LocalError(f"git {_NEEDED_TEXT} or newer is needed: {error}", remedy=_REMEDY) from error
    drop = [part for name in environment.unwanted() if name not in settings for part in ("-u", name)]
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
    process, started.proc = started.proc, None  # the wrapper would end it by its own rules when collected
    return cast("subprocess.Popen[bytes]", process)


def _converse(
    process: subprocess.Popen[bytes], stdin: bytes, deadline: float, patience: Patience | None
) -> tuple[bytes, bytes, bool]:
    """Feed and read until the end, the deadline, or the end of patience: output, errors, timed out."""
    quiet_since, seen, last_look = time.monotonic(), 0, False
    if stdin:
        _feed(process, stdin)
    while True:
        try:
            out, err = process.communicate(timeout=_TICK)
            break
        except subprocess.TimeoutExpired as tick:
            out, err, now = tick.output or b"", tick.stderr or b"", time.monotonic()
        if last_look:
            break
        # A daemon that git left behind (an SSH master, a credential cache) may hold our pipes open for ever.
        last_look = process.poll() is not None
        if _ALIVE.search(err, seen):
            quiet_since = now
        seen = len(err)
        if now > deadline or (patience is not None and now - quiet_since > patience.left):
            return out, err, True
    if patience is not None:
        patience.spend(time.monotonic() - quiet_since)
    return out, err, False


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write git's input beside reading its output: `communicate` forgets what is left of it after a time-out."""
    pipe, process.stdin = process.stdin, None
    if pipe is not None:
        threading.Thread(target=_write, args=(pipe, data), daemon=True).start()


def _write(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError):  # What git does not read, it did not want.
        pipe.write(data)
    with suppress(OSError):
        pipe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group, politely first; a command that has ended by itself is left alone."""
    try:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            _await_group(process)
            _signal(process, signal.SIGKILL)
    finally:
        if process.poll() is None:  # the user lost patience while we were being polite
            _signal(process, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _await_group(process: subprocess.Popen[bytes]) -> None:
    """Wait until git is gone, no longer than it is granted, and then a moment for what it started."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    until = time.monotonic() + _GRACE / 10
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.02)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
