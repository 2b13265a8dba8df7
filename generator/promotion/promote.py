"""Promote apps: copy revisions from a source environment into another environment's promotion list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from generator.errors import NetworkError, RefusedError, UsageError
from generator.promotion.app_edits import (
    RegistryEdit,
    build_list_entry,
    collapse_whitespace,
    find_running_app,
    format_pin,
    require_app,
    require_environment,
    require_known_name,
)
from generator.promotion.history import History, RunInterval, shorten_commit
from generator.promotion.pins import Pin, RemoteLookup, WantedRevision, choose_pin, list_repositories_to_query
from generator.promotion.policy import Candidate, Refusal, SourceState, find_refusals
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp, build_base_layer, build_effective_app
from generator.registry.registry import Environment


@dataclass(frozen=True)
class PolicyOverride:
    """Policy rules that the user overrides, and the reason; both are recorded in the commit."""

    rules: Collection[str] = ()
    reason: str = ""


@dataclass(frozen=True)
class PromotionOrder:
    """What to promote: `apps` into `target_environment`, from one of its `promotesFrom`.

    Without `apps`, all apps of the source environment, or those of `team`. `ready_only` skips apps that a rule
    refuses. `revision` replaces the source environment's revision; `app_revisions` does so for single apps.
    """

    apps: tuple[str, ...]
    target_environment: str
    source_environment: str | None = None
    revision: str | None = None
    ready_only: bool = False
    team: str | None = None
    app_revisions: Mapping[str, str] = field(default_factory=dict)
    override: PolicyOverride = field(default_factory=PolicyOverride)


@dataclass(frozen=True)
class PromotionContext:
    """What a promotion needs besides the registry: its history, the time, and the app repositories."""

    history: History
    now: datetime
    remotes: RemoteLookup


class PromotionStep(NamedTuple):
    """The promotion of one app: the wanted revision, and the resulting pin or refusals."""

    app_name: str
    wanted: WantedRevision | None = None
    pin: Pin | None = None
    refusals: tuple[Refusal, ...] = ()
    overridden_refusals: tuple[Refusal, ...] = ()


def promote_apps(editable: EditableRegistry, order: PromotionOrder, context: PromotionContext) -> RegistryEdit:
    """Promote apps into an environment: all of them or none, unless `order.ready_only`.

    Raises RefusedError with every rule that refuses, UsageError for an invalid order, NetworkError.
    """
    environment = _validate_order(editable, order)
    steps = decide_steps(editable, environment, order, context)
    refused = [f"{step.app_name}: {refusal}" for step in steps for refusal in step.refusals]
    if refused and not order.ready_only:
        raise RefusedError(f"not promoted to {order.target_environment}:\n" + "\n".join(refused))
    going = [step for step in steps if step.pin is not None and not step.refusals]
    entries = [
        build_list_entry(editable, order.target_environment, step.app_name, step.pin)
        for step in going
        if step.pin is not None
    ]
    told = [_describe_step(editable, step, environment, context.history) for step in going]
    told += [f"{step.app_name}: overridden: {refusal}" for step in going for refusal in step.overridden_refusals]
    told += [
        f"{step.app_name}: {order.target_environment} has it already"
        for step in steps
        if order.apps and step == PromotionStep(step.app_name)
    ]
    return RegistryEdit(
        editable.with_entries(order.target_environment, entries) if entries else editable,
        _format_promotion_subject(going, environment, order),
        _format_override_trailers(order.override),
        (*told, *(f"waits: {line}" for line in refused)),
    )


def decide_steps(
    editable: EditableRegistry, environment: Environment, order: PromotionOrder, context: PromotionContext
) -> list[PromotionStep]:
    """Decide the pin or the refusals of each app of an order, by policy and by its repositories."""
    steps = [
        start_step(editable, environment, name, order, context.now)
        for name in _list_ordered_apps(editable, environment, order)
    ]
    steps = [check_step_offline(editable, environment, step, order, context) for step in steps]
    open_steps = [step.wanted for step in steps if step.wanted and not step.refusals]
    context.remotes.prefetch_refs(
        url for wanted in open_steps for url in list_repositories_to_query(wanted, environment)
    )
    return [_pin_step(editable, environment, step, order, context) for step in steps]


def _validate_order(editable: EditableRegistry, order: PromotionOrder) -> Environment:
    environment = require_environment(editable, order.target_environment)
    if order.team is not None:
        require_known_name(order.team, editable.registry.teams, "team")
    if order.source_environment is not None and order.source_environment not in environment.promotes_from:
        below = ", ".join(environment.promotes_from) or "no environment"
        raise UsageError(f"{environment.name} is promoted from {below}, not from {order.source_environment}")
    if not environment.promotes_from and order.revision is None and not order.app_revisions:
        raise UsageError(f"{environment.name} is promoted from no environment", remedy="say what to: --revision REV")
    denied = sorted(set(order.override.rules) - set(environment.policy.overrides))
    if denied:
        raise RefusedError(
            f"{environment.name} does not let {', '.join(denied)} be overridden",
            remedy=f"environments.{environment.name}.policy.overrides in the root file says what may be",
        )
    if order.override.rules and not order.override.reason.strip():
        raise UsageError("an override needs a reason", remedy="say why with --reason TEXT")
    return environment


def _list_ordered_apps(editable: EditableRegistry, environment: Environment, order: PromotionOrder) -> list[str]:
    """List the apps of an order: those named, else all (of a team) in the source environments."""
    for name in order.apps:
        require_app(editable, name)
    if order.apps:
        return list(dict.fromkeys(order.apps))
    below = (order.source_environment,) if order.source_environment else environment.promotes_from
    found = {listing.app for env in below for listing in editable.registry.environments[env].listings}
    return sorted(app for app in found if order.team in (None, editable.registry.apps[app]["team"]))


def start_step(
    editable: EditableRegistry, environment: Environment, name: str, order: PromotionOrder, now: datetime
) -> PromotionStep:
    """Start an app's step with the user's revision, else that of the first source that runs the app."""
    below = (order.source_environment,) if order.source_environment else environment.promotes_from
    chosen = order.app_revisions.get(name, order.revision)
    running = next((app for env in below if (app := find_running_app(editable, env, name))), None)
    if running is None:
        if environment.promotes_from or chosen is None:
            return PromotionStep(
                name, refusals=tuple(find_refusals(Candidate(name, "", True, {}), environment, now)[:1])
            )
        running = find_running_app(editable, environment.name, name) or _resolve_unpinned_app(
            editable, environment.name, name
        )
    if chosen is not None:
        return PromotionStep(name, WantedRevision(running, chosen, user_chosen=True))
    tag = editable.pinned_tag(running.environment, name)
    return PromotionStep(name, WantedRevision(running, running.revision, tag, running.pin is not None))


def _resolve_unpinned_app(editable: EditableRegistry, environment: str, name: str) -> EffectiveApp:
    """Return the effective app of an environment, as it would run without a pin."""
    return build_effective_app(
        build_base_layer(editable.registry.defaults), name, editable.registry.apps[name], environment, None
    )


def check_step_offline(
    editable: EditableRegistry,
    environment: Environment,
    step: PromotionStep,
    order: PromotionOrder,
    context: PromotionContext,
) -> PromotionStep:
    """Check a step without network access: is the revision already there, or does a rule refuse it?"""
    wanted = step.wanted
    if wanted is None:
        return step
    if _already_runs(editable, environment, wanted):
        return PromotionStep(step.app_name)
    if wanted.user_chosen:
        return step
    candidate = Candidate(
        step.app_name, wanted.revision, True, _collect_source_states(editable, environment, wanted, None, context)
    )
    refusals = find_refusals(candidate, environment, context.now, {*order.override.rules, "pin"})
    return PromotionStep(step.app_name, wanted, refusals=tuple(refusals))


def _already_runs(editable: EditableRegistry, environment: Environment, wanted: WantedRevision) -> bool:
    there = find_running_app(editable, environment.name, wanted.app.app)
    if there is None:
        return False
    if wanted.wanted_kind == "branch" and environment.policy.pin == "commit":
        return False  # Only the repository knows the branch's commit.
    tag = editable.pinned_tag(environment.name, wanted.app.app)
    return wanted.revision == there.revision or (wanted.wanted_kind == "tag" and wanted.revision == tag)


def _pin_step(
    editable: EditableRegistry,
    environment: Environment,
    step: PromotionStep,
    order: PromotionOrder,
    context: PromotionContext,
) -> PromotionStep:
    wanted = step.wanted
    if wanted is None or step.refusals:
        return step
    own = _resolve_unpinned_app(editable, environment.name, step.app_name).revision
    try:
        pin = choose_pin(wanted, environment, own, context.remotes)
    except RefusedError as error:
        return PromotionStep(step.app_name, wanted, refusals=(Refusal("pin", error.message),))
    except NetworkError as error:
        if not order.ready_only:
            raise
        return PromotionStep(step.app_name, wanted, refusals=(Refusal("network", error.message),))
    there = find_running_app(editable, environment.name, step.app_name)
    if there is not None and there.revision == (pin.revision or own):
        return PromotionStep(step.app_name)
    below = _collect_source_states(editable, environment, wanted, pin, context)
    candidate = Candidate(step.app_name, pin.revision or own, pin.revision is not None, below)
    every = find_refusals(candidate, environment, context.now)
    kept = tuple(refusal for refusal in every if refusal.rule not in order.override.rules)
    return PromotionStep(step.app_name, wanted, pin, kept, tuple(refusal for refusal in every if refusal not in kept))


def _collect_source_states(
    editable: EditableRegistry,
    environment: Environment,
    wanted: WantedRevision,
    pin: Pin | None,
    context: PromotionContext,
) -> dict[str, SourceState]:
    """Return the state of the app in every source environment that runs it."""
    name = wanted.app.app
    words = {wanted.revision, *(pin or ())} - {None, ""}
    found: dict[str, SourceState] = {}
    for env in environment.promotes_from:
        app = find_running_app(editable, env, name)
        if app is not None:
            same = bool({app.revision, editable.pinned_tag(env, name)} & words)
            moves = WantedRevision(app, app.revision, pinned=app.pin is not None).wanted_kind == "branch"
            found[env] = SourceState(app.revision, same, _find_candidate_run(context.history, app, words, same), moves)
    return found


def _find_candidate_run(
    history: History, app: EffectiveApp, revision_names: Collection[str | None], runs_candidate: bool
) -> RunInterval | None:
    """Find when the wanted revision ran in the environment of `app`; a current revision must be committed."""
    if runs_candidate:
        stay = history.find_last_run_interval(app.environment, app.app, app.revision)
        return stay if stay and stay.until is None else None
    revisions = (*revision_names, *history.find_tagged_commits(app.app, revision_names))
    stays = (history.find_last_run_interval(app.environment, app.app, str(revision)) for revision in revisions)
    return next((stay for stay in stays if stay), None)


def _describe_step(editable: EditableRegistry, step: PromotionStep, environment: Environment, history: History) -> str:
    before = find_running_app(editable, environment.name, step.app_name)
    was = history.format_revision(step.app_name, before.revision) if before else "nothing"
    follows = step.wanted.revision if step.wanted else ""
    now = format_pin(step.pin) if step.pin and step.pin.revision else f"{follows} (as the app says)"
    return f"{step.app_name}: {environment.name} {was} → {now}"


def _format_promotion_subject(steps: list[PromotionStep], environment: Environment, order: PromotionOrder) -> str:
    if not steps:
        return ""
    below = order.source_environment or "+".join(environment.promotes_from)
    way, verb = (f"{below} → {environment.name}", "promote") if below else (environment.name, "update")
    if len(steps) > 1:
        return f"{verb} {len(steps)} apps: {way}"
    pin = steps[0].pin or Pin(None)
    revision = pin.tag or shorten_commit(pin.revision or "")
    return f"{verb} {steps[0].app_name}{f' {revision}' if revision else ''}: {way}"


def _format_override_trailers(override: PolicyOverride) -> tuple[str, ...]:
    if not override.rules:
        return (f"Reason: {collapse_whitespace(override.reason)}",) if override.reason.strip() else ()
    return (f"Override: {', '.join(sorted(override.rules))}", f"Reason: {collapse_whitespace(override.reason)}")
