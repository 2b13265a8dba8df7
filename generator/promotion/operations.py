"""`Book` → edited `Book`: roll back, hold, release, retire, remove. Pure: facts are handed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.errors import RefusedError, UsageError
from generator.promotion.history import History, short
from generator.promotion.pins import Ask, Pin, Wanted, pin_for
from generator.promotion.policy import shown
from generator.registry.book import Book
from generator.registry.edit import Placed
from generator.registry.effective import EffectiveApp
from generator.registry.lists import comment_of
from generator.registry.registry import Environment
from generator.registry.report import suggestion


@dataclass(frozen=True)
class Edited:
    """An edit that is ready: the book after it, the commit's subject and trailers, and what to tell the user."""

    book: Book
    subject: str
    trailers: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def roll_back(
    book: Book, name: str, environment: str, to: str | None, history: History, now: datetime, why: str, ask: Ask
) -> Edited:
    """Back to the revision that ran before (or `to`), with a hold, so that automation does not undo it.

    Raises UsageError where nothing ran before, or the app does not run there; RefusedError for a revision that
    never ran there.
    """
    current = running(book, name, environment)
    target = _target(history, current, to)
    pin = Pin(target, history.tags.get((name, target), ""))
    if known_environment(book, environment).policy.pin == "commit":
        pin = pin_for(Wanted(current, target, pin.tag, pinned=True), known_environment(book, environment), "", ask)
    reason = one_line(why) or f"was {history.shown(name, current.revision)}"
    after = book.with_entries(environment, [place(book, environment, name, pin)])
    after = after.with_note(environment, "holds", name, f"{shown(now)[:10]} rolled back: {reason}")
    told = (
        f"{name}: {environment} {history.shown(name, current.revision)} → {label(pin)}",
        f"{name} is held in {environment}, so that nothing promotes it again; to end that: "
        f"workloads release {name} --in {environment}",
    )
    return Edited(after, f"roll back {name} to {pin.tag or short(target)}: {environment}", _because(reason), told)


def _target(history: History, current: EffectiveApp, to: str | None) -> str:
    name, environment = current.app, current.environment
    before = history.earlier(environment, name, current.revision)
    if to is None:
        if not before:
            raise UsageError(f"git knows of no revision of {name} in {environment} before this one")
        return before[0]
    ran = {move.after for move in history.of(name, environment) if move.after is not None}
    found = next((revision for revision in ran if to in (revision, history.tags.get((name, revision)))), None)
    if found == current.revision or to == current.revision:
        raise UsageError(f"{name} runs {history.shown(name, to)} in {environment} already")
    if found is None:
        known = ", ".join(history.shown(name, revision) for revision in before[:5])
        raise RefusedError(
            f"{name} never ran {short(to)} in {environment}" + (f"; before this one ran {known}" if known else ""),
            remedy=f"for what never ran there: workloads promote {name} --to {environment} --revision {short(to)}",
        )
    return found


def hold(book: Book, name: str, environment: str, reason: str, now: datetime) -> Edited:
    """Refuse promotions of an app into an environment until it is released."""
    known_environment(book, environment)
    known_app(book, name)
    reason = one_line(reason)
    if not reason:
        raise UsageError("a hold needs a reason", remedy="say why with --reason TEXT")
    after = book.with_note(environment, "holds", name, f"{shown(now)[:10]} {reason}")
    told = f"{name} is held in {environment}; to end that: workloads release {name} --in {environment}"
    return Edited(after, f"hold {name}: {environment}", _because(reason), (told,))


def release(book: Book, name: str, environment: str) -> Edited:
    """End a hold. Raises UsageError where there is none."""
    if name not in known_environment(book, environment).holds:
        known_app(book, name)
        raise UsageError(f"{name} is not held in {environment}")
    after = book.with_note(environment, "holds", name, None)
    return Edited(after, f"release {name}: {environment}", (), (f"{name} may be promoted to {environment} again",))


def retire(book: Book, name: str, environment: str, reason: str, now: datetime) -> Edited:
    """The first phase of a removal: the Application stays, without prune and without the cascading finalizer.

    Raises RefusedError where an environment above still runs the app.
    """
    running(book, name, environment)
    if name in known_environment(book, environment).retired:
        return Edited(book, "", (), (f"{name} is retired in {environment} already", *_next(name, environment)))
    _refuse_needed(book, name, environment)
    reason = one_line(reason)
    after = book.with_note(environment, "retired", name, f"{shown(now)[:10]} {reason}".strip())
    told = (f"{name} is retired in {environment}: its Application stays, without prune and without its finalizer",)
    return Edited(after, f"retire {name}: {environment}", _because(reason), (*told, *_next(name, environment)))


def _next(name: str, environment: str) -> tuple[str, ...]:
    return (f"once this is published and Argo CD has synced it: workloads remove {name} --in {environment}",)


def _refuse_needed(book: Book, name: str, environment: str) -> None:
    """Refuse to take an app away below an environment that would have nothing to be promoted from any more."""
    for env in book.registry.environments.values():
        others = [source for source in env.promotes_from if source != environment and runs(book, source, name)]
        if environment in env.promotes_from and runs(book, env.name, name) is not None and not others:
            raise RefusedError(
                f"{name} still runs in {env.name}, which is promoted from {environment}",
                remedy=f"first: workloads retire {name} --in {env.name}",
            )


def unretire(book: Book, name: str, environment: str) -> Edited:
    """Take a retirement back. Raises UsageError where there is none."""
    if name not in known_environment(book, environment).retired:
        known_app(book, name)
        raise UsageError(f"{name} is not retired in {environment}")
    after = book.with_note(environment, "retired", name, None)
    return Edited(after, f"keep {name}: {environment}", (), (f"{name} is not retired in {environment} any more",))


#: The Applications that are published, by `<env>/<app>`, as the record of generated files has them.
Applications = Mapping[str, Mapping[str, str]]


def remove(book: Book, name: str, environment: str | None, published: Applications, forget: bool = False) -> Edited:
    """The second phase: take the entry away, and with `forget` the app's own table too, if it then runs nowhere.

    Raises RefusedError where the retired state was never published, or where what is to be forgotten still runs.
    """
    known_app(book, name)
    after, told, subject = book, [], f"forget {name}"
    if environment is not None:
        _refuse_unretired(book, name, environment, published)
        after, subject = _without(book, name, environment), f"remove {name}: {environment}"
        told.append(f"{name} left {environment}; what it deployed there keeps running until somebody deletes it")
    elsewhere = [env for env in book.registry.environments if env != environment and runs(book, env, name)]
    if forget and elsewhere:
        raise RefusedError(f"{name} still runs in {', '.join(elsewhere)}", remedy="retire and remove it there first")
    if forget:
        after = _forgotten(after, name)
        told.append(f"{name} is not in the registry any more")
    elif not elsewhere:
        told.append(f"{name} runs nowhere now; to take its table away too: workloads remove {name} --forget")
    return Edited(after, subject, (), tuple(told))


def _refuse_unretired(book: Book, name: str, environment: str, published: Applications) -> None:
    running(book, name, environment)
    _refuse_needed(book, name, environment)
    if "retired" not in published.get(f"{environment}/{name}", {}):
        retired = name in known_environment(book, environment).retired
        first = "" if retired else f"workloads retire {name} --in {environment}, "
        raise RefusedError(
            f"{name} in {environment} was never published as retired: removing it would delete its workload",
            remedy=f"{first}publish the retirement, let Argo CD sync it, then remove it",
        )


def _without(book: Book, name: str, environment: str) -> Book:
    notes = known_environment(book, environment)
    after = book.without_entry(environment, name)
    for table, noted in (("retired", notes.retired), ("holds", notes.holds)):
        after = after.with_note(environment, table, name, None) if name in noted else after
    return after


def _forgotten(book: Book, name: str) -> Book:
    for env in book.registry.environments.values():
        book = book.with_note(env.name, "holds", name, None) if name in env.holds else book
    return book.without_table(("apps", name), book.app_files[name])


def _because(reason: str) -> tuple[str, ...]:
    return (f"Reason: {reason}",) if reason else ()


def place(book: Book, environment: str, name: str, pin: Pin) -> Placed:
    """The entry for a pin, with what somebody remarked on the entry that it takes the place of."""
    item = book.item(environment, name)
    return Placed(name, pin.revision, comment_of(pin.tag, item.remark if item else ""))


def label(pin: Pin) -> str:
    """A pin as it is told: the tag, and the commit that it stands for."""
    revision = short(pin.revision or "")
    return f"{pin.tag} ({revision})" if pin.tag else revision


def runs(book: Book, environment: str, name: str) -> EffectiveApp | None:
    """The app as it runs in an environment, None where it does not."""
    return book.registry.effective_app(environment, name)


def running(book: Book, name: str, environment: str) -> EffectiveApp:
    """The app as it runs in an environment. Raises UsageError where it does not, or one is unknown."""
    known_environment(book, environment)
    known_app(book, name)
    app = runs(book, environment, name)
    if app is None:
        raise UsageError(f"{name} does not run in {environment}")
    return app


def known_environment(book: Book, name: str) -> Environment:
    """The environment of that name. Raises UsageError."""
    known(name, book.registry.environments, "environment")
    return book.registry.environments[name]


def known_app(book: Book, name: str) -> None:
    """Raises UsageError for an app that the registry does not have."""
    known(name, book.registry.apps, "app")


def known(name: str, names: Iterable[str], what: str) -> None:
    """Raises UsageError for a name that is not among `names`, with the nearest that is."""
    if name not in names:
        raise UsageError(f'unknown {what} "{name}"{suggestion(name, names)}')


def one_line(text: str) -> str:
    """A user's words on one line, so that they cannot pass for another trailer."""
    return " ".join(text.split())
