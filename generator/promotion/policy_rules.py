"""The rules of an environment's policy: order, pin kind, retirement, health, soak, freeze and hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from generator.argocd.revisions import required_kind, required_kind_name, revision_kind, shorten_commit
from generator.promotion.times import format_day, format_time, parse_duration_seconds

if TYPE_CHECKING:
    from generator.promotion.fixed_sources import FixedSource
    from generator.promotion.history import History, RunInterval
    from generator.promotion.policy import PromotionContext
    from generator.registry.editable import EditableRegistry
    from generator.registry.effective import EffectiveApp
    from generator.registry.registry import Environment

_HOLD_UNTIL = re.compile(r"(\d{4}-\d\d-\d\d) until (\S+): (.*)")
_HOLD_PREFIX = re.compile(r"\d{4}-\d\d-\d\d( until \S+:)? ")


@dataclass(frozen=True)
class Refusal:
    """A policy rule that blocks a promotion, and until when (None: waiting does not help)."""

    rule: str
    text: str
    ready_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


class Hold(NamedTuple):
    """A note in an environment's `holds`: its text, and when the hold ends by itself (None: never)."""

    note: str
    until: datetime | None = None

    @property
    def reason(self) -> str:
        """The note without the day and the end that `hold` writes before it."""
        return _HOLD_PREFIX.sub("", self.note)

    def is_active(self, now: datetime) -> bool:
        """Whether the hold still refuses promotions."""
        return self.until is None or now < self.until


class UnmetTerm(NamedTuple):
    """A term of the health rule that a live Application does not meet, and what is so instead."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class HealthVerdict(NamedTuple):
    """The terms that a live Application does not meet, and since when nothing interrupted its health, if known."""

    unmet: tuple[UnmetTerm, ...]
    since: datetime | None = None


class HealthLookup(Protocol):
    """Checks live Applications. The method raises nothing: what is not known is an unmet term."""

    def check_health(
        self, environment: Environment, app: EffectiveApp, revision_names: Collection[str], now: datetime
    ) -> HealthVerdict:
        """Check the health of an app in an environment at a revision, whose names are `revision_names`."""
        ...


@dataclass(frozen=True)
class SourceState:
    """The state of an app in a source environment.

    `runs_candidate` is True if `current_revision` is the candidate's, `follows_branch` if it is a branch.
    `run_interval` is when the candidate's revision ran there; None if it never did, by the committed history.
    `health` is None where the target's policy does not ask for it.
    """

    current_revision: str
    runs_candidate: bool
    run_interval: RunInterval | None
    follows_branch: bool = False
    health: HealthVerdict | None = None


@dataclass(frozen=True)
class Candidate:
    """An app to promote into an environment at `revision`, of a kind as `EffectiveApp.classify_revision` says.

    `source_states` has the state in each environment of `promotesFrom` that lists the app. `takes_commits` says whether
    a pin of the app can be a commit.
    """

    app: str
    revision: str
    kind: str
    source_states: Mapping[str, SourceState]
    takes_commits: bool = True
    fixed_sources: tuple[FixedSource, ...] = ()


def find_refusals(
    candidate: Candidate, environment: Environment, now: datetime, overridden_rules: Collection[str] = ()
) -> list[Refusal]:
    """Check every rule except `overridden_rules`; return the refusals, empty if the candidate may be promoted."""
    found = [
        *_check_order(candidate, environment),
        *_check_pin_kind(candidate, environment),
        *_check_retired(candidate, environment),
        *_check_health(candidate, environment, now),
        *_check_soak(candidate, environment, now),
        *_check_freeze(environment, now),
        *_check_hold(candidate, environment, now),
    ]
    return [refusal for refusal in found if refusal.rule not in overridden_rules]


def parse_hold(note: str) -> Hold:
    """Parse a note of an environment's `holds`; a note without a valid end gives a hold that never ends by itself."""
    found = _HOLD_UNTIL.fullmatch(note)
    if found is None:
        return Hold(note)
    try:
        until = datetime.fromisoformat(found[2])
    except ValueError:
        return Hold(note)
    return Hold(note, until if until.tzinfo else until.replace(tzinfo=UTC))


def format_hold(reason: str, now: datetime, until: datetime | None) -> str:
    """Format the note of a hold that starts now."""
    end = f" until {until.astimezone(UTC):%Y-%m-%dT%H:%MZ}:" if until else ""
    return f"{format_day(now)}{end} {reason}"


def _check_order(candidate: Candidate, environment: Environment) -> list[Refusal]:
    if not environment.promotes_from:
        return []
    sources = " or ".join(environment.promotes_from)
    if not candidate.source_states:
        return [
            Refusal("order", f"{candidate.app} is not in {sources} yet; {environment.name} promotes from {sources}")
        ]
    revision = shorten_commit(candidate.revision)
    return [
        Refusal("order", f"{revision} never ran in {source}, which runs {shorten_commit(state.current_revision)}")
        for source, state in candidate.source_states.items()
        # Which commits of a branch ran there is unknown; a soak time needs a pin there.
        if not (state.runs_candidate or state.follows_branch) and state.run_interval is None
    ]


def _check_pin_kind(candidate: Candidate, environment: Environment) -> list[Refusal]:
    policy = environment.policy.pin
    if policy == "any":
        return []
    found = []
    if candidate.kind not in ("commit", required_kind(policy, candidate.takes_commits)):
        wanted = required_kind_name(policy, candidate.takes_commits)
        what = "a tag" if candidate.kind == "tag" else "a branch or a range" if candidate.takes_commits else "not one"
        text = f"{environment.name} runs {wanted} only, and {candidate.revision} is {what}: choose one with --revision"
        found.append(Refusal("pin", text))
    for source in candidate.fixed_sources:
        kind = revision_kind(source.revision, pinned=True, in_git=not source.chart)
        if kind not in ("commit", required_kind(policy, not source.chart)):
            text = f"{environment.name} runs {policy}s only, and {source.repository} is at {source.revision}"
            found.append(Refusal("pin", text))
    return found


def _check_retired(candidate: Candidate, environment: Environment) -> list[Refusal]:
    if candidate.app not in environment.retired:
        return []
    undo = f"workloads retire {candidate.app} --in {environment.name} --undo"
    return [Refusal("retired", f'"{environment.retired[candidate.app]}"; {undo}')]


def _check_health(candidate: Candidate, environment: Environment, now: datetime) -> list[Refusal]:
    """Check that every source environment has been healthy at the candidate's revision for the whole time."""
    return [
        refusal
        for source, state in candidate.source_states.items()
        if state.health is not None
        for refusal in _check_source_health(candidate, source, state, str(environment.policy.health), now)
    ]


def _check_source_health(
    candidate: Candidate, source: str, state: SourceState, health: str, now: datetime
) -> list[Refusal]:
    verdict = state.health or HealthVerdict(())
    if not (state.runs_candidate or state.follows_branch):
        runs = shorten_commit(state.current_revision)
        text = f"{source} runs {runs} now, which does not show that {shorten_commit(candidate.revision)} is healthy"
        return [Refusal("health", text)]
    if verdict.unmet:
        return [Refusal("health", f"in {source}, {term}") for term in verdict.unmet]
    if verdict.since is None:
        return [Refusal("health", f"nothing shows since when it is healthy in {source}")]
    ready = verdict.since + timedelta(seconds=parse_duration_seconds(health))
    if now >= ready:
        return []
    text = f"healthy in {source} since {format_time(verdict.since)}, health {health}, ready {format_time(ready)}"
    return [Refusal("health", text, ready)]


def _check_soak(candidate: Candidate, environment: Environment, now: datetime) -> list[Refusal]:
    if environment.policy.soak is None:
        return []
    return [
        refusal
        for source, state in candidate.source_states.items()
        if (refusal := _check_source_soak(candidate, source, state, environment.policy.soak, now))
    ]


def _check_source_soak(
    candidate: Candidate, source: str, source_state: SourceState, soak: str, now: datetime
) -> Refusal | None:
    if source_state.follows_branch and (source_state.runs_candidate or source_state.run_interval is None):
        follows = f"{source} follows the branch {source_state.current_revision}"
        return Refusal("soak", f"cannot measure soak: {follows}. Pin a tag or commit in {source}")
    if source_state.run_interval is None:  # The order rule refuses what never ran there.
        if not source_state.runs_candidate:
            return None
        revision = shorten_commit(candidate.revision)
        return Refusal("soak", f"{revision} is not committed in {source} yet; the soak time is {soak}")
    since, until = source_state.run_interval
    if source_state.health and source_state.health.since:
        since = max(since, source_state.health.since)
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


def _check_hold(candidate: Candidate, environment: Environment, now: datetime) -> list[Refusal]:
    note = environment.holds.get(candidate.app)
    hold = parse_hold(note) if note is not None else None
    if hold is None or not hold.is_active(now):
        return []
    return [
        Refusal("hold", f'held: "{hold.note}"; workloads unhold {candidate.app} --in {environment.name}', hold.until)
    ]


def find_source_states(
    editable: EditableRegistry,
    environment: Environment,
    app: str,
    revision_names: Collection[str],
    context: PromotionContext,
) -> dict[str, SourceState]:
    """Return the state of an app in every source environment that lists it.

    `revision_names` are the names of the candidate's revision: the revision itself and its tag.
    """
    found: dict[str, SourceState] = {}
    for name in environment.promotes_from:
        running = editable.registry.find_effective_app(name, app) if name in editable.registry.environments else None
        if running is None:
            continue
        same = bool({running.revision, editable.pinned_tag(name, app)} & set(revision_names) - {""})
        follows_branch = running.revision_kind == "branch"
        interval = _find_candidate_interval(context.history, running, revision_names, same)
        source = editable.registry.environments[name]
        health = _check_live_health(source, running, revision_names, context) if environment.policy.health else None
        found[name] = SourceState(running.revision, same, interval, follows_branch, health)
    return found


def _check_live_health(
    source: Environment, running: EffectiveApp, revision_names: Collection[str], context: PromotionContext
) -> HealthVerdict:
    if context.live is None:
        text = "the live state is not known: give --live SOURCE, or set WORKLOADS_LIVE"
        return HealthVerdict((UnmetTerm("seen", text),))
    return context.live.check_health(source, running, revision_names, context.now)


def _find_candidate_interval(
    history: History, running: EffectiveApp, revision_names: Collection[str], runs_candidate: bool
) -> RunInterval | None:
    """Find when the candidate's revision ran in the environment of `running`; a current one must be committed."""
    if runs_candidate:
        interval = history.find_last_run_interval(running.environment, running.app, running.revision)
        return interval if interval and interval.until is None else None
    revisions = (*revision_names, *history.find_tagged_commits(running.app, revision_names))
    intervals = (history.find_last_run_interval(running.environment, running.app, each) for each in revisions)
    return next((interval for interval in intervals if interval), None)
