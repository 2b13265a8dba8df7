"""Check a change of the registry against the policies of its environments.

The same rules hold on every way in: commands that promote check a candidate with `policy_rules.find_refusals`;
`check_policy` applies them to every promotion list entry that a change moves, however the change was made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.revisions import CONTENT_ID_PATTERN, shorten_commit
from generator.errors import RefusedError, UsageError
from generator.promotion.fixed_sources import FixedSource, find_fixed_source_start, list_fixed_sources
from generator.promotion.history import History
from generator.promotion.pins import RemoteLookup, names_tag
from generator.promotion.policy_rules import (
    Candidate,
    HealthLookup,
    Refusal,
    find_refusals,
    find_source_states,
)
from generator.promotion.times import format_time, parse_duration_seconds
from generator.promotion.trailers import PolicyOverride
from generator.registry.effective import EffectiveApp
from generator.registry.model import PromotionPolicy
from generator.registry.registry import Environment, Registry

if TYPE_CHECKING:
    from generator.registry.editable import EditableRegistry

#: The order in which the refusals of an app are listed.
_RULE_ORDER = ("order", "pin", "retired", "health", "soak", "freeze", "hold")


@dataclass(frozen=True)
class PromotionContext:
    """What a decision needs besides the registry: its history on the branch, the time, and the app repositories.

    `live` checks live Applications; None if nothing says where to read them.
    """

    history: History
    now: datetime
    remotes: RemoteLookup
    live: HealthLookup | None = None


class PolicyViolation(NamedTuple):
    """A refusal of one changed entry; with `override_reason`, the user has overridden it."""

    environment: str
    app: str
    refusal: Refusal
    override_reason: str = ""

    def __str__(self) -> str:
        return f"{self.environment}/{self.app}: {self.refusal}"


class PolicyReport(NamedTuple):
    """The result of checking a change: the rules that refuse it, and those that were overridden."""

    violations: tuple[PolicyViolation, ...] = ()
    overridden: tuple[PolicyViolation, ...] = ()

    def format_trailers(self) -> tuple[str, ...]:
        """Format the commit trailers that record the overridden rules."""
        return tuple(
            PolicyOverride(found.refusal.rule, found.override_reason).format_trailer(found.environment, found.app)
            for found in self.overridden
        )

    def raise_if_refused(self) -> None:
        """Raise RefusedError with every violation, if there is one."""
        if self.violations:
            raise RefusedError(
                "WL3101",
                "the environment's policy refuses this change:\n" + "\n".join(map(str, self.violations)),
                remedy="wait until the rule allows it, or override it where policy.overrides allows that: "
                "--override RULE --reason TEXT, or the commit trailer 'Policy-Override: RULE ENV/APP REASON'",
            )


@dataclass(frozen=True)
class PolicyInputs:
    """What a policy check needs besides the registries: the time, the app repositories, and the user's overrides.

    `live` checks live Applications; None if nothing says where to read them.
    """

    now: datetime
    remotes: RemoteLookup
    overrides: tuple[PolicyOverride, ...] = ()
    live: HealthLookup | None = None


class RegistryChange(NamedTuple):
    """A change of a registry: `overrides` are those that its commits record; the history ends before the change."""

    old: EditableRegistry
    new: EditableRegistry
    load_history: Callable[[], History]
    overrides: Sequence[PolicyOverride] = ()

    def check(self, inputs: PolicyInputs) -> PolicyReport:
        """Check the change by the policies of both registries; the history is loaded only if an entry moved.

        Raises RefusedError for an override from the command line that an environment does not allow.
        """
        moved = list(list_changed_apps(self.old.registry, self.new.registry))
        if not moved:
            return PolicyReport()
        for environment in dict.fromkeys(app.environment for app in moved):
            require_allowed_overrides(self.new.registry.environments[environment], inputs.overrides)
        registries = self.old.registry, self.new.registry
        ruled = any(_depends_on_history(each.environments.get(app.environment)) for app in moved for each in registries)
        context = PromotionContext(self.load_history() if ruled else History(), inputs.now, inputs.remotes, inputs.live)
        return check_policy(self.old, self.new, context, (*inputs.overrides, *self.overrides))


def _depends_on_history(environment: Environment | None) -> bool:
    """Whether what ran before can decide if an entry of an environment may move."""
    return environment is not None and bool(
        environment.promotes_from or environment.holds or environment.policy != PromotionPolicy()
    )


def check_policy(
    base: EditableRegistry | None,
    new: EditableRegistry,
    context: PromotionContext,
    overrides: Collection[PolicyOverride] = (),
) -> PolicyReport:
    """Check every entry that differs between `base` and `new`, by the policies of both registries.

    `context.history` is the history up to `base`, before the change. Without a `base` nothing is checked. Queries a
    repository only to verify the tag of a moved entry. Raises NetworkError if that fails, and RefusedError for an
    override that an environment does not allow.
    """
    violations: list[PolicyViolation] = []
    overridden: list[PolicyViolation] = []
    for app in list_changed_apps(base.registry, new.registry) if base else ():
        for refusal in _check_moved_app(base or new, new, app, context):
            reason = _find_override_reason(base or new, new, app, refusal.rule, overrides)
            found = PolicyViolation(app.environment, app.app, refusal, reason)
            (overridden if reason else violations).append(found)
    return PolicyReport(tuple(violations), tuple(overridden))


def list_changed_apps(base: Registry, new: Registry) -> Iterator[EffectiveApp]:
    """List the apps of `new`, by environment, that it adds there or whose sources or revision it changes."""
    for environment in new.environments.values():
        before = base.environments.get(environment.name)
        for listing in environment.listings:
            old = base.find_listing(environment.name, listing.app) if before else None
            declared = base.apps.get(listing.app), base.defaults
            if old == listing and declared == (new.apps[listing.app], new.defaults):
                continue
            app = new.find_effective_app(environment.name, listing.app)
            was = base.find_effective_app(environment.name, listing.app) if old else None
            if app and (was is None or _list_deployed_revisions(app) != _list_deployed_revisions(was)):
                yield app


def _list_deployed_revisions(app: EffectiveApp) -> list[tuple[object, ...]]:
    """What an app deploys, as far as promotions decide it: each field that a pin sets, and each source."""
    keys = ("repoURL", "path", "chart", "targetRevision")
    pinned = [(field, field.read(app.fields)) for field in app.pinned_fields if not field.is_revision]
    return [*pinned, *(tuple(map(source.get, keys)) for source in app.deployed_sources)]


def _check_moved_app(
    base: EditableRegistry, new: EditableRegistry, app: EffectiveApp, context: PromotionContext
) -> list[Refusal]:
    """Check a moved entry by the environment's policy in both registries.

    A revision that ran there before needs no proof from the source environments; with a new hold, as `rollback`
    sets it, it is a rollback, which a freeze or an earlier hold does not stop.
    """
    names = _verified_revision_names(base, new, app, context)
    exempt: set[str] = set()
    if _runs_already(base.registry, app):
        exempt = {"order", "health", "soak"}
    elif _ran_before(base.registry, app, names, context.history):
        notes = [editable.registry.environments[app.environment].holds.get(app.app) for editable in (base, new)]
        exempt = {"order", "health", "soak"} | ({"freeze", "hold"} if notes[1] not in (None, notes[0]) else set())
    environments = [
        editable.registry.environments[app.environment]
        for editable in (base, new)
        if app.environment in editable.registry.environments
    ]
    found: dict[tuple[str, str], Refusal] = {}
    for environment in environments:
        states = find_source_states(new, environment, app.app, names, context)
        fixed = list_fixed_sources(app)
        candidate = Candidate(app.app, app.revision, app.revision_kind, states, app.takes_commits, fixed)
        for refusal in (
            *find_refusals(candidate, environment, context.now, exempt),
            *_check_fixed_sources(base, new, environment, app, context, exempt),
            *_check_remote_tag(environment, app, context.remotes),
        ):
            found.setdefault((refusal.rule, refusal.text), refusal)
    return sorted(found.values(), key=lambda refusal: _RULE_ORDER.index(refusal.rule))


def _runs_already(base: Registry, app: EffectiveApp) -> bool:
    """Whether an app of the environment deploys the same sources in `base`, as before a rename."""
    if app.environment not in base.environments or base.find_listing(app.environment, app.app):
        return False
    wanted = _list_deployed_revisions(app)
    return any(_list_deployed_revisions(other) == wanted for other in base.list_effective_apps(app.environment))


def _ran_before(base: Registry, app: EffectiveApp, names: Collection[str], history: History) -> bool:
    current = base.find_effective_app(app.environment, app.app) if app.environment in base.environments else None
    if current is None:
        return False
    earlier = history.list_earlier_revisions(app.environment, app.app, current.revision)
    return any(revision in names for revision in earlier)


def _verified_revision_names(
    base: EditableRegistry, new: EditableRegistry, app: EffectiveApp, context: PromotionContext
) -> set[str]:
    """Return the names of an entry's revision: the commit's tag counts only if history or the repository has it."""
    tag = new.pinned_tag(app.environment, app.app)
    if not tag:
        return {app.revision}
    known = context.history.commit_tags.get((app.app, app.revision)) == tag
    if known or any(
        registry.pinned_tag(name, app.app) == tag and running.revision == app.revision
        for registry in (base, new)
        for name in registry.registry.environments
        if name != app.environment and (running := registry.registry.find_effective_app(name, app.app))
    ):
        return {app.revision, tag}
    return {app.revision, tag} if names_tag(app, tag, context.remotes) else {app.revision}


def _check_fixed_sources(
    base: EditableRegistry,
    new: EditableRegistry,
    environment: Environment,
    app: EffectiveApp,
    context: PromotionContext,
    exempt: Collection[str],
) -> Iterator[Refusal]:
    """Refuse a new revision of a fixed source that no source environment deploys, or not for the soak time."""
    listed = app.environment in base.registry.environments
    before = base.registry.find_effective_app(app.environment, app.app) if listed else None
    kept = list_fixed_sources(before) if before else ()
    for source in list_fixed_sources(app):
        if source in kept or not environment.promotes_from:
            continue
        if "order" not in exempt and not _deploys_fixed_source(
            new.registry, environment.promotes_from, app.app, source
        ):
            yield Refusal("order", _missing_fixed_source(source, environment))
        elif "soak" not in exempt and environment.policy.soak is not None:
            yield from _check_fixed_source_soak(base.registry, environment, app.app, source, context)


def _missing_fixed_source(source: FixedSource, environment: Environment) -> str:
    where = " or ".join(environment.promotes_from)
    return f"{source.repository} at {shorten_commit(source.revision)} does not run in {where} yet"


def _check_fixed_source_soak(
    base: Registry, environment: Environment, app: str, source: FixedSource, context: PromotionContext
) -> Iterator[Refusal]:
    starts: dict[datetime, str] = {}
    for name in environment.promotes_from:
        running = base.find_effective_app(name, app) if name in base.environments else None
        sources = list_fixed_sources(running) if running else ()
        if source in sources:
            changes = context.history.fixed_sources_changes
            start = find_fixed_source_start(changes, name, app, sources.index(source))
            starts |= {start: name} if start else {}
    if not starts:
        yield Refusal("soak", _missing_fixed_source(source, environment))
        return
    since, soak = min(starts), str(environment.policy.soak)
    ready = since + timedelta(seconds=parse_duration_seconds(soak))
    if context.now < ready:
        what = f"{source.repository} at {shorten_commit(source.revision)}"
        text = f"{what} in {starts[since]} since {format_time(since)}, soak {soak}, ready {format_time(ready)}"
        yield Refusal("soak", text, ready)


def _deploys_fixed_source(registry: Registry, environments: Iterable[str], app: str, source: FixedSource) -> bool:
    running = (registry.find_effective_app(name, app) for name in environments if name in registry.environments)
    return any(found is not None and source in list_fixed_sources(found) for found in running)


def _check_remote_tag(environment: Environment, app: EffectiveApp, remotes: RemoteLookup) -> Iterator[Refusal]:
    """Refuse what looks like a tag and is none in its repository, for every Git source, where the policy wants tags."""
    sources = [source for source in app.deployed_sources if "repoURL" in source and "chart" not in source]
    wanted = dict.fromkeys((str(source["repoURL"]), str(source.get("targetRevision", "HEAD"))) for source in sources)
    for url, revision in wanted if environment.policy.pin == "tag" else ():
        known = url.startswith("oci://") or CONTENT_ID_PATTERN.fullmatch(revision)
        if not known and not remotes.read_refs(url).has_tag(revision):
            yield Refusal("pin", f"{environment.name} runs tags only, and {url} has no tag {revision}")


def _find_override_reason(
    base: EditableRegistry, new: EditableRegistry, app: EffectiveApp, rule: str, overrides: Iterable[PolicyOverride]
) -> str:
    """Return the reason of an override that covers a refusal, if both registries allow to override the rule."""
    for override in overrides:
        if override.rule == rule and override.covers(app.environment, app.app):
            allowed = all(
                rule in editable.registry.environments[app.environment].policy.overrides
                for editable in (base, new)
                if app.environment in editable.registry.environments
            )
            return override.reason if allowed else ""
    return ""


def require_allowed_overrides(environment: Environment, overrides: Collection[PolicyOverride]) -> None:
    """Raise RefusedError for a rule that cannot be overridden in the environment, UsageError without a reason."""
    denied = sorted({override.rule for override in overrides} - set(environment.policy.overrides))
    if denied:
        allowed = ", ".join(environment.policy.overrides) or "none"
        raise RefusedError(
            "WL3103",
            f"{environment.name} does not allow overriding {', '.join(denied)}; it allows {allowed}",
            remedy=f"an owner of the root file can allow it in environments.{environment.name}.policy.overrides",
        )
    if any(not override.reason.strip() for override in overrides):
        raise UsageError("WL1003", "an override needs a reason", remedy="give the reason with --reason TEXT")
