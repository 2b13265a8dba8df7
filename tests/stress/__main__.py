"""`make stress`: the trials in full size, their table on stdout and in docs/stress.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.stress import trials
from tests.stress.heavy import heavy
from tests.stress.trials import Trial
from tests.workspace import ROOT

_HEAD = """\
# Stress

`make stress` makes this file; it takes about ten minutes and is no part of `make test`, which runs the same trials
small. Every publisher is a process of its own, `workloads publish` in a checkout, a home and a cache that it shares
with nobody, and its change is an edit of `apps.toml` by hand, merged into what the others published meanwhile.
Afterwards the branch is looked at: is every change there, once, on a line; is the repository sound; are the charts
what the registry says; is each checkout what it was, byte for byte.

"""
_FOOT = """
- *seconds* are those of the clock from the first start to the last end, starting Python included; *processor seconds*
  are what all processes together used. Where the second is twice the first on two cores, the machine was the limit.
- *attempts* of a publisher are how often it carried out its change on a new head; {most} are allowed.
- Every second publisher also changes the very entry that one of the removers takes away: who comes second finds that
  its change no longer fits, and is told so with exit status 6. Every commit on the branch is compared with its
  operation, made on the commit before.
- A kill strikes one run in five anywhere, the others after the first contact with the server. After every kill
  the branch's last commit is walked through to the last file; after every fourth the same change is published in
  peace.
- *fetched* is what the private clone holds after one publish, from a shallow checkout. The history is of bytes that
  nothing shrinks, and the last commit keeps none of them.
"""


def _all(sizes: dict[str, int]) -> list[tuple[str, Callable[[Path], Trial]]]:
    crowds = [(f"crowd-{t}", partial(_crowd, transport=t, count=sizes[t])) for t in ("file", "daemon", "http")]
    rest = [(kind, partial(getattr(trials, kind), count=sizes[kind])) for kind in ("mixed", "idle", "kills")]
    return [*crowds, *rest, ("heavy", partial(heavy, count=sizes["heavy"]))]


def _crowd(folder: Path, *, transport: str, count: int) -> Trial:
    return trials.crowd(folder, transport, count)


def _row(trial: Trial) -> str:
    figures = dict(trial.figures)
    seconds, used = figures.pop("seconds"), figures.pop("processor seconds")
    rest = " · ".join(f"{name} {value}" for name, value in figures.items())
    return f"| {trial.name} | {seconds} | {used} | {rest} | {'yes' if not trial.problems else '**no**'} |"


def _report(done: Sequence[Trial]) -> str:
    where = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    lines = [
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {where}:\n",
        "| trial | seconds | processor seconds | figures | kept |",
        "|---|---:|---:|---|---|",
        *map(_row, done),
    ]
    return _HEAD + "\n".join(lines) + "\n" + _FOOT.format(most=trials.MOST_ATTEMPTS)


def main() -> int:
    """Run the trials; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="make stress", description=__doc__)
    parser.add_argument("--only", action="append", help="this trial (crowd-file, crowd-daemon, crowd-http, mixed, …)")
    parser.add_argument("--write", type=Path, help="the file to write the report to")
    chosen = parser.parse_args()
    sizes = {"file": 64, "daemon": 16, "http": 8, "mixed": 16, "idle": 100, "kills": 500, "heavy": 200}
    done = []
    for name, run in _all(sizes):
        if chosen.only and name not in chosen.only:
            continue
        with tempfile.TemporaryDirectory(prefix="stress-") as folder:
            trial = run(Path(folder))
        sys.stdout.write(_row(trial) + "\n" + "".join(f"    {problem}\n" for problem in trial.problems))
        sys.stdout.flush()
        done.append(trial)
    if chosen.write:
        (ROOT / chosen.write).write_text(_report(done), encoding="utf-8")
    return int(any(trial.problems for trial in done))


if __name__ == "__main__":
    sys.exit(main())
