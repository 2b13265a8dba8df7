"""Samples and verdicts → a JSON document, and tables that are read in a terminal as well as in Markdown."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.limits import Run, Runs, Verdict, verdicts
from benchmarks.timing import Sample, middle

_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"
Document = dict[str, Any]
#: What other times are shown as multiples of, since seconds depend on the machine and on what else it does.
_UNIT = "read, cold"


def document(runs: Runs, missing: dict[str, str]) -> Document:
    """Everything that was measured, as JSON knows it; `missing` says why something was not."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "missing": missing,
        "runs": {str(apps): [_figures(run) for run in each] for apps, each in runs.items()},
        "limits": [_told(verdict) for verdict in verdicts(runs)],
    }


def runs_of(told: Document) -> dict[int, list[Run]]:
    """The runs in a document."""
    return {
        int(apps): [{name: Sample(*sample) for name, sample in run.items()} for run in each]
        for apps, each in told["runs"].items()
    }


def _told(verdict: Verdict) -> Document:
    return {**verdict._asdict(), "met": verdict.met}


def _figures(run: Run) -> Document:
    return {name: [round(value, 3) for value in sample] for name, sample in run.items()}


def tables(told: Document) -> str:
    """The medians, what was not measured, and the limits."""
    runs = runs_of(told)
    parts = [f"{told['date']}, {told['machine']}; the median of {_counted(runs)}.\n", _medians(runs)]
    parts += [_rows(("not measured", "because"), sorted(told["missing"].items()))] if told["missing"] else []
    return "\n".join([*parts, _judged(verdicts(runs))])


def _counted(runs: Runs) -> str:
    return ", ".join(f"{len(each)} run{'s' * (len(each) > 1)} at {apps:,}" for apps, each in runs.items())


def _medians(runs: Runs) -> str:
    names = list(dict.fromkeys(name for each in runs.values() for run in each for name in run))
    heads = [f"{apps:,} apps" for apps in runs]
    rows = [(name, *(_cell(name, each) for each in runs.values())) for name in names]
    return _rows((f"times {_UNIT} / processor s / MiB", *heads), rows)


def _cell(name: str, runs: Sequence[Run]) -> str:
    """The medians of one measurement: its share of `_UNIT` in the same run, and the processor time and memory."""
    found = [run for run in runs if name in run]
    if not found:
        return ""
    shares = [run[name].cpu / run[_UNIT].cpu for run in found if _UNIT in run]
    cpu, peak = (middle([run[name] for run in found], lambda sample, at=at: sample[at]) for at in (0, 2))  # type: ignore[misc]
    return f"{f'{statistics.median(shares):.2f}' if shares else '-'} / {cpu:.2f} / {peak:.0f}"


def _judged(judged: Iterable[Verdict]) -> str:
    rows = [
        (
            verdict.name,
            f"{verdict.apps:,}",
            shown(verdict),
            f"≤ {figure(verdict.limit, verdict.unit)}",
            _answer(verdict),
        )
        for verdict in judged
    ]
    return _rows(("figure", "apps", "measured", "limit", "met"), rows)


def _answer(verdict: Verdict) -> str:
    return {True: "yes", False: "no", None: ""}[verdict.met]


def shown(verdict: Verdict) -> str:
    """The median, with the least and the most where they differ."""
    if verdict.figures is None:
        return "not measured"
    median, least, most = (figure(value, verdict.unit) for value in verdict.figures)
    return median if least == most else f"{median} ({least} to {most})"


def figure(value: float, unit: str) -> str:
    """A value as it is read: memory in whole MiB, everything else with as many places as tell."""
    return f"{value:.0f} {unit}" if unit == "MiB" else f"{value:.{3 if value < 1 else 2}f} {unit}"


def _rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |\n" for line in lines
    )


def insert(path: Path, text: str) -> None:
    """Replace what stands between the two marks of a page."""
    head, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not end:
        raise ValueError(f"{path} has no place for results: put {_BEGIN} and {_END} there")
    path.write_text(f"{head}{_BEGIN}\n\n{text}\n{_END}{tail}", encoding="utf-8")
