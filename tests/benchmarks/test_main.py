"""`python -m benchmarks`, small: what it measures, prints, writes and draws."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import plot, report
from benchmarks.limits import verdicts
from benchmarks.timing import Sample
from tests.workspace import ROOT, environment

_SVG = "{http://www.w3.org/2000/svg}"


def test_a_small_run_measures_prints_writes_and_draws(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")
    chosen = ("floor", "render, cold", "render, onb*", "promote, unch")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--sizes", "20", "--runs", "1", "--folder", str(tmp_path)]
        + [part for name in chosen for part in ("--only", name)]
        + ["--json", str(tmp_path / "out.json"), "--plot", str(tmp_path / "out.svg"), "--write", str(page)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["missing"] == {}
    [run] = report.runs_of(told)[20]
    assert {"floor, write", "render, cold", "render, onboarding", "promote, unchanged"} < set(run)
    assert all(5 < sample.peak < 2000 for sample in run.values())
    assert all(min(sample.cpu, sample.wall) > 0.05 for name, sample in run.items() if not name.startswith("floor"))
    assert report.tables(told) in done.stdout
    assert report.tables(told) in page.read_text()
    assert re.fullmatch(r"before\n.*!\[out\]\(out\.svg\).*\nafter\n", page.read_text(), re.DOTALL)
    drawn = (tmp_path / "out.svg").read_text()
    assert drawn == plot.svg(told)
    _is_drawn(drawn)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.svg", "page.md"]


def _is_drawn(text: str) -> None:
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    named = {str(element.get("id")): element.text or "" for element in root if element.get("id")}
    assert set(str(root.get("aria-labelledby")).split()) == set(named)
    assert len(named["description"].split(";")) > 3
    assert root.findall(f"{_SVG}rect")
    assert root.findall(f"{_SVG}polyline")


def _runs(cpu: float) -> dict[int, list[dict[str, Sample]]]:
    """One run at each size of everything that a limit is of, at `cpu` seconds a thousand apps for the commands."""
    floors = {f"floor, {step}": 1.0 for step in ("tomllib", "pydantic", "jinja2", "emission", "write", "helm engine")}
    named = {"render, cold": cpu, "render, unchanged": 0.25 * cpu, "read, cold": 1.0, "status, cold": 1.1, **floors}
    return {
        apps: [{name: Sample(value * apps / 1000, 1.0, 40.0 * apps / 1000) for name, value in named.items()}]
        for apps in (10_000, 50_000)
    }


def test_a_figure_within_its_limit_is_met_and_one_beyond_is_not() -> None:
    good, bad = ({verdict.name: verdict.met for verdict in verdicts(_runs(cpu))} for cpu in (12.0, 13.0))
    assert good["full render / its floors"] is True
    assert bad["full render / its floors"] is False
    assert good["render unchanged / full"] is True
    assert good["status / reading, both cold"] is True
    assert good["peak memory without Helm"] is True
    assert good["time from 10,000 to 50,000: render, cold"] is True
    assert good["full render / helm template of its charts"] is None


def test_growth_beyond_its_limit_is_not_met() -> None:
    runs = _runs(12.0)
    runs[50_000][0]["render, cold"] = Sample(12.0 * 56, 1.0, 2000.0)
    found = {verdict.name: verdict.met for verdict in verdicts(runs)}
    assert found["time from 10,000 to 50,000: render, cold"] is False
    assert found["memory from 10,000 to 50,000: render, cold"] is True


def test_the_drawing_has_no_two_names_on_one_another() -> None:
    told = report.document(_runs(1.0), {})
    root = ElementTree.fromstring(plot.svg(told))  # noqa: S314
    texts = [text for text in root.findall(f"{_SVG}text") if re.fullmatch(r"[a-z, ]+, [0-9.]+ s", text.text or "")]
    heights = sorted(float(text.get("y", 0)) for text in texts)
    assert len(heights) == 4
    assert all(below - above >= 12 for above, below in itertools.pairwise(heights))
