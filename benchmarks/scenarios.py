"""Each command in each state, and each floor, on one registry → its `Sample`.

Every measurement sets out from the same commit, and every edit is one that no cache has seen.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

from benchmarks import others
from benchmarks.floors import FLOORS
from benchmarks.place import MANY, ROOT, Place
from benchmarks.timing import Sample, timed

_READ = "from generator.registry.reader import read_registry; import pathlib; read_registry(pathlib.Path('apps.toml'))"
#: The commands that have Helm judge the charts.
JUDGED = ("check", "promote", "publish")
_EDITED = ("promotion", "onboarding")


class Scenario(NamedTuple):
    """A command in a state: cold, unchanged, promotion (one entry was edited) or onboarding (one app was added).

    `small` is left out of registries of `FOLD_THRESHOLD` apps: what shows little that another measurement does not, or
    a run would take an hour.
    """

    command: str
    state: str
    small: bool = False

    @property
    def name(self) -> str:
        return f"{self.command}, {self.state}"


SCENARIOS = (
    Scenario("read", "cold"),
    Scenario("read", "unchanged"),
    Scenario("render", "cold"),
    Scenario("render", "unchanged"),
    Scenario("render", "promotion"),
    Scenario("render", "onboarding"),
    Scenario("check", "cold"),
    Scenario("check", "unchanged"),
    Scenario("check", "promotion", small=True),
    Scenario("check", "onboarding", small=True),
    Scenario("diff", "cold", small=True),
    Scenario("diff", "unchanged", small=True),
    Scenario("diff", "promotion"),
    Scenario("diff", "onboarding", small=True),
    Scenario("promote", "cold", small=True),
    Scenario("promote", "unchanged"),
    Scenario("promote --without-helm", "unchanged", small=True),
    Scenario("status", "cold"),
    Scenario("status", "unchanged"),
    Scenario("publish", "cold", small=True),
    Scenario("publish", "unchanged", small=True),
    Scenario("publish", "promotion"),
    Scenario("publish", "onboarding", small=True),
    Scenario("publish --without-helm", "promotion", small=True),
)


class Measurement(NamedTuple):
    """What is measured, by a name; and, asked, why it cannot be, empty where it can."""

    name: str
    measure: Callable[[Place], Sample]
    missing: Callable[[], str]


def measurements(apps: int) -> Iterator[Measurement]:
    """What is measured on a registry of so many apps, each beside what it is compared with."""
    much = "it shows little that 10,000 apps do not" if apps >= MANY else ""
    for step in FLOORS:
        engine = step == "helm engine"
        yield Measurement(f"floor, {step}", partial(_floor, step=step), partial(str, much if engine else ""))
    yield Measurement("helm template", _helm_template, lambda: much or _no_helm())
    for scenario in SCENARIOS:
        if not (scenario.small and apps >= MANY):
            yield Measurement(scenario.name, partial(_measured, scenario=scenario), partial(_no_command, scenario))
    if apps < MANY:
        yield Measurement(others.NAME, others.generate, others.missing)


def _no_helm() -> str:
    return "" if shutil.which("helm") else "there is no helm on PATH"


def _no_command(scenario: Scenario) -> str:
    command = scenario.command.split()[0]
    return "" if command == "read" or _knows(command) else f"there is no command {command}"


@cache
def _knows(command: str) -> bool:
    asked = [sys.executable, "-m", "generator", command, "--help"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0  # noqa: S603


def _measured(place: Place, scenario: Scenario) -> Sample:
    """Bring about the state, time the command, and restore what was changed. Raises FailedError."""
    command = scenario.command.split()
    if scenario.state == "cold":
        place.cool()
    if scenario.state == "promotion" or (scenario.state == "cold" and command[0] in ("diff", "publish")):
        place.promote()
    if scenario.state == "onboarding":
        place.onboard()
    try:
        return _timed(place, scenario.state, command)
    finally:
        if scenario.state in _EDITED or command[0] in ("diff", "promote", "publish"):
            place.restore()


def _timed(place: Place, state: str, command: list[str]) -> Sample:
    cache = "cold" if state == "cold" else "warm"
    if command == ["read"]:
        return place.python(cache, "-c", _READ, at=place.work)
    if command == ["render"] and state == "cold":
        return place.workloads(cache, "render", at=place.fresh)
    if command == ["check"] and state in _EDITED:
        place.workloads(cache, "render")  # What is checked is what somebody is about to commit.
    if command[0] == "promote":
        command = [*command, place.waiting(), "--to", "prod"]
    return place.workloads(cache, *command)


def _floor(place: Place, step: str) -> Sample:
    """The least that one step costs, as the process that does it tells it."""
    told = place.printed([sys.executable, "-m", "benchmarks.floors", step, place.work, place.tree])
    return Sample(*json.loads(told))


def _helm_template(place: Place) -> Sample:
    """Every chart by the `helm` binary, one after the other."""
    command = ["helm", "template", "apps", "--namespace", "argocd", "--set", "destinationServer=https://example.com"]
    runs = [timed([*command, chart], place.folder, place.variables("warm")) for chart in place.charts]
    return Sample(sum(run.cpu for run in runs), sum(run.wall for run in runs), max(run.peak for run in runs))
