"""`make bench`: every command at every size, its floors beside it, and a verdict on what is promised."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks import plot, report
from benchmarks.limits import Run
from benchmarks.place import MANY, Place
from benchmarks.scenarios import JUDGED, measurements
from benchmarks.timing import FailedError, Sample

SIZES = (100, 1_000, 10_000, 50_000)


def main() -> int:
    """Measure, print, write what is asked for; 1 where something could not be measured."""
    chosen = _arguments()
    runs: dict[int, list[Run]] = {}
    missing: dict[str, str] = {}
    for apps in chosen.sizes:
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=chosen.folder) as folder:
            times = chosen.runs if apps < MANY else 1
            place = Place(Path(folder) / "place", apps, sharded=chosen.sharded)
            runs[apps] = _measured(place, times, chosen.only, missing)
    told = report.document(runs, missing)
    sys.stdout.write("\n" + report.tables(told))
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if chosen.plot:
        chosen.plot.write_text(plot.svg(told), encoding="utf-8")
    if chosen.write:
        picture = f"![{chosen.plot.stem}]({chosen.plot.name})\n\n" if chosen.plot else ""
        report.insert(chosen.write, picture + report.tables(told))
    return int(any(reason.startswith("failed") for reason in missing.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="numbers of apps, separated by commas")
    parser.add_argument("--runs", type=int, default=3, help=f"of each size (of {MANY:,} apps and more: one)")
    parser.add_argument("--sharded", action="store_true", help=f"divide by team also below {MANY:,} apps")
    parser.add_argument("--only", action="append", help="measurements with this in their name, or of this pattern")
    parser.add_argument("--folder", type=Path, help="where to work (three gigabytes for 50,000 apps)")
    parser.add_argument("--json", type=Path, help="the file to write the results to")
    parser.add_argument("--plot", type=Path, help="the file to draw them into, as SVG")
    parser.add_argument("--write", type=Path, help="the page to put the tables into, between its marks")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


def _measured(place: Place, times: int, only: Sequence[str] | None, missing: dict[str, str]) -> list[Run]:
    """Everything that was chosen, `times` over: one after the other, so that what is compared was measured together."""
    place.make()
    chosen = [each for each in measurements(place.apps) if not only or any(_fits(each.name, part) for part in only)]
    if any(each.name.startswith(JUDGED) for each in chosen):
        place.prime()
    failed = {each.name: reason for each in chosen if (reason := each.missing())}
    runs: list[Run] = []
    for _ in range(times):
        run: dict[str, Sample] = {}
        for each in chosen:
            if each.name in failed:
                continue
            try:
                run[each.name] = each.measure(place)
            except FailedError as error:
                failed[each.name] = f"failed with {place.apps:,} apps: {str(error).splitlines()[-1]}"
                sys.stderr.write(f"{error}\n")
            else:
                sys.stderr.write(f"{place.apps:>6,}  {run[each.name].cpu:8.2f} s  {each.name}\n")
        runs.append(run)
    missing.update(failed)
    return runs


def _fits(name: str, pattern: str) -> bool:
    return pattern in name or fnmatchcase(name, pattern)


if __name__ == "__main__":
    sys.exit(main())
