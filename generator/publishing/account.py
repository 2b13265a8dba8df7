"""`ChangeSet` → `Account`: which apps it touches, and the words of the commit. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from generator import __version__
from generator.charts.diff import ChangeSet
from generator.charts.layout import place_of, template_of
from generator.charts.record import Record
from generator.charts.values import differing, parts_of
from generator.promotion.operations import Edited
from generator.publishing.guard import Removal
from generator.registry.references import helm_key

TRAILER = "Registry-Commit: "


@dataclass(frozen=True)
class Made:
    """The branch of a request, and where the request is; without a `url` there is a `command` to make it."""

    branch: str
    url: str = ""
    created: bool = False
    command: str = ""


@dataclass
class Account:
    """What the last proposal came to, for the report to the user. `environments` are the apps that it touches."""

    changes: ChangeSet | None = None
    removals: tuple[Removal, ...] = ()
    environments: Mapping[str, list[str]] = field(default_factory=dict)
    edited: Edited | None = None
    request: Made | None = None


def touched(
    change: ChangeSet, owned: Record, current: Callable[[str], bytes | None], order: Iterable[str]
) -> dict[str, list[str]]:
    """The apps that a change touches by environment, in the registry's `order`, then environments that are gone."""
    found: dict[str, set[str]] = {}
    for env, app in (*_identities(owned, change.record), *_templates(change), *_values(change, owned, current)):
        found.setdefault(env, set()).add(app)
    known = [env for env in order if env in found]
    return {env: sorted(found[env]) for env in (*known, *sorted(found.keys() - set(known)))}


def _identities(before: Record, after: Record) -> Iterator[tuple[str, str]]:
    one, other = before.applications, after.applications
    yield from (_parts(key) for key, identity in one.items() if other.get(key) != identity)
    yield from (_parts(key) for key in other if key not in one)


def _parts(key: str) -> tuple[str, str]:
    env, _, app = key.partition("/")
    return env, app


def _templates(change: ChangeSet) -> Iterator[tuple[str, str]]:
    for path in (*change.added, *change.changed, *change.removed):
        found = template_of(path)
        if found:
            yield found


def _values(change: ChangeSet, owned: Record, current: Callable[[str], bytes | None]) -> Iterator[tuple[str, str]]:
    """Apps whose values change: most of what the registry says of an app stands nowhere else."""
    keys = owned.applications.keys() | change.record.applications.keys()
    for path, data in change.changed.items():
        place = place_of(path)
        if place is None or place.path != "values.yaml":
            continue
        env, before, after = place.chart.environment, parts_of(current(path) or b""), parts_of(data)
        touched = differing(before.apps, after.apps)
        apps = (key.removeprefix(f"{env}/") for key in keys if key.startswith(f"{env}/")) if touched else ()
        yield from ((env, app) for app in apps if helm_key(app) in touched)


def message(account: Account, registry_commit: str) -> str:
    """The commit's message. `registry_commit` is empty where the registry is part of the commit itself."""
    edited = account.edited
    subject = edited.subject if edited and edited.subject else _subject(account.environments)
    lines = [subject, "", *(edited.trailers if edited else ()), f"Generated-By: workloads {__version__}"]
    if registry_commit:
        lines.append(f"{TRAILER}{registry_commit}")
    changed = [f"{env}/{app}" for env, apps in account.environments.items() for app in apps]
    gone = [removal.key for removal in account.removals]
    lines += [f"{name}: {_capped(keys)}" for name, keys in (("Apps-Changed", changed), ("Apps-Removed", gone)) if keys]
    return "\n".join(lines) + "\n"


def _subject(environments: Mapping[str, list[str]]) -> str:
    names = sorted({name for apps in environments.values() for name in apps})
    if not names:
        return "update generated files"
    shown = ", ".join(names) if len(names) <= 3 else f"{len(names)} apps"
    return f"update {shown}: {', '.join(environments)}"


def _capped(keys: list[str], most: int = 50) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def registry_commit(text: str) -> str:
    """The registry commit that a commit's trailer names, empty where it has none."""
    named = [line for line in text.splitlines() if line.startswith(TRAILER)]
    return named[-1][len(TRAILER) :].strip().removesuffix("-dirty") if named else ""
