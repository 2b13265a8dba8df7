"""`Book` → `Book` with a new app: onboarded, or beside the one whose place it is to take. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.errors import RefusedError, UsageError
from generator.git.words import redact
from generator.promotion.operations import Edited, known, known_app, known_environment, label, runs
from generator.promotion.pins import Ask, Pin, Wanted, near, pin_for
from generator.promotion.policy import shown
from generator.registry.book import Book
from generator.registry.edit import Placed, set_value, tables_of
from generator.registry.effective import base_layer, effective
from generator.registry.registry import Registry
from generator.registry.toml import parse


@dataclass(frozen=True)
class NewApp:
    """What is onboarded. Without a `revision` it follows the repository's default branch."""

    name: str
    team: str
    repository: str
    path: str
    revision: str | None = None
    namespace: str | None = None

    @property
    def values(self) -> dict[str, str]:
        """Its table in the registry."""
        given = {
            "team": self.team,
            "repoURL": self.repository,
            "path": self.path,
            "targetRevision": self.revision,
            "namespace": self.namespace if self.namespace != self.name else None,
        }
        return {key: value for key, value in given.items() if value is not None}


def add(book: Book, new: NewApp, environments: tuple[str, ...], ask: Ask | None) -> Edited:
    """Onboard an app into environments, by default those where promotion begins.

    `ask` is None where repositories are not to be asked. Raises UsageError for a name that is taken or a team or
    environment that is unknown, RefusedError for a revision that the repository does not have, NetworkError.
    """
    _refuse_taken(book, new.name)
    known(new.team, book.registry.teams, "team")
    places = environments or tuple(e for e, table in book.registry.environments.items() if not table.promotes_from)
    for env in places:
        known_environment(book, env)
    if ask is not None and new.revision is not None:
        _refuse_unknown(new, ask)
    after = book.with_app(new.name, new.values, _file_of(book, new.team))
    told = []
    for env in places:
        pin = _first_pin(book, new, env, ask)
        after = after.with_entries(env, [Placed(new.name, *pin)])
        told.append(f"{new.name}: {env} nothing → {label(pin) if pin.revision else new.revision or 'HEAD'}")
    return Edited(after, f"add {new.name}: {', '.join(places)}", (), tuple(told))


def _refuse_taken(book: Book, name: str) -> None:
    if name in book.registry.apps:
        raise UsageError(f'there is an app "{name}" already, in {book.documents[book.app_files[name]].name}')


def _refuse_unknown(new: NewApp, ask: Ask) -> None:
    refs = ask.refs(new.repository)
    revision = new.revision or "HEAD"
    if refs.resolve(revision) is None and not (
        re.fullmatch("[0-9a-f]{40,64}", revision) and ask.has(new.repository, revision)
    ):
        names = ", ".join([*list(refs.branches)[:5], *list(refs.tags)[-5:]])
        hint = near(revision, refs) or (f" (it has {names})" if names else "")
        raise RefusedError(f"{redact(new.repository)} has no branch, tag or commit {revision}{hint}")


def _first_pin(book: Book, new: NewApp, environment: str, ask: Ask | None) -> Pin:
    if book.registry.environments[environment].policy.pin == "any" or ask is None:
        return Pin(None)
    app = effective(base_layer(book.registry.defaults), new.name, new.values, environment, None)
    return pin_for(Wanted(app, app.revision), book.registry.environments[environment], "", ask)


def _file_of(book: Book, team: str) -> str:
    """The file that holds most of a team's apps, as long as it holds no other team's; else the root."""
    counts = Counter(file for app, file in book.app_files.items() if book.registry.apps[app]["team"] == team)
    return counts.most_common(1)[0][0] if counts else book.root


def proposals(registry: Registry, name: str, team: str) -> Mapping[str, str]:
    """What a team's other apps suggest for a new one: `path`, and `repository` where the team has but one."""
    own = {app: layer for app, layer in registry.apps.items() if layer["team"] == team}
    paths = Counter(str(layer["path"]).replace(app, name) for app, layer in own.items() if "path" in layer)
    found = {"path": paths.most_common(1)[0][0]} if paths else {}
    granted = registry.teams[team].repositories if team in registry.teams else []
    if len(granted) == 1:
        found["repository"] = granted[0] + (f"{name}.git" if granted[0].endswith("/") else "")
    return found


def migrate(book: Book, old: str, new: str, namespace: str | None, now: datetime) -> Edited:
    """Put `new` beside `old` wherever that runs, and retire `old` there: a rename or a move without a deletion.

    Raises UsageError where `new` is taken, or the table of `old` is not written with headers.
    """
    known_app(book, old)
    _refuse_taken(book, new)
    places = [env for env in book.registry.environments if runs(book, env, old)]
    after = book.with_block(new, _renamed(book, old, new, namespace, places), book.app_files[old])
    for env in places:
        if item := book.item(env, old):
            after = after.with_entries(env, [Placed(new, item.pin, item.comment.removeprefix("#").strip())])
        notes = book.registry.environments[env]
        if old in notes.holds:
            after = after.with_note(env, "holds", new, notes.holds[old])
        if old not in notes.retired:
            after = after.with_note(env, "retired", old, f"{shown(now)[:10]} becomes {new}")
    steps = (
        f"1. publish this: {new} comes up beside {old}, which neither prunes nor takes its workload along any more",
        f"2. when {new} is healthy in every environment, direct its users to it",
        *(f"{n}. workloads remove {old} --in {env}" for n, env in enumerate(reversed(places), 3)),
        f"{len(places) + 3}. workloads remove {old} --forget, and delete what it deployed and {new} did not take over",
    )
    return Edited(after, f"migrate {old} to {new}", (), steps)


def _renamed(book: Book, old: str, new: str, namespace: str | None, places: list[str]) -> str:
    """The tables of `old` under another name, with the namespace that it has, or the new one."""
    document = book.documents[book.app_files[old]]
    block = tables_of(document.text, ("apps", old))
    if not block.lstrip().startswith("["):
        raise UsageError(f"{old} has no [apps.{old}] of its own to copy", remedy=f"write [apps.{new}] by hand")
    block = re.sub(
        rf"""(?m)^([ \t]*\[[ \t]*apps[ \t]*\.[ \t]*)["']?{re.escape(old)}["']?(?=[ \t]*[\].])""", rf"\g<1>{new}", block
    )
    running = next((app for env in places if (app := runs(book, env, old))), None)
    target = namespace or (running.namespace if running else str(book.registry.apps[old].get("namespace", old)))
    return set_value(parse("block", block.encode()), ("apps", new), "namespace", target)
