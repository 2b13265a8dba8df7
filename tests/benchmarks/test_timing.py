"""What a command took: its own time and that of its children, and its memory alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.timing import FailedError, Sample, middle, timed

_BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def run(code: str, *codes: int) -> Sample:
    return timed([sys.executable, "-c", code], Path.cwd(), dict(os.environ), codes or (0,))


def test_the_time_of_children_counts_and_waiting_does_not() -> None:
    sample = run(f"import subprocess, sys, time; time.sleep(0.3); subprocess.run([sys.executable, '-c', {_BUSY!r}])")
    assert sample.cpu >= 0.2
    assert sample.wall >= 0.5
    assert sample.cpu < sample.wall


def test_the_memory_is_the_peak_in_mebibytes() -> None:
    # At least: of a command smaller than ourselves, the kernel tells our own size.
    assert 420 < run("bytearray(b'x') * 450_000_000").peak < 550


def test_a_command_that_fails_is_not_timed() -> None:
    with pytest.raises(FailedError, match=r"status 3\nno such thing"):
        run("import sys; sys.stderr.write('no such thing'); sys.exit(3)")
    assert run("import sys; sys.exit(3)", 0, 3).wall > 0


def test_the_middle_is_of_the_figure_that_is_asked_for() -> None:
    samples = [Sample(1.0, 9.0, 30.0), Sample(3.0, 7.0, 10.0), Sample(2.0, 8.0, 20.0)]
    assert middle(samples) == 2.0
    assert middle(samples, lambda sample: sample.peak) == 20.0
