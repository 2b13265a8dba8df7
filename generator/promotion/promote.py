"""Promote apps: copy revisions from a source environment into another environment's promotion list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.revisions import required_kind, shorten_commit
from generator.errors import NetworkError, RefusedError, UsageError
from generator.promotion.app_edits import (
    RegistryEdit,
    build_list_entry,
    collapse_whitespace,
    format_pin,
    require_app,
    require_environment,
)
from generator.promotion.direction import Direction, compare_phrase, compare_revisions, describe_listed_revision
from generator.promotion.fixed_sources import list_fixed_sources
from generator.promotion.history import History
from generator.promotion.pins import Pin, WantedRevision, choose_pin, list_repositories_to_query, verify_version
from generator.promotion.policy import PromotionContext, require_allowed_overrides
from generator.promotion.policy_rules import Candidate, Refusal, find_refusals, find_source_states
from generator.promotion.trailers import PolicyOverride
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp
from generator.registry.problems import require_known_name
from generator.registry.registry import Environment

if TYPE_CHECKING:
    from generator.registry.editable import EditableRegistry


@dataclass(frozen=True)
class PromotionRequest:
    """What to promote: `apps` into each of `target_environments`, from one of its `promotesFrom`.

    Without `apps`, all apps of the source environment, or those of `team`. `ready_only` skips apps that a rule
    refuses, and those that a schedule must not touch. `revision` replaces the source environment's revision;
    `app_revisions` does so for single apps.
    """

    apps: tuple[str, ...]
    target_environments: tuple[str, ...]
    source_environment: str | None = None
    revision: str | None = None
    ready_only: bool = False
    team: str | None = None
    app_revisions: Mapping[str, str] = field(default_factory=dict)
    overridden_rules: tuple[str, ...] = ()
    reason: str = ""

    @property
    def overrides(self) -> tuple[PolicyOverride, ...]:
        """The overridden rules, with the reason, for every entry of the request."""
        return tuple(PolicyOverride(rule, self.reason) for rule in self.overridden_rules)


class PromotionStep(NamedTuple):
    """The promotion of one app into one environment: the wanted revision, and the resulting pin or refusals.

    `note` is what the user should know of a promotion that nothing refuses.
    """

    app_name: str
    environment: Environment
    wanted: WantedRevision | None = None
    pin: Pin | None = None
    refusals: tuple[Refusal, ...] = ()
    overridden_refusals: tuple[Refusal, ...] = ()
    direction: Direction = Direction.DIFFERENT
    note: str = ""

    @property
    def is_promoted(self) -> bool:
        """Whether the step changes the environment's entry."""
        return self.pin is not None and not self.refusals

    @property
    def follows_branch(self) -> bool:
        """Whether the source environment follows a branch, from which a schedule never promotes."""
        return self.wanted is not None and self.wanted.wanted_kind == "branch"

    @property
    def is_up_to_date(self) -> bool:
        """Whether the environment has the wanted revision already."""
        return self.wanted is None and not self.refusals


def promote_apps(editable: EditableRegistry, request: PromotionRequest, context: PromotionContext) -> RegistryEdit:
    """Promote apps into environments: all of them or none, unless `request.ready_only`.

    Raises RefusedError with every rule that refuses, UsageError for an invalid request, NetworkError.
    """
    environments = [
        _validate_promotion_request(editable, request, name) for name in dict.fromkeys(request.target_environments)
    ]
    _refuse_chained_targets(environments)
    steps = [step for each in environments for step in decide_steps(editable, each, request, context)]
    reported = [step for step in steps if request.apps or not (request.ready_only and step.follows_branch)]
    refused = [(step, refusal) for step in reported for refusal in step.refusals]
    if refused and not request.ready_only:
        names = ", ".join(dict.fromkeys(step.environment.name for step, _ in refused))
        lines = (_format_refusal(step, refusal, environments) for step, refusal in refused)
        raise RefusedError("WL3102", f"not promoted to {names}:\n" + "\n".join(lines))
    going = [step for step in steps if step.is_promoted]
    after = editable
    for environment in environments:
        entries = [
            build_list_entry(editable, environment.name, step.app_name, step.pin)
            for step in going
            if step.pin is not None and step.environment is environment
        ]
        after = after.with_entries(environment.name, entries) if entries else after
    messages = [_describe_step(editable, step, context.history) for step in going]
    messages += dict.fromkeys(step.note for step in going if step.note)
    messages += [f"{step.app_name}: overridden: {refusal}" for step in going for refusal in step.overridden_refusals]
    messages += [
        f"{step.app_name}: {step.environment.name} is already up to date"
        for step in steps
        if request.apps and step.is_up_to_date
    ]
    messages += [f"waits: {_format_refusal(step, refusal, environments)}" for step, refusal in refused]
    subject, trailers = _format_promotion_subject(going, request), _format_trailers(going, request)
    return RegistryEdit(after, subject, trailers, tuple(messages), request.overrides)


def _refuse_chained_targets(environments: Sequence[Environment]) -> None:
    """Raise UsageError if one target promotes from another: what ran there is not known before it runs there."""
    names = [environment.name for environment in environments]
    for environment in environments:
        source = next((name for name in environment.promotes_from if name in names), None)
        if source is not None:
            raise UsageError(
                "WL1105",
                f"{environment.name} promotes from {source}, so one change cannot promote to both",
                remedy=f"promote to {source} first",
            )


def _format_refusal(step: PromotionStep, refusal: Refusal, environments: Sequence[Environment]) -> str:
    place = f"{step.environment.name}: " if len(environments) > 1 else ""
    return f"{step.app_name}: {place}{refusal}"


def _validate_promotion_request(editable: EditableRegistry, request: PromotionRequest, target: str) -> Environment:
    environment = require_environment(editable, target)
    if request.team is not None:
        require_known_name(request.team, editable.registry.teams, "team")
    if request.source_environment is not None:
        require_environment(editable, request.source_environment)
    if request.source_environment is not None and request.source_environment not in environment.promotes_from:
        sources = ", ".join(environment.promotes_from) or "no environment"
        raise UsageError("WL1105", f"{environment.name} promotes from {sources}, not from {request.source_environment}")
    if not environment.promotes_from and request.revision is None and not request.app_revisions:
        raise UsageError(
            "WL1106", f"{environment.name} is a first environment", remedy="choose the revision with --revision REV"
        )
    require_allowed_overrides(environment, request.overrides)
    return environment


def decide_steps(
    editable: EditableRegistry, environment: Environment, request: PromotionRequest, context: PromotionContext
) -> list[PromotionStep]:
    """Decide the pin or the refusals of each app of a request, by policy and by its repositories."""
    decision = StepDecider(editable, environment, request, context)
    steps = decision.decide_without_network()
    open_steps = [step.wanted for step in steps if step.wanted and not step.refusals]
    context.remotes.prefetch_refs(
        url for wanted in open_steps for url in list_repositories_to_query(wanted, environment)
    )
    return [decision.choose_step_pin(step) for step in steps]


@dataclass(frozen=True)
class StepDecider:
    """Decides the steps of a request for one of its target environments."""

    editable: EditableRegistry
    environment: Environment
    request: PromotionRequest
    context: PromotionContext

    def decide_without_network(self) -> list[PromotionStep]:
        """Return a step for each app of the request, decided as far as possible without asking a repository.

        A step is up to date, refused by a rule, or open: `choose_step_pin` decides it.
        """
        return [self._check_offline(self._start_step(name)) for name in self._list_apps()]

    @property
    def _sources(self) -> tuple[str, ...]:
        chosen = self.request.source_environment
        return (chosen,) if chosen else self.environment.promotes_from

    def _list_apps(self) -> list[str]:
        """List the apps of the request: those named, else all (of a team) in the source environments.

        A schedule takes only those that the target lists, unless its policy onboards apps automatically.
        """
        for name in self.request.apps:
            require_app(self.editable, name)
        if self.request.apps:
            return list(dict.fromkeys(self.request.apps))
        environments = self.editable.registry.environments
        listed = {listing.app for name in self._sources for listing in environments[name].listings}
        if self.request.ready_only and self.environment.policy.onboard != "auto":
            listed = {listing.app for listing in self.environment.listings}
        return sorted(app for app in listed if self.request.team in (None, self.editable.registry.apps[app]["team"]))

    def _start_step(self, name: str) -> PromotionStep:
        """Start an app's step with the user's revision, else that of the first source that lists the app."""
        chosen = self.request.app_revisions.get(name, self.request.revision)
        running = next((app for env in self._sources if (app := self._find_app(env, name))), None)
        if running is None:
            needs_source = self.environment.promotes_from and "order" not in self.request.overridden_rules
            if needs_source or chosen is None:
                refusals = find_refusals(Candidate(name, "", "tag", {}), self.environment, self.context.now)
                return PromotionStep(name, self.environment, refusals=tuple(refusals[:1]))
            running = self._find_app(self.environment.name, name) or self._resolve_app(name, None)
        if chosen is not None:
            return PromotionStep(name, self.environment, WantedRevision(running, chosen, user_chosen=True))
        tag = self.editable.pinned_tag(running.environment, name)
        wanted = WantedRevision(running, running.revision, tag, running.pin is not None)
        return PromotionStep(name, self.environment, wanted)

    def _find_app(self, environment: str, name: str) -> EffectiveApp | None:
        return self.editable.registry.find_effective_app(environment, name)

    def _resolve_app(self, name: str, pin: str | None) -> EffectiveApp:
        """Return the effective app of the target environment, as it would run at a pin, or without one."""
        return self.editable.registry.build_effective_app(name, self.environment.name, pin)

    def _check_offline(self, step: PromotionStep) -> PromotionStep:
        wanted = step.wanted
        if wanted is None:
            return step
        here = self._find_app(self.environment.name, step.app_name)
        if here is not None and self._already_runs(here, wanted):
            return PromotionStep(step.app_name, self.environment, direction=Direction.EQUAL)
        if wanted.user_chosen:
            return step
        direction = self._compare_with_target(wanted, here)
        names = {wanted.revision, wanted.tag} - {""}
        states = find_source_states(self.editable, self.environment, step.app_name, names, self.context)
        candidate = Candidate(step.app_name, wanted.revision, wanted.wanted_kind, states)
        overridden = {*self.request.overridden_rules, "pin"}
        refusals = find_refusals(candidate, self.environment, self.context.now, overridden)
        if self.request.ready_only:
            refusals = [*self._find_schedule_refusals(wanted, here, direction), *refusals]
        return step._replace(refusals=tuple(refusals), direction=direction)

    def _already_runs(self, here: EffectiveApp, wanted: WantedRevision) -> bool:
        if wanted.wanted_kind == "branch" and self.environment.policy.pin == "commit":
            return False  # Only the repository knows the branch's commit.
        tag = self.editable.pinned_tag(self.environment.name, here.app)
        return here.deploys(wanted.revision) or (wanted.wanted_kind == "tag" and wanted.revision == tag)

    def _compare_with_target(self, wanted: WantedRevision, here: EffectiveApp | None) -> Direction:
        if here is None:
            return Direction.AHEAD
        source, target = (describe_listed_revision(self.editable, app) for app in (wanted.app, here))
        return compare_revisions(source, target, self.context.history)

    def _find_schedule_refusals(
        self, wanted: WantedRevision, here: EffectiveApp | None, direction: Direction
    ) -> list[Refusal]:
        """Find why a schedule must leave an app alone: it may only move a listed app to a newer revision."""
        app, environment = wanted.app.app, self.environment.name
        by_name = f"workloads promote {app} --to {environment}"
        if here is None:
            removed = bool(self.context.history.filter_changes(app, environment))
            if self.environment.policy.onboard == "auto" and not removed:
                return []
            why = f"was removed from {environment}" if removed else f"is not in {environment} yet"
            return [Refusal("onboard", f"{app} {why}; to add it: {by_name}")]
        if direction is not Direction.AHEAD:
            return [Refusal("direction", f"{_explain_direction(direction, environment, wanted)}; {by_name}")]
        if _rank_pin(self._expected_kind(wanted)) < _rank_pin(here.revision_kind):
            stricter = shorten_commit(here.revision)
            return [Refusal("pin", f"a {wanted.wanted_kind} would replace the stricter pin {stricter}; {by_name}")]
        return []

    def _expected_kind(self, wanted: WantedRevision) -> str:
        required = required_kind(self.environment.policy.pin, wanted.app.takes_commits)
        return "commit" if required == "commit" else wanted.wanted_kind

    def choose_step_pin(self, step: PromotionStep) -> PromotionStep:
        """Choose the pin of a step that nothing refuses yet, and check it; may query the app's repositories."""
        wanted = step.wanted
        if wanted is None or step.refusals:
            return step
        own = self._resolve_app(step.app_name, None).revision
        try:
            pin = choose_pin(wanted, self.environment, own, self.context.remotes)
            step = step._replace(note=verify_version(wanted, self.context.remotes))
        except RefusedError as error:
            return step._replace(refusals=(Refusal("pin", error.message),))
        except (NetworkError, UsageError) as error:
            if not self.request.ready_only:
                raise
            return step._replace(refusals=(Refusal("network", error.message),))
        here = self._find_app(self.environment.name, step.app_name)
        if here is not None and (here.deploys(pin.revision) if pin.revision else here.revision == own):
            return PromotionStep(step.app_name, self.environment, direction=Direction.EQUAL)
        return self._check_pin(step, wanted, pin)

    def _check_pin(self, step: PromotionStep, wanted: WantedRevision, pin: Pin) -> PromotionStep:
        names = {wanted.revision, *pin} - {None, ""}
        states = find_source_states(
            self.editable, self.environment, step.app_name, {str(name) for name in names}, self.context
        )
        app = self._resolve_app(step.app_name, pin.revision)
        fixed = list_fixed_sources(app)
        candidate = Candidate(step.app_name, app.revision, app.revision_kind, states, app.takes_commits, fixed)
        found = find_refusals(candidate, self.environment, self.context.now)
        kept = tuple(refusal for refusal in found if refusal.rule not in self.request.overridden_rules)
        overridden = tuple(refusal for refusal in found if refusal not in kept)
        return step._replace(pin=pin, refusals=kept, overridden_refusals=overridden)


def _rank_pin(kind: str) -> int:
    return ("branch", "tag", "commit").index(kind)


def _explain_direction(direction: Direction, target: str, wanted: WantedRevision) -> str:
    """Explain why a schedule does not promote: how the target environment compares with the source."""
    source, revision = wanted.app.environment, wanted.tag or shorten_commit(wanted.revision)
    if wanted.wanted_kind == "branch":
        return f"{source} follows {revision}, and whether that is newer is unknown"
    if direction is Direction.BEHIND:
        return f"{source} ({revision}) is behind {target}, or was rolled back"
    return f"{target} {compare_phrase(direction, source)} ({revision}), and neither is known to be newer"


def _describe_step(editable: EditableRegistry, step: PromotionStep, history: History) -> str:
    name, environment, pin = step.app_name, step.environment.name, step.pin or Pin(None)
    before = editable.registry.find_effective_app(environment, name)
    after = format_pin(pin) if pin.revision else f"follows {step.wanted.revision if step.wanted else ''}"
    if before is None:
        return f"{name}: new in {environment}, {after}"
    return f"{name}: {environment} {history.format_revision(name, before.revision)} → {after}"


def _format_promotion_subject(steps: list[PromotionStep], request: PromotionRequest) -> str:
    if not steps:
        return ""
    targets = list(dict.fromkeys(step.environment.name for step in steps))
    sources = [request.source_environment] if request.source_environment else steps[0].environment.promotes_from
    way, verb = ", ".join(targets), "update"
    if sources:
        way, verb = f"{'+'.join(map(str, sources))} → {way}", "promote"
    apps = {step.app_name for step in steps}
    if len(apps) > 1:
        return f"{verb} {len(apps)} apps: {way}"
    pin = steps[0].pin or Pin(None)
    revision = pin.tag or shorten_commit(pin.revision or "")
    return f"{verb} {steps[0].app_name}{f' {revision}' if revision else ''}: {way}"


def _format_trailers(steps: list[PromotionStep], request: PromotionRequest) -> tuple[str, ...]:
    """Format the trailers that record the reason and every overridden rule."""
    reason = collapse_whitespace(request.reason)
    overridden = dict.fromkeys(
        PolicyOverride(refusal.rule, reason).format_trailer(step.environment.name, step.app_name)
        for step in steps
        for refusal in step.overridden_refusals
    )
    return (*overridden, *((f"Reason: {reason}",) if reason and steps else ()))
