"""An AppProject before and after → what it permits now that it did not. Pure.

By Argo CD's rules (pkg/apis/application/v1alpha1/app_project_types.go): an absent list of sources, destinations or
cluster kinds permits nothing, an absent `namespaceResourceWhitelist` every kind and an empty one none, no allowing
sync window means always. A glob counts as covered only by the same one or by `*`: what may widen is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from generator.review.compare import Manifest, at

#: Lists whose entries permit; the absent one permits nothing.
_PERMITTING = (
    *("sourceRepos", "destinations", "sourceNamespaces"),
    *("clusterResourceWhitelist", "destinationServiceAccounts"),
)
#: Lists whose entries deny.
_DENYING = ("clusterResourceBlacklist", "namespaceResourceBlacklist")


def widened(before: Manifest, after: Manifest) -> Iterator[str]:
    """What the project gains, an entry each: `sourceRepos + https://github.com/acme/`."""
    old, new = (_table(project.get("spec")) for project in (before, after))
    for field in _PERMITTING:
        yield from _gained(field, _items(old, field), _items(new, field))
    for field in _DENYING:
        yield from (f"{field} - {told(item)}" for item in _without(_items(old, field), _items(new, field)))
    yield from _namespaced_kinds(old, new)
    yield from _roles(_items(old, "roles"), _items(new, "roles"))
    yield from _windows(_items(old, "syncWindows"), _items(new, "syncWindows"))
    if old.get("permitOnlyProjectScopedClusters") and not new.get("permitOnlyProjectScopedClusters"):
        yield "permitOnlyProjectScopedClusters is off"
    yield from _integrity(old, new)


def told(item: Any) -> str:
    """An entry of a list in few words."""
    if isinstance(item, Mapping):
        return ", ".join(f"{name} {told(value)}" for name, value in item.items())
    return ", ".join(map(told, item)) if isinstance(item, list) else str(item)


def _gained(field: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    permitting = [item for item in old if not _denies(item)]
    for item in _without(new, old):
        if not _denies(item) and not any(_covers(other, item) for other in permitting):
            yield f"{field} + {told(item)}"
    yield from (f"{field} - {told(item)}" for item in _without(old, new) if _denies(item))


def _denies(item: Any) -> bool:
    values = item.values() if isinstance(item, Mapping) else (item,)
    return any(str(value).startswith("!") for value in values)


def _covers(one: Any, other: Any) -> bool:
    """Whether a pattern is sure to permit all that another one does."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_covers(value, other.get(name, "")) for name, value in one.items())
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        return False
    return str(one) == "*" or _plain(one) == _plain(other)


def _plain(value: Any) -> str:
    # util/git NormalizeGitURL: lower case, without `.git`; names are lower case anyway.
    return str(value).lower().removesuffix(".git")


def _namespaced_kinds(old: Manifest, new: Manifest) -> Iterator[str]:
    field = "namespaceResourceWhitelist"
    if old.get(field) is None:
        return
    if new.get(field) is None:
        yield f"{field} is gone: every kind may be deployed"
        return
    yield from _gained(field, _items(old, field), _items(new, field))


def _roles(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    former = {_table(role).get("name"): _table(role) for role in old}
    current = {_table(role).get("name"): _table(role) for role in new}
    for name, role in current.items():
        was = former.get(name, {})
        for field in ("policies", "groups", "jwtTokens"):
            gained = _without(_items(role, field), _items(was, field))
            yield from (f"role {name}: {field} + {told(item)}" for item in gained if not _refuses(item))
        lost = _without(_items(was, "policies"), _items(role, "policies"))
        yield from (f"role {name}: policies - {policy}" for policy in lost if _refuses(policy))


def _refuses(policy: Any) -> bool:
    return str(policy).replace(" ", "").endswith(",deny")


def _windows(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    lost, gained = _without(old, new), _without(new, old)
    yield from (f"syncWindows - {told(window)}" for window in lost if _table(window).get("kind") == "deny")
    allowed = [window for window in old if _table(window).get("kind") == "allow"]
    if allowed:
        yield from (f"syncWindows + {told(window)}" for window in gained if _table(window).get("kind") == "allow")
    if allowed and not any(_table(window).get("kind") == "allow" for window in new):
        yield "syncWindows: none allows any more, so every time is allowed"


def _integrity(old: Manifest, new: Manifest) -> Iterator[str]:
    """Signatures that need not be there any more, or may be of others."""
    keys, now = _items(old, "signatureKeys"), _items(new, "signatureKeys")
    if keys and not now:
        yield "signatureKeys are gone: commits need not be signed"
    elif keys:
        yield from (f"signatureKeys + {told(key)}" for key in _without(now, keys))
    policies = at(old, "sourceIntegrity", "git", "policies"), at(new, "sourceIntegrity", "git", "policies")
    lost = _without(*(value if isinstance(value, list) else [] for value in policies))
    yield from (f"sourceIntegrity - {told(policy)}" for policy in lost)


def _without(items: Iterable[Any], others: Sequence[Any]) -> list[Any]:
    return [item for item in items if item not in others]


def _items(table: Manifest, field: str) -> list[Any]:
    value = table.get(field)
    return value if isinstance(value, list) else []


def _table(value: Any) -> Manifest:
    return value if isinstance(value, Mapping) else {}
