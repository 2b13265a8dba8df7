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

`make stress` writes this page. It takes about ten minutes; `make test` runs the same trials in a small size. Every
publisher is a process of its own that runs `workloads publish` in a checkout, with its own home folder and cache. Its
change is an edit of `apps.toml` by hand, merged into what the others published meanwhile. After each trial the branch
must have every change, once, on a linear history; the repository must be sound; the charts must be up to date; and each
checkout must be as it was, byte for byte.

"""
_FOOT = """
- *seconds* are clock time from the first start to the last end, with the start of Python; *processor seconds* are
  those of all processes together. If they are twice the clock time on two cores, the machine was the limit.
- *attempts*: how often a publisher made its change on a new head; {most} are allowed.
- *16 publish and 16 remove*: every second publisher also changes the entry that a remover deletes. The second one to
  arrive gets a conflict, exit status 6. Every commit on the branch is compared with its operation on the commit before.
- *SIGKILL*: one run in five is killed at any time, the others after the first contact with the server. After every kill
  all files of the branch's last commit are read; after every fourth the same change is published without a kill.
- *fetched*: the size of the private clone after one publish from a shallow checkout. The history consists of bytes that
  do not compress, and the last commit contains none of them.
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
