"""The removal guard: no Application goes, or is made anew elsewhere, unless somebody named it. Pure.

In Argo CD a removed entry deletes a running workload: the parent prunes, the child's finalizer cascades,
and Argo CD's own guard fires only when everything would go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from generator.errors import RemovalError, UsageError
from generator.registry.registry import Registry

#: What makes an Application the same one: with another of these, Argo CD deletes it and makes it anew.
IDENTITY = ("name", "argocdNamespace", "project", "cluster", "namespace", "shard")
#: Of an environment of at least this many Applications, at most this share goes in one change.
_LARGE, _SHARE = 10, 0.25
#: More than so many nobody reads.
_MOST_TOLD = 50
Identities = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Consent:
    """What the user said may go: `named` Applications, `<env>/<app>`, and environments whose ceiling may be broken
    with the number of removals that was typed for them."""

    named: Collection[str] = ()
    ceilings: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def given(cls, named: Iterable[str], ceilings: Iterable[str]) -> Consent:
        """What `--allow-removal` and `--confirm-removals` say. Raises UsageError."""
        return cls(frozenset(named), dict(map(_ceiling_of, ceilings)))


def _ceiling_of(text: str) -> tuple[str, int]:
    env, _, count = text.partition("=")
    if not (count.isascii() and count.isdigit()):
        raise UsageError(f"--confirm-removals {text} is not ENV=N", remedy="name the environment and the number")
    return env, int(count)


@dataclass(frozen=True)
class Removal:
    """An Application, `<env>/<app>`, that the change deletes; `changed` says how it would be made anew, if it is.

    `successor` is an app that is new in its place, by cluster and namespace: what looks like a rename. What `moves`
    stays the same Application in another chart: the one that it leaves deletes it, unless it is handed over first.
    """

    key: str
    identity: Mapping[str, str]
    changed: str
    successor: str = ""
    moves: bool = False

    def __str__(self) -> str:
        name = f"Application {self.identity.get('name')} (namespace {self.identity.get('namespace')})"
        if self.changed:
            return f"{self.key}: {self.changed} deletes the workload of {name} and makes it anew"
        told = f"{self.key}: deletes {name} and everything that runs for it"
        if not self.successor:
            return told
        old = self.key.partition("/")[2]
        return f"{told}; renaming it to {self.successor} does just that: see workloads migrate {old} {self.successor}"


def removals(before: Identities, after: Identities) -> tuple[Removal, ...]:
    """Every Application of `before` that `after` does not have as the same one."""
    found = []
    for key in sorted(key for key, identity in before.items() if after.get(key) != identity):
        identity, now = before[key], after.get(key)
        if now is None and "retired" in identity:
            continue  # Published without the cascading finalizer: its workload stays.
        if now is None:
            found.append(Removal(key, identity, "", _successor(key, identity, before, after)))
            continue
        parts = [part for part in IDENTITY if now.get(part) != identity.get(part)]
        moves = parts == ["shard"]
        if parts and not (moves and "handOver" in identity):
            changed = (f"{part} {identity.get(part, '(none)')} → {now.get(part, '(none)')}" for part in parts)
            found.append(Removal(key, identity, "changing " + ", ".join(changed), moves=moves))
    return tuple(found)


def _successor(key: str, identity: Mapping[str, str], before: Identities, after: Identities) -> str:
    env = key.partition("/")[0]
    new = (other for other in after if other not in before and other.startswith(f"{env}/"))
    same = (other for other in new if all(after[other].get(k) == identity.get(k) for k in ("cluster", "namespace")))
    return next(same, "").partition("/")[2]


def guard(registry: Registry, before: Identities, after: Identities, consent: Consent) -> tuple[Removal, ...]:
    """The removals of a change, if all of them may be made.

    Raises RemovalError for one that nobody named (beyond an environment's own `maxRemovals`), for more than a
    quarter of a large environment, and for an environment's last Application.
    """
    found = removals(before, after)
    by_environment: dict[str, list[Removal]] = defaultdict(list)
    for removal in found:
        by_environment[removal.key.partition("/")[0]].append(removal)
    unnamed = [removal for env, gone in by_environment.items() for removal in _unnamed(registry, env, gone, consent)]
    if unnamed:
        raise RemovalError(
            f"this would take Applications away that nobody named:\n{_told(unnamed)}",
            remedy=_remedy(registry, unnamed),
        )
    for env, gone in by_environment.items():
        _ceiling(env, gone, before, after, consent)
    return found


def _told(gone: list[Removal]) -> str:
    more = [f"… and {len(gone) - _MOST_TOLD:,} more"] if len(gone) > _MOST_TOLD else []
    return "\n".join([*map(str, gone[:_MOST_TOLD]), *more])


def _remedy(registry: Registry, unnamed: list[Removal]) -> str:
    moving = dict.fromkeys(removal.key.partition("/")[0] for removal in unnamed if removal.moves)
    steps = [f"workloads shard {env} --by {registry.environments[env].shards or 'none'}" for env in moving]
    remedies = (
        [f"to hand Applications over to another chart, which deletes nothing: {'; '.join(steps)}"] if steps else []
    )
    flags = [f"--allow-removal {removal.key}" for removal in unnamed if not removal.moves]
    if flags:
        more = f" and so on for {len(flags) - _MOST_TOLD:,} more" if len(flags) > _MOST_TOLD else ""
        remedies.append(f"if that is what you want: {' '.join(flags[:_MOST_TOLD])}{more}")
    return "; ".join(remedies)


def _unnamed(registry: Registry, env: str, gone: list[Removal], consent: Consent) -> list[Removal]:
    unnamed = [removal for removal in gone if removal.key not in consent.named]
    # What moves can be handed over, so that it is never meant to be deleted.
    moving = [removal for removal in unnamed if removal.moves]
    return unnamed if moving or len(unnamed) > _most_unnamed(registry, env) else []


def _most_unnamed(registry: Registry, env: str) -> int:
    """What `maxRemovals` says; where it is silent, 1 where promotion begins, else 0."""
    environment = registry.environments.get(env)
    if environment is None:
        return 0
    stated = environment.policy.max_removals
    return stated if stated is not None else int(not environment.promotes_from)


def _ceiling(env: str, gone: list[Removal], before: Identities, after: Identities, consent: Consent) -> None:
    running = sum(key.startswith(f"{env}/") for key in before)
    staying = sum(key.startswith(f"{env}/") for key in after)
    why = ""
    if not staying:
        why = "the last one of the environment"
    elif running >= _LARGE and len(gone) > running * _SHARE:
        why = f"more than a quarter of the {running} that run there"
    if why and consent.ceilings.get(env) != len(gone):
        raise RemovalError(
            f"{env}: {len(gone)} removals in one change, {why}:\n{_told(gone)}",
            remedy=f"split the change, or confirm the number: --confirm-removals {env}={len(gone)}",
        )
