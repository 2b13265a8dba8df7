"""`Book` → `Book` with apps promoted: the revision that runs below comes into an environment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from generator.errors import NetworkError, RefusedError, UsageError
from generator.promotion.history import History, Stay, short
from generator.promotion.operations import Edited, known, known_app, known_environment, label, one_line, place, runs
from generator.promotion.pins import Ask, Pin, Wanted, asked, pin_for
from generator.promotion.policy import Below, Candidate, Refusal, decide
from generator.registry.book import Book
from generator.registry.effective import EffectiveApp, base_layer, effective
from generator.registry.registry import Environment


@dataclass(frozen=True)
class Override:
    """Rules that the user sets aside, and why; recorded in the commit."""

    rules: Collection[str] = ()
    reason: str = ""


@dataclass(frozen=True)
class Promotion:
    """What to promote: `apps` into `to`, from one of its `promotesFrom`.

    No `apps` are all that run below, or of `team`. `ready` takes only what may go. `revision` is another one than
    runs below; `revisions` are those of single apps.
    """

    apps: tuple[str, ...]
    to: str
    source: str | None = None
    revision: str | None = None
    ready: bool = False
    team: str | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)
    override: Override = field(default_factory=Override)


@dataclass(frozen=True)
class Facts:
    """What is known besides the registry: git's history of it, the time, and the apps' repositories."""

    history: History
    now: datetime
    ask: Ask


class Step(NamedTuple):
    """One app on its way: what is wanted, and what came of it."""

    name: str
    wanted: Wanted | None = None
    pin: Pin | None = None
    refusals: tuple[Refusal, ...] = ()
    overridden: tuple[Refusal, ...] = ()


def promote(book: Book, order: Promotion, facts: Facts) -> Edited:
    """Move the revision that runs below into an environment's list; all of the apps or none.

    Raises RefusedError with every rule that stands in the way, UsageError for what makes no sense, NetworkError.
    """
    environment = _judged(book, order)
    steps = decided(book, environment, order, facts)
    refused = [f"{step.name}: {refusal}" for step in steps for refusal in step.refusals]
    if refused and not order.ready:
        raise RefusedError(f"not promoted to {order.to}:\n" + "\n".join(refused))
    going = [step for step in steps if step.pin is not None and not step.refusals]
    entries = [place(book, order.to, step.name, step.pin) for step in going if step.pin is not None]
    told = [_told(book, step, environment, facts.history) for step in going]
    told += [f"{step.name}: overridden: {refusal}" for step in going for refusal in step.overridden]
    told += [f"{step.name}: {order.to} has it already" for step in steps if order.apps and step == Step(step.name)]
    return Edited(
        book.with_entries(order.to, entries) if entries else book,
        _subject(going, environment, order),
        _trailers(order.override),
        (*told, *(f"waits: {line}" for line in refused)),
    )


def decided(book: Book, environment: Environment, order: Promotion, facts: Facts) -> list[Step]:
    """What becomes of each app of an order, by policy and by what the repositories have."""
    steps = [wanted_step(book, environment, name, order, facts.now) for name in _chosen(book, environment, order)]
    steps = [judged_offline(book, environment, step, order, facts) for step in steps]
    open_steps = [step.wanted for step in steps if step.wanted and not step.refusals]
    facts.ask.prepare(url for wanted in open_steps for url in asked(wanted, environment))
    return [_pinned(book, environment, step, order, facts) for step in steps]


def _judged(book: Book, order: Promotion) -> Environment:
    environment = known_environment(book, order.to)
    if order.team is not None:
        known(order.team, book.registry.teams, "team")
    if order.source is not None and order.source not in environment.promotes_from:
        below = ", ".join(environment.promotes_from) or "no environment"
        raise UsageError(f"{environment.name} is promoted from {below}, not from {order.source}")
    if not environment.promotes_from and order.revision is None and not order.revisions:
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


def _chosen(book: Book, environment: Environment, order: Promotion) -> list[str]:
    """The apps of an order: those named, else all (of a team) that run below."""
    for name in order.apps:
        known_app(book, name)
    if order.apps:
        return list(dict.fromkeys(order.apps))
    below = (order.source,) if order.source else environment.promotes_from
    found = {listing.app for env in below for listing in book.registry.environments[env].listings}
    return sorted(app for app in found if order.team in (None, book.registry.apps[app]["team"]))


def wanted_step(book: Book, environment: Environment, name: str, order: Promotion, now: datetime) -> Step:
    """What is to come: what the user named, else what runs in the (first) environment below that runs the app."""
    below = (order.source,) if order.source else environment.promotes_from
    chosen = order.revisions.get(name, order.revision)
    running = next((app for env in below if (app := runs(book, env, name))), None)
    if running is None:
        if environment.promotes_from or chosen is None:
            return Step(name, refusals=tuple(decide(Candidate(name, "", True, {}), environment, now)[:1]))
        running = runs(book, environment.name, name) or _unlisted(book, environment.name, name)
    if chosen is not None:
        return Step(name, Wanted(running, chosen, chosen=True))
    tag = book.tag(running.environment, name)
    return Step(name, Wanted(running, running.revision, tag, running.pin is not None))


def _unlisted(book: Book, environment: str, name: str) -> EffectiveApp:
    """The app as it would run in an environment, without a pin."""
    return effective(base_layer(book.registry.defaults), name, book.registry.apps[name], environment, None)


def judged_offline(book: Book, environment: Environment, step: Step, order: Promotion, facts: Facts) -> Step:
    """Whether it is there already, or may not go, before the network is asked."""
    wanted = step.wanted
    if wanted is None:
        return step
    if _has(book, environment, wanted):
        return Step(step.name)
    if wanted.chosen:
        return step
    candidate = Candidate(step.name, wanted.revision, True, _below(book, environment, wanted, None, facts))
    refusals = decide(candidate, environment, facts.now, {*order.override.rules, "pin"})
    return Step(step.name, wanted, refusals=tuple(refusals))


def _has(book: Book, environment: Environment, wanted: Wanted) -> bool:
    there = runs(book, environment.name, wanted.app.app)
    if there is None:
        return False
    if wanted.kind == "branch" and environment.policy.pin == "commit":
        return False  # Where the branch is now, its repository must tell.
    tag = book.tag(environment.name, wanted.app.app)
    return wanted.revision == there.revision or (wanted.kind == "tag" and wanted.revision == tag)


def _pinned(book: Book, environment: Environment, step: Step, order: Promotion, facts: Facts) -> Step:
    wanted = step.wanted
    if wanted is None or step.refusals:
        return step
    own = _unlisted(book, environment.name, step.name).revision
    try:
        pin = pin_for(wanted, environment, own, facts.ask)
    except RefusedError as error:
        return Step(step.name, wanted, refusals=(Refusal("pin", error.message),))
    except NetworkError as error:
        if not order.ready:
            raise
        return Step(step.name, wanted, refusals=(Refusal("network", error.message),))
    there = runs(book, environment.name, step.name)
    if there is not None and there.revision == (pin.revision or own):
        return Step(step.name)
    below = _below(book, environment, wanted, pin, facts)
    candidate = Candidate(step.name, pin.revision or own, pin.revision is not None, below)
    every = decide(candidate, environment, facts.now)
    kept = tuple(refusal for refusal in every if refusal.rule not in order.override.rules)
    return Step(step.name, wanted, pin, kept, tuple(refusal for refusal in every if refusal not in kept))


def _below(book: Book, environment: Environment, wanted: Wanted, pin: Pin | None, facts: Facts) -> dict[str, Below]:
    """How the app stands in every environment below, whichever of them the revision is taken from."""
    name = wanted.app.app
    words = {wanted.revision, *(pin or ())} - {None, ""}
    found: dict[str, Below] = {}
    for env in environment.promotes_from:
        app = runs(book, env, name)
        if app is not None:
            same = bool({app.revision, book.tag(env, name)} & words)
            moves = Wanted(app, app.revision, pinned=app.pin is not None).kind == "branch"
            found[env] = Below(app.revision, same, _stay(facts.history, app, words, same), moves)
    return found


def _stay(history: History, app: EffectiveApp, words: Collection[str | None], same: bool) -> Stay | None:
    """When what is wanted ran where `app` runs: what runs there now must be committed, what ran there once was."""
    if same:
        stay = history.stay(app.environment, app.app, app.revision)
        return stay if stay and stay.until is None else None
    revisions = (*words, *history.tagged(app.app, words))
    stays = (history.stay(app.environment, app.app, str(revision)) for revision in revisions)
    return next((stay for stay in stays if stay), None)


def _told(book: Book, step: Step, environment: Environment, history: History) -> str:
    before = runs(book, environment.name, step.name)
    was = history.shown(step.name, before.revision) if before else "nothing"
    follows = step.wanted.revision if step.wanted else ""
    now = label(step.pin) if step.pin and step.pin.revision else f"{follows} (as the app says)"
    return f"{step.name}: {environment.name} {was} → {now}"


def _subject(going: list[Step], environment: Environment, order: Promotion) -> str:
    if not going:
        return ""
    below = order.source or "+".join(environment.promotes_from)
    way, verb = (f"{below} → {environment.name}", "promote") if below else (environment.name, "update")
    if len(going) > 1:
        return f"{verb} {len(going)} apps: {way}"
    pin = going[0].pin or Pin(None)
    revision = pin.tag or short(pin.revision or "")
    return f"{verb} {going[0].name}{f' {revision}' if revision else ''}: {way}"


def _trailers(override: Override) -> tuple[str, ...]:
    if not override.rules:
        return (f"Reason: {one_line(override.reason)}",) if override.reason.strip() else ()
    return (f"Override: {', '.join(sorted(override.rules))}", f"Reason: {one_line(override.reason)}")
