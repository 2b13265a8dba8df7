"""The removal guard: an Application is deleted or recreated only with the user's consent. Pure.

In Argo CD a removed entry deletes a running workload: the parent prunes, the child's finalizer cascades,
and Argo CD's own guard fires only when everything would go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generator.argocd.workload_effects import change_effect, removal_effect
from generator.errors import RemovalError, UsageError

if TYPE_CHECKING:
    from generator.argocd.workload_effects import WorkloadEffect
    from generator.registry.registry import Registry

#: At most this share of an environment with at least this many Applications can be deleted in one change.
_LARGE_ENVIRONMENT, _MAX_REMOVED_SHARE = 10, 0.25
#: The maximum number of removals in a message.
_MAX_LISTED = 50
ApplicationIdentities = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class RemovalConsent:
    """The removals that the user allows: `allowed_removals` are Applications, `<env>/<app>`; `confirmed_counts`
    are confirmed numbers of removals by environment."""

    allowed_removals: Collection[str] = ()
    confirmed_counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_options(cls, allowed_removals: Iterable[str], confirmed_counts: Iterable[str]) -> RemovalConsent:
        """Parse the values of `--allow-removal` and `--confirm-removals`. Raises UsageError."""
        return cls(frozenset(allowed_removals), dict(map(_parse_confirmed_count, confirmed_counts)))


def _parse_confirmed_count(text: str) -> tuple[str, int]:
    env, _, count = text.partition("=")
    if not (count.isascii() and count.isdigit()):
        raise UsageError(
            "WL1004", f"--confirm-removals {text} is not ENV=N", remedy="name the environment and the number"
        )
    return env, int(count)


@dataclass(frozen=True)
class Removal:
    """An Application, `<env>/<app>`, whose workload the change deletes, recreates or orphans, as `effect` says.

    `successor` is a new app with the same cluster and namespace, which looks like a rename. With `is_move`, the
    Application only moves to another chart: its old chart deletes it unless it is handed over first.
    """

    key: str
    identity: Mapping[str, str]
    effect: WorkloadEffect
    successor: str = ""
    is_move: bool = False

    def __str__(self) -> str:
        text = f"{self.key}: Application {self.identity.get('name')}: {self.effect.text}"
        if not self.successor:
            return text
        old = self.key.partition("/")[2]
        return f"{text}; to rename it to {self.successor} without that, run workloads migrate {old} {self.successor}"


def find_removals(before: ApplicationIdentities, after: ApplicationIdentities) -> tuple[Removal, ...]:
    """List the Applications of `before` whose workload `after` deletes, recreates or orphans; not the retired ones."""
    found = []
    for key in sorted(key for key, identity in before.items() if after.get(key) != identity):
        identity, now = before[key], after.get(key)
        if now is None:
            if "retired" not in identity:  # Published without the finalizer: its workload stays, as intended.
                successor = _find_successor(key, identity, before, after)
                found.append(Removal(key, identity, removal_effect(identity), successor))
            continue
        # A project keeps the old namespace for a week; a retired app no longer prunes.
        effect = change_effect(identity, now, permitted="retired" not in now)
        if effect is not None:
            # A move to another chart alone can be handed over.
            is_move = change_effect(identity, {**now, "shard": identity.get("shard", "")}) is None
            found.append(Removal(key, identity, effect, is_move=is_move))
    return tuple(found)


def _find_successor(
    key: str, identity: Mapping[str, str], before: ApplicationIdentities, after: ApplicationIdentities
) -> str:
    env = key.partition("/")[0]
    new = (other for other in after if other not in before and other.startswith(f"{env}/"))
    same = (other for other in new if all(after[other].get(k) == identity.get(k) for k in ("cluster", "namespace")))
    return next(same, "").partition("/")[2]


def guard_removals(
    registry: Registry, before: ApplicationIdentities, after: ApplicationIdentities, consent: RemovalConsent
) -> tuple[Removal, ...]:
    """Return the removals of a change; raise RemovalError if one is not named, or if too many would go at once.

    Raises RemovalError for removals without consent beyond an environment's `maxRemovals`, for more than a
    quarter of a large environment, and for an environment's last Application.
    """
    found = find_removals(before, after)
    by_environment: dict[str, list[Removal]] = defaultdict(list)
    for removal in found:
        by_environment[removal.key.partition("/")[0]].append(removal)
    unnamed = [
        removal
        for env, gone in by_environment.items()
        for removal in _removals_over_limit(registry, env, gone, consent)
    ]
    if unnamed:
        raise RemovalError(
            "WL4101",
            f"this deletes Applications; confirm each with --allow-removal:\n{_format_removals(unnamed)}",
            remedy=_removal_remedy(registry, unnamed),
        )
    for env, gone in by_environment.items():
        _refuse_mass_removal(env, gone, before, after, consent)
    return found


def _format_removals(removed: list[Removal]) -> str:
    more = [f"… and {len(removed) - _MAX_LISTED:,} more"] if len(removed) > _MAX_LISTED else []
    return "\n".join([*map(str, removed[:_MAX_LISTED]), *more])


def _removal_remedy(registry: Registry, unnamed: list[Removal]) -> str:
    moving = dict.fromkeys(removal.key.partition("/")[0] for removal in unnamed if removal.is_move)
    steps = [f"workloads shard {env} --by {registry.environments[env].shards or 'none'}" for env in moving]
    remedies = (
        [f"to hand Applications over to another chart, which deletes nothing: {'; '.join(steps)}"] if steps else []
    )
    flags = [f"--allow-removal {removal.key}" for removal in unnamed if not removal.is_move]
    if flags:
        more = f" and so on for {len(flags) - _MAX_LISTED:,} more" if len(flags) > _MAX_LISTED else ""
        remedies.append(f"if that is what you want: {' '.join(flags[:_MAX_LISTED])}{more}")
    return "; ".join(remedies)


def _removals_over_limit(
    registry: Registry, env: str, removed: list[Removal], consent: RemovalConsent
) -> list[Removal]:
    unnamed = [removal for removal in removed if removal.key not in consent.allowed_removals]
    # A move can be handed over, so it never needs to delete anything.
    moving = [removal for removal in unnamed if removal.is_move]
    return unnamed if moving or len(unnamed) > _max_unnamed_removals(registry, env) else []


def _max_unnamed_removals(registry: Registry, env: str) -> int:
    """The environment's `maxRemovals`; by default every removal is named."""
    environment = registry.environments.get(env)
    return (environment.policy.max_removals or 0) if environment else 0


def _refuse_mass_removal(
    env: str,
    removed: list[Removal],
    before: ApplicationIdentities,
    after: ApplicationIdentities,
    consent: RemovalConsent,
) -> None:
    running = sum(key.startswith(f"{env}/") for key in before)
    staying = sum(key.startswith(f"{env}/") for key in after)
    why, then = "", ""
    if not staying:
        why = "the last one of the environment"
        then = (
            f"; Argo CD does not prune a whole chart automatically: then sync the Application that deploys the chart "
            f"of {env} with prune, or delete it"
        )
    elif running >= _LARGE_ENVIRONMENT and len(removed) > running * _MAX_REMOVED_SHARE:
        why = f"more than a quarter of the {running} that run there"
    if why and consent.confirmed_counts.get(env) != len(removed):
        raise RemovalError(
            "WL4102",
            f"{env}: {len(removed)} removals in one change, {why}:\n{_format_removals(removed)}",
            remedy=f"split the change, or confirm the number: --confirm-removals {env}={len(removed)}{then}",
        )
