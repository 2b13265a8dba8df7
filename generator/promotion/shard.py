"""`Book` → edited `Book`: an environment's apps in other charts than now, without deleting any. Pure.

To Argo CD an Application in another chart belongs to another parent, and the one that it leaves prunes it with
everything that it runs. So it is handed over: first the parent that has it is told to leave it alone, then it moves,
then it gets back what protects it and what cleans up after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from generator.errors import RefusedError, UsageError
from generator.promotion.operations import Applications, Edited, known_environment
from generator.registry.book import Book
from generator.registry.lists import quoted
from generator.registry.model import BY_TEAM, MOST_SHARDS
from generator.registry.registry import Environment
from generator.registry.shards import shard_of

Shards = str | int | None


def shard(book: Book, environment: str, by: Shards, published: Applications) -> Edited:
    """The next of the three steps after which the environment's apps are in shards `by`; none where they are already.

    `published` are the Applications that Argo CD was last given. Raises UsageError for an unknown environment,
    RefusedError where it cannot be told what is published, RegistryError where it may not be divided so.
    """
    env = known_environment(book, environment)
    moving = _moving(book, replace(env, shards=by), published)
    if not moving:
        return _settled(book, env, by)
    step = f"workloads shard {environment} --by {by or 'none'}"
    again = f"once this is published and Argo CD has synced it: {step}"
    if all("handOver" in published[key] for key in moving):
        return _moved(book, env, by, moving, again)
    # What would be refused at the second step is no reason to begin.
    book.with_setting(env.name, "shards", by).reread()
    return _handed_over(book, env, len(moving), published, again)


def _moving(book: Book, env: Environment, published: Applications) -> list[str]:
    """The published Applications that are in another chart than they are to be in."""
    found = []
    for app in book.registry.effective_apps(env.name):
        key = f"{env.name}/{app.app}"
        if key in published and published[key].get("shard", "") != shard_of(env, app.team, app.project):
            found.append(key)
    return found


def _handed_over(book: Book, env: Environment, count: int, published: Applications, again: str) -> Edited:
    after = book.with_setting(env.name, "shards", _published_shards(book, env, published))
    after = after.with_setting(env.name, "handOver", True)
    are, their, them = ("is", "its", "it") if count == 1 else ("are", "their", "them")
    left = f"{_applications(count)} {are} handed over: {their} chart does not delete {them} any more"
    told = f"{env.name}: step 1 of 3: {left}"
    return Edited(after, f"hand over the apps: {env.name}", (), (told, again))


def _moved(book: Book, env: Environment, by: Shards, moving: list[str], again: str) -> Edited:
    after = book.with_setting(env.name, "shards", by)
    if not all(env.hands_over(key.partition("/")[2]) for key in moving):
        after = after.with_setting(env.name, "handOver", True)
    moves = "moves to its new chart, and stays" if len(moving) == 1 else "move to their new charts, and stay"
    told = f"{env.name}: step 2 of 3: {_applications(len(moving))} {moves} handed over meanwhile"
    return Edited(after, f"{_subject(by)}: {env.name}", (), (told, again))


def _settled(book: Book, env: Environment, by: Shards) -> Edited:
    """Nothing that runs has to move: what is left is to say how it is."""
    after = book.with_setting(env.name, "shards", by).with_setting(env.name, "handOver", None)
    if not env.hand_over:
        return Edited(after, f"{_subject(by)}: {env.name}")
    told = f"{env.name}: step 3 of 3: every app is in its chart, and gets its finalizer back"
    return Edited(after, f"end the hand-over: {env.name}", (), (told,))


def _published_shards(book: Book, env: Environment, published: Applications) -> Shards:
    """How the environment is divided by what is published: it stays so until everything is handed over."""
    there = {app: published[key] for app in book.registry.apps if (key := f"{env.name}/{app}") in published}
    shards = {app: identity.get("shard", "") for app, identity in there.items()}
    if not any(shards.values()):
        return None
    if all(shard == book.registry.apps[app]["team"] for app, shard in shards.items()):
        return BY_TEAM
    if env.shards is not None and not _moving(book, env, published):
        return env.shards
    _refuse_other_teams(book, env, shards)
    raise RefusedError(
        f"environments.{env.name}.shards was changed, and into how many shards the apps are published cannot be told",
        remedy="put shards back to what is published, and run this again",
    )


def _refuse_other_teams(book: Book, env: Environment, shards: Mapping[str, str]) -> None:
    """An app that is another team's now is in its shard already, by what the registry says."""
    others = [app for app, shard in shards.items() if shard and shard != book.registry.apps[app]["team"]]
    if env.shards != BY_TEAM or any(shards[app].isdigit() for app in others):
        return
    told = ", ".join(f"{app} (published as {shards[app]}'s)" for app in others[:10])
    raise RefusedError(
        f"of another team than it is published as, and so in another shard: {told}",
        remedy=f"leave the app to its team until environments.{env.name}.handOver = "
        f"[{', '.join(map(quoted, others[:10]))}] is published and synced; then change the team",
    )


def shards_of(text: str) -> Shards:
    """What a user writes: `team`, a number, or `none`. Raises UsageError."""
    if text in (BY_TEAM, "none"):
        return BY_TEAM if text == BY_TEAM else None
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_SHARDS:
        return int(text)
    raise UsageError(f"--by {text!r} is neither team, a number from 1 to {MOST_SHARDS}, nor none")


def _subject(by: Shards) -> str:
    return "divide by team" if by == BY_TEAM else "undivide" if by is None else f"divide into {by} shards"


def _applications(count: int) -> str:
    return f"{count:,} Application{'' if count == 1 else 's'}"
