"""A command → what it took: processor time, clock and memory of the whole process and its children."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    """Seconds of processor (user and system) and of the clock, and the peak of resident memory in MiB.

    The memory is that of the largest single process, as the kernel accounts for it.
    """

    cpu: float
    wall: float
    peak: float


class FailedError(Exception):
    """A command that was to be timed ended otherwise than it should; a time of it would mean nothing."""


def timed(
    command: Sequence[str | Path], folder: Path, variables: Mapping[str, str], codes: Collection[int] = (0,)
) -> Sample:
    """Run a command to its end, its output thrown away. Raises FailedError for an exit status not in `codes`.

    The kernel counts what we ourselves occupy before the command takes our place in the new process as the
    command's memory: whoever calls this has to be small.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            said.seek(0)
            words = said.read().decode("utf-8", "replace")[-2000:]
            raise FailedError(f"{' '.join(map(str, command))}: status {process.returncode}\n{words}")
    return Sample(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def middle(samples: Iterable[Sample], figure: Callable[[Sample], float] = lambda sample: sample.cpu) -> float:
    """The median of one figure of several runs."""
    return statistics.median(map(figure, samples))
