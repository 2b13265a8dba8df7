"""The policy rules that decide whether a revision may be promoted into an environment now."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from generator.promotion.history import RunInterval, shorten_commit
from generator.registry.application_rules import revision_kind
from generator.registry.registry import Environment

_SECONDS_PER_UNIT = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Refusal:
    """A policy rule that blocks a promotion, and until when (None: waiting does not help)."""

    rule: str
    text: str
    ready_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


@dataclass(frozen=True)
class SourceState:
    """The state of an app in a source environment.

    `runs_candidate` is True if `current_revision` is the candidate's, `follows_branch` if it is a branch.
    `run_interval` is when the candidate's revision ran there; None if it never did, by the committed history.
    """

    current_revision: str
    runs_candidate: bool
    run_interval: RunInterval | None
    follows_branch: bool = False


@dataclass(frozen=True)
class Candidate:
    """An app to promote into an environment at `revision` (`pinned` or followed).

    `source_states` has the state in each environment of `promotesFrom` that lists the app.
    """

    app: str
    revision: str
    pinned: bool
    source_states: Mapping[str, SourceState]


def find_refusals(
    candidate: Candidate, environment: Environment, now: datetime, overridden_rules: Collection[str] = ()
) -> list[Refusal]:
    """Check every rule except `overridden_rules`; return the refusals, empty if the candidate may be promoted."""
    found = [
        *_check_order(candidate, environment),
        *_check_pin_kind(candidate, environment),
        *_check_retired(candidate, environment),
    ]
    found += (
        _check_soak(candidate, environment, now) + _check_freeze(environment, now) + _check_hold(candidate, environment)
    )
    return [refusal for refusal in found if refusal.rule not in overridden_rules]


def parse_duration_seconds(duration: str) -> float:
    """Convert a Go duration ("24h", "1h30m") or a bare number of seconds to seconds."""
    if duration.isdigit():
        return float(duration)
    return sum(
        float(number) * _SECONDS_PER_UNIT[unit] for number, unit in re.findall(r"([\d.]+)(ms|us|µs|ns|h|m|s)", duration)
    )


def format_time(moment: datetime) -> str:
    """Format a time in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _check_order(candidate: Candidate, environment: Environment) -> list[Refusal]:
    if not environment.promotes_from:
        return []
    sources = ", ".join(environment.promotes_from)
    if not candidate.source_states:
        return [
            Refusal("order", f"{candidate.app} does not run in {sources}, from where {environment.name} is promoted")
        ]
    return [
        Refusal(
            "order",
            f"{shorten_commit(candidate.revision)} never ran in {source}, where {shorten_commit(below.current_revision)} runs",  # noqa: E501
        )
        for source, below in candidate.source_states.items()
        if not below.runs_candidate and below.run_interval is None
    ]


def _check_pin_kind(candidate: Candidate, environment: Environment) -> list[Refusal]:
    wanted = environment.policy.pin
    kind = revision_kind(candidate.revision, candidate.pinned)
    if wanted == "any" or kind in ("commit", wanted):
        return []
    what = "a branch or a range" if kind == "branch" else "a tag"
    text = f"{environment.name} runs {wanted}s only, and {candidate.revision} is {what}: give --revision"
    return [Refusal("pin", text)]


def _check_retired(candidate: Candidate, environment: Environment) -> list[Refusal]:
    if candidate.app not in environment.retired:
        return []
    undo = f"workloads retire {candidate.app} --in {environment.name} --undo"
    return [Refusal("retired", f'"{environment.retired[candidate.app]}"; {undo}')]


def _check_soak(candidate: Candidate, environment: Environment, now: datetime) -> list[Refusal]:
    if environment.policy.soak is None:
        return []
    return [
        refusal
        for source, below in candidate.source_states.items()
        if (refusal := _check_source_soak(source, below, environment.policy.soak, now))
    ]


def _check_source_soak(source: str, source_state: SourceState, soak: str, now: datetime) -> Refusal | None:
    if source_state.runs_candidate and source_state.follows_branch:
        text = f"{source} follows {source_state.current_revision}, which does not tell how long a commit has run there: pin it in {source}"  # noqa: E501
        return Refusal("soak", f"{text}, soak {soak}")
    if source_state.run_interval is None:  # The order rule refuses what never ran there.
        return (
            Refusal("soak", f"not committed yet as what runs in {source}, soak {soak}")
            if source_state.runs_candidate
            else None
        )
    since, until = source_state.run_interval
    ready = since + timedelta(seconds=parse_duration_seconds(soak))
    if ready <= (now if until is None else until):
        return None
    if until is not None:
        return Refusal("soak", f"in {source} only from {format_time(since)} to {format_time(until)}, soak {soak}")
    return Refusal("soak", f"in {source} since {format_time(since)}, soak {soak}, ready {format_time(ready)}", ready)


def _check_freeze(environment: Environment, now: datetime) -> list[Refusal]:
    return [
        Refusal(
            "freeze", f'{environment.name} is frozen until {format_time(freeze.until)}: "{freeze.reason}"', freeze.until
        )
        for freeze in environment.policy.freeze
        if freeze.from_ <= now < freeze.until
    ]


def _check_hold(candidate: Candidate, environment: Environment) -> list[Refusal]:
    reason = environment.holds.get(candidate.app)
    if reason is None:
        return []
    return [Refusal("hold", f'held: "{reason}"; workloads release {candidate.app} --in {environment.name}')]
