"""Samples → the figures that are promised, each beside its limit."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks import others
from benchmarks.timing import Sample, middle

#: One run of everything, by the names of the measurements; and the runs of every size.
Run = Mapping[str, Sample]
Runs = Mapping[int, Sequence[Run]]
#: The size that is judged, if it was measured; growth is from it to the other.
JUDGED, LARGEST = 10_000, 50_000
#: What a full render cannot do without.
FLOORS = ("tomllib", "pydantic", "jinja2", "emission", "write")
_GROWING = ("read, cold", "render, cold", "render, unchanged", "render, promotion", "status, cold", "status, unchanged")


class Limit(NamedTuple):
    """What may be at most `limit`, in `unit`: a ratio of processor seconds of one run, or memory."""

    name: str
    limit: float
    unit: str
    figure: Callable[[Run], float]


class Verdict(NamedTuple):
    """A figure at a size: the median of the runs, the least and the most; all None where it was not measured."""

    name: str
    limit: float
    unit: str
    apps: int
    figures: tuple[float, float, float] | None

    @property
    def met(self) -> bool | None:
        return None if self.figures is None else self.figures[0] <= self.limit


def floors(run: Run) -> float:
    """The processor seconds of everything that a full render cannot do without."""
    return sum(run[f"floor, {step}"].cpu for step in FLOORS)


def _ratio(one: str, other: str) -> Callable[[Run], float]:
    return lambda run: run[one].cpu / run[other].cpu


def _memory(run: Run) -> float:
    without = [name for name in run if name.startswith(("render", "status")) or "--without-helm" in name]
    return max([run["render, cold"].peak, *(run[name].peak for name in without)])


_BARE = "--without-helm"
LIMITS = (
    Limit("full render / its floors", 2.5, "times", lambda run: run["render, cold"].cpu / floors(run)),
    Limit("full render / helm template of its charts", 1 / 3, "times", _ratio("render, cold", "helm template")),
    Limit("render unchanged / full", 1 / 3, "times", _ratio("render, unchanged", "render, cold")),
    Limit("render after one promotion / full", 1.0, "times", _ratio("render, promotion", "render, cold")),
    Limit("check unchanged / full", 1 / 3, "times", _ratio("check, unchanged", "check, cold")),
    Limit("promote of one app / full render", 1.5, "times", _ratio("promote, unchanged", "render, cold")),
    Limit("promote without Helm / full render", 1.25, "times", _ratio(f"promote {_BARE}, unchanged", "render, cold")),
    Limit("status / reading, both cold", 1.2, "times", _ratio("status, cold", "read, cold")),
    Limit("status / reading, both unchanged", 1.2, "times", _ratio("status, unchanged", "read, unchanged")),
    Limit("full check / Helm's engine alone", 1.3, "times", _ratio("check, cold", "floor, helm engine")),
    Limit("publish of a promotion / its render", 2.5, "times", _ratio("publish, promotion", "render, promotion")),
    Limit(
        "publish without Helm / its render",
        1.75,
        "times",
        _ratio(f"publish {_BARE}, promotion", "render, promotion"),
    ),
    Limit("full render / plinth generate", 1 / 8, "times", _ratio("render, cold", others.NAME)),
    Limit("peak memory without Helm", 400, "MiB", _memory),
)


def verdicts(runs: Runs) -> list[Verdict]:
    """Every limit, judged at 10,000 apps, or at the most that were measured below."""
    apps = max((size for size in runs if size <= JUDGED), default=min(runs))
    return [*(_verdict(limit, apps, runs[apps]) for limit in LIMITS), *_growth(runs)]


def _verdict(limit: Limit, apps: int, runs: Sequence[Run]) -> Verdict:
    try:
        found = [limit.figure(run) for run in runs]
    except KeyError:
        return Verdict(limit.name, limit.limit, limit.unit, apps, None)
    return Verdict(limit.name, limit.limit, limit.unit, apps, (statistics.median(found), min(found), max(found)))


def _growth(runs: Runs) -> Iterator[Verdict]:
    if JUDGED not in runs or LARGEST not in runs:
        return
    for name in _GROWING:
        one, many = ([run[name] for run in runs[size] if name in run] for size in (JUDGED, LARGEST))
        if not one or not many:
            continue
        for what, figure in (("time", _cpu), ("memory", _peak)):
            growth = middle(many, figure) / middle(one, figure)
            yield Verdict(f"{what} from 10,000 to 50,000: {name}", 5.5, "times", LARGEST, (growth, growth, growth))


def _cpu(sample: Sample) -> float:
    return sample.cpu


def _peak(sample: Sample) -> float:
    return sample.peak
