"""May a revision come into an environment now? Pure: time and facts are handed in, every refusal explains itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from generator.promotion.history import Stay, short
from generator.registry.registry import Environment
from generator.registry.rules import pin_kind

_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Refusal:
    """A rule that stands in the way: its name, the facts, and when it will have passed (None: not by waiting)."""

    rule: str
    text: str
    ready: datetime | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


@dataclass(frozen=True)
class Below:
    """How an app stands in an environment that this one is promoted from.

    `runs` is what runs there now, `same` that it is the candidate, and `moves` that it is a branch; `stay` is when
    the candidate's revision ran there, None where it never did by what is committed.
    """

    runs: str
    same: bool
    stay: Stay | None
    moves: bool = False


@dataclass(frozen=True)
class Candidate:
    """An app that is to come into an environment at `revision` (`pinned` or followed).

    `below` tells of each environment of `promotesFrom` that lists the app.
    """

    app: str
    revision: str
    pinned: bool
    below: Mapping[str, Below]


def decide(
    candidate: Candidate, environment: Environment, now: datetime, overridden: Collection[str] = ()
) -> list[Refusal]:
    """Every rule that refuses the candidate; empty where it may go. Rules in `overridden` are not asked."""
    found = [*_order(candidate, environment), *_pin(candidate, environment), *_retired(candidate, environment)]
    found += _soak(candidate, environment, now) + _freeze(environment, now) + _hold(candidate, environment)
    return [refusal for refusal in found if refusal.rule not in overridden]


def seconds(duration: str) -> float:
    """A Go duration ("24h", "1h30m"), or a bare number of seconds, in seconds."""
    if duration.isdigit():
        return float(duration)
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|us|µs|ns|h|m|s)", duration))


def shown(moment: datetime) -> str:
    """A time as refusals show it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _order(candidate: Candidate, environment: Environment) -> list[Refusal]:
    if not environment.promotes_from:
        return []
    sources = ", ".join(environment.promotes_from)
    if not candidate.below:
        return [
            Refusal("order", f"{candidate.app} does not run in {sources}, from where {environment.name} is promoted")
        ]
    return [
        Refusal("order", f"{short(candidate.revision)} never ran in {source}, where {short(below.runs)} runs")
        for source, below in candidate.below.items()
        if not below.same and below.stay is None
    ]


def _pin(candidate: Candidate, environment: Environment) -> list[Refusal]:
    wanted = environment.policy.pin
    kind = pin_kind(candidate.revision, candidate.pinned)
    if wanted == "any" or kind in ("commit", wanted):
        return []
    what = "a branch or a range" if kind == "branch" else "a tag"
    text = f"{environment.name} runs {wanted}s only, and {candidate.revision} is {what}: give --revision"
    return [Refusal("pin", text)]


def _retired(candidate: Candidate, environment: Environment) -> list[Refusal]:
    if candidate.app not in environment.retired:
        return []
    undo = f"workloads retire {candidate.app} --in {environment.name} --undo"
    return [Refusal("retired", f'"{environment.retired[candidate.app]}"; {undo}')]


def _soak(candidate: Candidate, environment: Environment, now: datetime) -> list[Refusal]:
    if environment.policy.soak is None:
        return []
    return [
        refusal
        for source, below in candidate.below.items()
        if (refusal := _soaking(source, below, environment.policy.soak, now))
    ]


def _soaking(source: str, below: Below, soak: str, now: datetime) -> Refusal | None:
    if below.same and below.moves:
        text = f"{source} follows {below.runs}, which does not tell how long a commit has run there: pin it in {source}"
        return Refusal("soak", f"{text}, soak {soak}")
    if below.stay is None:  # What never ran there is refused by the order.
        return Refusal("soak", f"not committed yet as what runs in {source}, soak {soak}") if below.same else None
    since, until = below.stay
    ready = since + timedelta(seconds=seconds(soak))
    if ready <= (now if until is None else until):
        return None
    if until is not None:
        return Refusal("soak", f"in {source} only from {shown(since)} to {shown(until)}, soak {soak}")
    return Refusal("soak", f"in {source} since {shown(since)}, soak {soak}, ready {shown(ready)}", ready)


def _freeze(environment: Environment, now: datetime) -> list[Refusal]:
    return [
        Refusal("freeze", f'{environment.name} is frozen until {shown(freeze.until)}: "{freeze.reason}"', freeze.until)
        for freeze in environment.policy.freeze
        if freeze.from_ <= now < freeze.until
    ]


def _hold(candidate: Candidate, environment: Environment) -> list[Refusal]:
    reason = environment.holds.get(candidate.app)
    if reason is None:
        return []
    return [Refusal("hold", f'held: "{reason}"; workloads release {candidate.app} --in {environment.name}')]
