"""Explain the state of one app in an environment: what runs, since when, who changed it, what waits, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from generator.promotion.history import History, RevisionChange
from generator.promotion.policy import PromotionContext
from generator.promotion.policy_rules import parse_hold
from generator.promotion.status import PendingPromotion, find_pending_promotions
from generator.promotion.times import format_age, format_time
from generator.registry.editable import EditableRegistry
from generator.registry.registry import Environment
from generator.toml.document import format_key_path


@dataclass(frozen=True)
class AppExplanation:
    """The state of an app in one environment; `next_step` is a command, or empty.

    `filled_in` are its fields that depend on the environment's facts, with what they are there. `live` are lines on
    what Argo CD has; empty if nobody asked.
    """

    environment: str
    running: str
    last_change: RevisionChange | None
    comparison: str
    reasons: tuple[str, ...]
    next_step: str
    filled_in: tuple[str, ...] = ()
    live: tuple[str, ...] = ()

    def format_lines(self, now: datetime) -> Iterator[str]:
        """Format the explanation for people."""
        yield f"{self.environment}: {self.running}"
        if self.last_change is not None:
            change, age = self.last_change, format_age(now - self.last_change.changed_at)
            yield f"  since {format_time(change.changed_at)} ({age}), by {change.author} in {change.commit[:9]}"
            yield f"  {change.reason or change.subject}"
        yield from (f"  {line}" for line in self.live)
        if self.comparison:
            yield f"  {self.comparison}"
        yield from (f"    {reason}" for reason in self.reasons)
        yield from (f"  {field}" for field in self.filled_in)
        if self.next_step:
            yield f"  next: {self.next_step}"

    def to_json_object(self) -> dict[str, object]:
        """Return the explanation as JSON data."""
        change = self.last_change
        return {
            "environment": self.environment,
            "runs": self.running,
            "since": change.changed_at.isoformat() if change else None,
            "who": change.author if change else None,
            "commit": change.commit if change else None,
            "why": (change.reason or change.subject) if change else None,
            "comparison": self.comparison or None,
            "reasons": list(self.reasons),
            "next": self.next_step or None,
            "filledIn": list(self.filled_in),
            **({"live": list(self.live)} if self.live else {}),
        }


def explain_app(
    editable: EditableRegistry, app: str, environments: Iterable[str], context: PromotionContext
) -> list[AppExplanation]:
    """Explain an app in each of the environments."""
    names = tuple(environments)
    pending = {wait.environment: wait for wait in find_pending_promotions(editable, names, context) if wait.app == app}
    return [
        _explain_in_environment(editable, app, editable.registry.environments[name], pending.get(name), context)
        for name in names
    ]


def _explain_in_environment(
    editable: EditableRegistry,
    app: str,
    environment: Environment,
    pending: PendingPromotion | None,
    context: PromotionContext,
) -> AppExplanation:
    changes = context.history.filter_changes(app, environment.name)
    reasons = [str(refusal) for refusal in pending.refusals] if pending else []
    hold = environment.holds.get(app)
    if hold is not None and not any(reason.startswith("hold: ") for reason in reasons):
        reasons.append(f'hold: held: "{hold}"' + ("" if parse_hold(hold).is_active(context.now) else " (it has ended)"))
    comparison = f"{pending.comparison} ({pending.source_revision})" if pending else ""
    return AppExplanation(
        environment.name,
        _describe_running(editable, app, environment, context.history),
        changes[-1] if changes else None,
        comparison or _describe_without_pending(editable, app, environment),
        tuple(reasons),
        _find_next_step(editable, app, environment, pending, context.now),
        tuple(_describe_filled_in_fields(editable, app, environment)),
    )


def _describe_filled_in_fields(editable: EditableRegistry, app: str, environment: Environment) -> Iterator[str]:
    running = editable.registry.find_effective_app(environment.name, app)
    for each in running.interpolations if running else ():
        yield f'{format_key_path(each.key)} = "{each.text}", from "{each.template}"'


def _describe_running(editable: EditableRegistry, app: str, environment: Environment, history: History) -> str:
    running = editable.registry.find_effective_app(environment.name, app)
    if running is None:
        return f"{app} is not in {environment.name}"
    retired = ", retired" if app in environment.retired else ""
    tag, revision = editable.pinned_tag(environment.name, app), history.format_revision(app, running.revision)
    shown = f"{tag} ({running.revision[:12]})" if tag else revision
    return f"{app} {shown}, {'pinned' if running.pin is not None else 'follows its own targetRevision'}{retired}"


def _describe_without_pending(editable: EditableRegistry, app: str, environment: Environment) -> str:
    if not environment.promotes_from:
        return "a first environment"
    sources = [name for name in environment.promotes_from if editable.registry.find_effective_app(name, app)]
    if not sources:
        return f"in no source environment: {' or '.join(environment.promotes_from)}"
    if editable.registry.find_effective_app(environment.name, app) is None:
        return f"runs in {' and '.join(sources)}"
    source = editable.registry.find_effective_app(sources[0], app)
    here = editable.registry.find_effective_app(environment.name, app)
    equal = source is not None and here is not None and source.revision == here.revision
    return f"equal to {sources[0]}" if equal else f"compared with {sources[0]}: nothing to promote on a schedule"


def _find_next_step(
    editable: EditableRegistry, app: str, environment: Environment, pending: PendingPromotion | None, now: datetime
) -> str:
    promote = f"workloads promote {app} --to {environment.name}"
    hold = environment.holds.get(app)
    if hold is not None and parse_hold(hold).is_active(now):
        return f"workloads unhold {app} --in {environment.name}"
    if app in environment.retired:
        return f"workloads remove {app} --in {environment.name}"
    if pending is None:
        listed = editable.registry.find_listing(environment.name, app) is not None
        runs_below = any(editable.registry.find_listing(name, app) for name in environment.promotes_from)
        return promote if runs_below and not listed else ""
    times = [refusal.ready_at for refusal in pending.refusals]
    latest = max((time for time in times if time is not None), default=None)
    if None in times:
        return ""
    return f"wait until {format_time(latest)}, then {promote}" if latest else promote
