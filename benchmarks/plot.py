"""A document of results → one SVG: how each command grows, and how far each figure is from its limit.

Written directly, so that the same document gives the same bytes. There are colours for a light and for a dark page;
each line is also named at its end, and what is over its limit is also said to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from benchmarks.limits import FLOORS, Run, Runs, Verdict, verdicts
from benchmarks.report import Document, figure, runs_of, shown
from benchmarks.timing import middle

_WIDTH, _TOP, _LEFT, _RIGHT, _PANEL = 900, 84, 70, 680, 330
_ROW, _BARS = 24, 330
_LINES = (
    "render, cold", "render, unchanged", "render, promotion", "check, cold", "diff, promotion", "promote, unchanged",
    "status, cold", "publish, promotion", "helm template", "floors of render",
)  # fmt: skip
_LIGHT = ("#0072b2", "#00729e", "#3b6fb6", "#b34700", "#8a5a00", "#a0397a", "#007a5a", "#7a4fbf", "#6b6b6b", "#333333")
_DARK = ("#56b4e9", "#7fd0f5", "#9cc4ff", "#ff9a5c", "#f0c04a", "#f08cc8", "#3fd6a8", "#c3a6ff", "#b0b0b0", "#e6e6e6")


class _Line(NamedTuple):
    place: int
    name: str
    points: list[tuple[int, float]]


class _Scale(NamedTuple):
    """Logarithms of `least` to `most` onto `begin` to `end`."""

    least: float
    most: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        span = math.log10(self.most / self.least) or 1.0
        return self.begin + (self.end - self.begin) * math.log10(value / self.least) / span


def svg(told: Document) -> str:
    """The whole drawing."""
    runs, judged = runs_of(told), verdicts(runs_of(told))
    known = [verdict for verdict in judged if verdict.figures is not None]
    height = _TOP + _PANEL + 130 + _ROW * max(len(known), 1)
    title = "What the commands cost, by the number of apps"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="12">',
        f'<title id="title">{title}</title>',
        f'<desc id="description">{escape(_description(runs, known))}</desc>',
        _style(),
        f'<text x="20" y="30" font-size="17" font-weight="600">{title}</text>',
        f'<text x="20" y="50" class="soft">processor seconds of the whole process; {escape(told["machine"])}</text>',
        *_growth(_lines(runs)),
        *_limits(known, _TOP + _PANEL + 70),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _description(runs: Runs, known: Sequence[Verdict]) -> str:
    ends = [f"{line.name}: {line.points[-1][1]:.2f} s at {line.points[-1][0]:,} apps" for line in _lines(runs)]
    limits = [f"{verdict.name}: {shown(verdict)}, limit {figure(verdict.limit, verdict.unit)}" for verdict in known]
    return "; ".join([*ends, *limits]) + "."


def _style() -> str:
    def colours(all_of_them: Sequence[str], text: str, soft: str, grid: str) -> str:
        each = (f".c{place}{{fill:{colour};stroke:{colour}}}" for place, colour in enumerate(all_of_them))
        return f"text{{fill:{text}}}.soft{{fill:{soft}}}.grid{{stroke:{grid}}}.limit{{stroke:{text}}}{''.join(each)}"

    light = colours(_LIGHT, "#1f2328", "#59636e", "#d1d9e0")
    dark = colours(_DARK, "#f0f6fc", "#9198a1", "#3d444d")
    shapes = ".line{fill:none;stroke-width:2}.thin{stroke-width:1}.bar{stroke:none}.dashed{stroke-dasharray:5 4}"
    return f"<style>{light}@media (prefers-color-scheme:dark){{{dark}}}{shapes}</style>"


def _lines(runs: Runs) -> Iterator[_Line]:
    for place, name in enumerate(_LINES):
        points = [(apps, value) for apps, each in sorted(runs.items()) if (value := _value(name, each)) is not None]
        if points:
            yield _Line(place, name, points)


def _value(name: str, runs: Sequence[Run]) -> float | None:
    if name != "floors of render":
        found = [run[name] for run in runs if name in run]
        return max(middle(found), 0.01) if found else None
    steps = [[run[f"floor, {step}"] for run in runs if f"floor, {step}" in run] for step in FLOORS]
    return max(sum(map(middle, steps)), 0.01) if all(steps) else None


def _growth(lines: Iterator[_Line]) -> Iterator[str]:
    drawn = list(lines)
    if not drawn:
        return
    apps = sorted({x for line in drawn for x, _ in line.points})
    values = [y for line in drawn for _, y in line.points]
    across = _Scale(apps[0], apps[-1], _LEFT, _RIGHT)
    up = _Scale(_decade(min(values), math.floor), _decade(max(values), math.ceil), _TOP + _PANEL, _TOP)
    yield from _axes(apps, across, up)
    for line in drawn:
        dashed = " dashed" if line.name in ("helm template", "floors of render") else ""
        track = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line.points)
        yield f'<polyline class="line c{line.place}{dashed}" points="{track}"/>'
        yield from (
            f'<circle class="c{line.place}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>' for x, y in line.points
        )
    ends = sorted((up(line.points[-1][1]), line) for line in drawn)
    for at, (y, line) in zip(_apart([y for y, _ in ends], 15), ends, strict=True):
        x = across(line.points[-1][0])
        yield f'<path class="line thin c{line.place}" d="M{x + 5:.1f} {y:.1f}L{_RIGHT + 22} {at:.1f}"/>'
        yield f'<text x="{_RIGHT + 27}" y="{at + 4:.1f}">{escape(line.name)}, {line.points[-1][1]:.2f} s</text>'


def _decade(value: float, rounding: Callable[[float], int]) -> float:
    return 10.0 ** rounding(math.log10(value))


def _axes(apps: Sequence[int], across: _Scale, up: _Scale) -> Iterator[str]:
    bottom = _TOP + _PANEL
    for x in apps:
        yield f'<path class="grid" d="M{across(x):.1f} {_TOP}V{bottom}"/>'
        yield f'<text class="soft" x="{across(x):.1f}" y="{bottom + 18}" text-anchor="middle">{x:,} apps</text>'
    power = round(math.log10(up.least))
    while 10.0**power <= up.most * 1.001:
        y = up(10.0**power)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        yield f'<text class="soft" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>'
        power += 1


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """Places from the top down, moved so that between any two there is a gap, and none leaves the panel at its foot."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    foot = float(_TOP + _PANEL)
    for at in range(len(moved) - 1, -1, -1):
        moved[at] = min(moved[at], foot)
        foot = moved[at] - gap
    return moved


def _limits(known: Sequence[Verdict], top: int) -> Iterator[str]:
    yield f'<text x="20" y="{top}" font-size="15" font-weight="600">Each figure as a part of its limit</text>'
    full = 220.0
    for row, verdict in enumerate(known):
        y = top + 22 + row * _ROW
        share = verdict.figures[0] / verdict.limit if verdict.figures else 0.0
        met = 6 if verdict.met else 3
        width = min(max(share, 0.0), 1.5) * full
        yield f'<text x="{_BARS - 8}" y="{y + 13}" text-anchor="end">{escape(verdict.name)}</text>'
        yield f'<rect class="bar c{met}" x="{_BARS}" y="{y + 2}" width="{width:.1f}" height="14" rx="2"/>'
        told = f"{shown(verdict).partition(' (')[0]} of {figure(verdict.limit, verdict.unit)}"
        told = told.replace(" times", "") + ("" if verdict.met else ": over")
        yield f'<text x="{max(_BARS + width, _BARS + full) + 8:.1f}" y="{y + 13}" class="soft">{escape(told)}</text>'
    foot = top + 22 + len(known) * _ROW
    yield f'<path class="limit" stroke-width="1.5" d="M{_BARS + full:.1f} {top + 14}V{foot}"/>'
    yield f'<text x="{_BARS + full:.1f}" y="{foot + 16}" text-anchor="middle" class="soft">limit</text>'
